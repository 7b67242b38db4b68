/* A .torrent becomes a transfer. It is read in the pool: of 30 MiB that takes up to a second. */
#pragma once

#include "daemon/add_request.h"

/* `data` points into the call's request. Takes `request`, ends the call. */
void torrent_add_start(struct add_request *request, struct call *call, struct bytes data);
