#include "sim/crowd.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kadpeer/records.h"

#define PEOPLE_MAX  128
#define EVENT_TYPES (GROUP_EVENT_GONE + 1)

struct lookup {
    struct lookup *next;
    uint32_t operation, handle;
};

struct person {
    size_t node;
    struct group_config config;
    struct group *group;
    struct buffer saved;
    struct lookup *lookups;
    bool is_idle;       /* never ends its work for a mailbox */
    uint64_t called_ms; /* the call that is asked for; UINT64_MAX: none */
    size_t events[EVENT_TYPES];
    uint64_t head_seq;
    uint32_t epoch;
};

struct crowd {
    struct net *net;
    struct rng rng;
    struct person people[PEOPLE_MAX];
    size_t count, went_back, lookups;
};

static struct person *on_node(struct crowd *crowd, size_t node)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->people[i].node == node)
            return &crowd->people[i];
    return NULL;
}

static uint64_t unix_base_ms(const struct crowd *crowd)
{
    return net_unix_s(crowd->net) * 1000 - net_now_ms(crowd->net) / 1000 * 1000;
}

/* ---- what a group asks for ---- */

static void look_up(struct crowd *crowd, struct person *person, const struct group_action *action)
{
    uint64_t now_ms = net_now_ms(crowd->net);
    uint32_t operation =
        dht_get(net_dht(crowd->net, person->node), &action->key, action->kind, now_ms);
    crowd->lookups++;
    if (operation == 0) {
        group_on_lookup_done(person->group, action->handle, STATUS_BUSY, 0, 0, now_ms);
        return;
    }
    struct lookup *lookup = malloc(sizeof *lookup);
    assert(lookup != NULL);
    *lookup = (struct lookup){person->lookups, operation, action->handle};
    person->lookups = lookup;
}

static struct lookup **find_lookup(struct person *person, uint32_t operation)
{
    struct lookup **link = &person->lookups;
    while (*link != NULL && (*link)->operation != operation)
        link = &(*link)->next;
    return link;
}

static void end_lookup(struct lookup **link)
{
    struct lookup *lookup = *link;
    *link = lookup->next;
    free(lookup);
}

static void cancel(struct crowd *crowd, struct person *person, uint32_t handle)
{
    for (struct lookup **link = &person->lookups; *link != NULL; link = &(*link)->next)
        if ((*link)->handle == handle) {
            dht_cancel(net_dht(crowd->net, person->node), (*link)->operation);
            end_lookup(link);
            return;
        }
}

static void work(struct crowd *crowd, struct person *person, const struct group_action *action)
{
    struct drop_record drop;
    struct buffer worked;
    uint64_t nonce = rng_u64(&crowd->rng);
    bool ok = drop_record_decode(action->value, &drop) &&
              drop_record_find_nonce(&drop, action->bits, &nonce, UINT64_MAX);
    assert(ok);
    buffer_init(&worked);
    drop_record_encode(&drop, &worked);
    group_on_worked(person->group, action->handle, true, buffer_bytes(&worked),
                    net_now_ms(crowd->net));
    buffer_dispose(&worked);
}

static void save(struct crowd *crowd, struct person *person)
{
    buffer_clear(&person->saved);
    group_save(person->group, &person->saved);
    assert(!person->saved.failed);
    group_on_saved(person->group, net_now_ms(crowd->net));
}

static void act(struct crowd *crowd, struct person *person, const struct group_action *action)
{
    struct dht *dht = net_dht(crowd->net, person->node);
    uint64_t now_ms = net_now_ms(crowd->net);
    switch (action->type) {
    case GROUP_LOOKUP:
        look_up(crowd, person, action);
        break;
    case GROUP_CANCEL:
        cancel(crowd, person, action->handle);
        break;
    case GROUP_PUBLISH:
        dht_publish(dht, &action->key, action->kind, action->value, now_ms);
        break;
    case GROUP_WITHDRAW:
        dht_withdraw(dht, &action->key, action->kind,
                     action->kind == KIND_DROP ? action->value : (struct bytes){0}, now_ms);
        break;
    case GROUP_SAVE:
        save(crowd, person);
        break;
    case GROUP_WORK:
        if (!person->is_idle)
            work(crowd, person, action);
        break;
    case GROUP_BLOB:
        group_on_blob(person->group, action->sha256, (struct bytes){0}, now_ms);
        break;
    case GROUP_KEYS:
    case GROUP_DROP_PEER:
        break;
    }
}

static void look_whether_it_went_back(struct crowd *crowd, struct person *person)
{
    struct group_facts facts;
    group_facts(person->group, &facts);
    if (facts.epoch == 0)
        return; /* out of it */
    crowd->went_back += facts.head_seq < person->head_seq || facts.epoch < person->epoch;
    person->head_seq = facts.head_seq;
    person->epoch = facts.epoch;
}

static void set_call(struct crowd *crowd, struct person *person)
{
    uint64_t deadline_ms = group_deadline(person->group);
    if (deadline_ms >= person->called_ms)
        return;
    person->called_ms = deadline_ms;
    net_call_at(crowd->net, person->node, deadline_ms);
}

static bool turn(void *state, size_t node)
{
    struct crowd *crowd = state;
    struct person *person = on_node(crowd, node);
    struct group_action action;
    struct group_event event;
    bool any = false;
    if (person == NULL || person->group == NULL)
        return false;
    while (group_next_action(person->group, &action)) {
        any = true;
        act(crowd, person, &action);
    }
    while (group_next_event(person->group, &event))
        person->events[event.type]++;
    if (any)
        look_whether_it_went_back(crowd, person);
    set_call(crowd, person);
    return any;
}

/* ---- what the net tells ---- */

static void on_event(void *state, size_t node, const struct dht_event *event)
{
    struct crowd *crowd = state;
    struct person *person = on_node(crowd, node);
    uint64_t now_ms = net_now_ms(crowd->net);
    if (person == NULL || person->group == NULL)
        return;
    if (event->type == DHT_EVENT_PUBLISHED) {
        group_on_published(person->group, &event->id, event->kind, event->values, event->asked,
                           now_ms);
        return;
    }
    struct lookup **link = find_lookup(person, event->operation);
    if (event->operation == 0 || *link == NULL)
        return;
    uint32_t handle = (*link)->handle;
    if (event->type == DHT_EVENT_VALUE) {
        group_on_value(person->group, handle, event->value, now_ms);
    } else if (event->type == DHT_EVENT_GET_DONE) {
        end_lookup(link);
        group_on_lookup_done(person->group, handle, event->status, event->nearest, event->holding,
                             now_ms);
    }
}

static void on_time(void *state, size_t node)
{
    struct crowd *crowd = state;
    struct person *person = on_node(crowd, node);
    if (person == NULL || person->group == NULL || person->called_ms > net_now_ms(crowd->net))
        return;
    person->called_ms = UINT64_MAX;
    if (group_deadline(person->group) <= net_now_ms(crowd->net))
        group_on_time(person->group, net_now_ms(crowd->net));
    assert(group_valid(person->group));
}

static void on_up(void *state, size_t node)
{
    struct crowd *crowd = state;
    struct person *person = on_node(crowd, node);
    if (person == NULL || person->saved.len == 0)
        return;
    rng_init_seed(&person->config.rng, rng_u64(&crowd->rng));
    person->called_ms = UINT64_MAX;
    person->group =
        group_load(&person->config, buffer_bytes(&person->saved), net_now_ms(crowd->net));
    assert(person->group != NULL);
}

static void on_down(void *state, size_t node)
{
    struct crowd *crowd = state;
    struct person *person = on_node(crowd, node);
    if (person == NULL)
        return;
    group_free(person->group);
    person->group = NULL;
    while (person->lookups != NULL)
        end_lookup(&person->lookups);
}

/* ---- people ---- */

struct crowd *crowd_new(struct net *net, uint64_t seed)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    assert(crowd != NULL);
    crowd->net = net;
    rng_init_seed(&crowd->rng, seed);
    struct net_guest guest = {.state = crowd,
                              .on_event = on_event,
                              .on_turn = turn,
                              .on_time = on_time,
                              .on_up = on_up,
                              .on_down = on_down};
    net_set_guest(net, &guest);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        on_down(crowd, crowd->people[i].node);
        buffer_dispose(&crowd->people[i].saved);
    }
    net_set_guest(crowd->net, &(struct net_guest){0});
    free(crowd);
}

size_t crowd_add(struct crowd *crowd, size_t node, const char *name)
{
    assert(crowd->count < PEOPLE_MAX);
    struct person *person = &crowd->people[crowd->count];
    *person = (struct person){.node = node, .called_ms = UINT64_MAX};
    buffer_init(&person->saved);
    person->config.unix_base_ms = unix_base_ms(crowd);
    rng_fill(&crowd->rng, person->config.user_root, ROOT_BYTES);
    rng_init_seed(&person->config.rng, rng_u64(&crowd->rng));
    snprintf(person->config.user_name, sizeof person->config.user_name, "%s", name);
    return crowd->count++;
}

size_t crowd_add_device(struct crowd *crowd, size_t person, size_t node)
{
    const struct person *first = &crowd->people[person];
    size_t number = crowd_add(crowd, node, first->config.user_name);
    struct person *device = &crowd->people[number];
    memcpy(device->config.user_root, first->config.user_root, ROOT_BYTES);
    buffer_add(&device->saved, first->saved.data, first->saved.len);
    on_up(crowd, node);
    crowd_touched(crowd, number);
    return number;
}

size_t crowd_node(const struct crowd *crowd, size_t person)
{
    return crowd->people[person].node;
}

struct group *crowd_group(struct crowd *crowd, size_t person)
{
    return crowd->people[person].group;
}

struct public_key crowd_user(struct crowd *crowd, size_t person)
{
    struct key_pairs pairs;
    enum status status = keys_of_user(crowd->people[person].config.user_root, &pairs);
    assert(status == STATUS_OK);
    return pairs.public_key;
}

void crowd_touched(struct crowd *crowd, size_t person)
{
    net_touched(crowd->net, crowd->people[person].node);
}

void crowd_create(struct crowd *crowd, size_t person, const struct group_options *options)
{
    struct person *one = &crowd->people[person];
    one->group = group_create(&one->config, options, net_now_ms(crowd->net));
    assert(one->group != NULL);
    crowd_touched(crowd, person);
}

void crowd_apply(struct crowd *crowd, size_t person, const struct public_key *key,
                 const uint8_t *token)
{
    struct person *one = &crowd->people[person];
    one->group = group_apply(&one->config, key, token, "", "", 0, net_now_ms(crowd->net));
    assert(one->group != NULL);
    crowd_touched(crowd, person);
}

void crowd_join(struct crowd *crowd, size_t owner, size_t person)
{
    uint64_t now_ms = net_now_ms(crowd->net);
    struct group *group = crowd_group(crowd, owner);
    struct public_key user = crowd_user(crowd, person);
    struct buffer plain;
    buffer_init(&plain);
    crowd->people[person].is_idle = true;
    crowd_apply(crowd, person, group_key(group), NULL);
    enum status status = group_join_plain(crowd_group(crowd, person), now_ms, &plain);
    assert(status == STATUS_OK);
    status = group_on_join(group, buffer_bytes(&plain), now_ms);
    assert(status == STATUS_OK);
    status = group_accept(group, &user, now_ms);
    assert(status == STATUS_OK);
    buffer_dispose(&plain);
}

size_t crowd_events(const struct crowd *crowd, size_t person, enum group_event_type type)
{
    return crowd->people[person].events[type];
}

size_t crowd_went_back(const struct crowd *crowd)
{
    return crowd->went_back;
}

size_t crowd_lookups(const struct crowd *crowd)
{
    return crowd->lookups;
}
