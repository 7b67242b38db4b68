#include "dht/record_store.h"

#include <stdlib.h>

#include "dht/byte_counts.h"
#include "dht/params.h"
#include "dht/record_crowd.h"
#include "dht/record_index.h"
#include "dht/record_kinds.h"
#include "dht/record_owners.h"
#include "dht/source.h"
#include "dht/verify_budget.h"

/* The records that prove themselves, or the others, with a budget of their own. */
struct shelf {
    struct record_index index;
    struct byte_counts counts;
    size_t budget_bytes;
};

struct record_store {
    struct source_rules sources;
    struct shelf shelves[2]; /* by record_rules.self_proving */
    struct verify_budget checks;
    struct record_store_stats stats;
};

/* A put on its way in. */
struct newcomer {
    const struct record_rules *rules;
    const struct record_put *put;
    struct record_facts facts;
    struct endpoint source; /* family 0: our own disk */
    uint32_t place, mark;   /* as in struct record */
    uint32_t now_s, ends_s;
    size_t victim; /* whose place it takes under a full key; else NOWHERE */
};

struct record_store *record_store_new(const struct record_store_config *config)
{
    struct record_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    size_t budget = config->budget_bytes != 0 ? config->budget_bytes : STORE_BUDGET_BYTES;
    memcpy(store->sources.secret, config->secret, sizeof store->sources.secret);
    store->sources.limit_local = config->limit_local;
    verify_budget_init(&store->checks, &store->sources);
    for (size_t i = 0; i < 2; i++) {
        record_index_init(&store->shelves[i].index, config->secret);
        store->shelves[i].budget_bytes = budget / 2;
    }
    store->stats.bytes = allocation_bytes(sizeof *store);
    return store;
}

void record_store_free(struct record_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < 2; i++) {
        record_index_dispose(&store->shelves[i].index);
        byte_counts_dispose(&store->shelves[i].counts);
    }
    verify_budget_dispose(&store->checks);
    free(store);
}

static void note_sizes(struct record_store *store)
{
    struct record_store_stats *stats = &store->stats;
    stats->records = stats->keys = 0;
    stats->bytes = allocation_bytes(sizeof *store) + verify_budget_memory(&store->checks);
    for (size_t i = 0; i < 2; i++) {
        const struct shelf *shelf = &store->shelves[i];
        stats->records += shelf->index.records;
        stats->keys += shelf->index.groups;
        stats->bytes += shelf->index.bytes + allocation_bytes(byte_counts_memory(&shelf->counts));
    }
}

/* ---- taking records away ---- */

static struct shelf *shelf_of(struct record_store *store, unsigned kind)
{
    return &store->shelves[record_rules(kind)->self_proving];
}

static void remove_record(struct record_store *store, struct record_group *group, size_t at)
{
    struct shelf *shelf = shelf_of(store, group->kind);
    const struct record *record = &group->records[at];
    enum record_owner owner = record_rules(group->kind)->owner;
    record_owners_discharge(&shelf->counts, record_owners_of_record(&store->sources, owner, record),
                            record->len);
    record_index_remove(&shelf->index, group, at);
}

/* Removes what has ended of one group. Returns the group as it is now, NULL when it is gone. */
static struct record_group *expire_group(struct record_store *store, struct record_group *group,
                                         uint32_t now_s)
{
    struct record_index *index = &shelf_of(store, group->kind)->index;
    struct id key = group->key;
    unsigned kind = group->kind;
    for (size_t i = group->count; i-- > 0;) {
        if (group->records[i].ends_s > now_s)
            continue;
        remove_record(store, group, i);
        store->stats.expired++;
        group = record_index_find(index, &key, kind);
        if (group == NULL)
            return NULL;
    }
    record_index_refresh(index, group);
    return group;
}

static size_t first_to_end(const struct record_group *group)
{
    size_t first = 0;
    for (size_t i = 1; i < group->count; i++)
        if (group->records[i].ends_s < group->records[first].ends_s)
            first = i;
    return first;
}

/* Makes room for `need` bytes by dropping what ends before the newcomer, soonest first. */
static bool make_room(struct record_store *store, struct shelf *shelf, size_t need, uint32_t ends_s)
{
    struct record_group *group;
    while (shelf->index.bytes + need > shelf->budget_bytes) {
        group = record_index_soonest(&shelf->index);
        if (group == NULL || group->due_s >= ends_s)
            return false;
        size_t first = first_to_end(group);
        if (group->records[first].ends_s > group->due_s) {
            record_index_refresh(&shelf->index, group);
            continue;
        }
        remove_record(store, group, first);
        store->stats.evicted++;
    }
    return true;
}

/* ---- under one key ---- */

static bool is_own(enum record_owner owner, const struct record *record, const struct record *like)
{
    if (owner == OWNER_SOURCE)
        return record_same_source(record, like);
    return record->place == like->place && (owner == OWNER_NOBODY || record->mark == like->mark);
}

/* The owner's earlier record, or NOWHERE. */
static size_t find_own(const struct record_group *group, const struct newcomer *in)
{
    struct record like = {.place = in->place, .mark = in->mark};
    record_set_source(&like, &in->source);
    for (size_t i = 0; group != NULL && i < group->count; i++)
        if (is_own(in->rules->owner, &group->records[i], &like))
            return i;
    return NOWHERE;
}

static bool within_key_caps(const struct record_store *store, const struct record_group *group,
                            const struct newcomer *in)
{
    const struct source_rules *sources = &store->sources;
    if (in->rules->owner == OWNER_SIGNER)
        return crowd_of_signer(group, in->mark) < in->rules->per_signer_max;
    return crowd_of(group, sources, &in->source, SOURCE_ADDRESS) < STORE_PER_ADDRESS_MAX &&
           crowd_of(group, sources, &in->source, SOURCE_NETWORK) < STORE_PER_NETWORK_MAX;
}

/* ---- put ---- */

static uint32_t lifetime_s(const struct newcomer *in, const struct record *own, uint64_t now_unix_s)
{
    const struct record_rules *rules = in->rules;
    uint64_t life = rules->lifetime_s;
    if (rules->clock_slack_s > 0 && in->facts.expiry_unix_s - now_unix_s < life)
        life = in->facts.expiry_unix_s - now_unix_s;
    if (rules->stable_lifetime_s > 0 && in->facts.seed && own != NULL &&
        in->now_s - own->mark >= rules->stable_after_s)
        life = rules->stable_lifetime_s;
    if (life > in->put->lifetime_cap_s)
        life = in->put->lifetime_cap_s;
    return life > 0 ? (uint32_t)life : 1;
}

static enum message_code read_newcomer(const struct record_store *store,
                                       const struct record_put *put, uint64_t now_ms,
                                       uint64_t now_unix_s, struct newcomer *in)
{
    *in = (struct newcomer){.put = put,
                            .rules = record_rules(put->kind),
                            .victim = NOWHERE,
                            .now_s = (uint32_t)(now_ms / 1000)};
    enum message_code code =
        record_inspect(put->kind, &put->key, put->value, now_unix_s, &in->facts);
    if (code != CODE_OK)
        return code;
    if (put->source != NULL)
        in->source = *put->source;
    else if (!in->rules->self_proving)
        return CODE_MALFORMED;
    const struct record_facts *facts = &in->facts;
    if (in->rules->owner != OWNER_SOURCE)
        in->place = record_tag_of_place(&store->sources, facts);
    if (in->rules->owner == OWNER_SIGNER)
        in->mark = record_tag_of_signer(&store->sources, facts);
    else
        in->mark = in->rules->owner == OWNER_SOURCE ? in->now_s : facts->work;
    return CODE_OK;
}

/* Against what its owner had there before. */
static enum message_code judge_again(const struct record_store *store, const struct newcomer *in,
                                     const struct record *own)
{
    struct bytes held_value = record_value(own);
    struct record_facts held;
    if (in->rules->by_work) {
        struct endpoint source = record_source(own);
        bool same = source_same_network(&store->sources, &in->source, &source);
        return crowd_may_replace(own, in->mark, in->ends_s, same) ? CODE_OK : CODE_OLDER;
    }
    if (in->rules->owner != OWNER_SIGNER || !in->rules->inspect(held_value, &held))
        return CODE_OK;
    if (!record_is_newer(in->put->kind, in->put->value, held_value))
        return CODE_OLDER;
    bool ends_sooner = in->facts.expiry_unix_s < held.expiry_unix_s;
    return in->rules->digest != NULL && in->facts.seq > held.seq && ends_sooner ? CODE_MALFORMED
                                                                                : CODE_OK;
}

/* A full mailbox, or a network that has enough in it, gives up what has least work. */
static enum message_code judge_work(const struct record_store *store, struct newcomer *in,
                                    const struct record_group *group)
{
    size_t network_max =
        in->put->by_holder ? in->rules->per_holder_max : in->rules->per_network_max;
    const struct endpoint *of_network = NULL;
    if (in->put->source != NULL &&
        crowd_of(group, &store->sources, &in->source, SOURCE_NETWORK) >= network_max)
        of_network = &in->source;
    else if (group->count < in->rules->per_key_max)
        return CODE_OK;
    in->victim = crowd_weakest(group, &store->sources, of_network);
    const struct record *weakest = &group->records[in->victim];
    bool has_more =
        in->mark != weakest->mark ? in->mark > weakest->mark : in->ends_s > weakest->ends_s;
    return has_more ? CODE_OK : CODE_QUOTA;
}

/* What speaks against it, once it is known to be well-formed; its signature aside. Finds the
 * victim. */
static enum message_code judge(const struct record_store *store, struct newcomer *in,
                               const struct record_group *group, size_t own)
{
    const struct shelf *shelf = &store->shelves[in->rules->self_proving];
    if (own != NOWHERE)
        return judge_again(store, in, &group->records[own]);
    struct record_owners owners =
        record_owners_of(&store->sources, in->rules->owner, &in->source, in->mark);
    if (!record_owners_within_shares(&shelf->counts, shelf->budget_bytes, in->rules->owner, owners,
                                     in->put->value.len))
        return CODE_QUOTA;
    if (group == NULL)
        return CODE_OK;
    if (in->rules->by_work)
        return judge_work(store, in, group);
    if (!within_key_caps(store, group, in))
        return CODE_QUOTA;
    if (group->count < in->rules->per_key_max)
        return CODE_OK;
    in->victim = crowd_victim(group, &store->sources, &in->source, in->place);
    return in->victim != NOWHERE ? CODE_OK : CODE_QUOTA;
}

/* Is it signed by whom it names? As far as there is time for its source to ask. */
static enum message_code check_signature(struct record_store *store, const struct newcomer *in,
                                         uint64_t now_ms)
{
    const struct record_put *put = in->put;
    if (in->rules->verify == NULL)
        return CODE_OK;
    uint64_t hash = verify_budget_hash(&store->checks, &put->key, put->kind, put->value);
    if (verify_budget_knows(&store->checks, hash))
        return CODE_OK;
    if (put->source != NULL && !verify_budget_take(&store->checks, put->source, now_ms)) {
        store->stats.unchecked++;
        return CODE_QUOTA;
    }
    store->stats.checked++;
    if (in->rules->verify(put->value, &put->key)) {
        verify_budget_remember(&store->checks, hash);
        return CODE_OK;
    }
    if (put->source != NULL)
        verify_budget_forged(&store->checks, put->source, now_ms);
    return CODE_BAD_SIGNATURE;
}

/* Adds a record for the newcomer. NULL: no memory. */
static struct record *add_record(struct record_store *store, const struct newcomer *in)
{
    struct record_index *index = &shelf_of(store, in->put->kind)->index;
    struct record *record = record_index_add(index, &in->put->key, in->put->kind, in->ends_s);
    if (record == NULL)
        return NULL;
    record->place = in->place;
    record->mark = in->mark;
    return record;
}

/* Puts the newcomer in its own or a new place. There is room for it. */
static enum message_code keep(struct record_store *store, const struct newcomer *in)
{
    const struct record_put *put = in->put;
    struct shelf *shelf = shelf_of(store, put->kind);
    struct record_group *group = record_index_find(&shelf->index, &put->key, put->kind);
    size_t own = find_own(group, in);
    struct record *record = own != NOWHERE ? &group->records[own] : add_record(store, in);
    if (record == NULL)
        return CODE_QUOTA;
    if (own != NOWHERE)
        record_owners_discharge(&shelf->counts,
                                record_owners_of_record(&store->sources, in->rules->owner, record),
                                record->len);

    group = record_index_find(&shelf->index, &put->key, put->kind);
    struct record_owners owners =
        record_owners_of(&store->sources, in->rules->owner, &in->source, in->mark);
    if (in->rules->by_work)
        record->mark = in->mark;
    if (!record_index_set_value(&shelf->index, record, put->value) ||
        !record_owners_charge(&shelf->counts, owners, put->value.len)) {
        record_index_remove(&shelf->index, group, (size_t)(record - group->records));
        return CODE_QUOTA;
    }
    record_set_source(record, put->source);
    record_index_set_end(&shelf->index, group, record, in->ends_s);
    return CODE_OK;
}

static bool is_renewal(const struct newcomer *in, const struct record *own)
{
    return in->rules->self_proving && bytes_equal(record_value(own), in->put->value);
}

static enum message_code put_checked(struct record_store *store, struct newcomer *in,
                                     struct record_group *group, size_t own, uint64_t now_ms)
{
    struct shelf *shelf = shelf_of(store, in->put->kind);
    if (own != NOWHERE && in->facts.gone) {
        remove_record(store, group, own);
        return CODE_OK;
    }
    if (in->facts.gone)
        return CODE_OK;
    if (own != NOWHERE && is_renewal(in, &group->records[own])) {
        if (in->ends_s > group->records[own].ends_s)
            record_index_set_end(&shelf->index, group, &group->records[own], in->ends_s);
        return CODE_OK;
    }
    enum message_code code = judge(store, in, group, own);
    if (code != CODE_OK)
        return code;
    code = check_signature(store, in, now_ms);
    if (code != CODE_OK)
        return code;
    if (in->victim != NOWHERE) {
        remove_record(store, group, in->victim);
        store->stats.evicted++;
    }
    if (!make_room(store, shelf, record_cost(in->put->value.len), in->ends_s))
        return CODE_QUOTA;
    return keep(store, in);
}

static void note_code(struct record_store_stats *stats, enum message_code code)
{
    stats->bad_values += code == CODE_MALFORMED || code == CODE_TOO_BIG;
    stats->bad_signatures += code == CODE_BAD_SIGNATURE;
    stats->over_quota += code == CODE_QUOTA;
    stats->older += code == CODE_OLDER;
}

enum message_code record_store_put(struct record_store *store, const struct record_put *put,
                                   uint64_t now_ms, uint64_t now_unix_s)
{
    struct newcomer in;
    enum message_code code = read_newcomer(store, put, now_ms, now_unix_s, &in);
    if (code == CODE_OK) {
        struct record_index *index = &shelf_of(store, put->kind)->index;
        struct record_group *group = record_index_find(index, &put->key, put->kind);
        if (group != NULL && group->due_s <= in.now_s)
            group = expire_group(store, group, in.now_s);
        size_t own = find_own(group, &in);
        uint32_t life_s = lifetime_s(&in, own != NOWHERE ? &group->records[own] : NULL, now_unix_s);
        in.ends_s = in.now_s + life_s;
        code = put_checked(store, &in, group, own, now_ms);
    }
    note_code(&store->stats, code);
    note_sizes(store);
    return code;
}

/* ---- get ---- */

struct record_sample record_store_get(const struct record_store *store,
                                      const struct record_get *get, struct message_value out[],
                                      size_t cap, uint64_t now_ms)
{
    const struct record_rules *rules = record_rules(get->kind);
    if (rules == NULL)
        return (struct record_sample){0};
    const struct record_group *group =
        record_index_find(&store->shelves[rules->self_proving].index, &get->key, get->kind);
    return record_sample_take(group, get, store->sources.secret, out, cap, now_ms);
}

/* ---- time ---- */

void record_store_expire(struct record_store *store, uint64_t now_ms)
{
    uint32_t now_s = (uint32_t)(now_ms / 1000);
    for (size_t i = 0; i < 2; i++) {
        struct record_index *index = &store->shelves[i].index;
        struct record_group *group;
        while ((group = record_index_soonest(index)) != NULL && group->due_s <= now_s)
            expire_group(store, group, now_s);
    }
    note_sizes(store);
}

uint64_t record_store_deadline(const struct record_store *store)
{
    uint64_t due_s = UINT64_MAX;
    for (size_t i = 0; i < 2; i++) {
        const struct record_group *group = record_index_soonest(&store->shelves[i].index);
        if (group != NULL && group->due_s < due_s)
            due_s = group->due_s;
    }
    if (due_s == UINT64_MAX)
        return UINT64_MAX;
    return (due_s + STORE_TIDY_S - 1) / STORE_TIDY_S * STORE_TIDY_S * 1000;
}

/* ---- all of them ---- */

/* A cursor is a group's place in the heap, shifted, and a record's in it, counted from 1. */
size_t record_store_next(const struct record_store *store, size_t cursor, struct id *key,
                         unsigned *kind, struct bytes *value, uint32_t *ends_s)
{
    const struct record_index *index = &store->shelves[true].index;
    size_t at = cursor >> 16, record_at = cursor & 0xffff;
    while (at < index->groups && record_at >= index->heap[at]->count) {
        at++;
        record_at = 0;
    }
    if (at >= index->groups)
        return 0;
    const struct record_group *group = index->heap[at];
    *key = group->key;
    *kind = group->kind;
    *value = record_value(&group->records[record_at]);
    *ends_s = group->records[record_at].ends_s;
    return at << 16 | (record_at + 1);
}

const struct record_store_stats *record_store_stats(const struct record_store *store)
{
    return &store->stats;
}

static uint64_t charged_bytes(const struct record_store *store, const struct record_index *index)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < index->groups; i++) {
        enum record_owner owner = record_rules(index->heap[i]->kind)->owner;
        for (size_t r = 0; r < index->heap[i]->count; r++) {
            const struct record *record = &index->heap[i]->records[r];
            struct record_owners owners = record_owners_of_record(&store->sources, owner, record);
            sum += (uint64_t)record_cost(record->len) * ((owners.narrow != 0) + (owners.wide != 0));
        }
    }
    return sum;
}

static bool groups_within_caps(const struct record_index *index, bool self_proving)
{
    for (size_t i = 0; i < index->groups; i++) {
        const struct record_group *group = index->heap[i];
        const struct record_rules *rules = record_rules(group->kind);
        if (rules == NULL || rules->self_proving != self_proving ||
            group->count > rules->per_key_max)
            return false;
    }
    return true;
}

bool record_store_valid(const struct record_store *store)
{
    for (size_t i = 0; i < 2; i++) {
        const struct shelf *shelf = &store->shelves[i];
        if (!record_index_valid(&shelf->index) || !groups_within_caps(&shelf->index, i) ||
            byte_counts_sum(&shelf->counts) != charged_bytes(store, &shelf->index))
            return false;
    }
    return store->stats.records ==
           store->shelves[0].index.records + store->shelves[1].index.records;
}
