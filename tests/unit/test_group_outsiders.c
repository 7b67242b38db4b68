/* What somebody outside can do with what he has: nothing. KADPEER_GROUP_ATTEMPTS says how often
 * each of them tries (tools/soak: a million). */
#include "support/group_stage.h"

#include <string.h>

#include "kadpeer/records.h"
#include "people/channel_auth.h"
#include "people/keypage.h"

static size_t attempts(void)
{
    const char *text = getenv("KADPEER_GROUP_ATTEMPTS");
    return text != NULL ? strtoull(text, NULL, 0) : 10000;
}

/* What lies in the table for everybody to take. */
struct loot {
    struct public_key group, signer;
    struct head_body head;
    uint8_t sealed[ROSTER_PARTS_MAX * PART_BYTES_MAX];
    size_t sealed_len;
    struct bytes shelf;
};

static struct bytes item_body(const struct stage *stage, const struct public_key *key,
                              const char *salt)
{
    struct id id = key_of_item(key->bytes, bytes_of_string(salt));
    struct item_record item;
    assert_true(item_record_decode(world_value(stage->world, &id, KIND_ITEM), &item));
    return item.body;
}

static struct loot take_all(const struct stage *stage)
{
    struct loot loot = {.group = *group_key(group_of(stage, stage->owner))};
    loot.signer = group_own_keys(group_of(stage, stage->owner))->public_key;
    assert_true(head_body_decode(item_body(stage, &loot.group, ITEM_SALT_HEAD), &loot.head));
    for (size_t i = 0; i < loot.head.part_count; i++) {
        struct bytes part = world_value(stage->world, &loot.head.parts[i], KIND_PART);
        memcpy(loot.sealed + loot.sealed_len, part.data, part.len);
        loot.sealed_len += part.len;
    }
    loot.shelf = item_body(stage, &loot.signer, ITEM_SALT_SHELF);
    return loot;
}

/* How many of them open; 2 with the right keys. */
static unsigned count_opened(const struct loot *loot, const struct epoch_keys *keys)
{
    struct roster roster;
    struct shelf shelf = {0};
    struct shelf_pointer pointer;
    size_t dropped;
    bool has_pointer;
    unsigned opened = 0;
    if (roster_open(bytes_of(loot->sealed, loot->sealed_len), &loot->group, keys, &roster,
                    &dropped) == STATUS_OK) {
        roster_dispose(&roster);
        opened++;
    }
    if (shelf_open(loot->shelf, &loot->group, &loot->signer, keys, &shelf, &has_pointer,
                   &pointer) == STATUS_OK) {
        shelf_dispose(&shelf);
        opened++;
    }
    return opened;
}

static bool is_let_in(const struct stage *stage, const struct epoch_keys *keys, struct rng *rng)
{
    uint8_t identity[PSK_IDENTITY_BYTES];
    const struct epoch_keys *ours = group_epoch(group_of(stage, stage->owner), 0);
    psk_identity_make(keys->key[USE_PSKID], world_unix_s(stage->world), rng, identity);
    return psk_identity_fits(bytes_of(identity, sizeof identity), ours->key[USE_PSKID],
                             world_unix_s(stage->world));
}

/* A group on its second epoch, with a file on the owner's shelf; and the first epoch's secret, as
 * the removed one has it. */
static struct stage on_second_epoch(struct epoch_keys *first)
{
    struct stage stage = with_owner(&study);
    size_t removed = with_member(&stage, "removed");
    *first = *group_epoch(group_of(&stage, removed), 0);
    struct shelf_entry entry = entry_of("secret.pdf", 1);
    group_shelf_add(group_of(&stage, stage.owner), &entry, world_now_ms(stage.world));
    remove_person(&stage, removed);
    world_run(stage.world, 10 * SECOND);
    assert_int_equal(facts_of(&stage, stage.owner).epoch, 2);
    return stage;
}

static void member_opens_all(void **state)
{
    (void)state;
    struct epoch_keys first;
    struct stage stage = on_second_epoch(&first);
    struct loot loot = take_all(&stage);
    const struct epoch_keys *keys = group_epoch(group_of(&stage, stage.owner), 0);
    assert_int_equal(count_opened(&loot, keys), 2);
    assert_true(is_let_in(&stage, keys, world_rng(stage.world)));
    world_free(stage.world);
}

static void outsider_gets_in_nowhere(void **state)
{
    (void)state;
    struct epoch_keys first, guess;
    struct stage stage = on_second_epoch(&first);
    struct loot loot = take_all(&stage);
    struct rng *rng = world_rng(stage.world);
    size_t opened = 0, let_in = 0;
    for (size_t i = 0; i < attempts(); i++) {
        uint8_t secret[ROOT_BYTES];
        rng_fill(rng, secret, sizeof secret);
        assert_int_equal(epoch_keys_derive(&loot.group, 2, secret, &guess), STATUS_OK);
        opened += count_opened(&loot, &guess);
        let_in += is_let_in(&stage, &guess, rng);
    }
    print_message("# %zu attempts: %zu opened, %zu let in\n", attempts(), opened, let_in);
    assert_int_equal(opened, 0);
    assert_int_equal(let_in, 0);
    world_free(stage.world);
}

/* All that can be made of the secret he had: its keys as they are, under any epoch's number, with
 * any bit of it turned. */
static void removed_one_gets_in_nowhere(void **state)
{
    (void)state;
    struct epoch_keys first, guess;
    struct stage stage = on_second_epoch(&first);
    struct loot loot = take_all(&stage);
    struct rng *rng = world_rng(stage.world);
    size_t opened = count_opened(&loot, &first), let_in = is_let_in(&stage, &first, rng);
    for (size_t i = 0; i < attempts(); i++) {
        uint8_t secret[ROOT_BYTES];
        memcpy(secret, first.secret, sizeof secret);
        if (i >= 100)
            secret[i / 8 % ROOT_BYTES] ^= (uint8_t)(1 << i % 8);
        uint32_t epoch = i < 100 ? (uint32_t)i + 1 : 2 + rng_u32(rng) % 3;
        assert_int_equal(epoch_keys_derive(&loot.group, epoch, secret, &guess), STATUS_OK);
        opened += count_opened(&loot, &guess);
        let_in += is_let_in(&stage, &guess, rng);
    }
    print_message("# %zu attempts: %zu opened, %zu let in\n", attempts(), opened, let_in);
    assert_int_equal(opened, 0);
    assert_int_equal(let_in, 0);
    world_free(stage.world);
}

static void no_box_of_a_key_page_is_for_an_outsider(void **state)
{
    (void)state;
    struct epoch_keys first;
    struct stage stage = on_second_epoch(&first);
    struct loot loot = take_all(&stage);
    uint8_t salt[KEYPAGE_SALT_BYTES], secret[ROOT_BYTES];
    keypage_salt(2, loot.head.mark, 0, salt);
    struct id id = key_of_item(loot.group.bytes, bytes_of(salt, sizeof salt));
    struct item_record item;
    struct keypage page;
    assert_true(item_record_decode(world_value(stage.world, &id, KIND_ITEM), &item));
    assert_true(keypage_decode(item.body, &page));
    assert_int_equal(page.count, 1);
    for (size_t i = 0; i < attempts() / 100; i++) {
        struct key_pairs pairs;
        uint8_t root[ROOT_BYTES];
        rng_fill(world_rng(stage.world), root, sizeof root);
        assert_int_equal(keys_of_member(root, &loot.group, &pairs), STATUS_OK);
        assert_int_not_equal(
            keypage_find(&page, &loot.group, loot.head.box_public, &pairs, 2, secret), STATUS_OK);
    }
    world_free(stage.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(member_opens_all),
        cmocka_unit_test(outsider_gets_in_nowhere),
        cmocka_unit_test(removed_one_gets_in_nowhere),
        cmocka_unit_test(no_box_of_a_key_page_is_for_an_outsider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
