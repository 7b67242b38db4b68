#include "support/group_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kadpeer/records.h"
#include "support/group_table.h"

#define UNIX_BASE_MS 1700000000000ull
#define PEOPLE_MAX   600
#define EVENT_TYPES  (GROUP_EVENT_GONE + 1)
#define ACTION_TYPES (GROUP_DROP_PEER + 1)

enum task_type { TASK_LOOKUP, TASK_PUBLISHED, TASK_WORK, TASK_BLOB };

struct task {
    struct task *next;
    enum task_type type;
    size_t person;
    uint32_t life; /* of the person: answers to an earlier one are lost */
    uint32_t handle;
    struct id key;
    enum record_kind kind;
    unsigned bits;
    uint8_t sha256[SHA256_BYTES];
    uint32_t stored;
    struct buffer value;
};

struct person {
    struct group_config config;
    struct group *group; /* NULL: offline, or none yet */
    struct buffer saved;
    uint32_t life;
    bool crashes, crashed;
    size_t crash_after;
    size_t events[EVENT_TYPES];
    struct group_event last[EVENT_TYPES];
    size_t actions[ACTION_TYPES];
    struct public_key dropped[64];
    size_t dropped_count;
};

struct world {
    struct rng rng;
    uint64_t now_ms;
    unsigned least_work;
    struct person people[PEOPLE_MAX];
    size_t count;
    struct group_table table;
    struct task *first, **last;
};

static void must(bool ok)
{
    assert(ok);
    if (!ok)
        abort();
}

/* ---- life ---- */

struct world *world_new(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    assert(world != NULL);
    rng_init_seed(&world->rng, seed);
    world->now_ms = 1000;
    world->table.holding = WORLD_NODES;
    world->last = &world->first;
    return world;
}

static void task_free(struct task *task)
{
    buffer_dispose(&task->value);
    free(task);
}

void world_free(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        group_free(world->people[i].group);
        buffer_dispose(&world->people[i].saved);
    }
    group_table_dispose(&world->table);
    while (world->first != NULL) {
        struct task *task = world->first;
        world->first = task->next;
        task_free(task);
    }
    free(world);
}

uint64_t world_now_ms(const struct world *world)
{
    return world->now_ms;
}

uint64_t world_unix_s(const struct world *world)
{
    return (UNIX_BASE_MS + world->now_ms) / 1000;
}

struct rng *world_rng(struct world *world)
{
    return &world->rng;
}

/* ---- the table ---- */

struct bytes world_value(const struct world *world, const struct id *key, enum record_kind kind)
{
    return group_table_value(&world->table, key, kind);
}

void world_put(struct world *world, const struct id *key, enum record_kind kind, struct bytes value)
{
    group_table_put(&world->table, key, kind, value);
}

void world_force(struct world *world, const struct id *key, enum record_kind kind,
                 struct bytes value)
{
    group_table_force(&world->table, key, kind, value);
}

void world_lose(struct world *world, const struct id *key)
{
    group_table_lose(&world->table, key);
}

size_t world_largest_value(const struct world *world)
{
    return group_table_largest_value(&world->table);
}

size_t world_records(const struct world *world)
{
    return world->table.count;
}

bool world_record_at(const struct world *world, size_t index, struct id *key,
                     enum record_kind *kind, struct bytes *value)
{
    return group_table_at(&world->table, index, key, kind, value);
}

void world_set_least_work(struct world *world, unsigned bits)
{
    world->least_work = bits;
}

void world_set_holding(struct world *world, uint32_t nodes)
{
    world->table.holding = nodes;
}

/* ---- what a group asks for ---- */

static struct task *push(struct world *world, size_t number, enum task_type type,
                         const struct group_action *action)
{
    struct task *task = calloc(1, sizeof *task);
    assert(task != NULL);
    *task = (struct task){.type = type,
                          .person = number,
                          .life = world->people[number].life,
                          .handle = action->handle,
                          .key = action->key,
                          .kind = action->kind,
                          .bits = action->bits};
    memcpy(task->sha256, action->sha256, sizeof task->sha256);
    buffer_init(&task->value);
    buffer_add(&task->value, action->value.data, action->value.len);
    *world->last = task;
    world->last = &task->next;
    return task;
}

static void save(struct world *world, struct person *person)
{
    buffer_clear(&person->saved);
    group_save(person->group, &person->saved);
    assert(!person->saved.failed);
    group_on_saved(person->group, world->now_ms);
}

static uint32_t store(struct world *world, const struct group_action *action)
{
    struct drop_record drop;
    if (action->kind == KIND_DROP && drop_record_decode(action->value, &drop) &&
        drop_record_work(&drop) < world->least_work)
        return 0;
    world_put(world, &action->key, action->kind, action->value);
    return world->table.holding;
}

static void take_action(struct world *world, size_t number, const struct group_action *action)
{
    struct person *person = &world->people[number];
    person->actions[action->type]++;
    switch (action->type) {
    case GROUP_LOOKUP:
        push(world, number, TASK_LOOKUP, action);
        break;
    case GROUP_PUBLISH:
        push(world, number, TASK_PUBLISHED, action)->stored = store(world, action);
        break;
    case GROUP_SAVE:
        save(world, person);
        break;
    case GROUP_WORK:
        push(world, number, TASK_WORK, action);
        break;
    case GROUP_BLOB:
        push(world, number, TASK_BLOB, action);
        break;
    case GROUP_DROP_PEER:
        if (person->dropped_count < 64)
            person->dropped[person->dropped_count++] = action->member;
        break;
    case GROUP_CANCEL:
    case GROUP_WITHDRAW:
    case GROUP_KEYS:
        break;
    }
}

static void restart(struct world *world, size_t number)
{
    struct person *person = &world->people[number];
    group_free(person->group);
    person->life++;
    person->crashes = false;
    rng_init_seed(&person->config.rng, rng_u64(&world->rng));
    person->group = group_load(&person->config, buffer_bytes(&person->saved), world->now_ms);
    assert(person->group != NULL);
}

/* True: there was something. */
static bool drain(struct world *world, size_t number)
{
    struct person *person = &world->people[number];
    struct group_action action;
    struct group_event event;
    bool any = false;
    while (person->group != NULL && group_next_action(person->group, &action)) {
        any = true;
        if (person->crashes && person->crash_after-- == 0) {
            person->crashes = false;
            person->crashed = true;
            world_stop(world, number);
            break;
        }
        take_action(world, number, &action);
    }
    while (person->group != NULL && group_next_event(person->group, &event)) {
        any = true;
        person->events[event.type]++;
        person->last[event.type] = event;
    }
    assert(person->group == NULL || group_valid(person->group));
    return any;
}

/* ---- what it is answered ---- */

static void answer_lookup(struct world *world, struct group *group, const struct task *task)
{
    uint32_t holding = 0;
    for (size_t i = 0; i < world->table.count; i++) {
        struct group_record *record = &world->table.records[i];
        if (record->kind != task->kind || !id_equal(&record->key, &task->key))
            continue;
        holding = record->holding;
        for (int overlay = 0; overlay < 2; overlay++) /* each of the two nodes brings it */
            group_on_value(group, task->handle, bytes_of(record->value, record->len),
                           world->now_ms);
    }
    group_on_lookup_done(group, task->handle, holding > 0 ? STATUS_OK : STATUS_NOT_FOUND,
                         WORLD_NODES, holding, world->now_ms);
}

static void answer_work(struct world *world, struct group *group, const struct task *task)
{
    struct drop_record drop;
    struct buffer worked;
    uint64_t nonce = rng_u64(&world->rng);
    buffer_init(&worked);
    must(drop_record_decode(buffer_bytes(&task->value), &drop));
    must(drop_record_find_nonce(&drop, task->bits, &nonce, UINT64_MAX));
    drop_record_encode(&drop, &worked);
    group_on_worked(group, task->handle, true, buffer_bytes(&worked), world->now_ms);
    buffer_dispose(&worked);
}

static void answer_blob(struct world *world, struct group *group, const struct task *task)
{
    struct bytes blob = {0};
    for (size_t i = 0; i < world->count; i++)
        if (world->people[i].group != NULL &&
            group_find_blob(world->people[i].group, task->sha256, &blob))
            break;
    group_on_blob(group, task->sha256, blob, world->now_ms);
}

static void answer(struct world *world, const struct task *task)
{
    struct person *person = &world->people[task->person];
    if (person->group == NULL || person->life != task->life)
        return;
    switch (task->type) {
    case TASK_LOOKUP:
        answer_lookup(world, person->group, task);
        break;
    case TASK_PUBLISHED:
        group_on_published(person->group, &task->key, task->kind, task->stored, WORLD_NODES,
                           world->now_ms);
        break;
    case TASK_WORK:
        answer_work(world, person->group, task);
        break;
    case TASK_BLOB:
        answer_blob(world, person->group, task);
        break;
    }
}

/* ---- time ---- */

static void settle(struct world *world)
{
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < world->count; i++)
            any |= drain(world, i);
        struct task *task = world->first;
        if (task == NULL)
            continue;
        any = true;
        world->first = task->next;
        if (world->first == NULL)
            world->last = &world->first;
        answer(world, task);
        task_free(task);
    }
}

static uint64_t next_deadline_ms(const struct world *world)
{
    uint64_t first_ms = UINT64_MAX;
    for (size_t i = 0; i < world->count; i++) {
        const struct group *group = world->people[i].group;
        if (group != NULL && group_deadline(group) < first_ms)
            first_ms = group_deadline(group);
    }
    return first_ms;
}

void world_run(struct world *world, uint64_t ms)
{
    uint64_t end_ms = world->now_ms + ms;
    settle(world);
    for (uint64_t next_ms; (next_ms = next_deadline_ms(world)) <= end_ms;) {
        if (next_ms > world->now_ms)
            world->now_ms = next_ms;
        for (size_t i = 0; i < world->count; i++) {
            struct group *group = world->people[i].group;
            if (group != NULL && group_deadline(group) <= world->now_ms)
                group_on_time(group, world->now_ms);
            if (group != NULL)
                drain(world, i);
        }
        settle(world);
    }
    world->now_ms = end_ms;
}

void world_set_forward(struct world *world, uint64_t ms)
{
    world->now_ms += ms;
}

/* ---- people ---- */

static size_t add_person(struct world *world, const struct group_config *config)
{
    assert(world->count < PEOPLE_MAX);
    struct person *person = &world->people[world->count];
    *person = (struct person){.config = *config};
    buffer_init(&person->saved);
    rng_init_seed(&person->config.rng, rng_u64(&world->rng));
    return world->count++;
}

size_t world_add(struct world *world, const char *name)
{
    struct group_config config = {.unix_base_ms = UNIX_BASE_MS};
    rng_fill(&world->rng, config.user_root, sizeof config.user_root);
    snprintf(config.user_name, sizeof config.user_name, "%s", name);
    return add_person(world, &config);
}

size_t world_add_device(struct world *world, size_t person)
{
    size_t other = add_person(world, &world->people[person].config);
    struct bytes saved = buffer_bytes(&world->people[person].saved);
    buffer_add(&world->people[other].saved, saved.data, saved.len);
    world_start(world, other);
    return other;
}

struct public_key world_user(struct world *world, size_t person)
{
    struct key_pairs pairs;
    enum status status = keys_of_user(world->people[person].config.user_root, &pairs);
    assert(status == STATUS_OK);
    return pairs.public_key;
}

const struct group_config *world_config(const struct world *world, size_t person)
{
    return &world->people[person].config;
}

struct group *world_group(struct world *world, size_t person)
{
    return world->people[person].group;
}

void world_create(struct world *world, size_t person, const struct group_options *options)
{
    world->people[person].group =
        group_create(&world->people[person].config, options, world->now_ms);
    assert(world->people[person].group != NULL);
}

void world_apply(struct world *world, size_t person, const struct public_key *key,
                 const uint8_t *token)
{
    world->people[person].group =
        group_apply(&world->people[person].config, key, token, "", "please", 0, world->now_ms);
    assert(world->people[person].group != NULL);
}

void world_invite(struct world *world, size_t owner, size_t person)
{
    struct invite invite;
    struct buffer text;
    buffer_init(&text);
    enum status status =
        group_invite(world_group(world, owner), 1, 3600, NULL, 0, world->now_ms, &text);
    assert(status == STATUS_OK);
    status = invite_parse((const char *)text.data, &invite);
    assert(status == STATUS_OK);
    buffer_dispose(&text);
    world_apply(world, person, &invite.group, invite.token);
}

void world_join_directly(struct world *world, size_t owner, size_t person)
{
    struct buffer plain;
    buffer_init(&plain);
    world_apply(world, person, group_key(world_group(world, owner)), NULL);
    enum status status = group_join_plain(world_group(world, person), world->now_ms, &plain);
    assert(status == STATUS_OK);
    status = group_on_join(world_group(world, owner), buffer_bytes(&plain), world->now_ms);
    assert(status == STATUS_OK);
    buffer_dispose(&plain);
    struct public_key user = world_user(world, person);
    status = group_accept(world_group(world, owner), &user, world->now_ms);
    assert(status == STATUS_OK);
}

void world_stop(struct world *world, size_t person)
{
    group_free(world->people[person].group);
    world->people[person].group = NULL;
    world->people[person].life++;
}

void world_start(struct world *world, size_t person)
{
    restart(world, person);
}

void world_crash_after(struct world *world, size_t person, size_t actions)
{
    world->people[person].crashes = true;
    world->people[person].crashed = false;
    world->people[person].crash_after = actions;
}

bool world_has_crashed(const struct world *world, size_t person)
{
    return world->people[person].crashed;
}

/* ---- what happened ---- */

size_t world_events(const struct world *world, size_t person, enum group_event_type type)
{
    return world->people[person].events[type];
}

const struct group_event *world_last_event(const struct world *world, size_t person,
                                           enum group_event_type type)
{
    return &world->people[person].last[type];
}

size_t world_actions(const struct world *world, size_t person, enum group_action_type type)
{
    return world->people[person].actions[type];
}

bool world_was_dropped(const struct world *world, size_t person, const struct public_key *member)
{
    const struct person *one = &world->people[person];
    for (size_t i = 0; i < one->dropped_count; i++)
        if (public_key_equal(&one->dropped[i], member))
            return true;
    return false;
}
