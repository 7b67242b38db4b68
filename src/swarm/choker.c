#include "swarm/choker.h"

#include "swarm/params.h"

/* An order among equals that differs from turn to turn: none of them is always the first. */
static uint64_t lot(const struct choker *choker, const struct choker_peer *peer)
{
    uint64_t mixed = (peer->peer ^ peer->turn_ms ^ choker->salt) * 0x9e3779b97f4a7c15u;
    return mixed ^ mixed >> 32;
}

/* Nobody is put out right after he was let in: some clients take that for a flood [interop 1.7]. */
static bool has_turn(const struct choker *choker, const struct choker_peer *peer, uint64_t now_ms)
{
    uint64_t turn_ms = choker->seeding ? SEED_TURN_MS : CHOKER_ROUND_MS;
    return peer->unchoked && now_ms - peer->turn_ms < turn_ms;
}

/* Not before it has had a round: see above. */
static bool hoards(const struct choker_peer *peer, uint64_t now_ms)
{
    bool is_new = peer->unchoked && now_ms - peer->turn_ms < CHOKER_ROUND_MS;
    return peer->hoard >= HOARD_PIECES && !is_new;
}

static bool goes_before_at_seed(const struct choker *choker, const struct choker_peer *a,
                                const struct choker_peer *b, uint64_t now_ms)
{
    bool a_hoards = hoards(a, now_ms), b_hoards = hoards(b, now_ms);
    if (a_hoards != b_hoards)
        return b_hoards;
    bool a_has_turn = has_turn(choker, a, now_ms), b_has_turn = has_turn(choker, b, now_ms);
    if (a_has_turn != b_has_turn)
        return a_has_turn;
    if (a->turn_ms != b->turn_ms)
        return a->turn_ms < b->turn_ms;
    if (a->turn_ms == 0)
        return a->joined_ms < b->joined_ms;
    return lot(choker, a) < lot(choker, b);
}

/* Whether `a` deserves a slot more than `b`. */
static bool goes_before(const struct choker *choker, const struct choker_peer *a,
                        const struct choker_peer *b, uint64_t now_ms)
{
    if (choker->seeding)
        return goes_before_at_seed(choker, a, b, now_ms);
    bool a_has_turn = has_turn(choker, a, now_ms), b_has_turn = has_turn(choker, b, now_ms);
    if (a_has_turn != b_has_turn)
        return a_has_turn;
    if (choker->spreading && a->pieces != b->pieces)
        return a->pieces < b->pieces;
    if (a->rate_bps != b->rate_bps)
        return a->rate_bps > b->rate_bps;
    if (a->unchoked != b->unchoked)
        return a->unchoked;
    if (a->pieces != b->pieces)
        return a->pieces < b->pieces;
    return lot(choker, a) < lot(choker, b);
}

/* Gives up to `slots` more of them their slot, best first. Returns how many are left over. */
static size_t give(const struct choker *choker, const struct choker_peer peers[], size_t count,
                   size_t slots, uint64_t now_ms, bool unchoke[])
{
    for (; slots > 0; slots--) {
        size_t best = count;
        for (size_t i = 0; i < count; i++)
            if (peers[i].interested && !unchoke[i] &&
                (best == count || goes_before(choker, &peers[i], &peers[best], now_ms)))
                best = i;
        if (best == count)
            break;
        unchoke[best] = true;
    }
    return slots;
}

static size_t find(const struct choker_peer peers[], size_t count, uint32_t peer)
{
    size_t i = 0;
    while (i < count && peers[i].peer != peer)
        i++;
    return i;
}

/* A random one of those without a slot; newcomers count three times. `count`: nobody. */
static size_t pick_optimistic(const struct choker_peer peers[], size_t count, struct rng *rng,
                              uint64_t now_ms, const bool unchoke[])
{
    size_t chosen = count;
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        if (!peers[i].interested || unchoke[i])
            continue;
        uint64_t weight = now_ms - peers[i].joined_ms < NEWCOMER_MS ? 3 : 1;
        seen += weight;
        if (rng_below(rng, seen) < weight)
            chosen = i;
    }
    return chosen;
}

static void give_optimistic(struct choker *choker, const struct choker_peer peers[], size_t count,
                            struct rng *rng, uint64_t now_ms, bool unchoke[])
{
    size_t current = find(peers, count, choker->optimistic);
    bool stays = current < count && peers[current].interested && !unchoke[current] &&
                 now_ms - choker->optimistic_ms < OPTIMISTIC_MS;
    if (!stays) {
        current = pick_optimistic(peers, count, rng, now_ms, unchoke);
        choker->optimistic = current < count ? peers[current].peer : 0;
        choker->optimistic_ms = now_ms;
    }
    if (current < count)
        unchoke[current] = true;
}

void choker_round(struct choker *choker, const struct choker_peer peers[], size_t count,
                  struct rng *rng, uint64_t now_ms, bool unchoke[])
{
    for (size_t i = 0; i < count; i++)
        unchoke[i] = false;
    if (choker->slots == 0)
        return;
    if (choker->seeding) {
        choker->optimistic = 0;
        give(choker, peers, count, choker->slots, now_ms, unchoke);
        return;
    }
    give(choker, peers, count, choker->slots - 1, now_ms, unchoke);
    give_optimistic(choker, peers, count, rng, now_ms, unchoke);
}

void choker_admit(const struct choker *choker, const struct choker_peer peers[], size_t count,
                  bool unchoke[])
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        unchoke[i] = peers[i].unchoked;
        taken += peers[i].unchoked && peers[i].interested;
    }
    if (taken < choker->slots)
        give(choker, peers, count, choker->slots - taken, 0, unchoke);
}
