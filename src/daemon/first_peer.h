/* share.wait: calls that end when a first peer has fetched all of a share. */
#pragma once

#include <stdint.h>

#include "kadpeer/endpoint.h"

struct call;
struct item;

/* One that came to have it at most `within_ms` ago counts. */
void first_peer_start(struct item *item, struct call *call, uint64_t within_ms);
void first_peer_found(struct item *item, const struct endpoint *peer);
void first_peer_turn(struct item *item); /* tells how it stands; ends those that wait in vain */
uint64_t first_peer_due(const struct item *item);
void first_peer_end(struct item *item); /* it is being removed */
