#include "swarm/transfer_private.h"

/* What it knows, told; and whether it all fits together. */

static uint64_t bytes_have(const struct transfer *transfer)
{
    if (transfer->metainfo == NULL || transfer->have.set == 0)
        return 0;
    uint64_t bytes = (uint64_t)transfer->have.set * transfer->metainfo->piece_length;
    uint32_t last = transfer->have.count - 1;
    if (bitfield_has(&transfer->have, last))
        bytes -= transfer->metainfo->piece_length - transfer_piece_size(transfer, last);
    return bytes;
}

static uint32_t count_unavailable(const struct transfer *transfer)
{
    struct bitfield missing = {0};
    if (transfer->seeds > 0 || !bitfield_resize(&missing, transfer->needed.count))
        return 0;
    bitfield_merge(&missing, &transfer->needed);
    FOR_EACH_PEER (transfer, i, peer)
        bitfield_subtract(&missing, &peer->has);
    uint32_t count = missing.set;
    bitfield_dispose(&missing);
    return count;
}

static void count_metadata(const struct transfer *transfer, struct transfer_stats *out)
{
    if (transfer->metadata != NULL) {
        metadata_progress(transfer->metadata, &out->metadata_have, &out->metadata_total);
        return;
    }
    size_t len = transfer->metainfo->info_len;
    out->metadata_total = (uint32_t)((len + METADATA_PART_BYTES - 1) / METADATA_PART_BYTES);
    out->metadata_have = out->metadata_total;
}

void transfer_stats(const struct transfer *transfer, uint64_t now_ms, struct transfer_stats *out)
{
    *out = (struct transfer_stats){
        .pieces_have = transfer->have.set,
        .pieces_wanted_missing = transfer->needed.set,
        .pieces_in_flight = pieces_count(&transfer->pieces),
        .bytes_have = bytes_have(transfer),
        .bytes_down = transfer->bytes_down,
        .bytes_up = transfer->bytes_up,
        .rate_down_bps = rate_bps(&transfer->down, now_ms),
        .rate_up_bps = rate_bps(&transfer->up, now_ms),
        .bytes_wasted = transfer->bytes_wasted,
        .pieces_bad = transfer->pieces_bad,
        .peers = (uint32_t)transfer->live_count,
        .memory_bytes = pieces_memory(&transfer->pieces),
    };
    if (transfer->metainfo != NULL)
        out->pieces_unavailable = count_unavailable(transfer);
    count_metadata(transfer, out);
    FOR_EACH_PEER (transfer, i, peer) {
        out->seeds += peer->seed || peer->has_all;
        out->sending += rate_recent_bps(&peer->down, now_ms) > 0;
        out->unchoked_by_us += !peer->we_choke;
        out->interested_in_us += peer->they_want;
    }
}

static struct transfer_peer_stats stats_of(const struct peer *peer, uint64_t now_ms)
{
    struct transfer_peer_stats stats = {
        .peer = peer->handle,
        .remote = peer->remote,
        .incoming = peer->incoming,
        .seed = peer->seed || peer->has_all,
        .we_choke = peer->we_choke,
        .they_choke = peer->they_choke,
        .we_want = peer->we_want,
        .they_want = peer->they_want,
        .snubbed = peer->snubbed,
        .pieces = peer->has.set,
        .requests_out = peer->requests.count,
        .requests_in = peer->uploads.count,
        .bytes_down = peer->bytes_down,
        .bytes_up = peer->bytes_up,
        .rate_down_bps = rate_bps(&peer->down, now_ms),
        .rate_up_bps = rate_bps(&peer->up, now_ms),
        .bad_pieces = peer->bad_pieces,
        .strikes = peer->strikes,
    };
    peer_client(peer, stats.client);
    return stats;
}

size_t transfer_peers(const struct transfer *transfer, uint64_t now_ms,
                      struct transfer_peer_stats out[], size_t cap)
{
    size_t count = 0;
    FOR_EACH_PEER (transfer, i, peer)
        if (count < cap)
            out[count++] = stats_of(peer, now_ms);
    return count;
}

uint64_t transfer_bytes_from(const struct transfer *transfer, uint32_t handle)
{
    const struct peer *peer = peers_find(transfer, handle);
    return peer != NULL ? peer->bytes_down : 0;
}

const uint8_t *transfer_have(const struct transfer *transfer)
{
    return transfer->metainfo != NULL ? transfer->have.bits : NULL;
}

size_t transfer_piece_holders(const struct transfer *transfer, uint16_t out[], size_t cap)
{
    size_t count = transfer->metainfo != NULL ? transfer->have.count : 0;
    count = count < cap ? count : cap;
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)(picker_holders(transfer->picker, (uint32_t)i) + transfer->seeds);
    return count;
}
