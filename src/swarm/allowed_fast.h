/* The pieces a choked newcomer may have from us: the same ones for its whole network, so that many
 * addresses give nobody more [BEP 6, "Allowed Fast Set Generation"]. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"

/* Writes min(count, piece_count) numbers; none for IPv6, for which there is no rule. */
size_t allowed_fast_set(const struct endpoint *peer, const struct id *infohash,
                        uint32_t piece_count, uint32_t out[], size_t count);
