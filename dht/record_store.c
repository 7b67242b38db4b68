#include "dht/record_store.h"

#include <stdlib.h>

#include "dht/params.h"
#include "dht/prefetch.h"
#include "dht/record_crowd.h"
#include "dht/record_index.h"
#include "dht/record_kinds.h"
#include "dht/record_owners.h"
#include "dht/record_shelf.h"
#include "dht/source.h"
#include "dht/verify_budget.h"

struct record_store {
    struct source_rules sources;
    struct record_shelf shelves[2]; /* by record_rules.self_proving */
    struct verify_budget checks;
    uint64_t crowded_out; /* records that gave way under a full key */
    uint64_t swept_ms;    /* when the sweep under way got this far; 0: none is */
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
    struct record *victim; /* whose place it takes under a full key; else NULL */
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
    for (size_t i = 0; i < 2; i++)
        record_shelf_init(&store->shelves[i], &store->sources, config->secret, budget / 2);
    store->stats.bytes = allocation_bytes(sizeof *store);
    return store;
}

void record_store_free(struct record_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < 2; i++)
        record_shelf_dispose(&store->shelves[i]);
    verify_budget_dispose(&store->checks);
    free(store);
}

static void note_sizes(struct record_store *store)
{
    struct record_store_stats *stats = &store->stats;
    stats->records = stats->keys = 0;
    stats->expired = 0;
    stats->evicted = store->crowded_out;
    stats->bytes = allocation_bytes(sizeof *store) + verify_budget_memory(&store->checks);
    for (size_t i = 0; i < 2; i++) {
        const struct record_shelf *shelf = &store->shelves[i];
        stats->records += shelf->index.records;
        stats->keys += shelf->index.groups;
        stats->bytes += record_shelf_bytes(shelf);
        stats->evicted += shelf->evicted;
        stats->expired += shelf->expired;
    }
}

static struct record_shelf *shelf_of(struct record_store *store, unsigned kind)
{
    return &store->shelves[record_rules(kind)->self_proving];
}

/* ---- under one key ---- */

static bool is_own(const struct newcomer *in, const struct record *record)
{
    if (in->rules->owner == OWNER_SOURCE)
        return record_is_from(record, &in->source);
    return record_place(record) == in->place &&
           (in->rules->owner == OWNER_NOBODY || record->mark == in->mark);
}

/* The owner's earlier record, or NULL. */
static struct record *find_own(const struct record_group *group, const struct newcomer *in)
{
    if (group == NULL)
        return NULL;
    for (struct record *record = record_first(group); record < record_end(group);
         record = record_after(record))
        if (is_own(in, record))
            return record;
    return NULL;
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
    *in = (struct newcomer){
        .put = put, .rules = record_rules(put->kind), .now_s = (uint32_t)(now_ms / 1000)};
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
    const struct record *weakest = in->victim;
    bool has_more =
        in->mark != weakest->mark ? in->mark > weakest->mark : in->ends_s > weakest->ends_s;
    return has_more ? CODE_OK : CODE_QUOTA;
}

static struct record_owners owners_of(const struct record_store *store, const struct newcomer *in)
{
    return record_owners_of(&store->sources, in->rules->owner, &in->source, in->mark, in->place);
}

static struct record_fields fields_of(const struct newcomer *in)
{
    return (struct record_fields){.source = &in->source,
                                  .value = in->put->value,
                                  .ends_s = in->ends_s,
                                  .mark = in->mark,
                                  .place = in->place};
}

/* What speaks against it, once it is known to be well-formed; its signature aside. Finds the
 * victim. */
static enum message_code judge(const struct record_store *store, struct newcomer *in,
                               const struct record_group *group, const struct record *own)
{
    const struct record_shelf *shelf = &store->shelves[in->rules->self_proving];
    if (own != NULL)
        return judge_again(store, in, own);
    struct record_fields fields = fields_of(in);
    if (!record_shelf_within_shares(shelf, in->rules->owner, owners_of(store, in),
                                    record_fields_bytes(&fields)))
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
    return in->victim != NULL ? CODE_OK : CODE_QUOTA;
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

/* Room in memory for it; what takes the place of its own needs no more than it is longer by. Groups
 * and records may move. */
static bool make_room(struct record_store *store, const struct newcomer *in,
                      const struct record_group *group, const struct record *own)
{
    struct record_shelf *shelf = shelf_of(store, in->put->kind);
    struct record_fields fields = fields_of(in);
    size_t size = record_fields_bytes(&fields);
    size_t before = own != NULL ? record_bytes(own) : 0;
    if (size <= before)
        return true;
    size_t growth = record_index_growth(&shelf->index, group, size - before);
    if (record_shelf_bytes(shelf) + growth <= shelf->budget_bytes)
        return true;
    struct shelf_newcomer newcomer = {.owners = owners_of(store, in),
                                      .size = size,
                                      .beside = group != NULL ? group->count : 0,
                                      .now_s = in->now_s};
    return record_shelf_make_room(shelf, &newcomer, growth);
}

/* Puts the newcomer in its own or a new place. There is room for it. */
static enum message_code keep(struct record_store *store, struct newcomer *in)
{
    const struct record_put *put = in->put;
    struct record_shelf *shelf = shelf_of(store, put->kind);
    struct record_group *group = record_index_find(&shelf->index, &put->key, put->kind);
    struct record *own = find_own(group, in);
    if (own != NULL && in->rules->owner == OWNER_SOURCE)
        in->mark = own->mark; /* first seen */
    struct record_fields fields = fields_of(in);
    return record_shelf_put(shelf, &put->key, put->kind, own, &fields) ? CODE_OK : CODE_QUOTA;
}

static bool is_renewal(const struct newcomer *in, const struct record *own)
{
    return in->rules->self_proving && bytes_equal(record_value(own), in->put->value);
}

static enum message_code put_checked(struct record_store *store, struct newcomer *in,
                                     struct record_group *group, struct record *own,
                                     uint64_t now_ms)
{
    struct record_shelf *shelf = shelf_of(store, in->put->kind);
    if (in->facts.gone) {
        if (own != NULL)
            record_shelf_remove(shelf, group, own);
        return CODE_OK;
    }
    if (own != NULL && is_renewal(in, own)) {
        if (in->ends_s > own->ends_s)
            record_index_set_end(&shelf->index, own, in->ends_s);
        return CODE_OK;
    }
    enum message_code code = judge(store, in, group, own);
    if (code != CODE_OK)
        return code;
    code = check_signature(store, in, now_ms);
    if (code != CODE_OK)
        return code;
    if (in->victim != NULL) {
        record_shelf_remove(shelf, group, in->victim);
        store->crowded_out++;
        group = record_index_find(&shelf->index, &in->put->key, in->put->kind);
    }
    return make_room(store, in, group, own) ? keep(store, in) : CODE_QUOTA;
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
        struct record_shelf *shelf = shelf_of(store, put->kind);
        struct record_group *group = record_index_find(&shelf->index, &put->key, put->kind);
        if (group != NULL && shelf->index.due_s <= in.now_s)
            group = record_shelf_expire(shelf, group, in.now_s);
        struct record *own = find_own(group, &in);
        in.ends_s = in.now_s + lifetime_s(&in, own, now_unix_s);
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
    bool over = true;
    for (size_t i = 0; i < 2; i++) {
        struct record_shelf *shelf = &store->shelves[i];
        if (shelf->index.due_s <= now_s || shelf->index.unswept > 0)
            over &= record_shelf_sweep(shelf, now_s, STORE_SWEEP_BUCKETS);
    }
    store->swept_ms = over ? 0 : now_ms;
    note_sizes(store);
}

void record_store_expect(const struct record_store *store)
{
    prefetch(&store->shelves[0].index.due_s, 1);
    prefetch(&store->shelves[1].index.due_s, 1);
    prefetch(&store->swept_ms, 1);
}

uint64_t record_store_deadline(const struct record_store *store)
{
    uint64_t first_s = store->shelves[0].index.due_s, second_s = store->shelves[1].index.due_s;
    uint64_t due_s = first_s < second_s ? first_s : second_s;
    if (store->swept_ms != 0)
        return store->swept_ms + STORE_SWEEP_MS;
    if (due_s == UINT32_MAX)
        return UINT64_MAX;
    return (due_s + STORE_TIDY_S - 1) / STORE_TIDY_S * STORE_TIDY_S * 1000;
}

/* ---- all of them ---- */

/* Of a bucket, the records from number `skip` on: the group of the first, and its number in it. */
static const struct record_group *skip_records(const struct record_group *group, size_t *skip)
{
    for (; group != NULL && *skip >= group->count; group = group->next)
        *skip -= group->count;
    return group;
}

/* A cursor is a bucket, shifted, and a record's number in it, counted from 1. */
size_t record_store_next(const struct record_store *store, size_t cursor, struct id *key,
                         unsigned *kind, struct bytes *value, uint32_t *ends_s)
{
    const struct record_index *index = &store->shelves[true].index;
    for (size_t at = cursor >> 24, number = cursor & 0xffffff; at < index->bucket_count;
         at++, number = 0) {
        size_t skip = number;
        const struct record_group *group = skip_records(record_index_bucket(index, at), &skip);
        if (group == NULL)
            continue;
        const struct record *record = record_first(group);
        for (; skip > 0; skip--)
            record = record_after(record);
        *key = group->key;
        *kind = group->kind;
        *value = record_value(record);
        *ends_s = record->ends_s;
        return at << 24 | (number + 1);
    }
    return 0;
}

const struct record_store_stats *record_store_stats(const struct record_store *store)
{
    return &store->stats;
}

static bool groups_within_caps(const struct record_index *index, bool self_proving)
{
    for (size_t i = 0; i < index->bucket_count; i++) {
        for (const struct record_group *group = record_index_bucket(index, i); group != NULL;
             group = group->next) {
            const struct record_rules *rules = record_rules(group->kind);
            if (rules == NULL || rules->self_proving != self_proving ||
                group->count > rules->per_key_max)
                return false;
        }
    }
    return true;
}

bool record_store_valid(const struct record_store *store)
{
    for (size_t i = 0; i < 2; i++)
        if (!record_shelf_valid(&store->shelves[i]) ||
            !groups_within_caps(&store->shelves[i].index, i))
            return false;
    return store->stats.records ==
           store->shelves[0].index.records + store->shelves[1].index.records;
}
