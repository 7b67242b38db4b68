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

/* More than half of those that name public addresses name this one; or local ones, if it is. */
static bool has_most(const struct votes *votes, const struct endpoint *address)
{
    unsigned all = 0;
    for (size_t i = 0; i < votes->count; i++) {
        struct endpoint claim = claim_at(votes, i);
        all += endpoint_is_local(&claim) == endpoint_is_local(address);
    }
    return 2 * support(votes, address) > all;
}

/* Does `a` outdo `b`? Being public comes before numbers: those who see us from outside know how
 * that is, and on a LAN there may be more neighbours. Who holds the place has it until most are for
 * another. */
static bool outdoes(const struct votes *votes, const struct endpoint *a, const struct endpoint *b,
                    bool b_holds)
{
    bool a_public = !endpoint_is_local(a), b_public = !endpoint_is_local(b);
    if (a_public != b_public)
        return a_public;
    return b_holds ? !endpoint_same_address(a, b) && has_most(votes, a)
                   : support(votes, a) > support(votes, b);
}

/* Neighbours on a LAN see us there, and cannot tell how the world does. */
static bool can_know(const struct endpoint *voter, const struct endpoint *claim)
{
    return endpoint_is_local(claim) || !endpoint_is_local(voter);
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
    if (!ours || !endpoint_is_usable(claim) || !can_know(voter, claim) ||
        !cast(votes, voter_hash(voter), claim))
        return false;
    if (endpoint_equal(claim, &votes->winner))
        return false; /* the usual case: one more for the winner decides nothing */
    struct endpoint best = votes->winner;
    bool holds = support(votes, &best) > 0, none = !holds;
    for (size_t i = votes->count; i-- > 0;) { /* of like ones the newest */
        struct endpoint other = claim_at(votes, i);
        if (none || outdoes(votes, &other, &best, holds)) {
            best = other;
            none = holds = false;
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

bool votes_agree(const struct votes *votes)
{
    return votes->count > 0 && has_most(votes, &votes->winner);
}
