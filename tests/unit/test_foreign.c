#include "support/unit.h"

#include <string.h>

#include "content/metainfo.h"
#include "kadpeer/sha1.h"
#include "support/foreign.h"
#include "swarm/params.h"

/* Transfers as clients of others see them: message by message (interop-notes). */

enum { PIECES = 10, PIECE = 65536, BLOCK = 16384 };

struct stage {
    uint64_t now_ms;
    struct metainfo metainfo;
    uint8_t info[40000];
    struct metainfo_file file;
    struct transfer *transfer;
};

static int set_up(void **state)
{
    static struct stage stage;
    memset(&stage, 0, sizeof stage);
    stage.now_ms = 1000000;
    memset(stage.info, 'i', sizeof stage.info);
    stage.file = (struct metainfo_file){.length = PIECES * PIECE};
    stage.metainfo = (struct metainfo){.infohash = sha1_of(bytes_of(stage.info, 40000)),
                                       .info = stage.info,
                                       .info_len = sizeof stage.info,
                                       .piece_length = PIECE,
                                       .piece_count = PIECES,
                                       .total_length = PIECES * PIECE,
                                       .pieces = stage.info,
                                       .files = &stage.file,
                                       .file_count = 1};
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    transfer_free(stage->transfer);
    return 0;
}

static void make(struct stage *stage, const char *have, bool with_metainfo, size_t slots)
{
    struct transfer_config config = {.infohash = stage->metainfo.infohash,
                                     .peer_id = "-KP0100-us..........",
                                     .listen_port = 7000,
                                     .client = "kadpeer/test",
                                     .upload_slots = slots};
    rng_init_seed(&config.rng, 1);
    uint8_t bits[256] = {0};
    for (size_t i = 0; have != NULL && have[i] != '\0'; i++)
        if (have[i] == '1')
            bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
    stage->transfer = transfer_new(&config, with_metainfo ? &stage->metainfo : NULL,
                                   with_metainfo ? bits : NULL, stage->now_ms);
}

static void pass(struct stage *stage, uint64_t ms)
{
    for (uint64_t until_ms = stage->now_ms + ms; stage->now_ms < until_ms;) {
        stage->now_ms += 100;
        if (transfer_deadline(stage->transfer) <= stage->now_ms)
            transfer_on_time(stage->transfer, stage->now_ms);
    }
}

static const uint8_t all_bits[2] = {0xff, 0xc0}, first_bit[2] = {0x80, 0};

/* ---- opening ---- */

static void it_opens_with_extensions_and_then_what_it_has(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *have;
        bool fast;
        const char *expected;
    } cases[] = {
        {"", true, "extended 0\nhave-none\n"},
        {"", false, "extended 0\n"},
        {"1010000000", true, "extended 0\nbitfield 2\n"},
        {"1010000000", false, "extended 0\nbitfield 2\n"},
        {"1111111111", true, "extended 0\nhave-all\n"},
        {"1111111111", false, "extended 0\nbitfield 2\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct foreign peer;
        make(stage, cases[i].have, true, 0);
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, cases[i].fast, false);
        assert_string_equal(foreign_hears(&peer), cases[i].expected);
        foreign_dispose(&peer);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

static void it_is_interested_at_once_and_asks_when_unchoked(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_hears(&peer);
    foreign_say_bits(&peer, first_bit, 2);
    assert_string_equal(foreign_hears(&peer), "interested\n");
    foreign_say(&peer, WIRE_UNCHOKE);
    assert_string_equal(foreign_hears(&peer),
                        "request 0 0 16384\nrequest 0 16384 16384\nrequest 0 32768 16384\n"
                        "request 0 49152 16384\n");
    for (uint32_t i = 0; i < 4; i++)
        foreign_give(&peer, 0, i * BLOCK, BLOCK);
    assert_string_equal(foreign_hears(&peer), "have 0\n");
    pass(stage, 10100);
    assert_string_equal(foreign_hears(&peer), "not-interested\n");
    foreign_dispose(&peer);
}

static void an_interested_peer_is_unchoked_at_once(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "1111111111", true, 1);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_hears(&a);
    foreign_say(&a, WIRE_INTERESTED);
    assert_string_equal(foreign_hears(&a), "unchoke\n");
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    foreign_hears(&b);
    foreign_say(&b, WIRE_INTERESTED);
    assert_int_equal(foreign_counts(&b, "unchoke"), 0);
    foreign_dispose(&a); /* its slot is free: no waiting for the next round */
    assert_string_equal(foreign_hears(&b), "unchoke\n");
    foreign_dispose(&b);
}

/* ---- what they have ---- */

static void a_later_bitfield_replaces_the_first(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    struct transfer_peer_stats stats;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say_bits(&peer, first_bit, 2);
    foreign_say_piece(&peer, WIRE_HAVE, 5);
    foreign_say_bits(&peer, (uint8_t[2]){0x03, 0x40}, 2);
    transfer_peers(stage->transfer, stage->now_ms, &stats, 1);
    assert_int_equal(stats.pieces, 3);
    foreign_say(&peer, WIRE_HAVE_ALL);
    transfer_peers(stage->transfer, stage->now_ms, &stats, 1);
    assert_true(stats.seed);
    foreign_say(&peer, WIRE_HAVE_NONE);
    for (uint32_t i = 0; i < PIECES; i++)
        foreign_say_piece(&peer, WIRE_HAVE, i);
    transfer_peers(stage->transfer, stage->now_ms, &stats, 1);
    assert_true(stats.seed);
    assert_false(peer.closed);
    foreign_dispose(&peer);
}

static void wrong_bitfields_end_the_connection(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *bits;
        size_t len;
    } cases[] = {{"\xff", 1}, {"\xff\xc0\0", 3}, {"\xff\xe0", 2}};
    make(stage, NULL, true, 0);
    for (size_t i = 0; i < 3; i++) {
        struct foreign peer;
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
        foreign_say_bits(&peer, cases[i].bits, cases[i].len);
        foreign_hears(&peer);
        assert_true(peer.closed);
        assert_int_equal(peer.reason, CLOSE_PROTOCOL);
        foreign_dispose(&peer);
    }
    struct foreign peer;
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say_piece(&peer, WIRE_HAVE, PIECES);
    foreign_hears(&peer);
    assert_true(peer.closed);
    foreign_dispose(&peer);
}

static void what_came_before_the_metadata_counts_after_it(void **state)
{
    struct stage *stage = *state;
    struct foreign peers[6];
    make(stage, NULL, false, 0);
    for (unsigned i = 0; i < 6; i++) {
        foreign_connect(&peers[i], stage->transfer, &stage->now_ms, i + 1, true, false);
        assert_string_equal(foreign_hears(&peers[i]), "extended 0\nhave-none\n");
    }
    foreign_say(&peers[0], WIRE_HAVE_ALL);
    foreign_say_bits(&peers[1], first_bit, 2);
    foreign_say_piece(&peers[1], WIRE_HAVE, 3);
    foreign_say_piece(&peers[2], WIRE_HAVE, 9);
    foreign_say_piece(&peers[3], WIRE_HAVE, 10); /* there is none */
    foreign_say_bits(&peers[4], all_bits, 1);    /* too short */
    foreign_say_bits(&peers[5], "\xff\xff", 2);  /* spare bits */
    transfer_set_metainfo(stage->transfer, &stage->metainfo, NULL, stage->now_ms);
    struct transfer_peer_stats stats[6];
    assert_int_equal(transfer_peers(stage->transfer, stage->now_ms, stats, 6), 3);
    uint16_t holders[PIECES];
    assert_int_equal(transfer_piece_holders(stage->transfer, holders, PIECES), PIECES);
    static const uint16_t expected[PIECES] = {2, 1, 1, 2, 1, 1, 1, 1, 1, 2};
    assert_memory_equal(holders, expected, sizeof expected);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(foreign_counts(&peers[i], "interested"), 1);
    for (unsigned i = 0; i < 6; i++)
        foreign_dispose(&peers[i]);
}

static void dont_have_takes_a_piece_back(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say(&peer, WIRE_HAVE_ALL);
    wire_put_extended(&peer.out, 3, bytes_of("\0\0\0\4", 4), (struct bytes){0});
    foreign_send(&peer);
    struct transfer_peer_stats stats;
    transfer_peers(stage->transfer, stage->now_ms, &stats, 1);
    assert_false(stats.seed);
    assert_int_equal(stats.pieces, 9);
    foreign_dispose(&peer);
}

/* ---- asking ---- */

static void open_up(struct foreign *peer, const char *extension)
{
    foreign_say_extended(peer, 0, extension);
    if (peer->fast)
        foreign_say(peer, WIRE_HAVE_ALL);
    else
        foreign_say_bits(peer, all_bits, 2);
    foreign_say(peer, WIRE_UNCHOKE);
}

static void no_more_is_asked_than_the_peer_takes(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    open_up(&peer, "d4:reqqi2ee");
    assert_int_equal(foreign_counts(&peer, "request"), 2);
    foreign_dispose(&peer);
}

static void make_big(struct stage *stage)
{
    stage->metainfo.piece_count = 2000;
    stage->metainfo.total_length = 2000 * (uint64_t)PIECE;
    stage->file.length = stage->metainfo.total_length;
    make(stage, NULL, true, 0);
}

static uint32_t requests_of(const struct stage *stage, const struct foreign *peer)
{
    struct transfer_peer_stats stats[4];
    size_t count = transfer_peers(stage->transfer, stage->now_ms, stats, 4);
    for (size_t i = 0; i < count; i++)
        if (stats[i].peer == peer->peer)
            return stats[i].requests_out;
    return 0;
}

/* Answers all it is asked for, `rounds` times; returns the longest queue of requests it saw. */
static unsigned answer(struct stage *stage, struct foreign *peer, int rounds)
{
    unsigned longest = 0;
    while (rounds-- > 0) {
        char *lines = strdup(foreign_hears(peer));
        uint32_t owed = requests_of(stage, peer);
        longest = owed > longest ? owed : longest;
        for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            unsigned piece, begin, length;
            if (sscanf(line, "request %u %u %u", &piece, &begin, &length) == 3)
                foreign_give(peer, piece, begin, length);
        }
        free(lines);
        stage->now_ms += 10;
    }
    return longest;
}

static unsigned longest_queue(struct stage *stage, bool ours, const char *extension)
{
    make_big(stage);
    struct foreign peer;
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, ours);
    foreign_say_extended(&peer, 0, extension);
    foreign_say(&peer, WIRE_HAVE_ALL);
    foreign_say(&peer, WIRE_UNCHOKE);
    unsigned longest = answer(stage, &peer, 60);
    foreign_dispose(&peer);
    return longest;
}

static void clients_of_others_never_owe_512_blocks(void **state)
{
    assert_in_range(longest_queue(*state, false, "d4:reqqi2000ee"), 400, 511);
}

static void without_reqq_it_is_250(void **state)
{
    assert_in_range(longest_queue(*state, false, "de"), 200, 250);
}

static void between_ours_it_may_be_more(void **state)
{
    assert_in_range(longest_queue(*state, true, "d4:reqqi2000ee"), 700, 2000);
}

static void a_rejected_request_goes_to_another_and_the_peer_rests(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, NULL, true, 0);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    open_up(&a, "de");
    foreign_hears(&a);
    struct transfer_peer_stats stats[2];
    transfer_peers(stage->transfer, stage->now_ms, stats, 2);
    assert_int_equal(stats[0].requests_out, 4);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    open_up(&b, "de");
    foreign_hears(&b);
    /* Whatever piece it is, all four blocks are of one. */
    for (uint32_t piece = 0; piece < PIECES; piece++)
        for (uint32_t i = 0; i < 4; i++)
            foreign_say_block(&a, WIRE_REJECT, piece, i * BLOCK, BLOCK);
    assert_int_equal(foreign_counts(&a, "request"), 0);
    transfer_peers(stage->transfer, stage->now_ms, stats, 2);
    assert_int_equal(stats[0].requests_out, 0);
    pass(stage, 3000);
    assert_true(foreign_counts(&a, "request") > 0); /* after a rest it is asked again */
    assert_false(a.closed);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

static void unasked_blocks_are_dropped_until_they_are_too_many(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say(&peer, WIRE_HAVE_ALL);
    for (int i = 0; i < STRIKES_MAX; i++)
        foreign_give(&peer, 3, 0, BLOCK);
    foreign_hears(&peer);
    assert_false(peer.closed);
    struct transfer_stats stats;
    transfer_stats(stage->transfer, stage->now_ms, &stats);
    assert_int_equal(stats.bytes_wasted, STRIKES_MAX * BLOCK);
    foreign_give(&peer, 3, 0, BLOCK);
    foreign_hears(&peer);
    assert_true(peer.closed);
    foreign_dispose(&peer);
}

static void a_block_beyond_its_bounds_ends_the_connection(void **state)
{
    struct stage *stage = *state;
    static const struct {
        uint32_t piece, begin, length;
    } bad[] = {
        {PIECES, 0, BLOCK}, {0, PIECE, 1}, {0, PIECE - BLOCK, BLOCK + 1}, {0, 0xffffffff, 2}};
    make(stage, NULL, true, 0);
    for (size_t i = 0; i < 4; i++) {
        struct foreign peer;
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
        foreign_give(&peer, bad[i].piece, bad[i].begin, bad[i].length);
        foreign_hears(&peer);
        assert_true(peer.closed);
        foreign_dispose(&peer);
    }
    struct foreign peer;
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say_bits(&peer, first_bit, 2);
    foreign_say(&peer, WIRE_UNCHOKE);
    foreign_give(&peer, 0, 0, BLOCK - 1); /* asked for, but not like this */
    foreign_hears(&peer);
    assert_true(peer.closed);
    foreign_dispose(&peer);
}

static void after_a_choke_others_are_asked(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        struct foreign a, b;
        make(stage, "0111111111", true, 0);
        foreign_connect(&a, stage->transfer, &stage->now_ms, 1, fast, false);
        open_up(&a, "de");
        assert_int_equal(foreign_counts(&a, "request"), 4);
        foreign_connect(&b, stage->transfer, &stage->now_ms, 2, fast, false);
        open_up(&b, "de");
        assert_int_equal(foreign_counts(&b, "request"), 0);
        foreign_say(&a, WIRE_CHOKE);
        assert_int_equal(foreign_counts(&b, "request"), 4);
        assert_int_equal(foreign_counts(&a, "request"), 0);
        for (uint32_t i = 1; fast && i < 4; i++)
            foreign_say_block(&a, WIRE_REJECT, 0, i * BLOCK, BLOCK);
        foreign_give(&a, 0, 0, BLOCK); /* it crossed the choke: welcome */
        assert_int_equal(foreign_counts(&b, "cancel 0 0"), 1);
        struct transfer_stats stats;
        transfer_stats(stage->transfer, stage->now_ms, &stats);
        assert_int_equal(stats.bytes_wasted, 0);
        foreign_dispose(&a);
        foreign_dispose(&b);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

static void a_snubbing_peer_loses_its_blocks_but_may_bring_them(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "0111111111", true, 0);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    open_up(&a, "de");
    foreign_hears(&a);
    pass(stage, SNUBBED_MS + 1100);
    struct transfer_peer_stats stats;
    transfer_peers(stage->transfer, stage->now_ms, &stats, 1);
    assert_true(stats.snubbed);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    open_up(&b, "de");
    assert_int_equal(foreign_counts(&b, "request"), 4);
    foreign_give(&a, 0, BLOCK, BLOCK);
    transfer_peers(stage->transfer, stage->now_ms, &stats, 1);
    assert_false(stats.snubbed);
    assert_int_equal(foreign_counts(&b, "cancel 0 16384"), 1);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

/* Whoever wakes up brings what he owes: nobody else need be asked for it. */
static void what_a_woken_peer_owes_counts_again(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make_big(stage);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say_extended(&a, 0, "d4:reqqi100ee");
    foreign_say(&a, WIRE_HAVE_ALL);
    foreign_say(&a, WIRE_UNCHOKE);
    answer(stage, &a, 10);
    char *owed = strdup(foreign_hears(&a));
    assert_in_range(requests_of(stage, &a), 50, 100);
    pass(stage, SNUBBED_MS + 1100);
    unsigned piece, begin, length;
    assert_int_equal(sscanf(owed, "request %u %u %u", &piece, &begin, &length), 3);
    foreign_give(&a, piece, begin, length);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    foreign_say(&b, WIRE_HAVE_ALL);
    foreign_say(&b, WIRE_UNCHOKE);
    char *asked = strdup(foreign_hears(&b));
    unsigned lines = 0;
    for (char *line = strtok(asked, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, "request", 7) == 0) {
            assert_null(strstr(owed, line));
            lines++;
        }
    assert_true(lines > 0);
    free(asked);
    free(owed);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

static void a_block_that_crossed_our_cancel_is_no_offence(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, "0111111111", true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    open_up(&peer, "de");
    foreign_hears(&peer);
    transfer_set_active(stage->transfer, false, true, stage->now_ms);
    assert_int_equal(foreign_counts(&peer, "cancel"), 4);
    foreign_give(&peer, 0, 0, BLOCK);
    struct transfer_peer_stats stats;
    transfer_peers(stage->transfer, stage->now_ms, &stats, 1);
    assert_int_equal(stats.strikes, 0);
    transfer_set_active(stage->transfer, true, true, stage->now_ms);
    assert_int_equal(foreign_counts(&peer, "request"), 3); /* and it is not lost */
    foreign_dispose(&peer);
}

static void what_a_peer_has_no_more_is_asked_of_another(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "0111111111", true, 0);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    open_up(&a, "de");
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    open_up(&b, "de");
    assert_int_equal(foreign_counts(&b, "request"), 0);
    foreign_say(&a, WIRE_HAVE_NONE);
    assert_int_equal(foreign_counts(&b, "request"), 4);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

/* Without the fast extension an unchoke begins anew; with it, what was owed may never be answered.
 */
static void after_an_unchoke_the_queue_is_filled_anew(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        struct foreign peer;
        make(stage, NULL, true, 0);
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, fast, false);
        open_up(&peer, "de");
        assert_int_equal(foreign_counts(&peer, "request"), 4);
        foreign_say(&peer, WIRE_CHOKE);
        foreign_say(&peer, WIRE_UNCHOKE);
        assert_int_equal(foreign_counts(&peer, "request"), 4);
        foreign_dispose(&peer);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

static void send_run(struct foreign *peer, uint8_t byte, size_t len)
{
    while (len-- > 0)
        buffer_add_byte(&peer->out, byte);
    foreign_send(peer);
}

/* Two send the same block at the same time: the first to be whole counts, the other harms nothing.
 */
static void two_may_send_one_block_at_once(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "0111111111", true, 0);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    open_up(&a, "de");
    foreign_hears(&a);
    pass(stage, 5000);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    open_up(&b, "de");
    assert_true(foreign_counts(&b, "request 0 49152") == 1);
    wire_put_piece_head(&a.out, 0, 49152, BLOCK);
    send_run(&a, 0xee, 5000);
    wire_put_piece_head(&b.out, 0, 49152, BLOCK);
    send_run(&b, 3, 8000);
    send_run(&a, 0xee, 2000); /* over what b has sent already */
    send_run(&b, 3, BLOCK - 8000);
    send_run(&a, 0xee, BLOCK - 7000);
    struct transfer_stats stats;
    transfer_stats(stage->transfer, stage->now_ms, &stats);
    assert_int_equal(stats.bytes_wasted, BLOCK);
    for (uint32_t i = 0; i < 3; i++)
        foreign_give(&a, 0, i * BLOCK, BLOCK);
    struct transfer_action action;
    bool checked = false;
    while (transfer_next_action(stage->transfer, &action))
        if (action.type == ACTION_CHECK) {
            checked = true;
            for (uint32_t i = 0; i < BLOCK; i++)
                assert_int_equal(action.data.data[49152 + i], 3);
            transfer_piece_checked(stage->transfer, 0, STATUS_OK, stage->now_ms);
        }
    assert_true(checked);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

static void at_the_end_the_last_blocks_are_asked_of_two(void **state)
{
    struct stage *stage = *state;
    struct foreign slow, quick;
    make(stage, "0011111111", true, 0);
    foreign_connect(&slow, stage->transfer, &stage->now_ms, 1, true, false);
    open_up(&slow, "de");
    assert_int_equal(foreign_counts(&slow, "request"), 4);
    pass(stage, 5000);
    foreign_connect(&quick, stage->transfer, &stage->now_ms, 2, true, false);
    open_up(&quick, "de");
    assert_int_equal(foreign_counts(&quick, "request"), 4); /* the other piece */
    struct transfer_stats stats;
    for (int i = 0; i < 4; i++) {
        foreign_give(&quick, 0, (uint32_t)i * BLOCK, BLOCK);
        foreign_give(&quick, 1, (uint32_t)i * BLOCK, BLOCK);
    }
    /* Now what `slow` owes is asked of `quick` too, and called off when it has come. */
    assert_true(foreign_counts(&quick, "request") > 0);
    for (int i = 0; i < 4; i++) {
        foreign_give(&quick, 0, (uint32_t)i * BLOCK, BLOCK);
        foreign_give(&quick, 1, (uint32_t)i * BLOCK, BLOCK);
        foreign_hears(&quick);
    }
    assert_true(foreign_counts(&slow, "cancel") > 0);
    transfer_stats(stage->transfer, stage->now_ms, &stats);
    assert_int_equal(stats.pieces_have, PIECES);
    foreign_dispose(&slow);
    foreign_dispose(&quick);
}

static void what_is_allowed_fast_is_asked_for_while_choked(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say(&peer, WIRE_HAVE_ALL);
    foreign_hears(&peer);
    foreign_say_piece(&peer, WIRE_ALLOWED_FAST, 6);
    assert_string_equal(foreign_hears(&peer),
                        "request 6 0 16384\nrequest 6 16384 16384\nrequest 6 32768 16384\n"
                        "request 6 49152 16384\n");
    for (uint32_t i = 0; i < 4; i++)
        foreign_say_block(&peer, WIRE_REJECT, 6, i * BLOCK, BLOCK);
    assert_string_equal(foreign_hears(&peer), ""); /* allowed, refused: not asked again */
    foreign_dispose(&peer);
}

/* ---- serving ---- */

static void requests_are_answered_in_order(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, "1111111111", true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say(&peer, WIRE_INTERESTED);
    foreign_hears(&peer);
    wire_put_block(&peer.out, WIRE_REQUEST, 3, 0, BLOCK);
    wire_put_block(&peer.out, WIRE_REQUEST, 1, 100, 7);
    wire_put_block(&peer.out, WIRE_REQUEST, 1, 0, 65536); /* bigger ones are served too */
    foreign_send(&peer);
    assert_string_equal(foreign_hears(&peer), "block 3 0 16384\nblock 1 100 7\nblock 1 0 65536\n");
    foreign_dispose(&peer);
}

static void a_choked_peer_is_rejected_or_ignored(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        struct foreign peer;
        make(stage, "1111111111", true, 0);
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, fast, false);
        foreign_hears(&peer);
        foreign_say_block(&peer, WIRE_REQUEST, 3, 0, BLOCK);
        assert_string_equal(foreign_hears(&peer), fast ? "reject 3 0 16384\n" : "");
        for (int i = 0; i < CHOKED_REQUESTS_MAX; i++)
            foreign_say_block(&peer, WIRE_REQUEST, 3, 0, BLOCK);
        foreign_hears(&peer);
        assert_true(peer.closed);
        foreign_dispose(&peer);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

static void what_we_lack_is_rejected_and_what_cannot_be_is_an_error(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, "1000000000", true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say(&peer, WIRE_INTERESTED);
    foreign_hears(&peer);
    foreign_say_block(&peer, WIRE_REQUEST, 1, 0, BLOCK);
    assert_string_equal(foreign_hears(&peer), "reject 1 0 16384\n");
    foreign_dispose(&peer);
    static const struct {
        uint32_t piece, begin, length;
    } bad[] = {{PIECES, 0, 1}, {0, PIECE, 1}, {0, 0, PIECE + 1}, {0, 0, 0}, {0, 5, 0xffffffff}};
    for (size_t i = 0; i < 5; i++) {
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
        foreign_say(&peer, WIRE_INTERESTED);
        foreign_say_block(&peer, WIRE_REQUEST, bad[i].piece, bad[i].begin, bad[i].length);
        foreign_hears(&peer);
        assert_true(peer.closed);
        foreign_dispose(&peer);
    }
}

static unsigned count_lines(const char *lines, const char *prefix)
{
    unsigned count = 0;
    for (; *lines != '\0'; lines = strchr(lines, '\n') + 1)
        count += strncmp(lines, prefix, strlen(prefix)) == 0;
    return count;
}

static void the_queue_is_bounded_both_ways(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        struct foreign peer;
        make(stage, "1111111111", true, 0);
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, fast, false);
        foreign_say(&peer, WIRE_INTERESTED);
        foreign_hears(&peer);
        for (int i = 0; i < REQUESTS_TAKEN + 1; i++)
            foreign_say_block(&peer, WIRE_REQUEST, 0, 0, BLOCK);
        /* About 1 MiB goes out, the rest waits for the owner's queue to empty. */
        char *lines = strdup(foreign_hears(&peer));
        assert_int_equal(strstr(lines, "reject") != NULL, fast);
        assert_int_equal(peer.closed, !fast);
        unsigned blocks = count_lines(lines, "block"), more;
        free(lines);
        assert_in_range(blocks, fast ? 64 : 0, fast ? 72 : 0);
        transfer_set_backlog(stage->transfer, peer.peer, 0, stage->now_ms);
        while ((more = foreign_counts(&peer, "block")) > 0) {
            assert_true(more <= 64 + 8);
            blocks += more;
            transfer_set_backlog(stage->transfer, peer.peer, 0, stage->now_ms);
        }
        assert_int_equal(blocks, fast ? REQUESTS_TAKEN : 0);
        foreign_dispose(&peer);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

/* Its slot is for others, and what waits for it does not wait for ever. */
static void a_peer_that_reads_nothing_loses_its_slot_and_then_its_connection(void **state)
{
    struct stage *stage = *state;
    struct foreign deaf, slow, other;
    make(stage, "1111111111", true, 2);
    foreign_connect(&deaf, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_connect(&slow, stage->transfer, &stage->now_ms, 2, true, false);
    foreign_connect(&other, stage->transfer, &stage->now_ms, 3, true, false);
    foreign_say(&deaf, WIRE_INTERESTED);
    foreign_say(&slow, WIRE_INTERESTED);
    foreign_say(&other, WIRE_INTERESTED);
    foreign_hears(&deaf);
    foreign_hears(&other);
    for (size_t left = 60; left > 0 && !deaf.closed; left--) {
        transfer_set_backlog(stage->transfer, deaf.peer, 100000, stage->now_ms);
        transfer_set_backlog(stage->transfer, slow.peer, 1000 + left, stage->now_ms);
        pass(stage, 1000);
        if (left == 40)
            assert_int_equal(foreign_counts(&other, "unchoke"), 1);
        foreign_hears(&deaf);
    }
    foreign_hears(&slow);
    assert_true(deaf.closed);
    assert_false(slow.closed);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
    foreign_dispose(&deaf);
    foreign_dispose(&slow);
    foreign_dispose(&other);
}

static void whom_nobody_wants_anything_of_can_be_done_without(void **state)
{
    struct stage *stage = *state;
    struct foreign idle, wants, wanted;
    make(stage, "1010000000", true, 2);
    foreign_connect(&wants, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_connect(&wanted, stage->transfer, &stage->now_ms, 2, true, false);
    pass(stage, 1000);
    foreign_connect(&idle, stage->transfer, &stage->now_ms, 3, true, false);
    foreign_say(&wants, WIRE_INTERESTED);
    foreign_say_bits(&wanted, all_bits, 2);
    pass(stage, USELESS_NEVER_MS - 1000);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
    pass(stage, 1000);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), idle.peer);
    foreign_say(&wants, WIRE_NOT_INTERESTED); /* for the moment */
    foreign_dispose(&idle);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
    pass(stage, USELESS_MS + 1000);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), wants.peer);
    foreign_dispose(&wants);
    foreign_dispose(&wanted);
}

static void a_cancelled_block_is_not_sent(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        struct foreign peer;
        make(stage, "1111111111", true, 0);
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, fast, false);
        foreign_say(&peer, WIRE_INTERESTED);
        foreign_hears(&peer);
        wire_put_block(&peer.out, WIRE_REQUEST, 0, 0, BLOCK);
        wire_put_block(&peer.out, WIRE_REQUEST, 1, 0, BLOCK);
        wire_put_block(&peer.out, WIRE_CANCEL, 0, 0, BLOCK);
        wire_put_block(&peer.out, WIRE_CANCEL, 5, 0, BLOCK); /* never asked for */
        foreign_send(&peer);
        assert_string_equal(foreign_hears(&peer),
                            fast ? "reject 0 0 16384\nblock 1 0 16384\n" : "block 1 0 16384\n");
        foreign_dispose(&peer);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

static void a_choke_answers_everything_with_fast(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        struct foreign peer;
        make(stage, "1111111111", true, 0);
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, fast, false);
        foreign_say(&peer, WIRE_INTERESTED);
        foreign_hears(&peer);
        wire_put_block(&peer.out, WIRE_REQUEST, 0, 0, BLOCK);
        wire_put_block(&peer.out, WIRE_REQUEST, 1, 0, BLOCK);
        foreign_send(&peer);
        transfer_set_active(stage->transfer, true, false, stage->now_ms);
        assert_string_equal(foreign_hears(&peer),
                            fast ? "choke\nreject 0 0 16384\nreject 1 0 16384\n" : "choke\n");
        foreign_dispose(&peer);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

static void a_seed_with_one_slot_serves_one_after_the_other(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "1111111111", true, 1);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    foreign_say(&a, WIRE_INTERESTED);
    foreign_say(&b, WIRE_INTERESTED);
    assert_int_equal(foreign_counts(&a, "unchoke"), 1);
    bool serves_a = true;
    unsigned served_a = 0, turn_s = 0, turns = 0;
    for (int second = 0; second < 400; second++, turn_s++) {
        pass(stage, 1000);
        wire_put_keep_alive(&a.out);
        wire_put_keep_alive(&b.out);
        foreign_send(&a);
        foreign_send(&b);
        served_a += serves_a;
        unsigned out = foreign_counts(serves_a ? &a : &b, "choke");
        assert_int_equal(foreign_counts(serves_a ? &b : &a, "unchoke"), out);
        if (out == 0)
            continue;
        assert_in_range(turn_s, SEED_TURN_MS / 1000 - 1, SEED_TURN_MS / 1000 + 12);
        serves_a = !serves_a;
        turn_s = 0;
        turns++;
    }
    assert_true(turns >= 9);
    assert_in_range(served_a, 150, 250);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

/* Left alone both might fetch the same piece from us, and the second copy would be for nothing. */
static void a_seed_suggests_different_pieces_to_those_it_serves(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "1111111111", true, 0);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    foreign_say(&a, WIRE_INTERESTED);
    assert_int_equal(foreign_counts(&a, "suggest"), 0); /* alone it needs no advice */
    foreign_say(&b, WIRE_INTERESTED);
    char *to_b = strdup(foreign_hears(&b));
    unsigned seen[PIECES] = {0}, piece;
    for (int i = 0; i < 4; i++) {
        const char *line = strstr(to_b, "suggest ");
        assert_non_null(line);
        assert_int_equal(sscanf(line, "suggest %u", &piece), 1);
        assert_int_equal(seen[piece]++, 0);
        foreign_say_block(&b, WIRE_REQUEST, piece, 0, BLOCK);
        free(to_b);
        to_b = strdup(foreign_hears(&b));
        for (unsigned other = 0; other < PIECES; other++) {
            foreign_say_block(&a, WIRE_REQUEST, other, 0, BLOCK); /* it takes no advice */
            transfer_set_backlog(stage->transfer, a.peer, 0, stage->now_ms);
            foreign_hears(&a);
        }
    }
    free(to_b);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

static void advice_decides_among_equally_rare_pieces(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "1000000000", true, 0);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    foreign_say_bits(&b, (uint8_t[2]){0x01, 0x00}, 2); /* piece 7 is not so rare */
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say(&a, WIRE_HAVE_ALL);
    foreign_say_piece(&a, WIRE_SUGGEST, 7);
    foreign_say_piece(&a, WIRE_SUGGEST, 5);
    foreign_hears(&a);
    foreign_say(&a, WIRE_UNCHOKE);
    assert_int_equal(foreign_counts(&a, "request 5"), 4);
    foreign_say_piece(&a, WIRE_SUGGEST, PIECES);
    foreign_hears(&a);
    assert_true(a.closed);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

/* With all slots taken a newcomer is granted five pieces, the same for its whole network. */
static void a_choked_newcomer_gets_a_start(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "1111111111", true, 1);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say(&a, WIRE_INTERESTED);
    foreign_hears(&a);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, true, false);
    char *lines = strdup(foreign_hears(&b));
    unsigned piece;
    const char *grant = strstr(lines, "allowed-fast ");
    assert_non_null(grant);
    assert_int_equal(sscanf(grant, "allowed-fast %u", &piece), 1);
    free(lines);
    foreign_say(&b, WIRE_INTERESTED);
    foreign_say_block(&b, WIRE_REQUEST, piece, 0, BLOCK);
    assert_int_equal(foreign_counts(&b, "block"), 1);
    foreign_say(&b, WIRE_HAVE_ALL); /* no newcomer at all */
    foreign_say_block(&b, WIRE_REQUEST, piece, 0, BLOCK);
    assert_int_equal(foreign_counts(&b, "reject"), 1);
    foreign_dispose(&a);
    foreign_dispose(&b);
}

static void a_new_piece_is_told_to_all(void **state)
{
    struct stage *stage = *state;
    struct foreign a, b;
    make(stage, "0111111111", true, 0);
    foreign_connect(&a, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_connect(&b, stage->transfer, &stage->now_ms, 2, false, false);
    foreign_hears(&b);
    open_up(&a, "de");
    for (uint32_t i = 0; i < 4; i++)
        foreign_give(&a, 0, i * BLOCK, BLOCK);
    foreign_hears(&a);
    assert_string_equal(foreign_hears(&b), "have 0\n");
    foreign_dispose(&a);
    foreign_dispose(&b);
}

/* ---- extended messages ---- */

static void metadata_is_served_to_anyone_but_not_for_ever(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say_extended(&peer, 0, "d1:md11:ut_metadatai9eee");
    foreign_hears(&peer);
    foreign_say_extended(&peer, 1, "d8:msg_typei0e5:piecei2ee");
    assert_string_equal(foreign_hears(&peer), "extended 9\n");
    const char *head = "d8:msg_typei1e5:piecei2e10:total_sizei40000ee";
    assert_int_equal(peer.last_extended.len, strlen(head) + 40000 - 2 * 16384);
    assert_memory_equal(peer.last_extended.data, head, strlen(head));
    foreign_say_extended(&peer, 1, "d8:msg_typei0e5:piecei3ee");
    foreign_hears(&peer);
    assert_true(bytes_equal(peer.last_extended, bytes_of_string("d8:msg_typei2e5:piecei3ee")));
    for (int i = 0; i < 20; i++)
        foreign_say_extended(&peer, 1, "d8:msg_typei0e5:piecei0ee");
    foreign_hears(&peer);
    assert_true(bytes_equal(peer.last_extended, bytes_of_string("d8:msg_typei2e5:piecei0ee")));
    assert_false(peer.closed);
    foreign_dispose(&peer);
}

static void without_metadata_requests_for_it_are_rejected(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, false, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say_extended(&peer, 0, "d1:md11:ut_metadatai9eee");
    foreign_hears(&peer);
    foreign_say_extended(&peer, 1, "d8:msg_typei0e5:piecei0ee");
    foreign_hears(&peer);
    assert_true(bytes_equal(peer.last_extended, bytes_of_string("d8:msg_typei2e5:piecei0ee")));
    foreign_say_block(&peer, WIRE_REQUEST, 0, 0, BLOCK);
    assert_string_equal(foreign_hears(&peer), "reject 0 0 16384\n");
    foreign_dispose(&peer);
}

static void metadata_is_asked_for_in_parts(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, false, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_hears(&peer);
    foreign_say_extended(&peer, 0, "d1:md11:ut_metadatai9ee13:metadata_sizei40000ee");
    assert_string_equal(foreign_hears(&peer), "extended 9\nextended 9\nextended 9\n");
    assert_true(bytes_equal(peer.last_extended, bytes_of_string("d8:msg_typei0e5:piecei2ee")));
    static const char *const heads[] = {"d8:msg_typei1e5:piecei0e10:total_sizei40000ee",
                                        "d8:msg_typei1e5:piecei1e10:total_sizei40000ee",
                                        "d8:msg_typei1e5:piecei2e10:total_sizei40000ee"};
    for (size_t i = 0; i < 3; i++) {
        size_t len = i < 2 ? 16384 : 40000 - 2 * 16384;
        wire_put_extended(&peer.out, 1, bytes_of_string(heads[i]),
                          bytes_of(stage->info + i * 16384, len));
        foreign_send(&peer);
    }
    struct transfer_action action;
    bool told = false;
    while (transfer_next_action(stage->transfer, &action))
        if (action.type == ACTION_METADATA) {
            told = true;
            assert_true(bytes_equal(action.data, bytes_of(stage->info, 40000)));
        }
    assert_true(told);
    foreign_dispose(&peer);
}

static void a_private_torrent_offers_no_exchange(void **state)
{
    struct stage *stage = *state;
    for (int is_private = 0; is_private < 2; is_private++) {
        struct foreign peer;
        stage->metainfo.is_private = is_private;
        make(stage, NULL, true, 0);
        foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
        foreign_hears(&peer);
        const char *offer = is_private ? "6:ut_pexi0e" : "6:ut_pexi2e";
        assert_non_null(memmem(peer.last_extended.data, peer.last_extended.len, offer, 11));
        foreign_say_extended(&peer, 2, "d5:added6:\1\2\3\4\5\6e");
        assert_int_equal(foreign_counts(&peer, "(found)"), !is_private);
        foreign_dispose(&peer);
        transfer_free(stage->transfer);
        stage->transfer = NULL;
    }
}

static void malformed_extended_messages_are_forgiven_for_a_while(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    for (int i = 0; i < STRIKES_MAX; i++)
        foreign_say_extended(&peer, (uint8_t)(i % 3), "junk");
    foreign_hears(&peer);
    assert_false(peer.closed);
    foreign_say_extended(&peer, 99, "");
    foreign_hears(&peer);
    assert_true(peer.closed);
    foreign_dispose(&peer);
}

static void exchange_is_taken_once_a_minute(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    const char *body = "d5:added12:\1\2\3\4\5\6\7\10\11\12\13\14"
                       "e";
    foreign_say_extended(&peer, 2, body);
    assert_int_equal(foreign_counts(&peer, "(found)"), 2);
    foreign_say_extended(&peer, 2, body);
    assert_int_equal(foreign_counts(&peer, "(found)"), 0);
    pass(stage, 60000);
    foreign_say_extended(&peer, 2, body);
    assert_int_equal(foreign_counts(&peer, "(found)"), 2);
    foreign_dispose(&peer);
}

static void nothing_is_heard_after_a_close(void **state)
{
    struct stage *stage = *state;
    struct foreign peer;
    make(stage, NULL, true, 0);
    foreign_connect(&peer, stage->transfer, &stage->now_ms, 1, true, false);
    foreign_say_piece(&peer, WIRE_HAVE, 4000000000u);
    foreign_hears(&peer);
    assert_true(peer.closed);
    assert_string_equal(peer.text, "piece that does not exist");
    uint8_t *space;
    size_t room;
    transfer_receive_space(stage->transfer, peer.peer, &space, &room);
    assert_true(room > 0);
    assert_int_equal(transfer_received(stage->transfer, peer.peer, 1, stage->now_ms),
                     STATUS_CLOSED);
    uint32_t gone = peer.peer;
    foreign_dispose(&peer);
    assert_int_equal(transfer_received(stage->transfer, gone, 1, stage->now_ms), STATUS_CLOSED);
    struct transfer_output out;
    assert_false(transfer_next_output(stage->transfer, gone, &out));
}

static void a_useless_peer_makes_way_when_all_places_are_taken(void **state)
{
    struct stage *stage = *state;
    static struct foreign peers[PEERS_MAX], one_more;
    make(stage, "1111111111", true, 0);
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        foreign_connect(&peers[i], stage->transfer, &stage->now_ms, i, true, false);
        if (i != 77)
            foreign_say(&peers[i], WIRE_INTERESTED);
    }
    struct handshake theirs = {.peer_id = "-XX0001-one more...."};
    struct endpoint remote = {.addr = {9, 9, 9, 9}, .port = 9, .family = ENDPOINT_IPV4};
    assert_int_equal(
        transfer_add_peer(stage->transfer, &remote, &remote, &theirs, true, stage->now_ms), 0);
    pass(stage, USELESS_MS + 10000);
    foreign_connect(&one_more, stage->transfer, &stage->now_ms, 250, true, false);
    foreign_hears(&peers[77]);
    assert_true(peers[77].closed);
    assert_int_equal(peers[77].reason, CLOSE_IDLE);
    for (unsigned i = 0; i < PEERS_MAX; i++)
        foreign_dispose(&peers[i]);
    foreign_dispose(&one_more);
}

#define foreign_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        foreign_test(it_opens_with_extensions_and_then_what_it_has),
        foreign_test(it_is_interested_at_once_and_asks_when_unchoked),
        foreign_test(an_interested_peer_is_unchoked_at_once),
        foreign_test(a_later_bitfield_replaces_the_first),
        foreign_test(wrong_bitfields_end_the_connection),
        foreign_test(what_came_before_the_metadata_counts_after_it),
        foreign_test(dont_have_takes_a_piece_back),
        foreign_test(no_more_is_asked_than_the_peer_takes),
        foreign_test(clients_of_others_never_owe_512_blocks),
        foreign_test(without_reqq_it_is_250),
        foreign_test(between_ours_it_may_be_more),
        foreign_test(a_rejected_request_goes_to_another_and_the_peer_rests),
        foreign_test(unasked_blocks_are_dropped_until_they_are_too_many),
        foreign_test(a_block_beyond_its_bounds_ends_the_connection),
        foreign_test(after_a_choke_others_are_asked),
        foreign_test(a_snubbing_peer_loses_its_blocks_but_may_bring_them),
        foreign_test(what_a_woken_peer_owes_counts_again),
        foreign_test(a_block_that_crossed_our_cancel_is_no_offence),
        foreign_test(what_a_peer_has_no_more_is_asked_of_another),
        foreign_test(after_an_unchoke_the_queue_is_filled_anew),
        foreign_test(two_may_send_one_block_at_once),
        foreign_test(at_the_end_the_last_blocks_are_asked_of_two),
        foreign_test(what_is_allowed_fast_is_asked_for_while_choked),
        foreign_test(requests_are_answered_in_order),
        foreign_test(a_choked_peer_is_rejected_or_ignored),
        foreign_test(what_we_lack_is_rejected_and_what_cannot_be_is_an_error),
        foreign_test(the_queue_is_bounded_both_ways),
        foreign_test(a_peer_that_reads_nothing_loses_its_slot_and_then_its_connection),
        foreign_test(whom_nobody_wants_anything_of_can_be_done_without),
        foreign_test(a_cancelled_block_is_not_sent),
        foreign_test(a_choke_answers_everything_with_fast),
        foreign_test(a_seed_with_one_slot_serves_one_after_the_other),
        foreign_test(a_seed_suggests_different_pieces_to_those_it_serves),
        foreign_test(advice_decides_among_equally_rare_pieces),
        foreign_test(a_choked_newcomer_gets_a_start),
        foreign_test(a_new_piece_is_told_to_all),
        foreign_test(metadata_is_served_to_anyone_but_not_for_ever),
        foreign_test(without_metadata_requests_for_it_are_rejected),
        foreign_test(metadata_is_asked_for_in_parts),
        foreign_test(a_private_torrent_offers_no_exchange),
        foreign_test(malformed_extended_messages_are_forgiven_for_a_while),
        foreign_test(exchange_is_taken_once_a_minute),
        foreign_test(nothing_is_heard_after_a_close),
        foreign_test(a_useless_peer_makes_way_when_all_places_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
