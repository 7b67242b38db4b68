/* Whom to serve. Values in, values out; it never sees a connection.
 *
 * While we fetch, those who give us most are served, and one more, picked at random and kept for
 * OPTIMISTIC_MS, newcomers three times as likely: so new peers get a start and better ones are
 * found [BEP 3]. Of those who give nothing, who has least goes first: it has nothing to give, and
 * is the sooner of use to all. As long as we have next to nothing ourselves, whoever has least goes
 * first, whatever it gives: there is nothing to trade yet. Equals are told apart by a lot of our
 * own, so that not all choose the same. A seed gives turns of at least SEED_TURN_MS, to those who
 * have waited longest; who keeps what it was given to itself comes last. Between rounds nobody is
 * put out; a free slot is filled at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/rng.h"

struct choker_peer {
    uint32_t peer;
    uint64_t rate_bps; /* from it to us */
    uint32_t pieces;   /* that it has */
    bool interested;   /* others are never served */
    bool unchoked;
    uint32_t hoard; /* pieces that we gave it and that it has given nobody */
    uint64_t joined_ms;
    uint64_t turn_ms; /* when it was last unchoked; 0: never */
};

struct choker {
    size_t slots;
    bool seeding;
    bool spreading;      /* we have next to nothing */
    uint64_t salt;       /* of the lots */
    uint32_t optimistic; /* peer; 0: none. Kept from round to round */
    uint64_t optimistic_ms;
};

/* A round, every CHOKER_ROUND_MS: unchoke[i] says whether peers[i] is to be served from now on. */
void choker_round(struct choker *choker, const struct choker_peer peers[], size_t count,
                  struct rng *rng, uint64_t now_ms, bool unchoke[]);

/* Between rounds: those served stay, free slots go to whom the next round would prefer. */
void choker_admit(const struct choker *choker, const struct choker_peer peers[], size_t count,
                  bool unchoke[]);
