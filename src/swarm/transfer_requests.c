#include <stdlib.h>

#include "swarm/transfer_private.h"

/* What to ask of whom. Rules:
 *
 * - A peer is asked for so many blocks at a time that they last it REQUESTS_AHEAD_MS, topped up in
 *   runs, never more than it says it takes. Memory for pieces that comes free goes to whoever has
 *   least left to do.
 * - Pieces begun come first: the one the peer is at, then the rarest, then the oldest; then a new
 *   one: the very first at random, then the rarest, or in order. A new one that is rarer than all
 *   those begun goes before them.
 * - When neither is to be had, blocks that another peer owes are asked for twice, those from the
 *   tail of the slowest queue first, where this peer would be sooner. While pieces are left to
 *   begin (memory is full, or this peer has none of them) it must be much sooner; at the end of
 *   the whole (end game) just sooner.
 * - Who is slow because a limit of ours holds it back is not doubled, nor taken for dead.
 * - While somebody has proved good, who has not yet given a block of a right piece is on trial: it
 *   gets one piece, and no other before that is judged. The piece is its own, so that what it
 *   spoils is its own work, and nobody else can have been the liar; others help with it when there
 *   is nothing else for them. When memory is short, it is used by those who proved good, and who is
 *   on trial helps with what is begun.
 * - Who was asked and sent nothing for SNUBBED_MS, is asked for one block at a time. */

struct asked_block {
    struct piece *piece;
    uint32_t block;
};

static uint32_t at_most(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t limit_of(const struct peer *peer)
{
    if (peer->snubbed)
        return 1;
    uint32_t takes = peer->extension.requests;
    uint32_t limit = at_most(peer->requests.target, takes > 0 ? takes : REQUESTS_UNSAID);
    return at_most(limit, peer->ours ? REQUESTS_OURS_MAX : REQUESTS_FOREIGN_MAX);
}

static bool may_be_asked(const struct transfer *transfer, const struct peer *peer)
{
    return transfer->metainfo != NULL && transfer->fetch && !peer->closing && peer->useful > 0 &&
           peer->we_want && (!peer->they_choke || peer->allowed_count > 0) &&
           transfer->now_ms >= peer->paused_until_ms;
}

static bool is_on_trial(const struct transfer *transfer, const struct peer *peer)
{
    return !peer->proven && transfer->proven_count > 0;
}

/* There was nothing to begin for it. */
static bool is_at_the_end(const struct transfer *transfer, const struct peer *peer)
{
    return peer->vain_generation == transfer->generation;
}

static bool may_be_asked_for(const struct transfer *transfer, const struct peer *peer,
                             const struct piece *piece)
{
    bool is_others = piece->only_peer != 0 && piece->only_peer != peer->handle;
    return peer_has(peer, piece->index) &&
           (!is_others || (!piece->one_at_a_time && is_at_the_end(transfer, peer))) &&
           (!peer->they_choke || peer_allows(peer, piece->index));
}

/* ---- beginning a piece ---- */

void requests_set_candidate(struct transfer *transfer, uint32_t piece)
{
    bool candidate =
        bitfield_has(&transfer->needed, piece) && pieces_find(&transfer->pieces, piece) == NULL;
    picker_set_candidate(transfer->picker, piece, candidate);
    transfer->generation += candidate;
}

static bool somebody_gives(const struct transfer *transfer, const struct piece *piece)
{
    FOR_EACH_PEER (transfer, i, peer)
        if (may_be_asked(transfer, peer) && may_be_asked_for(transfer, peer, piece))
            return true;
    return false;
}

/* Gives up the least complete piece that nobody here can go on with. */
static bool make_room(struct transfer *transfer)
{
    struct piece *victim = NULL;
    for (struct piece *piece = transfer->pieces.open; piece != NULL; piece = piece->next)
        if (piece->asked_total == 0 && !somebody_gives(transfer, piece) &&
            (victim == NULL || piece->received_count < victim->received_count))
            victim = piece;
    if (victim == NULL)
        return false;
    blocks_abandon(transfer, victim);
    return true;
}

static bool pick_allowed(const struct transfer *transfer, const struct peer *peer, uint32_t *index)
{
    for (uint32_t i = 0; i < peer->allowed_count; i++) {
        *index = peer->allowed[i];
        if (peer_has(peer, *index) && picker_is_candidate(transfer->picker, *index))
            return true;
    }
    return false;
}

static bool pick(const struct transfer *transfer, const struct peer *peer, uint32_t *index)
{
    if (peer->they_choke)
        return pick_allowed(transfer, peer, index);
    bool random = transfer->config.random_order || transfer->have.set == 0;
    enum picker_order order = transfer->sequential ? PICK_SEQUENTIAL
                              : random             ? PICK_RANDOM
                                                   : PICK_RAREST;
    if (!picker_next(transfer->picker, peer->seed ? NULL : &peer->has, order, index))
        return false;
    if (!transfer->sequential && !transfer->config.random_order)
        suggest_pick(transfer, peer, picker_holders(transfer->picker, *index), index);
    return true;
}

static struct piece *begin_piece(struct transfer *transfer, struct peer *peer)
{
    uint32_t index;
    if (is_at_the_end(transfer, peer))
        return NULL;
    if (!pick(transfer, peer, &index)) {
        peer->vain_generation = transfer->generation;
        return NULL;
    }
    if (!pieces_reserve(&transfer->pieces) &&
        !(make_room(transfer) && pieces_reserve(&transfer->pieces))) {
        transfer->starving = true;
        return NULL;
    }
    if (!actions_reserve(transfer))
        return NULL;
    struct piece *piece =
        pieces_begin(&transfer->pieces, index, transfer_piece_size(transfer, index));
    if (piece == NULL)
        return NULL;
    piece->one_at_a_time = judge_suspects(transfer->judge, index);
    requests_set_candidate(transfer, index);
    return piece;
}

/* The piece begun to go on with: the one this peer is at, else the rarest, the oldest of equals. */
static struct piece *find_open(const struct transfer *transfer, const struct peer *peer)
{
    struct piece *best = NULL;
    for (struct piece *piece = transfer->pieces.open; piece != NULL; piece = piece->next) {
        if (!may_be_asked_for(transfer, peer, piece))
            continue;
        if (piece->index == peer->working_on || transfer->sequential)
            return piece;
        if (best == NULL || picker_holders(transfer->picker, piece->index) <
                                picker_holders(transfer->picker, best->index))
            best = piece;
    }
    return best;
}

static bool is_memory_short(const struct transfer *transfer)
{
    return pieces_count(&transfer->pieces) >= transfer->pieces.limit * 3 / 4;
}

/* Whether the peer is of more use with a piece that is rarer than `open`: what a seed sends should
 * be what nobody else can. Not before there is a first piece, nor when memory is short. */
static bool has_rarer(const struct transfer *transfer, const struct peer *peer,
                      const struct piece *open)
{
    uint32_t index;
    return open->index != peer->working_on && transfer->have.set > 0 && !transfer->sequential &&
           !transfer->config.random_order && !is_memory_short(transfer) &&
           pick(transfer, peer, &index) &&
           picker_holders(transfer->picker, index) < picker_holders(transfer->picker, open->index);
}

static struct piece *find_free(struct transfer *transfer, struct peer *peer)
{
    struct piece *piece = find_open(transfer, peer);
    if (piece != NULL && !has_rarer(transfer, peer, piece))
        return piece;
    struct piece *begun = begin_piece(transfer, peer);
    if (begun != NULL || piece != NULL)
        return begun != NULL ? begun : piece;
    return is_at_the_end(transfer, peer) ? find_open(transfer, peer) : NULL;
}

/* It owes something, or the piece it was at is just being checked. */
static bool awaits_verdict(const struct transfer *transfer, const struct peer *peer)
{
    const struct piece *piece = pieces_find(&transfer->pieces, peer->working_on);
    return peer->requests.count > 0 || (piece != NULL && piece->checking);
}

static struct piece *find_for_trial(struct transfer *transfer, struct peer *peer)
{
    struct piece *piece = pieces_find(&transfer->pieces, peer->working_on);
    if (piece != NULL && piece->free_count > 0 && may_be_asked_for(transfer, peer, piece))
        return piece;
    if (awaits_verdict(transfer, peer))
        return NULL;
    if (transfer->sequential) /* the next piece is not to hang on a newcomer */
        return find_free(transfer, peer);
    if (is_memory_short(transfer))
        return find_open(transfer, peer);
    piece = begin_piece(transfer, peer);
    if (piece == NULL)
        return find_open(transfer, peer);
    piece->only_peer = peer->handle;
    return piece;
}

static bool take_free(struct transfer *transfer, struct peer *peer, struct asked_block *out)
{
    struct piece *piece =
        is_on_trial(transfer, peer) ? find_for_trial(transfer, peer) : find_free(transfer, peer);
    if (piece == NULL)
        return false;
    peer->working_on = piece->index;
    *out = (struct asked_block){piece, pieces_take(&transfer->pieces, piece)};
    return true;
}

/* ---- asking twice ---- */

/* Milliseconds that so many blocks take a peer. */
static uint64_t blocks_ms(const struct transfer *transfer, const struct peer *peer, uint32_t blocks)
{
    uint64_t rate =
        peer->bytes_down == 0 ? RATE_UNKNOWN_BPS : rate_recent_bps(&peer->down, transfer->now_ms);
    rate = rate < RATE_FLOOR_BPS ? RATE_FLOOR_BPS : rate;
    return (uint64_t)blocks * BLOCK_BYTES * 1000 / rate;
}

/* Until a peer has worked off `requests` of its queue. */
static uint64_t eta_ms(const struct transfer *transfer, const struct peer *peer, uint32_t requests)
{
    uint64_t idle_ms = peer->requests.count > 0 ? transfer->now_ms - peer->progress_ms : 0;
    return blocks_ms(transfer, peer, requests) + idle_ms;
}

/* What asking twice must gain at the end: to a quick peer a block more is nothing. */
static uint64_t margin_ms(const struct transfer *transfer, const struct peer *peer)
{
    uint64_t worth_ms = blocks_ms(transfer, peer, ENDGAME_MARGIN_BLOCKS);
    worth_ms = worth_ms > ENDGAME_MARGIN_MIN_MS ? worth_ms : ENDGAME_MARGIN_MIN_MS;
    return worth_ms < ENDGAME_MARGIN_MS ? worth_ms : ENDGAME_MARGIN_MS;
}

static bool may_be_doubled(const struct transfer *transfer, const struct peer *peer,
                           const struct request *request)
{
    const struct block *block = &request->piece->blocks[request->block];
    return !request->released && block->state == BLOCK_ASKED && block->asked < ENDGAME_COPIES &&
           may_be_asked_for(transfer, peer, request->piece) &&
           (block->asked + block->stale == 1 ||
            request_queue_find(&peer->requests, request->piece, request->block) ==
                peer->requests.count);
}

/* The last one `victim` owes that `peer` would bring sooner than `sooner_ms`. */
static const struct request *steal_from(const struct transfer *transfer, const struct peer *peer,
                                        const struct peer *victim, uint64_t sooner_ms)
{
    for (uint32_t i = victim->requests.count; i-- > 0;) {
        if (eta_ms(transfer, victim, i + 1) <= sooner_ms)
            return NULL;
        const struct request *request = request_queue_at(&victim->requests, i);
        if (may_be_doubled(transfer, peer, request))
            return request;
    }
    return NULL;
}

static bool take_again(struct transfer *transfer, struct peer *peer, struct asked_block *out)
{
    if (peer->snubbed || (is_on_trial(transfer, peer) && awaits_verdict(transfer, peer)))
        return false;
    if (transfer->now_ms < peer->steal_after_ms) {
        peer->looks_again = true;
        return false;
    }
    uint64_t mine_ms = eta_ms(transfer, peer, peer->requests.count + 1);
    uint64_t gain_ms = margin_ms(transfer, peer);
    uint64_t sooner_ms =
        picker_candidates(transfer->picker) > 0 ? 2 * mine_ms + STEAL_MARGIN_MS : mine_ms + gain_ms;
    const struct request *best = NULL;
    uint64_t best_ms = 0;
    bool others_owe = false;
    FOR_EACH_PEER (transfer, i, victim) {
        uint64_t last_ms = eta_ms(transfer, victim, victim->requests.count);
        others_owe = others_owe || (victim != peer && victim->requests.count > 0);
        if (victim == peer || victim->requests.count == 0 || last_ms <= best_ms ||
            limits_held(transfer, victim))
            continue;
        const struct request *request = steal_from(transfer, peer, victim, sooner_ms);
        if (request != NULL) {
            best = request;
            best_ms = last_ms;
        }
    }
    if (best == NULL) {
        peer->looks_again = others_owe;
        peer->steal_after_ms =
            transfer->now_ms + (gain_ms < STEAL_PAUSE_MS ? gain_ms : STEAL_PAUSE_MS);
        return false;
    }
    pieces_take_again(best->piece, best->block);
    *out = (struct asked_block){best->piece, best->block};
    return true;
}

/* ---- filling ---- */

/* Asks for a block that was just taken for this peer; one it still owes counts again instead. */
static bool ask(struct transfer *transfer, struct peer *peer, struct asked_block wanted)
{
    struct piece *piece = wanted.piece;
    if (piece->blocks[wanted.block].stale > 0) {
        uint32_t i = request_queue_find(&peer->requests, piece, wanted.block);
        if (i < peer->requests.count) {
            request_queue_revive(&peer->requests, i);
            pieces_forget_stale(piece, wanted.block);
            return true;
        }
    }
    if (!request_queue_push(&peer->requests, piece, wanted.block)) {
        pieces_put_back(&transfer->pieces, piece, wanted.block, false);
        return false;
    }
    if (peer->requests.count == 1)
        peer->progress_ms = transfer->now_ms;
    if (piece->one_at_a_time)
        piece->only_peer = peer->handle;
    wire_put_block(&peer->out, WIRE_REQUEST, piece->index, wanted.block * BLOCK_BYTES,
                   piece_block_size(piece, wanted.block));
    return true;
}

void requests_fill(struct transfer *transfer, struct peer *peer)
{
    peer->looks_again = false;
    if (!may_be_asked(transfer, peer))
        return;
    uint32_t limit = limit_of(peer), count = peer->requests.count;
    uint32_t run = at_most(limit / 4, REQUESTS_BATCH_MAX);
    if (count >= limit || (count > 0 && limit - count < run))
        return;
    struct asked_block wanted;
    while (peer->requests.count < limit) {
        bool taken = take_free(transfer, peer, &wanted) ||
                     (peer->requests.count <= limit * 3 / 4 && take_again(transfer, peer, &wanted));
        if (!taken || !ask(transfer, peer, wanted))
            break;
    }
    if (peer->requests.count > count)
        actions_output(transfer, peer);
}

/* When to look again for a block to ask twice. Who still owes something looks when that comes. */
static uint64_t look_due_ms(const struct transfer *transfer, const struct peer *peer)
{
    bool looks = peer->looks_again && peer->requests.count == 0 && !peer->snubbed &&
                 may_be_asked(transfer, peer);
    return looks ? peer->steal_after_ms : UINT64_MAX;
}

uint64_t requests_deadline(const struct transfer *transfer)
{
    uint64_t due_ms = UINT64_MAX;
    FOR_EACH_PEER (transfer, i, peer) {
        uint64_t at_ms = look_due_ms(transfer, peer);
        due_ms = at_ms < due_ms ? at_ms : due_ms;
    }
    return due_ms;
}

/* Those with the shortest queues, in time, come first. */
struct load {
    struct peer *peer;
    uint64_t load_ms;
};

static int by_load(const void *a, const void *b)
{
    const struct load *left = a, *right = b;
    return left->load_ms < right->load_ms ? -1 : left->load_ms > right->load_ms;
}

void requests_fill_all(struct transfer *transfer)
{
    struct load loads[PEER_SLOTS];
    size_t count = 0;
    FOR_EACH_PEER (transfer, i, peer)
        if (may_be_asked(transfer, peer))
            loads[count++] = (struct load){peer, eta_ms(transfer, peer, peer->requests.count)};
    qsort(loads, count, sizeof loads[0], by_load);
    for (size_t i = 0; i < count; i++)
        requests_fill(transfer, loads[i].peer);
}
