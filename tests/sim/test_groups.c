/* Private groups on the real table, with delay and loss: how fast a removal is known, whether
 * people who never meet find each other, what is left while the owner is away, whether old HEADs
 * take anybody back. KADPEER_GROUP_DAYS lengthens the owner's absence (tools/soak). */
#include "support/unit.h"

#include <string.h>

#include "kadpeer/records.h"
#include "people/keypage.h"
#include "sim/crowd.h"
#include "sim/net_parts.h"

#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct group_options study = {.name = "study", .policy = JOIN_ON_REQUEST};

struct scene {
    struct net *net;
    struct crowd *crowd;
    size_t owner;
    struct public_key key; /* of the group */
};

static struct scene new_scene(size_t nodes, double loss)
{
    uint64_t seed = test_seed(11);
    struct net_config config = {.seed = seed, .family = ENDPOINT_IPV4, .addresses = NET_PUBLIC};
    struct scene scene = {.net = net_new(&config)};
    net_add_delay(scene.net, 10, 100);
    net_add_loss(scene.net, loss);
    for (size_t i = 0; i < nodes; i++) {
        net_add_node(scene.net, NULL);
        net_start(scene.net, i, i > 0 ? 0 : NET_NONE);
        net_run_for(scene.net, 100);
    }
    net_run_for(scene.net, MINUTE);
    scene.crowd = crowd_new(scene.net, seed);
    return scene;
}

static void end_scene(struct scene *scene)
{
    crowd_free(scene->crowd);
    net_free(scene->net);
}

/* On nodes first, first + 1, …; all of them in. */
static void add_group(struct scene *scene, size_t first, size_t members)
{
    scene->owner = crowd_add(scene->crowd, first, "owner");
    crowd_create(scene->crowd, scene->owner, &study);
    net_run_for(scene->net, MINUTE);
    assert_int_equal(crowd_events(scene->crowd, scene->owner, GROUP_EVENT_READY), 1);
    scene->key = *group_key(crowd_group(scene->crowd, scene->owner));
    for (size_t i = 1; i < members; i++)
        crowd_join(scene->crowd, scene->owner, crowd_add(scene->crowd, first + i, "member"));
    crowd_touched(scene->crowd, scene->owner);
    net_run_for(scene->net, 6 * MINUTE);
    for (size_t i = 0; i < members; i++) {
        struct group_facts facts;
        group_facts(crowd_group(scene->crowd, i), &facts);
        assert_int_equal(facts.members, members);
    }
}

static uint64_t queries_of(const struct scene *scene, size_t node)
{
    struct dht_stats stats;
    dht_stats(net_dht(scene->net, node), &stats);
    return stats.queries_out[1] + stats.queries_out[2] + stats.queries_out[3];
}

static struct group_facts facts_of(const struct scene *scene, size_t person)
{
    struct group_facts facts;
    group_facts(crowd_group(scene->crowd, person), &facts);
    return facts;
}

static size_t count_on_epoch(const struct scene *scene, size_t members, uint32_t epoch)
{
    size_t count = 0;
    for (size_t i = 0; i < members; i++)
        if (crowd_group(scene->crowd, i) != NULL)
            count += facts_of(scene, i).epoch == epoch;
    return count;
}

static void remove_one(struct scene *scene, size_t person)
{
    struct public_key user = crowd_user(scene->crowd, person);
    assert_int_equal(
        group_remove(crowd_group(scene->crowd, scene->owner), &user, net_now_ms(scene->net)),
        STATUS_OK);
    crowd_touched(scene->crowd, scene->owner);
}

/* Runs until the owner's new HEAD stands. Returns how long that took. */
static uint64_t run_until_left(struct scene *scene)
{
    uint64_t start_ms = net_now_ms(scene->net);
    while (crowd_events(scene->crowd, scene->owner, GROUP_EVENT_LEFT) == 0 &&
           net_now_ms(scene->net) - start_ms < 5 * MINUTE)
        net_run_for(scene->net, 100);
    assert_int_equal(crowd_events(scene->crowd, scene->owner, GROUP_EVENT_LEFT), 1);
    return net_now_ms(scene->net) - start_ms;
}

/* ---- a removal ---- */

static void removal_is_known_within_a_quarter_of_an_hour(void **state)
{
    (void)state;
    const size_t members = 100, removed = 50;
    struct scene scene = new_scene(120, 0.1);
    add_group(&scene, 10, members);
    size_t node = crowd_node(scene.crowd, scene.owner);
    uint64_t before = queries_of(&scene, node);
    remove_one(&scene, removed);
    uint64_t took_ms = run_until_left(&scene);
    uint64_t queries = queries_of(&scene, node) - before;
    net_run_for(scene.net, took_ms); /* what it asks at any time, for its mail and the like */
    queries -= queries_of(&scene, node) - before - queries;
    net_stop(scene.net, node);

    uint64_t left_ms = net_now_ms(scene.net);
    size_t lookups = crowd_lookups(scene.crowd);
    size_t known = 0;
    for (uint64_t minute = 1; minute <= 15; minute++) {
        net_run_for(scene.net, MINUTE);
        known = count_on_epoch(&scene, members, 2);
        if (minute % 5 == 0)
            print_message("# after %u min: %zu of %zu on the new epoch\n", (unsigned)minute, known,
                          members - 2);
    }
    print_message("# owner: %u ms, %u queries; members: %zu lookups in %u min\n", (unsigned)took_ms,
                  (unsigned)queries, crowd_lookups(scene.crowd) - lookups,
                  (unsigned)((net_now_ms(scene.net) - left_ms) / MINUTE));
    assert_true(known * 100 >= 99 * (members - 2));
    assert_true(queries <= 2200); /* 1,785 to 1,990 with the seeds 11 to 13 and 21 to 24 */
    assert_int_equal(group_standing(crowd_group(scene.crowd, removed)), GROUP_REMOVED);
    assert_int_equal(crowd_went_back(scene.crowd), 0);
    end_scene(&scene);
}

/* ---- people who never meet ---- */

static struct invite make_invite(struct scene *scene)
{
    struct buffer text;
    struct invite invite;
    buffer_init(&text);
    assert_int_equal(group_invite(crowd_group(scene->crowd, scene->owner), 1, 0, NULL, 0,
                                  net_now_ms(scene->net), &text),
                     STATUS_OK);
    assert_int_equal(invite_parse((const char *)text.data, &invite), STATUS_OK);
    crowd_touched(scene->crowd, scene->owner);
    buffer_dispose(&text);
    return invite;
}

static void accept_all(struct scene *scene)
{
    struct group *group = crowd_group(scene->crowd, scene->owner);
    struct group_request request;
    while (group_requests(group, &request, 1) > 0)
        assert_int_equal(group_accept(group, &request.user, net_now_ms(scene->net)), STATUS_OK);
    crowd_touched(scene->crowd, scene->owner);
}

/* One has an invite, the other knows no more than the group's key. */
static void owner_and_applicants_are_never_online_together(void **state)
{
    (void)state;
    struct scene scene = new_scene(40, 0.05);
    add_group(&scene, 5, 1);
    size_t owner_node = crowd_node(scene.crowd, scene.owner);
    size_t guest = crowd_add(scene.crowd, 20, "guest"), asker = crowd_add(scene.crowd, 21, "asker");
    struct invite invite = make_invite(&scene);
    net_stop(scene.net, owner_node);

    crowd_apply(scene.crowd, guest, &invite.group, invite.token);
    crowd_apply(scene.crowd, asker, &invite.group, NULL);
    net_run_for(scene.net, 10 * MINUTE);
    net_stop(scene.net, 20);
    net_stop(scene.net, 21);

    net_run_for(scene.net, 6 * HOUR);
    net_start(scene.net, owner_node, 0);
    net_run_for(scene.net, 5 * MINUTE);
    assert_int_equal(crowd_events(scene.crowd, scene.owner, GROUP_EVENT_REQUEST), 1);
    accept_all(&scene);
    net_run_for(scene.net, 5 * MINUTE);
    assert_int_equal(crowd_events(scene.crowd, scene.owner, GROUP_EVENT_ACCEPTED), 2);
    net_stop(scene.net, owner_node);

    net_run_for(scene.net, 6 * HOUR);
    net_start(scene.net, 20, 0);
    net_start(scene.net, 21, 0);
    net_run_for(scene.net, 5 * MINUTE);
    assert_int_equal(group_standing(crowd_group(scene.crowd, guest)), GROUP_MEMBER);
    assert_int_equal(group_standing(crowd_group(scene.crowd, asker)), GROUP_MEMBER);
    assert_int_equal(facts_of(&scene, guest).members, 3);
    end_scene(&scene);
}

/* ---- an owner who is away ---- */

struct wanted {
    struct id keys[1 + GROUP_KEYPAGES_MAX + ROSTER_PARTS_MAX];
    enum record_kind kinds[1 + GROUP_KEYPAGES_MAX + ROSTER_PARTS_MAX];
    size_t count;
};

static void want(struct wanted *wanted, const struct id *key, enum record_kind kind)
{
    wanted->keys[wanted->count] = *key;
    wanted->kinds[wanted->count++] = kind;
}

/* HEAD, pages and roster. */
static struct wanted wanted_of(struct scene *scene)
{
    struct wanted wanted = {0};
    struct item_record item;
    struct head_body body;
    struct id key = key_of_item(scene->key.bytes, bytes_of_string(ITEM_SALT_HEAD));
    want(&wanted, &key, KIND_ITEM);
    assert_true(
        item_record_decode(group_head_value(crowd_group(scene->crowd, scene->owner)), &item));
    assert_true(head_body_decode(item.body, &body));
    for (uint16_t i = 0; i < body.keypages; i++) {
        uint8_t salt[KEYPAGE_SALT_BYTES];
        keypage_salt(body.epoch, body.mark, i, salt);
        key = key_of_item(scene->key.bytes, bytes_of(salt, sizeof salt));
        want(&wanted, &key, KIND_ITEM);
    }
    for (size_t i = 0; i < body.part_count; i++)
        want(&wanted, &body.parts[i], KIND_PART);
    return wanted;
}

static uint64_t absence_ms(void)
{
    const char *days = getenv("KADPEER_GROUP_DAYS");
    return days != NULL ? strtoull(days, NULL, 0) * DAY : 12 * HOUR;
}

static void group_outlives_the_absence_of_its_owner(void **state)
{
    (void)state;
    struct scene scene = new_scene(60, 0.02);
    add_group(&scene, 1, 12);
    struct wanted wanted = wanted_of(&scene);
    net_stop(scene.net, crowd_node(scene.crowd, scene.owner));
    net_churn(scene.net, 2, 3 * HOUR, 3 * HOUR, false); /* members come and go like the others */
    size_t asked = 0, found = 0;
    for (uint64_t end_ms = net_now_ms(scene.net) + absence_ms(); net_now_ms(scene.net) < end_ms;) {
        net_run_for(scene.net, 10 * MINUTE);
        for (size_t i = 0; i < wanted.count; i++) {
            size_t outcome =
                net_get(scene.net, 0, &wanted.keys[i], wanted.kinds[i], (struct bytes){0});
            assert_true(net_run_until_done(scene.net, outcome, MINUTE));
            found += net_outcome(scene.net, outcome)->event.status == STATUS_OK;
            asked++;
        }
        if (net_is_up(scene.net, 1)) /* the owner is away, churn or not */
            net_stop(scene.net, 1);
    }
    print_message("# %zu of %zu lookups of %zu records found them\n", found, asked, wanted.count);
    assert_true(found * 1000 >= asked * 999);
    assert_int_equal(crowd_went_back(scene.crowd), 0);
    end_scene(&scene);
}

/* ---- nodes that tell of an old HEAD ---- */

struct copy {
    uint8_t bytes[ITEM_VALUE_MAX];
    size_t len;
};

/* Whatever they were given meanwhile. */
static void serve_old(struct scene *scene, const size_t liars[], size_t count, const struct id *key,
                      const struct copy *old)
{
    for (size_t i = 0; i < count; i++) {
        net_stop(scene->net, liars[i]);
        net_lose_records(scene->net, liars[i]);
        net_start(scene->net, liars[i], 0);
        assert_int_equal(dht_restore_record(net_dht(scene->net, liars[i]), key, KIND_ITEM,
                                            bytes_of(old->bytes, old->len), 3600,
                                            net_now_ms(scene->net)),
                         STATUS_OK);
        net_touched(scene->net, liars[i]);
    }
}

static void old_heads_take_nobody_back(void **state)
{
    (void)state;
    const size_t members = 20;
    struct scene scene = new_scene(70, 0.05);
    add_group(&scene, 50, members);
    struct id key = key_of_item(scene.key.bytes, bytes_of_string(ITEM_SALT_HEAD));
    struct bytes head = group_head_value(crowd_group(scene.crowd, scene.owner));
    struct copy old = {.len = head.len};
    memcpy(old.bytes, head.data, head.len);
    remove_one(&scene, 7);
    run_until_left(&scene);

    /* Three tenths of the replicas, none of them a member's node. */
    size_t nearest[70], liars[DHT_K], count = 0;
    size_t nodes = net_nearest(scene.net, &key, nearest, 70), asker = nodes - 1;
    for (size_t i = 0; i < DHT_K && count < DHT_K * 3 / 10; i++)
        if (nearest[i] > 0 && nearest[i] < 50)
            liars[count++] = nearest[i];
    assert_int_equal(count, DHT_K * 3 / 10);
    while (nearest[asker] >= 50)
        asker--; /* one who holds none itself */
    size_t seen = 0;
    for (unsigned minute = 0; minute < 15; minute++) {
        serve_old(&scene, liars, count, &key, &old);
        size_t outcome =
            net_get(scene.net, nearest[asker], &key, KIND_ITEM, bytes_of(old.bytes, old.len));
        net_run_for(scene.net, MINUTE);
        seen += net_outcome(scene.net, outcome)->found;
    }
    print_message("# the old one came with %zu of 15 lookups\n", seen);
    assert_true(seen > 0);
    assert_int_equal(crowd_went_back(scene.crowd), 0);
    assert_int_equal(count_on_epoch(&scene, members, 2), members - 1);
    for (size_t i = 0; i < members; i++) { /* not even after a restart */
        net_stop(scene.net, crowd_node(scene.crowd, i));
        net_start(scene.net, crowd_node(scene.crowd, i), 0);
    }
    serve_old(&scene, liars, count, &key, &old);
    net_run_for(scene.net, 5 * MINUTE);
    assert_int_equal(crowd_went_back(scene.crowd), 0);
    assert_int_equal(count_on_epoch(&scene, members, 2), members - 1);
    end_scene(&scene);
}

/* ---- two devices of one owner ---- */

static void rotate(struct scene *scene, size_t person)
{
    assert_int_equal(group_rotate(crowd_group(scene->crowd, person), net_now_ms(scene->net)),
                     STATUS_OK);
    crowd_touched(scene->crowd, person);
}

/* Of how many it is the newest epoch, and with the very secret that the owner has. */
static size_t count_of_one_mind(const struct scene *scene, size_t people)
{
    const struct epoch_keys *owners = group_epoch(crowd_group(scene->crowd, scene->owner), 0);
    size_t count = 0;
    for (size_t i = 0; i < people; i++) {
        const struct epoch_keys *keys = group_epoch(crowd_group(scene->crowd, i), 0);
        count += keys->epoch >= 2 && keys->epoch == owners->epoch &&
                 memcmp(keys->secret, owners->secret, ROOT_BYTES) == 0;
    }
    return count;
}

static void look_at_files(struct scene *scene, size_t people)
{
    for (size_t i = 0; i < people; i++) {
        group_refresh(crowd_group(scene->crowd, i), net_now_ms(scene->net));
        crowd_touched(scene->crowd, i);
    }
}

/* The second begins when the first is at its pages, its roster, its HEAD, or done. */
static void two_devices_that_rotate_at_once_end_at_one_epoch(void **state)
{
    (void)state;
    const size_t members = 4, people = members + 1, rounds = 16;
    struct scene scene = new_scene(30, 0.1);
    add_group(&scene, 5, members);
    size_t device = crowd_add_device(scene.crowd, scene.owner, 20);
    net_run_for(scene.net, 2 * MINUTE);
    uint64_t slowest_ms = 0;
    for (size_t round = 0; round < rounds; round++) {
        uint32_t before = facts_of(&scene, 1).epoch;
        uint64_t start_ms = net_now_ms(scene.net);
        rotate(&scene, round % 2 == 0 ? scene.owner : device);
        net_run_for(scene.net, round * 150);
        rotate(&scene, round % 2 == 0 ? device : scene.owner);
        while (
            net_now_ms(scene.net) - start_ms < 90 * SECOND &&
            (facts_of(&scene, 1).epoch == before || count_of_one_mind(&scene, people) < people)) {
            net_run_for(scene.net, 5 * SECOND);
            look_at_files(&scene, members); /* the other device finds out by itself */
        }
        assert_true(facts_of(&scene, 1).epoch > before);
        assert_int_equal(count_of_one_mind(&scene, people), people);
        if (net_now_ms(scene.net) - start_ms > slowest_ms)
            slowest_ms = net_now_ms(scene.net) - start_ms;
        net_run_for(scene.net, 5 * MINUTE);
        assert_int_equal(count_of_one_mind(&scene, people), people);
    }
    print_message("# of one mind after %u ms at most\n", (unsigned)slowest_ms);
    assert_true(crowd_events(scene.crowd, scene.owner, GROUP_EVENT_FORK) +
                    crowd_events(scene.crowd, device, GROUP_EVENT_FORK) >
                0);
    assert_int_equal(crowd_went_back(scene.crowd), 0);
    end_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removal_is_known_within_a_quarter_of_an_hour),
        cmocka_unit_test(owner_and_applicants_are_never_online_together),
        cmocka_unit_test(group_outlives_the_absence_of_its_owner),
        cmocka_unit_test(old_heads_take_nobody_back),
        cmocka_unit_test(two_devices_that_rotate_at_once_end_at_one_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
