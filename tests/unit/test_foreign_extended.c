#include "support/stage.h"

#include <string.h>

/* Extended messages with foreign clients: metadata and peer exchange. */

/* ---- metadata ---- */

static void metadata_is_served_to_anyone_but_not_for_ever(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_say_extended(peer, 0, "d1:md11:ut_metadatai9eee");
    foreign_hears(peer);
    foreign_say_extended(peer, 1, "d8:msg_typei0e5:piecei2ee");
    assert_string_equal(foreign_hears(peer), "extended 9\n");
    const char *head = "d8:msg_typei1e5:piecei2e10:total_sizei40000ee";
    assert_int_equal(peer->last_extended.len, strlen(head) + 40000 - 2 * 16384);
    assert_memory_equal(peer->last_extended.data, head, strlen(head));
    foreign_say_extended(peer, 1, "d8:msg_typei0e5:piecei3ee");
    foreign_hears(peer);
    assert_true(bytes_equal(peer->last_extended, bytes_of_string("d8:msg_typei2e5:piecei3ee")));
    for (int i = 0; i < 20; i++)
        foreign_say_extended(peer, 1, "d8:msg_typei0e5:piecei0ee");
    foreign_hears(peer);
    assert_true(bytes_equal(peer->last_extended, bytes_of_string("d8:msg_typei2e5:piecei0ee")));
    assert_false(peer->closed);
}

static void without_metadata_requests_for_it_are_rejected(void **state)
{
    struct stage *stage = *state;
    stage_begin_hash_only(stage);
    struct foreign *peer = stage_meet(stage);
    foreign_say_extended(peer, 0, "d1:md11:ut_metadatai9eee");
    foreign_hears(peer);
    foreign_say_extended(peer, 1, "d8:msg_typei0e5:piecei0ee");
    foreign_hears(peer);
    assert_true(bytes_equal(peer->last_extended, bytes_of_string("d8:msg_typei2e5:piecei0ee")));
    foreign_say_block(peer, WIRE_REQUEST, 0, 0, BLOCK);
    assert_string_equal(foreign_hears(peer), "reject 0 0 16384\n");
}

/* Its metadata, all in answer to three requests. */
static void give_metadata(struct foreign *peer, const uint8_t *info)
{
    static const char *const heads[] = {"d8:msg_typei1e5:piecei0e10:total_sizei40000ee",
                                        "d8:msg_typei1e5:piecei1e10:total_sizei40000ee",
                                        "d8:msg_typei1e5:piecei2e10:total_sizei40000ee"};
    foreign_say_extended(peer, 0, "d1:md11:ut_metadatai9ee13:metadata_sizei40000ee");
    assert_string_equal(foreign_hears(peer), "extended 9\nextended 9\nextended 9\n");
    for (size_t i = 0; i < 3; i++) {
        size_t len = i < 2 ? 16384 : INFO_BYTES - 2 * 16384;
        wire_put_extended(&peer->out, 1, bytes_of_string(heads[i]),
                          bytes_of(info + i * 16384, len));
        foreign_send(peer);
    }
}

/* The next action of this type, others dropped. */
static bool next_action(struct stage *stage, enum transfer_action_type type,
                        struct transfer_action *out)
{
    while (transfer_next_action(stage->transfer, out))
        if (out->type == type)
            return true;
    return false;
}

static void metadata_is_asked_for_in_parts(void **state)
{
    struct stage *stage = *state;
    struct transfer_action action;
    stage_begin_hash_only(stage);
    struct foreign *peer = stage_meet(stage);
    foreign_hears(peer);
    give_metadata(peer, stage->info);
    assert_true(bytes_equal(peer->last_extended, bytes_of_string("d8:msg_typei0e5:piecei2ee")));
    assert_true(next_action(stage, ACTION_METADATA, &action));
    assert_true(bytes_equal(action.data, bytes_of(stage->info, INFO_BYTES)));
}

static void nothing_happens_between_metadata_and_its_verdict(void **state)
{
    struct stage *stage = *state;
    struct transfer_action action;
    stage_begin_hash_only(stage);
    struct foreign *giver = stage_meet(stage), *other = stage_meet(stage);
    foreign_hears(giver);
    foreign_hears(other);
    give_metadata(giver, stage->info);
    assert_true(next_action(stage, ACTION_METADATA, &action));
    foreign_say_extended(other, 0, "d1:md11:ut_metadatai9ee13:metadata_sizei40000ee");
    stage_pass(stage, METADATA_WAIT_MS);
    assert_string_equal(foreign_hears(other), "");
    transfer_metadata_checked(stage->transfer, STATUS_OK, stage->now_ms);
    assert_string_equal(foreign_hears(other), "");
    transfer_set_metainfo(stage->transfer, &stage->metainfo, NULL, stage->now_ms);
    assert_int_equal(stage_stats(stage).pieces_wanted_missing, PIECES);
    assert_false(foreign_is_closed(giver));
}

static void who_gave_wrong_metadata_is_banned_even_when_it_is_gone(void **state)
{
    struct stage *stage = *state;
    for (int gone = 0; gone < 2; gone++) {
        struct transfer_action action;
        static const uint8_t wrong[INFO_BYTES];
        stage_begin_hash_only(stage);
        struct foreign *liar = stage_meet(stage);
        foreign_hears(liar);
        give_metadata(liar, wrong);
        assert_true(next_action(stage, ACTION_METADATA, &action));
        if (gone)
            stage_leave(stage, liar);
        transfer_metadata_checked(stage->transfer, STATUS_MISMATCH, stage->now_ms);
        assert_true(next_action(stage, ACTION_BAN, &action));
        assert_int_equal(action.endpoint.addr[3], 1);
        struct foreign *honest = stage_meet(stage);
        foreign_hears(honest);
        give_metadata(honest, stage->info);
        assert_true(next_action(stage, ACTION_METADATA, &action));
    }
}

/* ---- peer exchange ---- */

static void a_private_torrent_offers_no_exchange(void **state)
{
    struct stage *stage = *state;
    for (int is_private = 0; is_private < 2; is_private++) {
        stage->metainfo.is_private = is_private;
        stage_begin(stage, NOTHING);
        struct foreign *peer = stage_meet(stage);
        foreign_hears(peer);
        const char *offer = is_private ? "6:ut_pexi0e" : "6:ut_pexi2e";
        assert_non_null(memmem(peer->last_extended.data, peer->last_extended.len, offer, 11));
        foreign_say_extended(peer, 2, "d5:added6:\1\2\3\4\5\6e");
        assert_int_equal(foreign_counts(peer, "(found)"), !is_private);
    }
}

static void exchange_is_taken_once_a_minute(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    const char *body = "d5:added12:\1\2\3\4\5\6\7\10\11\12\13\14"
                       "e";
    foreign_say_extended(peer, 2, body);
    assert_int_equal(foreign_counts(peer, "(found)"), 2);
    foreign_say_extended(peer, 2, body);
    assert_int_equal(foreign_counts(peer, "(found)"), 0);
    stage_pass(stage, 60000);
    foreign_say_extended(peer, 2, body);
    assert_int_equal(foreign_counts(peer, "(found)"), 2);
}

/* ---- what is malformed ---- */

static void malformed_extended_messages_are_forgiven_for_a_while(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    for (int i = 0; i < STRIKES_MAX; i++)
        foreign_say_extended(peer, (uint8_t)(i % 3), "junk");
    assert_false(foreign_is_closed(peer));
    foreign_say_extended(peer, 99, "");
    assert_true(foreign_is_closed(peer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(metadata_is_served_to_anyone_but_not_for_ever),
        stage_test(without_metadata_requests_for_it_are_rejected),
        stage_test(metadata_is_asked_for_in_parts),
        stage_test(nothing_happens_between_metadata_and_its_verdict),
        stage_test(who_gave_wrong_metadata_is_banned_even_when_it_is_gone),
        stage_test(a_private_torrent_offers_no_exchange),
        stage_test(exchange_is_taken_once_a_minute),
        stage_test(malformed_extended_messages_are_forgiven_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
