/* Our addresses as the system's, and back. */
#pragma once

#include <stdbool.h>

#include <sys/socket.h>

#include "kadpeer/endpoint.h"

bool address_to_system(const struct endpoint *endpoint, struct sockaddr_storage *out);
/* An IPv4 address inside IPv6 becomes IPv4. False: another family. */
bool address_from_system(const struct sockaddr *address, struct endpoint *out);
