#include "dht/votes.h"

#include <string.h>

#include "kadpeer/siphash.h"

void votes_init(struct votes *votes, uint8_t family)
{
    *votes = (struct votes){.claim_size = family == ENDPOINT_IPV6 ? 18 : 6};
}

/* Voters of one network share a hash; nothing depends on its being hard to foresee. */
static uint32_t voter_hash(const struct endpoint *voter)
{
    static const uint8_t key[16];
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    size_t len = endpoint_to_compact(voter, compact);
    if (!endpoint_is_local(voter))
        len = voter->family == ENDPOINT_IPV6 ? 6 : 3;
    return (uint32_t)siphash(key, bytes_of(compact, len));
}

static struct endpoint claim_at(const struct votes *votes, size_t index)
{
    struct endpoint claim = {0};
    endpoint_from_compact(bytes_of(votes->votes[index].claim, votes->claim_size), &claim);
    return claim;
}

static void take_out(struct votes *votes, size_t index)
{
    votes->count--;
    memmove(&votes->votes[index], &votes->votes[index + 1],
            (votes->count - index) * sizeof votes->votes[0]);
}

/* False when it says what the voter said before. */
static bool cast(struct votes *votes, uint32_t voter, const struct endpoint *claim)
{
    struct vote vote = {.voter = voter};
    endpoint_to_compact(claim, vote.claim);
    for (size_t i = 0; i < votes->count; i++) {
        if (votes->votes[i].voter != voter)
            continue;
        if (memcmp(votes->votes[i].claim, vote.claim, sizeof vote.claim) == 0)
            return false;
        take_out(votes, i);
        break;
    }
    if (votes->count == VOTES_MAX)
        take_out(votes, 0);
    votes->votes[votes->count++] = vote;
    return true;
}

static unsigned support(const struct votes *votes, const struct endpoint *address)
{
    unsigned count = 0;
    for (size_t i = 0; i < votes->count; i++) {
        struct endpoint claim = claim_at(votes, i);
        count += endpoint_same_address(&claim, address);
    }
    return count;
}

/* Does `a` outdo `b`? Being public comes before numbers. */
static bool outdoes(const struct votes *votes, const struct endpoint *a, const struct endpoint *b)
{
    bool a_public = !endpoint_is_local(a), b_public = !endpoint_is_local(b);
    if (a_public != b_public)
        return a_public;
    return support(votes, a) > support(votes, b);
}

static bool port_is_named(const struct votes *votes, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < votes->count; i++) {
        struct endpoint claim = claim_at(votes, i);
        if (endpoint_equal(&claim, endpoint))
            return true;
    }
    return false;
}

bool votes_add(struct votes *votes, const struct endpoint *voter, const struct endpoint *claim)
{
    bool ours = endpoint_address_size(claim) + 2 == votes->claim_size;
    if (!ours || !endpoint_is_usable(claim) || !cast(votes, voter_hash(voter), claim))
        return false;
    if (endpoint_equal(claim, &votes->winner))
        return false; /* the usual case: one more for the winner decides nothing */
    /* The one who won keeps the place in a draw; else the newest of the best has it. */
    struct endpoint best = votes->winner;
    bool unsupported = best.family == 0 || support(votes, &best) == 0;
    for (size_t i = votes->count; i-- > 0;) {
        struct endpoint other = claim_at(votes, i);
        if (unsupported || outdoes(votes, &other, &best)) {
            best = other;
            unsupported = false;
        }
    }
    for (size_t i = votes->count; i-- > 0 && !port_is_named(votes, &best);) {
        struct endpoint other = claim_at(votes, i);
        if (endpoint_same_address(&other, &best))
            best = other;
    }
    bool changed = !endpoint_equal(&best, &votes->winner);
    votes->winner = best;
    return changed;
}

const struct endpoint *votes_winner(const struct votes *votes)
{
    return &votes->winner;
}

unsigned votes_support(const struct votes *votes)
{
    return support(votes, &votes->winner);
}
