/* The handshakes we began, of all transfers. Some programs shake one hand of an address at a time
 * and hang up on the others [interop 1.6], so who hung up once is dialled by one transfer after
 * another.
 */
#pragma once

#include <stdbool.h>

#include "kadpeer/endpoint.h"
#include "swarm/peer_list.h"

struct engine;
struct peer_connection;

/* Whether that endpoint is being dialled, or owes us its handshake. */
bool handshake_is_due(const struct engine *engine, const struct endpoint *remote);
/* What it means that the other end closed this one, which we began, before its handshake. */
enum peer_outcome handshake_hung_up(const struct peer_connection *connection);
