#include "support/stage.h"

#include <string.h>

#include "kadpeer/sha1.h"

const uint8_t all_bits[2] = {0xff, 0xc0}, first_bit[2] = {0x80, 0};

int stage_set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->now_ms = 1000000;
    memset(stage->info, 'i', sizeof stage->info);
    stage->file = (struct metainfo_file){.length = PIECES * PIECE};
    stage->metainfo = (struct metainfo){.infohash = sha1_of(bytes_of(stage->info, INFO_BYTES)),
                                        .info = stage->info,
                                        .info_len = INFO_BYTES,
                                        .piece_length = PIECE,
                                        .piece_count = PIECES,
                                        .total_length = PIECES * PIECE,
                                        .pieces = stage->info,
                                        .files = &stage->file,
                                        .file_count = 1};
    *state = stage;
    return 0;
}

static void clear(struct stage *stage)
{
    for (unsigned i = 0; i < stage->peer_count; i++)
        if (stage->peers[i] != NULL)
            stage_leave(stage, stage->peers[i]);
    stage->peer_count = 0;
    transfer_free(stage->transfer);
    stage->transfer = NULL;
}

int stage_tear_down(void **state)
{
    clear(*state);
    free(*state);
    return 0;
}

/* ---- the transfer ---- */

static void begin(struct stage *stage, const char *have, bool with_metainfo, size_t upload_slots)
{
    struct transfer_config config = {.infohash = stage->metainfo.infohash,
                                     .peer_id = "-KP0100-us..........",
                                     .listen_port = 7000,
                                     .client = "kadpeer/test",
                                     .upload_slots = upload_slots,
                                     .offences = stage->offences};
    uint8_t bits[256] = {0};
    clear(stage);
    memset(stage->offences, 0, sizeof stage->offences);
    rng_init_seed(&config.rng, 1);
    for (size_t i = 0; have[i] != '\0'; i++)
        if (have[i] == '1')
            bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
    stage->transfer = transfer_new(&config, with_metainfo ? &stage->metainfo : NULL,
                                   with_metainfo ? bits : NULL, stage->now_ms);
    assert_non_null(stage->transfer);
}

void stage_begin(struct stage *stage, const char *have)
{
    begin(stage, have, true, 0);
}

void stage_begin_with_slots(struct stage *stage, const char *have, size_t upload_slots)
{
    begin(stage, have, true, upload_slots);
}

void stage_begin_big(struct stage *stage)
{
    stage->metainfo.piece_count = 2000;
    stage->metainfo.total_length = 2000 * (uint64_t)PIECE;
    stage->file.length = stage->metainfo.total_length;
    begin(stage, NOTHING, true, 0);
}

void stage_begin_hash_only(struct stage *stage)
{
    begin(stage, NOTHING, false, 0);
}

void stage_pass(struct stage *stage, uint64_t ms)
{
    for (uint64_t until_ms = stage->now_ms + ms; stage->now_ms < until_ms;) {
        stage->now_ms += 100;
        if (transfer_deadline(stage->transfer) <= stage->now_ms)
            transfer_on_time(stage->transfer, stage->now_ms);
    }
}

struct transfer_stats stage_stats(struct stage *stage)
{
    struct transfer_stats stats;
    transfer_stats(stage->transfer, stage->now_ms, &stats);
    return stats;
}

/* ---- its peers ---- */

struct foreign *stage_meet_as(struct stage *stage, bool fast, bool ours)
{
    struct foreign *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    assert_in_range(stage->peer_count, 0, PEERS_MAX);
    foreign_connect(peer, stage->transfer, &stage->now_ms, stage->peer_count + 1, fast, ours);
    stage->peers[stage->peer_count++] = peer;
    return peer;
}

struct foreign *stage_meet(struct stage *stage)
{
    return stage_meet_as(stage, true, false);
}

struct foreign *stage_meet_seed(struct stage *stage, bool fast)
{
    struct foreign *peer = stage_meet_as(stage, fast, false);
    stage_open_up(peer, "de");
    return peer;
}

struct foreign *stage_meet_interested(struct stage *stage, bool fast)
{
    struct foreign *peer = stage_meet_as(stage, fast, false);
    foreign_say(peer, WIRE_INTERESTED);
    foreign_hears(peer);
    return peer;
}

void stage_leave(struct stage *stage, struct foreign *peer)
{
    for (unsigned i = 0; i < stage->peer_count; i++)
        if (stage->peers[i] == peer)
            stage->peers[i] = NULL;
    foreign_dispose(peer);
    free(peer);
}

struct transfer_peer_stats stage_knows(struct stage *stage, const struct foreign *peer)
{
    struct transfer_peer_stats stats[PEERS_MAX];
    size_t count = transfer_peers(stage->transfer, stage->now_ms, stats, PEERS_MAX);
    for (size_t i = 0; i < count && i < PEERS_MAX; i++)
        if (stats[i].peer == peer->peer)
            return stats[i];
    fail_msg("the transfer does not know peer %u", peer->peer);
    return stats[0];
}

void stage_open_up(struct foreign *peer, const char *extension)
{
    foreign_say_extended(peer, 0, extension);
    if (peer->fast)
        foreign_say(peer, WIRE_HAVE_ALL);
    else
        foreign_say_bits(peer, all_bits, 2);
    foreign_say(peer, WIRE_UNCHOKE);
}

void stage_give_piece(struct foreign *peer, uint32_t piece)
{
    for (uint32_t i = 0; i < PIECE / BLOCK; i++)
        foreign_give(peer, piece, i * BLOCK, BLOCK);
}
