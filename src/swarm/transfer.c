#include "swarm/transfer.h"

#include <assert.h>
#include <stdlib.h>

#include "swarm/transfer_private.h"

/* ---- making and freeing ---- */

uint32_t transfer_piece_size(const struct transfer *transfer, uint32_t piece)
{
    return metainfo_piece_size(transfer->metainfo, piece);
}

/* Everything that depends on the number of pieces. */
static enum status learn_pieces(struct transfer *transfer, const struct metainfo *metainfo,
                                const uint8_t *have)
{
    uint32_t count = metainfo->piece_count;
    uint64_t whole = metainfo->total_length;
    if (count > PIECES_MAX)
        return STATUS_TOO_BIG;
    if (!bitfield_resize(&transfer->have, count) || !bitfield_resize(&transfer->wanted, count) ||
        !bitfield_resize(&transfer->needed, count))
        return STATUS_NO_MEMORY;
    transfer->picker = picker_new(count, &transfer->rng);
    transfer->judge = judge_new();
    transfer->promised = calloc((size_t)count + 1, 1);
    if (transfer->picker == NULL || transfer->judge == NULL || transfer->promised == NULL)
        return STATUS_NO_MEMORY;
    if (have != NULL)
        bitfield_load(&transfer->have, bytes_of(have, bitfield_bytes(count)));
    pieces_init(&transfer->pieces,
                whole < metainfo->piece_length ? (uint32_t)whole : metainfo->piece_length,
                transfer->config.memory_bytes, transfer->config.budget);
    upload_slots_learn(&transfer->slots, transfer->pieces.piece_length, count);
    transfer->choker.slots = limits_most_slots(transfer);
    transfer->metainfo = metainfo;
    availability_set_picker(transfer->availability, transfer->picker, count);
    return STATUS_OK;
}

static void forget_pieces(struct transfer *transfer)
{
    transfer->metainfo = NULL;
    bitfield_dispose(&transfer->have);
    bitfield_dispose(&transfer->wanted);
    bitfield_dispose(&transfer->needed);
    pieces_dispose(&transfer->pieces);
    picker_free(transfer->picker);
    judge_free(transfer->judge);
    free(transfer->promised);
    transfer->picker = NULL;
    transfer->judge = NULL;
    transfer->promised = NULL;
}

/* `wanted` has changed: what is needed, may be begun, and is under way follows. */
static void apply_wanted(struct transfer *transfer)
{
    for (uint32_t i = 0; i < transfer->have.count; i++) {
        bool needed = bitfield_has(&transfer->wanted, i) && !bitfield_has(&transfer->have, i);
        if (needed ? !bitfield_set(&transfer->needed, i) : !bitfield_clear(&transfer->needed, i))
            continue;
        struct piece *piece = pieces_find(&transfer->pieces, i);
        if (!needed && piece != NULL && !piece->checking)
            blocks_abandon(transfer, piece);
        requests_set_candidate(transfer, i);
    }
    holdings_recount(transfer);
    transfer->refill_due = true;
}

struct transfer *transfer_new(const struct transfer_config *config, const struct metainfo *metainfo,
                              const uint8_t *have, uint64_t now_ms)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL)
        return NULL;
    transfer->config = *config;
    transfer->config.client[sizeof transfer->config.client - 1] = '\0';
    if (config->memory_bytes == 0)
        transfer->config.memory_bytes = MEMORY_DEFAULT_BYTES;
    upload_slots_init(&transfer->slots, config->slot_bps > 0 ? config->slot_bps : SLOT_WORTH_BPS);
    transfer->choker.slots = limits_most_slots(transfer);
    limiter_init(&transfer->down_limiter, NULL, now_ms);
    limiter_init(&transfer->up_limiter, NULL, now_ms);
    transfer->rng = config->rng;
    transfer->choker.salt = rng_u64(&transfer->rng);
    transfer->now_ms = transfer->round_ms = transfer->tick_ms = now_ms;
    transfer->fetch = transfer->serve = true;
    transfer->generation = 1;
    rate_init(&transfer->down, now_ms);
    rate_init(&transfer->up, now_ms);
    transfer->availability = availability_new();
    if (metainfo == NULL)
        transfer->metadata = metadata_new();
    bool ok = transfer->availability != NULL && actions_reserve(transfer);
    ok = ok && (metainfo == NULL ? transfer->metadata != NULL
                                 : learn_pieces(transfer, metainfo, have) == STATUS_OK);
    if (!ok) {
        transfer_free(transfer);
        return NULL;
    }
    if (metainfo != NULL)
        bitfield_set_all(&transfer->wanted);
    if (metainfo != NULL && metainfo->piece_count == 0 && have == NULL)
        blocks_complete(transfer);
    apply_wanted(transfer);
    return transfer;
}

void transfer_free(struct transfer *transfer)
{
    if (transfer == NULL)
        return;
    for (size_t i = 0; i < transfer->peer_count; i++)
        peer_free(transfer->peers[i]);
    limiter_dispose(&transfer->down_limiter);
    limiter_dispose(&transfer->up_limiter);
    forget_pieces(transfer);
    availability_free(transfer->availability);
    metadata_free(transfer->metadata);
    free(transfer->actions);
    free(transfer);
}

/* ---- when the metadata is there ---- */

/* What we have, to a peer that was told we had nothing: one bitfield where that is sure to be
 * understood in mid-connection, else piece by piece [interop 1.2, 1.3]. */
static void correct_have(struct transfer *transfer, struct peer *peer)
{
    const struct bitfield *have = &transfer->have;
    if (have->set == 0)
        return;
    if (peer->ours) {
        peers_tell_have(transfer, peer);
        return;
    }
    for (uint32_t i = bitfield_next(have, 0); i < have->count; i = bitfield_next(have, i + 1))
        wire_put_piece_number(&peer->out, WIRE_HAVE, i);
    actions_output(transfer, peer);
}

enum status transfer_set_metainfo(struct transfer *transfer, const struct metainfo *metainfo,
                                  const uint8_t *have, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    if (transfer->metainfo != NULL)
        return STATUS_OK;
    assert(transfer->metadata == NULL || !metadata_is_checking(transfer->metadata));
    enum status status = learn_pieces(transfer, metainfo, have);
    if (status != STATUS_OK) {
        forget_pieces(transfer);
        return status;
    }
    metadata_free(transfer->metadata);
    transfer->metadata = NULL;
    bitfield_set_all(&transfer->wanted);
    FOR_EACH_PEER (transfer, i, peer) {
        const char *error = holdings_settle(transfer, peer);
        if (error != NULL) {
            peers_close_for(transfer, peer, error);
            continue;
        }
        if (peer->theirs.extension)
            extension_greet(transfer, peer);
        correct_have(transfer, peer);
    }
    apply_wanted(transfer);
    serve_admit(transfer);
    blocks_complete(transfer);
    transfer_settle(transfer);
    return STATUS_OK;
}

/* ---- what is to be done ---- */

void transfer_want(struct transfer *transfer, const uint8_t *wanted, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    if (transfer->metainfo == NULL)
        return;
    uint32_t count = transfer->wanted.count;
    if (wanted == NULL)
        bitfield_set_all(&transfer->wanted);
    else
        bitfield_load(&transfer->wanted, bytes_of(wanted, bitfield_bytes(count)));
    bool needed_some = transfer->needed.set > 0;
    apply_wanted(transfer);
    if (needed_some)
        blocks_complete(transfer);
    transfer_settle(transfer);
}

void transfer_set_sequential(struct transfer *transfer, bool sequential)
{
    transfer->sequential = sequential;
}

void transfer_set_active(struct transfer *transfer, bool fetch, bool serve, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    bool fetches = fetch && !transfer->fetch, rests = !fetch && transfer->fetch;
    bool serves = serve && !transfer->serve, denies = !serve && transfer->serve;
    transfer->fetch = fetch;
    transfer->serve = serve;
    if (rests) {
        FOR_EACH_PEER (transfer, i, peer)
            requests_cancel_all(transfer, peer);
        pieces_trim(&transfer->pieces);
    }
    if (fetches) {
        FOR_EACH_PEER (transfer, i, peer)
            holdings_show_interest(transfer, peer);
        extension_ask_metadata(transfer);
        transfer->refill_due = true;
    }
    if (denies)
        serve_nobody(transfer);
    if (serves)
        serve_admit(transfer);
    transfer_settle(transfer);
}

void transfer_memory_came(struct transfer *transfer, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    transfer->refill_due = transfer->refill_due || transfer->starving;
    transfer_settle(transfer);
}

void transfer_settle(struct transfer *transfer)
{
    if (!transfer->refill_due)
        return;
    transfer->refill_due = false;
    transfer->starving = false;
    requests_fill_all(transfer);
    transfer->refill_due = false; /* filling only takes; what it freed, it gave away itself */
}

/* ---- availability records ---- */

void transfer_set_availability(struct transfer *transfer, const struct endpoint *holder,
                               uint32_t first_piece, struct bytes bitfield, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    availability_set(transfer->availability, holder, first_piece, bitfield, now_ms);
    FOR_EACH_PEER (transfer, i, peer)
        if (endpoint_equal(&peer->listen, holder))
            availability_set_connected(transfer->availability, holder, true);
}

bool transfer_wanted_holder(const struct transfer *transfer, struct endpoint *out)
{
    struct bitfield missing = {0};
    if (transfer->metainfo == NULL || transfer->seeds > 0 ||
        availability_is_empty(transfer->availability) ||
        !bitfield_resize(&missing, transfer->needed.count))
        return false;
    bitfield_merge(&missing, &transfer->needed);
    FOR_EACH_PEER (transfer, i, peer)
        bitfield_subtract(&missing, &peer->has);
    uint32_t best = UINT32_MAX, fewest = UINT32_MAX;
    for (uint32_t i = bitfield_next(&missing, 0); i < missing.count;
         i = bitfield_next(&missing, i + 1)) {
        uint32_t holders = picker_holders(transfer->picker, i);
        if (holders > 0 && holders < fewest) {
            fewest = holders;
            best = i;
        }
    }
    bitfield_dispose(&missing);
    return best != UINT32_MAX && availability_holder_of(transfer->availability, best, out);
}
