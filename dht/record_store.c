#include "dht/record_store.h"

#include <stdlib.h>

#include "dht/byte_counts.h"
#include "dht/params.h"
#include "dht/record_crowd.h"
#include "dht/record_index.h"
#include "dht/record_kinds.h"
#include "dht/source.h"
#include "kadpeer/siphash.h"

/* The records of one enum record_owner, with a budget of their own. */
struct shelf {
    struct record_index index;
    struct byte_counts counts;
    size_t budget_bytes;
};

struct record_store {
    struct source_rules sources;
    struct shelf shelves[2]; /* by enum record_owner */
    struct record_store_stats stats;
};

/* Whom a record's bytes are charged to, as tags; 0: nobody. */
struct owners {
    uint32_t narrow; /* address, or signer */
    uint32_t wide;   /* network of the source, or of who brought it */
};

/* A put on its way in. */
struct newcomer {
    const struct record_rules *rules;
    const struct record_put *put;
    struct record_facts facts;
    struct endpoint source; /* family 0: our own disk */
    uint32_t signer, place; /* as in struct record; 0 for OWNER_SOURCE */
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
    free(store);
}

static void note_sizes(struct record_store *store)
{
    struct record_store_stats *stats = &store->stats;
    stats->records = stats->keys = 0;
    stats->bytes = allocation_bytes(sizeof *store);
    for (size_t i = 0; i < 2; i++) {
        const struct shelf *shelf = &store->shelves[i];
        stats->records += shelf->index.records;
        stats->keys += shelf->index.groups;
        stats->bytes += shelf->index.bytes + allocation_bytes(byte_counts_memory(&shelf->counts));
    }
}

/* ---- who pays ---- */

/* A tag of the store's own, in a domain of one letter. Never 0. */
static uint32_t hash_tag(const struct record_store *store, char domain, const void *a, size_t a_len,
                         const void *b, size_t b_len)
{
    uint8_t text[1 + ED25519_PUBLIC_BYTES + RECORD_SUBJECT_MAX] = {(uint8_t)domain};
    memcpy(text + 1, a, a_len);
    if (b_len > 0)
        memcpy(text + 1 + a_len, b, b_len);
    uint32_t tag = (uint32_t)siphash(store->sources.secret, bytes_of(text, 1 + a_len + b_len));
    return tag != 0 ? tag : 1;
}

static struct owners owners_of(const struct record_store *store, enum record_owner owner,
                               const struct endpoint *source, uint32_t signer)
{
    const struct source_rules *rules = &store->sources;
    struct owners owners = {.narrow = signer};
    if (source->family == ENDPOINT_NONE)
        return owners;
    if (owner == OWNER_SOURCE)
        owners.narrow = source_tag(rules, source, SOURCE_ADDRESS);
    if (source_counts(rules, source, SOURCE_NETWORK))
        owners.wide = source_tag(rules, source, SOURCE_NETWORK);
    return owners;
}

static struct owners owners_of_record(const struct record_store *store, enum record_owner owner,
                                      const struct record *record)
{
    struct endpoint source = record_source(record);
    return owners_of(store, owner, &source, owner == OWNER_SIGNER ? record->mark : 0);
}

/* What a value costs its owners: its record, a group, and what does not fit into the record. */
static uint32_t charge_of(size_t value_len)
{
    size_t heap = value_len > RECORD_INLINE_BYTES ? allocation_bytes(value_len) : 0;
    return (uint32_t)(sizeof(struct record) + sizeof(struct record_group) + heap);
}

static void discharge(struct shelf *shelf, struct owners owners, size_t value_len)
{
    byte_counts_take(&shelf->counts, owners.narrow, charge_of(value_len));
    byte_counts_take(&shelf->counts, owners.wide, charge_of(value_len));
}

static bool charge(struct shelf *shelf, struct owners owners, size_t value_len)
{
    if (!byte_counts_add(&shelf->counts, owners.narrow, charge_of(value_len)))
        return false;
    if (byte_counts_add(&shelf->counts, owners.wide, charge_of(value_len)))
        return true;
    byte_counts_take(&shelf->counts, owners.narrow, charge_of(value_len));
    return false;
}

static bool within_shares(const struct shelf *shelf, enum record_owner owner, struct owners owners,
                          size_t value_len)
{
    size_t wide_share = owner == OWNER_SIGNER ? STORE_BRINGER_SHARE : STORE_NETWORK_SHARE;
    size_t cost = charge_of(value_len);
    return byte_counts_of(&shelf->counts, owners.narrow) + cost <=
               shelf->budget_bytes / STORE_ADDRESS_SHARE &&
           byte_counts_of(&shelf->counts, owners.wide) + cost <= shelf->budget_bytes / wide_share;
}

/* ---- taking records away ---- */

static struct shelf *shelf_of(struct record_store *store, unsigned kind)
{
    return &store->shelves[record_rules(kind)->owner];
}

static void remove_record(struct record_store *store, struct record_group *group, size_t at)
{
    struct shelf *shelf = shelf_of(store, group->kind);
    const struct record *record = &group->records[at];
    enum record_owner owner = record_rules(group->kind)->owner;
    discharge(shelf, owners_of_record(store, owner, record), record->len);
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
    if (owner == OWNER_SIGNER)
        return record->place == like->place && record->mark == like->mark;
    return record_same_source(record, like);
}

/* The owner's earlier record, or NOWHERE. */
static size_t find_own(const struct record_group *group, const struct newcomer *in)
{
    struct record like = {.place = in->place, .mark = in->signer};
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
        return crowd_of_signer(group, in->signer) < in->rules->per_signer_max;
    return crowd_of(group, sources, &in->source, SOURCE_ADDRESS) < STORE_PER_ADDRESS_MAX &&
           crowd_of(group, sources, &in->source, SOURCE_NETWORK) < STORE_PER_NETWORK_MAX;
}

/* ---- put ---- */

static uint32_t lifetime_s(const struct newcomer *in, const struct record *own, uint64_t now_unix_s)
{
    const struct record_rules *rules = in->rules;
    uint64_t life = rules->lifetime_s;
    if (rules->owner == OWNER_SIGNER && in->facts.expiry_unix_s - now_unix_s < life)
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
    enum message_code code = record_inspect(put->kind, put->value, now_unix_s, &in->facts);
    if (code != CODE_OK)
        return code;
    if (put->source != NULL)
        in->source = *put->source;
    if (in->rules->owner == OWNER_SOURCE)
        return put->source != NULL ? CODE_OK : CODE_MALFORMED;
    in->signer = hash_tag(store, 's', in->facts.signer, sizeof in->facts.signer, NULL, 0);
    in->place = hash_tag(store, 'p', in->facts.signer, sizeof in->facts.signer, in->facts.subject,
                         sizeof in->facts.subject);
    return CODE_OK;
}

/* What speaks against it, once it is known to be well-formed; its signature aside. Finds the
 * victim. */
static enum message_code judge(const struct record_store *store, struct newcomer *in,
                               const struct record_group *group, size_t own)
{
    const struct shelf *shelf = &store->shelves[in->rules->owner];
    if (own != NOWHERE) {
        struct record_facts held;
        return in->rules->owner == OWNER_SIGNER &&
                       in->rules->inspect(record_value(&group->records[own]), &held) &&
                       held.seq >= in->facts.seq
                   ? CODE_OLDER
                   : CODE_OK;
    }
    struct owners owners = owners_of(store, in->rules->owner, &in->source, in->signer);
    if (!within_shares(shelf, in->rules->owner, owners, in->put->value.len))
        return CODE_QUOTA;
    if (group == NULL)
        return CODE_OK;
    if (!within_key_caps(store, group, in))
        return CODE_QUOTA;
    if (group->count < in->rules->per_key_max)
        return CODE_OK;
    in->victim = crowd_victim(group, &store->sources, &in->source, in->place);
    return in->victim != NOWHERE ? CODE_OK : CODE_QUOTA;
}

/* Adds a record for the newcomer. NULL: no memory. */
static struct record *add_record(struct record_store *store, const struct newcomer *in)
{
    struct record_index *index = &shelf_of(store, in->put->kind)->index;
    struct record *record = record_index_add(index, &in->put->key, in->put->kind, in->ends_s);
    if (record == NULL)
        return NULL;
    record->place = in->place;
    record->mark = in->rules->owner == OWNER_SIGNER ? in->signer : in->now_s;
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
        discharge(shelf, owners_of_record(store, in->rules->owner, record), record->len);

    group = record_index_find(&shelf->index, &put->key, put->kind);
    struct owners owners = owners_of(store, in->rules->owner, &in->source, in->signer);
    if (!record_index_set_value(&shelf->index, record, put->value) ||
        !charge(shelf, owners, put->value.len)) {
        record_index_remove(&shelf->index, group, (size_t)(record - group->records));
        return CODE_QUOTA;
    }
    record_set_source(record, put->source);
    record_index_set_end(&shelf->index, group, record, in->ends_s);
    return CODE_OK;
}

static bool is_renewal(const struct newcomer *in, const struct record *own)
{
    return in->rules->owner == OWNER_SIGNER && bytes_equal(record_value(own), in->put->value);
}

static enum message_code put_checked(struct record_store *store, struct newcomer *in,
                                     struct record_group *group, size_t own)
{
    struct shelf *shelf = shelf_of(store, in->put->kind);
    if (own != NOWHERE && in->facts.gone) {
        remove_record(store, group, own);
        return CODE_OK;
    }
    if (in->facts.gone)
        return CODE_OK;
    if (own != NOWHERE && is_renewal(in, &group->records[own])) {
        record_index_set_end(&shelf->index, group, &group->records[own], in->ends_s);
        return CODE_OK;
    }
    enum message_code code = judge(store, in, group, own);
    if (code != CODE_OK)
        return code;
    if (in->rules->verify != NULL && !in->rules->verify(in->put->value, &in->put->key))
        return CODE_BAD_SIGNATURE;
    if (in->victim != NOWHERE) {
        remove_record(store, group, in->victim);
        store->stats.evicted++;
    }
    if (!make_room(store, shelf, charge_of(in->put->value.len), in->ends_s))
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
        code = put_checked(store, &in, group, own);
    }
    note_code(&store->stats, code);
    note_sizes(store);
    return code;
}

/* ---- get ---- */

/* The place of a record in the order in which this asker is shown them: a keyed hash of the asker
 * and of whose record it is, which stays while the value changes. */
static uint64_t order_of(const struct record_store *store, const struct endpoint *asker,
                         const struct record *record, enum record_owner owner)
{
    uint8_t text[1 + 1 + 16 + 2 + 16 + 2] = {'o', asker->family};
    memcpy(text + 2, asker->addr, 16);
    write_u16(text + 18, asker->port);
    if (owner == OWNER_SIGNER) {
        write_u32(text + 20, record->place);
        write_u32(text + 24, record->mark);
    } else {
        memcpy(text + 20, record->address, 16);
        write_u16(text + 36, record->port);
    }
    return siphash(store->sources.secret, bytes_of(text, sizeof text));
}

/* The least of the orders seen so far, sorted. */
struct picked {
    struct {
        uint64_t order;
        size_t at;
    } least[MESSAGE_VALUES_MAX];
    size_t count, cap;
    bool more; /* some were left out */
};

static void pick(struct picked *picked, uint64_t order, size_t at)
{
    size_t i = picked->count;
    if (i == picked->cap) {
        picked->more = true;
        if (i == 0 || order >= picked->least[i - 1].order)
            return;
        i--;
    } else {
        picked->count++;
    }
    for (; i > 0 && picked->least[i - 1].order > order; i--)
        picked->least[i] = picked->least[i - 1];
    picked->least[i].order = order;
    picked->least[i].at = at;
}

static void show(const struct record *record, const struct record_rules *rules, uint64_t order,
                 struct message_value *out)
{
    *out = (struct message_value){
        .value = record_value(record), .with_from = rules->with_from, .order = order};
    if (rules->with_from)
        out->from = record_source(record);
}

struct record_sample record_store_get(const struct record_store *store,
                                      const struct record_get *get, struct message_value out[],
                                      size_t cap, uint64_t now_ms)
{
    struct record_sample sample = {0};
    struct picked picked = {.cap = cap < MESSAGE_VALUES_MAX ? cap : MESSAGE_VALUES_MAX};
    const struct record_rules *rules = record_rules(get->kind);
    if (rules == NULL)
        return sample;
    const struct record_group *group =
        record_index_find(&store->shelves[rules->owner].index, &get->key, get->kind);
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        const struct record *record = &group->records[i];
        if (record->ends_s <= now_ms / 1000)
            continue;
        sample.total++;
        uint64_t order = order_of(store, &get->asker, record, rules->owner);
        if (!get->has_cursor || order > get->cursor)
            pick(&picked, order, i);
    }
    for (; sample.count < picked.count; sample.count++)
        show(&group->records[picked.least[sample.count].at], rules,
             picked.least[sample.count].order, &out[sample.count]);
    sample.more = picked.more;
    return sample;
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
                         unsigned *kind, struct bytes *value)
{
    const struct record_index *index = &store->shelves[OWNER_SIGNER].index;
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
    return at << 16 | (record_at + 1);
}

const struct record_store_stats *record_store_stats(const struct record_store *store)
{
    return &store->stats;
}

static uint64_t charged_bytes(const struct record_store *store, size_t owner)
{
    const struct record_index *index = &store->shelves[owner].index;
    uint64_t sum = 0;
    for (size_t i = 0; i < index->groups; i++) {
        for (size_t r = 0; r < index->heap[i]->count; r++) {
            const struct record *record = &index->heap[i]->records[r];
            struct owners owners = owners_of_record(store, owner, record);
            sum += (uint64_t)charge_of(record->len) * ((owners.narrow != 0) + (owners.wide != 0));
        }
    }
    return sum;
}

static bool groups_within_caps(const struct record_index *index, size_t owner)
{
    for (size_t i = 0; i < index->groups; i++) {
        const struct record_group *group = index->heap[i];
        const struct record_rules *rules = record_rules(group->kind);
        if (rules == NULL || rules->owner != owner || group->count > rules->per_key_max)
            return false;
    }
    return true;
}

bool record_store_valid(const struct record_store *store)
{
    for (size_t i = 0; i < 2; i++) {
        const struct shelf *shelf = &store->shelves[i];
        if (!record_index_valid(&shelf->index) || !groups_within_caps(&shelf->index, i) ||
            byte_counts_sum(&shelf->counts) != charged_bytes(store, i))
            return false;
    }
    return store->stats.records ==
           store->shelves[0].index.records + store->shelves[1].index.records;
}
