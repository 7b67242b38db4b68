#include "swarm/transfer_private.h"

/* A seed's advice. Nobody but the seed knows which pieces are on their way to whom: left alone, two
 * peers fetch the same rare piece from it, and what it sends twice nobody gets the sooner. So each
 * peer it serves is told, a little ahead, of a piece that neither anybody has nor the seed has
 * promised to another [BEP 6, "Suggest Piece"]. It is advice: the peer prefers it among equally
 * rare ones. */

static bool may_advise(const struct transfer *transfer, const struct peer *peer)
{
    if (!peer->fast || transfer->needed.set > 0 || peer->we_choke || peer->seed)
        return false;
    size_t served = 0;
    FOR_EACH_PEER (transfer, i, other)
        served += other->they_want && !other->we_choke;
    return served > 1;
}

static void promise(struct transfer *transfer, struct peer *peer, uint32_t piece, bool begun)
{
    if (peer->promise_count == PROMISES_MAX || transfer->promised[piece] == UINT8_MAX)
        return;
    peer->promises[peer->promise_count++] = (struct peer_promise){piece, begun};
    transfer->promised[piece]++;
}

static void end_promise(struct transfer *transfer, struct peer *peer, uint32_t i)
{
    transfer->promised[peer->promises[i].piece]--;
    peer->promises[i] = peer->promises[--peer->promise_count];
}

/* It has kept what was promised to it. */
static void keep(struct transfer *transfer, struct peer *peer, uint32_t i)
{
    peer->given[peer->given_count++ % GIVEN_KEPT] = peer->promises[i].piece;
    end_promise(transfer, peer, i);
}

uint32_t suggest_hoard(const struct transfer *transfer, const struct peer *peer)
{
    uint32_t kept = peer->given_count < GIVEN_KEPT ? peer->given_count : GIVEN_KEPT, hoard = 0;
    for (uint32_t i = 0; i < kept; i++)
        hoard +=
            picker_holders(transfer->picker, peer->given[i]) == 1 && peer_has(peer, peer->given[i]);
    return hoard;
}

void suggest_end(struct transfer *transfer, struct peer *peer)
{
    while (peer->promise_count > 0)
        end_promise(transfer, peer, 0);
    peer->asked_piece = UINT32_MAX;
}

/* Ends those that the peer has by now. Returns how many are not begun. */
static uint32_t count_ahead(struct transfer *transfer, struct peer *peer)
{
    uint32_t ahead = 0;
    for (uint32_t i = peer->promise_count; i-- > 0;) {
        if (peer_has(peer, peer->promises[i].piece))
            keep(transfer, peer, i);
        else
            ahead += !peer->promises[i].begun;
    }
    return ahead;
}

static struct peer_promise *find_promise(struct peer *peer, uint32_t piece)
{
    for (uint32_t i = 0; i < peer->promise_count; i++)
        if (peer->promises[i].piece == piece)
            return &peer->promises[i];
    return NULL;
}

/* The piece with the fewest holders, present and to be; of equals a random one. */
static bool choose(struct transfer *transfer, struct peer *peer, uint32_t *piece)
{
    uint32_t count = transfer->have.count, looks = count < SUGGEST_LOOKS ? count : SUGGEST_LOOKS;
    uint32_t first = (uint32_t)rng_below(&transfer->rng, count), fewest = UINT32_MAX;
    for (uint32_t i = 0; i < looks && fewest > 0; i++) {
        uint32_t at = (first + i) % count;
        uint32_t holders = picker_holders(transfer->picker, at) + transfer->promised[at];
        if (holders < fewest && bitfield_has(&transfer->have, at) && !peer_has(peer, at) &&
            find_promise(peer, at) == NULL) {
            fewest = holders;
            *piece = at;
        }
    }
    return fewest < UINT32_MAX;
}

void suggest_ahead(struct transfer *transfer, struct peer *peer)
{
    uint32_t piece;
    if (!may_advise(transfer, peer))
        return;
    for (uint32_t ahead = count_ahead(transfer, peer);
         ahead < SUGGEST_AHEAD && peer->promise_count < PROMISES_MAX &&
         choose(transfer, peer, &piece);
         ahead++) {
        promise(transfer, peer, piece, false);
        wire_put_piece_number(&peer->out, WIRE_SUGGEST, piece);
        actions_output(transfer, peer);
    }
}

void suggest_after_request(struct transfer *transfer, struct peer *peer, uint32_t piece)
{
    if (piece == peer->asked_piece)
        return;
    peer->asked_piece = piece;
    if (!may_advise(transfer, peer))
        return;
    struct peer_promise *known = find_promise(peer, piece);
    if (known != NULL)
        known->begun = true;
    else
        promise(transfer, peer, piece, true);
    suggest_ahead(transfer, peer);
}

/* ---- taking advice ---- */

const char *suggest_receive(struct transfer *transfer, struct peer *peer, uint32_t piece)
{
    if (transfer->metainfo != NULL && piece >= transfer->have.count)
        return "piece that does not exist";
    offences_charge(transfer, peer, CHATTER_MS);
    peer->suggested[peer->suggested_count++ % SUGGESTED_MAX] = piece;
    return NULL;
}

bool suggest_pick(const struct transfer *transfer, const struct peer *peer, uint32_t most_holders,
                  uint32_t *piece)
{
    uint32_t kept = peer->suggested_count < SUGGESTED_MAX ? peer->suggested_count : SUGGESTED_MAX;
    for (uint32_t back = kept; back > 0; back--) {
        uint32_t at = peer->suggested[(peer->suggested_count - back) % SUGGESTED_MAX];
        if (picker_is_candidate(transfer->picker, at) && peer_has(peer, at) &&
            picker_holders(transfer->picker, at) <= most_holders) {
            *piece = at;
            return true;
        }
    }
    return false;
}
