/* Who may ask how much  [protocol.md section 1, limits per source and amplification].
 *
 * Each source has a bucket of tokens: a public IPv4 address or IPv6 /64 is one source, and its /24
 * or /48 another, wider one. Local sources are told apart by port and belong to no network, unless
 * limit_local. Tables are bounded and hold only sources that asked lately; when one is full, the
 * source nearest to having all its tokens back is forgotten. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"

struct throttle;

struct throttle *throttle_new(const uint8_t secret[16], bool limit_local); /* NULL: no memory */
void throttle_free(struct throttle *throttle);                             /* NULL is allowed */

/* A query came: true when it is to be served, and is charged; false: dropped, and counted.
 * Answers we wait for are never to be asked about. */
bool throttle_query(struct throttle *throttle, const struct endpoint *from, uint64_t now_ms);
uint64_t throttle_dropped(const struct throttle *throttle);

/* The address is proven: it answered a query of ours, or returned a token of ours. Holds for
 * PROOF_LIFETIME_MS, ports aside. */
void throttle_prove(struct throttle *throttle, const struct endpoint *from, uint64_t now_ms);
bool throttle_proven(const struct throttle *throttle, const struct endpoint *from, uint64_t now_ms);

/* The most bytes an answer to a query of `asked_bytes` may have. */
size_t throttle_reply_max(const struct throttle *throttle, const struct endpoint *from,
                          size_t asked_bytes, uint64_t now_ms);

/* It will be asked soon: fetched into the cache is what is in it, then the tables, if small. */
void throttle_expect(const struct throttle *throttle, bool again);

/* Gives back what a burst needed and nobody uses any more. */
void throttle_trim(struct throttle *throttle, uint64_t now_ms);

size_t throttle_bytes(const struct throttle *throttle); /* memory held */
bool throttle_valid(const struct throttle *throttle);   /* all invariants hold; for tests */
