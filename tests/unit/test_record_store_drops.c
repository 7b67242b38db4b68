/* Parts and drops in the store: whose they are, how long they stay, who gives way. */
#include "support/store_fixture.h"

#include <string.h>

#include "support/vectors.h"

/* After START_MS: a day before the golden records end. */
#define VECTOR_VALID_MS (1000ull * (1800000000 - START_UNIX - 86400))

/* ---- parts ---- */

static void a_part_is_kept_under_its_sha1_for_a_week(void **state)
{
    struct record_store *store = *state;
    static const uint8_t big[PART_BYTES_MAX + 1];
    struct endpoint from = public_host(1);
    struct bytes part = bytes_of(big, PART_BYTES_MAX), tiny = bytes_of("", 0);
    struct id key = key_of_part(part);
    assert_int_equal(put_at(store, id_of(1), KIND_PART, &from, part, START_MS), CODE_MALFORMED);
    assert_int_equal(put_at(store, key, KIND_PART, &from, bytes_of(big, sizeof big), START_MS),
                     CODE_TOO_BIG);
    assert_int_equal(put_at(store, key, KIND_PART, &from, part, START_MS), CODE_OK);
    assert_int_equal(put_at(store, key_of_part(tiny), KIND_PART, &from, tiny, START_MS), CODE_OK);
    assert_true(holds(store, key, KIND_PART, part, START_MS + 7ull * DAY_MS - 1000));
    assert_false(holds(store, key, KIND_PART, part, START_MS + 7ull * DAY_MS));
    assert_int_equal(put_at(store, key, KIND_PART, &from, part, START_MS + DAY_MS), CODE_OK);
    assert_true(holds(store, key, KIND_PART, part, START_MS + 8ull * DAY_MS - 1000));
    assert_int_equal(record_store_stats(store)->records, 2);
}

static void a_part_handed_on_lives_no_longer_and_shortens_no_life(void **state)
{
    struct record_store *store = *state;
    struct endpoint from = public_host(1);
    struct bytes part = bytes_of_string("a part");
    struct record_put put = {.key = key_of_part(part),
                             .kind = KIND_PART,
                             .value = part,
                             .source = &from,
                             .lifetime_cap_s = 3600};
    assert_int_equal(record_store_put(store, &put, START_MS, START_UNIX), CODE_OK);
    assert_true(holds(store, put.key, KIND_PART, part, START_MS + HOUR_MS - 1000));
    assert_false(holds(store, put.key, KIND_PART, part, START_MS + HOUR_MS));
    put.lifetime_cap_s = NO_CAP;
    assert_int_equal(record_store_put(store, &put, START_MS, START_UNIX), CODE_OK);
    put.lifetime_cap_s = 1;
    assert_int_equal(record_store_put(store, &put, START_MS, START_UNIX), CODE_OK);
    assert_true(holds(store, put.key, KIND_PART, part, START_MS + 6ull * DAY_MS));
}

static void one_address_has_a_small_share_of_memory_for_parts(void **state)
{
    struct record_store *store = store_with_budget(state, 1 << 20);
    static uint8_t part[PART_BYTES_MAX];
    unsigned kept = 0;
    for (uint32_t i = 0; i < 300; i++) {
        bool of_one = i >= 200 && i < 250;
        struct endpoint from = public_host(of_one ? 1000 * 256 : i * 256);
        write_u32(part, i);
        struct bytes value = bytes_of(part, sizeof part);
        bool ok = put_at(store, key_of_part(value), KIND_PART, &from, value, START_MS) == CODE_OK;
        assert_true(of_one || ok);
        kept += ok && of_one;
    }
    /* 1/32 of half a MiB, in parts of about 900 bytes. */
    assert_in_range(kept, 12, 20);
}

/* ---- drops ---- */

/* With exactly that many bits of work. */
static struct bytes make_drop(struct buffer *out, uint8_t mailbox, uint32_t number, unsigned bits,
                              uint64_t expiry_unix_s)
{
    uint8_t body[4];
    struct drop_record record = {.mailbox = id_of(mailbox), .expiry_unix_s = expiry_unix_s};
    uint64_t nonce = 0;
    write_u32(body, number);
    record.body = bytes_of(body, sizeof body);
    do
        assert_true(drop_record_find_nonce(&record, bits, &nonce, UINT32_MAX));
    while (drop_record_work(&record) != bits);
    buffer_init(out);
    drop_record_encode(&record, out);
    return buffer_bytes(out);
}

struct drop_put {
    uint8_t mailbox; /* 1, unless it is said */
    uint32_t number;
    unsigned bits;
    uint32_t host;
    uint64_t more_s; /* its expiry, beyond a day */
    bool by_holder;
};

static enum message_code put_drop(struct record_store *store, const struct drop_put *drop)
{
    struct buffer value;
    uint8_t mailbox = drop->mailbox != 0 ? drop->mailbox : 1;
    struct endpoint from = public_host(drop->host);
    make_drop(&value, mailbox, drop->number, drop->bits, START_UNIX + 86400 + drop->more_s);
    struct record_put put = {.key = id_of(mailbox),
                             .kind = KIND_DROP,
                             .value = buffer_bytes(&value),
                             .source = &from,
                             .lifetime_cap_s = NO_CAP,
                             .by_holder = drop->by_holder};
    enum message_code code = record_store_put(store, &put, START_MS, START_UNIX);
    assert_true(record_store_valid(store));
    buffer_dispose(&value);
    return code;
}

static bool has_drop(const struct record_store *store, uint32_t number)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    struct record_sample sample = get_at(store, id_of(1), KIND_DROP, out, START_MS);
    for (size_t i = 0; i < sample.count; i++) {
        struct drop_record record;
        assert_true(drop_record_decode(out[i].value, &record));
        if (read_u32(record.body.data) == number)
            return true;
    }
    return false;
}

static void a_drop_needs_its_mailbox_its_work_and_a_near_end(void **state)
{
    struct record_store *store = *state;
    struct endpoint from = public_host(1);
    struct buffer value;
    make_drop(&value, 1, 1, 18, START_UNIX + 60);
    assert_int_equal(put_value(store, 2, KIND_DROP, &from, buffer_bytes(&value), START_MS),
                     CODE_MALFORMED);
    assert_int_equal(put_value(store, 1, KIND_DROP, &from, buffer_bytes(&value), START_MS),
                     CODE_OK);
    assert_int_equal(held(store, 1, KIND_DROP, START_MS + 59000), 1);
    assert_int_equal(held(store, 1, KIND_DROP, START_MS + 60000), 0);
    buffer_dispose(&value);
    make_drop(&value, 1, 2, 17, START_UNIX + 60);
    assert_int_equal(put_value(store, 1, KIND_DROP, &from, buffer_bytes(&value), START_MS),
                     CODE_MALFORMED);
    buffer_dispose(&value);
    make_drop(&value, 1, 3, 18, START_UNIX + DROP_LIFETIME_S + 3601);
    assert_int_equal(put_value(store, 1, KIND_DROP, &from, buffer_bytes(&value), START_MS),
                     CODE_MALFORMED);
    buffer_dispose(&value);
}

static void a_drop_with_any_bit_turned_is_refused(void **state)
{
    struct record_store *store = *state;
    struct vector vector = vector_load("record_drop");
    struct endpoint from = public_host(1);
    struct drop_record record;
    assert_true(drop_record_decode(vector_bytes(&vector), &record));
    struct id mailbox = record.mailbox;
    uint64_t now_ms = START_MS + VECTOR_VALID_MS;
    for (size_t bit = 0; bit < 8 * vector.len; bit++) {
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(put_at(store, mailbox, KIND_DROP, &from, vector_bytes(&vector), now_ms),
                         CODE_MALFORMED);
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(put_at(store, mailbox, KIND_DROP, &from, vector_bytes(&vector), now_ms),
                     CODE_OK);
}

static void a_full_mailbox_gives_up_least_work_then_the_first_to_end(void **state)
{
    struct record_store *store = *state;
    for (uint32_t i = 0; i < 32; i++) {
        struct drop_put drop = {
            .number = i, .bits = i < 2 ? 18 : 19, .host = i * 256, .more_s = i == 0 ? 100 : 0};
        assert_int_equal(put_drop(store, &drop), CODE_OK);
    }
    struct drop_put late = {.number = 40, .bits = 18, .host = 40 * 256};
    assert_int_equal(put_drop(store, &late), CODE_QUOTA); /* no better than number 1 */
    late.more_s = 50;
    assert_int_equal(put_drop(store, &late), CODE_OK); /* ends later than number 1 */
    assert_false(has_drop(store, 1));
    struct drop_put more = {.number = 41, .bits = 20, .host = 41 * 256};
    assert_int_equal(put_drop(store, &more), CODE_OK);
    assert_false(has_drop(store, 40)); /* 18 bits, and ends before number 0 */
    assert_true(has_drop(store, 0) && has_drop(store, 41));
    assert_int_equal(held(store, 1, KIND_DROP, START_MS), 32);
    struct drop_put elsewhere = {.mailbox = 2, .number = 1, .bits = 18, .host = 1};
    assert_int_equal(put_drop(store, &elsewhere), CODE_OK);
    assert_int_equal(record_store_stats(store)->evicted, 2);
}

static void a_network_has_two_in_a_mailbox_and_its_weakest_gives_way(void **state)
{
    struct record_store *store = *state;
    struct drop_put drop = {.number = 1, .bits = 19, .host = 1};
    assert_int_equal(put_drop(store, &drop), CODE_OK);
    drop = (struct drop_put){.number = 2, .bits = 18, .host = 2};
    assert_int_equal(put_drop(store, &drop), CODE_OK);
    drop = (struct drop_put){.number = 3, .bits = 18, .host = 3};
    assert_int_equal(put_drop(store, &drop), CODE_QUOTA);
    drop.bits = 20; /* it was refused, and tries with two more bits */
    assert_int_equal(put_drop(store, &drop), CODE_OK);
    assert_false(has_drop(store, 2));
    drop = (struct drop_put){.number = 4, .bits = 18, .host = 256};
    assert_int_equal(put_drop(store, &drop), CODE_OK); /* of another network */
    assert_int_equal(held(store, 1, KIND_DROP, START_MS), 3);
}

static void a_node_that_keeps_the_mailbox_too_hands_on_half_of_it(void **state)
{
    struct record_store *store = *state;
    unsigned kept = 0;
    for (uint32_t i = 0; i < 20; i++) {
        struct drop_put drop = {.number = i, .bits = 18, .host = i % 8, .by_holder = true};
        kept += put_drop(store, &drop) == CODE_OK;
    }
    assert_int_equal(kept, STORE_DROPS_PER_HOLDER_MAX);
}

static void local_hosts_are_told_apart_by_port_in_a_mailbox(void **state)
{
    struct record_store *store = *state, *with_limits = record_store_new(&strict);
    for (uint32_t i = 0; i < 4; i++) {
        struct endpoint from = {
            .family = ENDPOINT_IPV4, .addr = {127, 0, 0, 1}, .port = (uint16_t)(1000 + i)};
        struct buffer value;
        make_drop(&value, 1, i, 18, START_UNIX + 60);
        assert_int_equal(put_value(store, 1, KIND_DROP, &from, buffer_bytes(&value), START_MS),
                         CODE_OK);
        assert_int_equal(
            put_value(with_limits, 1, KIND_DROP, &from, buffer_bytes(&value), START_MS),
            i < 2 ? CODE_OK : CODE_QUOTA);
        buffer_dispose(&value);
    }
    record_store_free(with_limits);
}

static void the_same_body_stands_once_and_only_its_sender_may_spend_less_on_it(void **state)
{
    struct record_store *store = *state;
    struct drop_put drop = {.number = 1, .bits = 20, .host = 1};
    assert_int_equal(put_drop(store, &drop), CODE_OK);
    assert_int_equal(put_drop(store, &drop), CODE_OK); /* hourly */
    struct drop_put stranger = {.number = 1, .bits = 19, .host = 256, .more_s = 100};
    assert_int_equal(put_drop(store, &stranger), CODE_OLDER);
    stranger.bits = 21;
    stranger.more_s = 0;
    assert_int_equal(put_drop(store, &stranger), CODE_OK); /* no harm in it */
    struct drop_put renewed = {.number = 1, .bits = 18, .host = 257, .more_s = 100};
    assert_int_equal(put_drop(store, &renewed), CODE_OK); /* by the network it came from last */
    assert_int_equal(held(store, 1, KIND_DROP, START_MS), 1);
}

static void parts_and_drops_survive_a_restart(void **state)
{
    struct record_store *store = *state, *after = record_store_new(&plain);
    struct endpoint from = public_host(1);
    struct bytes part = bytes_of_string("a part");
    struct id key = key_of_part(part);
    put_at(store, key, KIND_PART, &from, part, START_MS);
    for (uint32_t i = 0; i < 5; i++)
        put_drop(store, &(struct drop_put){.number = i, .bits = 18, .host = i * 256});
    assert_int_equal(restore(after, store, START_MS + DAY_MS / 2), 6);
    assert_int_equal(held(after, 1, KIND_DROP, START_MS), 5);
    assert_true(holds(after, key, KIND_PART, part, START_MS + 7ull * DAY_MS - 1000));
    assert_false(holds(after, key, KIND_PART, part, START_MS + 7ull * DAY_MS)); /* no new life */
    record_store_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(a_part_is_kept_under_its_sha1_for_a_week),
        store_test(a_part_handed_on_lives_no_longer_and_shortens_no_life),
        store_test(one_address_has_a_small_share_of_memory_for_parts),
        store_test(a_drop_needs_its_mailbox_its_work_and_a_near_end),
        store_test(a_drop_with_any_bit_turned_is_refused),
        store_test(a_full_mailbox_gives_up_least_work_then_the_first_to_end),
        store_test(a_network_has_two_in_a_mailbox_and_its_weakest_gives_way),
        store_test(a_node_that_keeps_the_mailbox_too_hands_on_half_of_it),
        store_test(local_hosts_are_told_apart_by_port_in_a_mailbox),
        store_test(the_same_body_stands_once_and_only_its_sender_may_spend_less_on_it),
        store_test(parts_and_drops_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
