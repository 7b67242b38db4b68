/* What our own address is, by the word of those that answered us  [BEP 42].
 *
 * The latest VOTES_MAX voters count, one vote for each network of a public voter (/24, /48), so
 * that one liar's machines are one voice; local voters are told apart by address and port. A claim
 * of a public address outdoes claims of local ones, which neighbours on a LAN make, be it the only
 * one: our one public contact may be a bootstrap node. Of local voters it is ignored. An address
 * that has won gives way when more than half are for another, or nobody for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dht/params.h"
#include "kadpeer/endpoint.h"

struct votes {
    struct vote {
        uint32_t voter; /* hash of its network */
        uint8_t claim[ENDPOINT_COMPACT_MAX];
    } votes[VOTES_MAX]; /* oldest first */
    uint8_t count;
    uint8_t claim_size; /* 6 or 18 */
    struct endpoint winner;
};

void votes_init(struct votes *votes, uint8_t family);

/* True when the winner has changed. Claims of the other family, unusable, or of a public address by
 * a local voter, are ignored. */
bool votes_add(struct votes *votes, const struct endpoint *voter, const struct endpoint *claim);

/* Our address; its family is 0 before the first vote. The port is one that somebody saw, and stays
 * as long as somebody does. */
const struct endpoint *votes_winner(const struct votes *votes);
unsigned votes_support(const struct votes *votes); /* how many voters name the winner */
/* More than half name it, of those that name public addresses where it is one. */
bool votes_agree(const struct votes *votes);
