/* Whole TLS handshakes at a member's door, and boxes of a key page, tried by an outsider with every
 * public byte and by a member who was removed with all keys of his time; what they find sealed is
 * in test_group_outsiders.c. KADPEER_GROUP_ATTEMPTS says how often (tools/soak: a million). */
#include "support/group_stage.h"
#include "support/tls_sessions.h"

#include "kadpeer/records.h"
#include "people/channel_auth.h"
#include "people/keypage.h"

#define ATTEMPTS 2000 /* where nothing else is said */
#define NOW_S    1800000000

struct scene {
    struct stage stage;
    size_t inside;              /* a member */
    struct buffer public_bytes; /* all that lies in the table */
    struct keypage page;
    struct head_body head;
    struct public_key member;
    struct epoch_keys old; /* what the removed one has */
    struct key_pairs old_pairs;
    struct rng rng;
};

/* ---- a group that somebody was removed from ---- */

static void read_table(struct scene *scene)
{
    struct world *world = scene->stage.world;
    struct group *group = group_of(&scene->stage, scene->inside);
    struct item_record item;
    struct id key;
    enum record_kind kind;
    struct bytes value;
    for (size_t i = 0; world_record_at(world, i, &key, &kind, &value); i++)
        buffer_add(&scene->public_bytes, value.data, value.len);

    assert_true(item_record_decode(group_head_value(group), &item));
    assert_true(head_body_decode(item.body, &scene->head));
    uint8_t salt[KEYPAGE_SALT_BYTES];
    keypage_salt(scene->head.epoch, scene->head.mark, 0, salt);
    key = key_of_item(group_key(group)->bytes, bytes_of(salt, sizeof salt));
    assert_true(item_record_decode(world_value(world, &key, KIND_ITEM), &item));
    assert_true(keypage_decode(item.body, &scene->page));
}

/* So long ago that members let nobody in under the old keys. */
static void scene_init(struct scene *scene)
{
    *scene = (struct scene){.stage = with_owner(&study)};
    struct stage *stage = &scene->stage;
    buffer_init(&scene->public_bytes);
    rng_init_seed(&scene->rng, rng_u64(world_rng(stage->world)));
    size_t removed = with_member(stage, "removed");
    scene->inside = with_member(stage, "inside");
    scene->member = group_own_keys(group_of(stage, scene->inside))->public_key;
    scene->old = *group_epoch(group_of(stage, removed), 0);
    scene->old_pairs = *group_own_keys(group_of(stage, removed));
    assert_int_equal(remove_person(stage, removed), STATUS_OK);
    world_run(stage->world, 9 * DAY);
    assert_int_equal(facts_of(stage, scene->inside).epoch, 2);
    read_table(scene);
}

static void scene_dispose(struct scene *scene)
{
    buffer_dispose(&scene->public_bytes);
    world_free(scene->stage.world);
}

/* ---- the door, as members keep it ---- */

static bool find_psk(void *user, struct bytes identity, uint8_t psk[TLS_PSK_BYTES])
{
    const struct group *group = user;
    const struct epoch_keys *keys;
    for (unsigned age = 0; (keys = group_epoch(group, age)) != NULL; age++)
        if (psk_identity_fits(identity, keys->key[USE_PSKID], NOW_S)) {
            memcpy(psk, keys->key[USE_PSK], TLS_PSK_BYTES);
            return true;
        }
    return false;
}

static bool gets_in(struct scene *scene, struct bytes identity, const uint8_t psk[TLS_PSK_BYTES])
{
    struct tls_sessions sessions;
    enum status client, server;
    tls_sessions_begin(&sessions, identity, psk, find_psk, group_of(&scene->stage, scene->inside));
    tls_sessions_shake_hands(&sessions, &client, &server);
    bool in = tls_is_open(sessions.client) || tls_is_open(sessions.server);
    tls_sessions_end(&sessions);
    return in;
}

/* Under an identity of one's own, or one that was copied from a member's call. */
static bool enters(struct scene *scene, const struct epoch_keys *keys, bool copied)
{
    const struct epoch_keys *true_keys = group_epoch(group_of(&scene->stage, scene->inside), 0);
    uint8_t identity[PSK_IDENTITY_BYTES];
    psk_identity_make((copied ? true_keys : keys)->key[USE_PSKID], NOW_S, &scene->rng, identity);
    return gets_in(scene, bytes_of(identity, sizeof identity), keys->key[USE_PSK]);
}

/* ---- a box ---- */

/* With that private key, as if a box of the page were for it. */
static bool opens_box(struct scene *scene, const uint8_t private_key[X25519_BYTES])
{
    const struct public_key *group = group_key(world_group(scene->stage.world, scene->inside));
    struct keypage page = scene->page;
    struct key_pairs pairs = {.public_key = scene->member};
    uint8_t secret[ROOT_BYTES];
    memcpy(pairs.box, private_key, sizeof pairs.box);
    struct keypage_box *box = &page.boxes[rng_below(&scene->rng, page.count)];
    assert_int_equal(
        keypage_tag(pairs.box, scene->head.box_public, group, scene->head.epoch, box->tag),
        STATUS_OK);
    return keypage_find(&page, group, scene->head.box_public, &pairs, scene->head.epoch, secret) !=
           STATUS_MISMATCH;
}

/* ---- what can be guessed ---- */

static void guess(struct scene *scene, unsigned number, uint8_t secret[ROOT_BYTES])
{
    struct bytes parts[2] = {bytes_of(scene->old.secret, ROOT_BYTES)};
    uint8_t random[ROOT_BYTES];
    size_t last = scene->public_bytes.len - ROOT_BYTES;
    const uint8_t *window = scene->public_bytes.data + rng_below(&scene->rng, (uint32_t)last + 1);
    rng_fill(&scene->rng, random, sizeof random);
    switch (number % 4) {
    case 0:
        memcpy(secret, random, ROOT_BYTES);
        break;
    case 1:
        memcpy(secret, window, ROOT_BYTES);
        break;
    case 2: /* the old secret, and something public, hashed */
        parts[1] = bytes_of(window, ROOT_BYTES);
        sha256_of_parts(parts, 2, secret);
        break;
    default:
        memcpy(secret, scene->old.secret, ROOT_BYTES);
        secret[random[0] % ROOT_BYTES] ^= random[1] & 0x0f;
    }
}

/* How much of what he tries succeeds. */
static size_t attempt(struct scene *scene, unsigned number)
{
    const struct public_key *group = group_key(world_group(scene->stage.world, scene->inside));
    struct epoch_keys keys;
    uint8_t secret[ROOT_BYTES];
    guess(scene, number, secret);
    assert_int_equal(epoch_keys_derive(group, scene->head.epoch, secret, &keys), STATUS_OK);
    if (number % 8 == 7)
        memcpy(keys.key, scene->old.key, sizeof keys.key); /* the old keys as they are */
    size_t successes = enters(scene, &keys, number % 3 == 0);
    successes += opens_box(scene, number % 4 == 3 ? scene->old_pairs.box : secret);
    return successes;
}

static unsigned long attempts(void)
{
    const char *count = getenv("KADPEER_GROUP_ATTEMPTS");
    return count != NULL ? strtoul(count, NULL, 0) : ATTEMPTS;
}

static void who_has_not_the_keys_opens_no_door(void **state)
{
    (void)state;
    struct scene scene;
    size_t successes = 0;
    scene_init(&scene);
    for (unsigned long i = 0; i < attempts(); i++)
        successes += attempt(&scene, (unsigned)i);
    print_message("# %zu of %lu attempts at a door and a box succeeded\n", successes, attempts());
    assert_int_equal(successes, 0);
    scene_dispose(&scene);
}

/* The attempts would show it if they did. */
static void who_has_the_keys_is_let_in(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct group *group = group_of(&scene.stage, scene.inside);
    const struct epoch_keys *keys = group_epoch(group, 0);
    struct key_pairs own = *group_own_keys(group);
    uint8_t secret[ROOT_BYTES];
    assert_true(enters(&scene, keys, false) && enters(&scene, keys, true));
    assert_int_equal(keypage_find(&scene.page, group_key(group), scene.head.box_public, &own,
                                  scene.head.epoch, secret),
                     STATUS_OK);
    assert_memory_equal(secret, keys->secret, sizeof secret);
    scene_dispose(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_not_the_keys_opens_no_door),
        cmocka_unit_test(who_has_the_keys_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
