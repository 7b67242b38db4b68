/* Write tokens: who can show one has an address that takes answers  [BEP 5].
 *
 * A keyed hash of the asker's IP address and the number of the current five minutes; that one and
 * the one before are accepted. Nothing is remembered per asker, and no randomness is needed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dht/params.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"

/* `secret` is the node's own (dht_config). Ports do not count. */
void token_make(const uint8_t secret[16], const struct endpoint *asker, uint64_t now_ms,
                uint8_t out[TOKEN_BYTES]);
bool token_valid(const uint8_t secret[16], const struct endpoint *asker, struct bytes token,
                 uint64_t now_ms);
