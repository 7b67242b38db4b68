#include "dht/routing_table_private.h"

#include <stdlib.h>

#define RTT_MAX_MS 4095
#define GROWTH     4 /* slots that a bucket grows by, up to k; then one by one */

/* ---- slots ---- */

static void slot_set_failures(struct slot *slot, unsigned failures)
{
    unsigned kept = failures < ROUTING_FAILURES ? failures : ROUTING_FAILURES;
    slot->rtt_failures = (uint16_t)((slot->rtt_failures & ~ROUTING_FAILURES) | kept);
}

static void slot_add_rtt(struct slot *slot, uint32_t sample_ms)
{
    if (sample_ms == 0)
        return;
    uint32_t old_ms = slot->rtt_failures >> 4;
    uint32_t sample = sample_ms < RTT_MAX_MS ? sample_ms : RTT_MAX_MS;
    uint32_t smooth = old_ms == 0 ? sample : (7 * old_ms + sample + 4) / 8; /* RFC 6298's 1/8 */
    slot->rtt_failures = (uint16_t)(smooth << 4 | slot_failures(slot));
}

static void slot_fill(const struct routing_table *table, struct slot *slot,
                      const struct contact *who)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    endpoint_to_compact(&who->endpoint, compact);
    slot->id = who->id;
    slot->seen_s = (uint32_t)(who->seen_ms / 1000);
    slot->rtt_failures = 0;
    slot_add_rtt(slot, who->rtt_ms);
    memcpy(slot->address, compact, routing_address_size(table));
}

void slot_unpack(const struct routing_table *table, const struct slot *slot, struct contact *out)
{
    *out = (struct contact){.id = slot->id,
                            .seen_ms = (uint64_t)slot->seen_s * 1000,
                            .rtt_ms = slot->rtt_failures >> 4,
                            .failures = slot_failures(slot)};
    endpoint_from_compact(bytes_of(slot->address, routing_address_size(table)), &out->endpoint);
}

static bool slot_has_endpoint(const struct routing_table *table, const struct slot *slot,
                              const struct endpoint *endpoint)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    size_t size = endpoint_to_compact(endpoint, compact);
    return size == routing_address_size(table) && memcmp(slot->address, compact, size) == 0;
}

/* ---- buckets ---- */

size_t bucket_find(const struct routing_table *table, const struct bucket *bucket,
                   const struct id *id)
{
    for (size_t i = 0; i < bucket_used(bucket); i++)
        if (id_equal(&slot_at(table, bucket, i)->id, id))
            return i;
    return SIZE_MAX;
}

static bool bucket_reserve(const struct routing_table *table, struct bucket *bucket, size_t slots)
{
    if (slots <= bucket->cap)
        return true;
    size_t cap = slots > DHT_K ? slots : slots + GROWTH - 1 - (slots - 1) % GROWTH;
    uint8_t *grown = realloc(bucket->slots, cap * table->stride);
    if (grown == NULL)
        return false;
    bucket->slots = grown;
    bucket->cap = (uint8_t)cap;
    return true;
}

static void bucket_move_to_young_end(const struct routing_table *table, struct bucket *bucket,
                                     size_t index)
{
    uint8_t moved[ROUTING_SLOT_MAX];
    uint8_t *at = bucket->slots + index * table->stride;
    size_t after = (bucket->count - index - 1) * table->stride;
    memcpy(moved, at, table->stride);
    memmove(at, at + table->stride, after);
    memcpy(at + after, moved, table->stride);
}

/* Takes one slot out; the candidate, when there is one, becomes the youngest contact. */
static void bucket_remove(struct routing_table *table, struct bucket *bucket, size_t index)
{
    uint8_t *at = bucket->slots + index * table->stride;
    memmove(at, at + table->stride, (bucket_used(bucket) - index - 1) * table->stride);
    if (bucket->has_candidate) { /* it, or a contact that it stands in for */
        bucket->has_candidate = false;
        return;
    }
    bucket->count--;
    table->contacts--;
}

static bool bucket_append(struct routing_table *table, struct bucket *bucket,
                          const struct contact *who)
{
    if (!bucket_reserve(table, bucket, (size_t)bucket->count + 1))
        return false;
    bucket->has_candidate = false; /* there is room: the one who is here now comes first */
    slot_fill(table, slot_at(table, bucket, bucket->count), who);
    bucket->count++;
    table->contacts++;
    return true;
}

static void bucket_set_candidate(const struct routing_table *table, struct bucket *bucket,
                                 const struct contact *who)
{
    if (!bucket_reserve(table, bucket, (size_t)bucket->count + 1))
        return;
    slot_fill(table, slot_at(table, bucket, bucket->count), who);
    bucket->has_candidate = true;
}

/* ---- life ---- */

struct routing_table *routing_table_new(const struct routing_table_config *config)
{
    struct routing_table *table = calloc(1, sizeof *table);
    struct bucket *buckets = calloc(1, sizeof *buckets);
    if (table == NULL || buckets == NULL) {
        free(table);
        free(buckets);
        return NULL;
    }
    table->self = config->self;
    table->family = config->family;
    table->wide = config->wide;
    table->stride = ROUTING_SLOT_HEAD + (config->family == ENDPOINT_IPV6 ? 18 : 6);
    table->buckets = buckets;
    table->bucket_count = table->bucket_cap = 1;
    return table;
}

void routing_table_free(struct routing_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->bucket_count; i++)
        free(table->buckets[i].slots);
    free(table->buckets);
    free(table);
}

/* ---- change ---- */

/* Moves what belongs one bit deeper into a new last bucket. */
static bool split_last(struct routing_table *table)
{
    if (table->bucket_count == table->bucket_cap) {
        size_t cap = (size_t)table->bucket_cap + GROWTH;
        struct bucket *grown = realloc(table->buckets, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        table->buckets = grown;
        table->bucket_cap = (uint8_t)cap;
    }
    struct bucket *far = &table->buckets[table->bucket_count - 1];
    struct bucket near = {.refresh_s = far->refresh_s};
    if (!bucket_reserve(table, &near, far->count))
        return false;
    unsigned depth = table->bucket_count - 1u;
    size_t kept = 0;
    for (size_t i = 0; i < far->count; i++) {
        const struct slot *slot = slot_at(table, far, i);
        bool deeper = id_common_bits(&table->self, &slot->id) > depth;
        struct bucket *into = deeper ? &near : far;
        size_t at = deeper ? near.count++ : kept++;
        memmove(slot_at(table, into, at), slot, table->stride);
    }
    far->count = (uint8_t)kept;
    far->has_candidate = false; /* both halves have room now */
    table->buckets[table->bucket_count++] = near;
    return true;
}

/* With its neighbours. */
static size_t bucket_max(const struct routing_table *table, size_t index)
{
    size_t capacity = routing_table_capacity(table, index);
    return bucket_is_last(table, index) || capacity > 2 * DHT_K ? capacity : 2 * DHT_K;
}

static bool bucket_has_room(const struct routing_table *table, size_t index, const struct id *id)
{
    size_t count = table->buckets[index].count;
    return count < routing_table_capacity(table, index) ||
           (count < bucket_max(table, index) && routing_table_is_neighbour(table, id));
}

static bool can_split(const struct routing_table *table, size_t index)
{
    return bucket_is_last(table, index) && table->bucket_count < ID_BITS;
}

/* Whom a full bucket would have to test for a newcomer's sake: one that was silent once, or the
 * oldest when it was not heard of for a while. SIZE_MAX: all are fresh. */
static size_t bucket_due(const struct routing_table *table, const struct bucket *bucket,
                         uint64_t now_ms)
{
    for (size_t i = 0; i < bucket->count; i++)
        if (slot_failures(slot_at(table, bucket, i)) > 0)
            return i;
    uint64_t oldest_ms = (uint64_t)slot_at(table, bucket, 0)->seen_s * 1000;
    return now_ms >= oldest_ms + ROUTING_FRESH_MS ? 0 : SIZE_MAX;
}

/* The endpoint of `who` may be known under an id that it has given up. */
static void forget_endpoint(struct routing_table *table, const struct endpoint *endpoint)
{
    for (size_t b = 0; b < table->bucket_count; b++) {
        struct bucket *bucket = &table->buckets[b];
        for (size_t i = bucket_used(bucket); i-- > 0;) {
            if (!slot_has_endpoint(table, slot_at(table, bucket, i), endpoint))
                continue;
            if (i == bucket->count)
                bucket->has_candidate = false;
            else
                bucket_remove(table, bucket, i);
        }
    }
}

static enum seen_result seen_again(const struct routing_table *table, struct bucket *bucket,
                                   size_t index, const struct contact *who)
{
    struct slot *slot = slot_at(table, bucket, index);
    slot->seen_s = (uint32_t)(who->seen_ms / 1000);
    slot_set_failures(slot, 0);
    slot_add_rtt(slot, who->rtt_ms);
    bucket_move_to_young_end(table, bucket, index);
    return SEEN_REFRESHED;
}

static enum seen_result seen_newcomer(struct routing_table *table, const struct contact *who,
                                      struct contact *oldest)
{
    size_t index = bucket_index(table, &who->id);
    while (!bucket_has_room(table, index, &who->id) && can_split(table, index)) {
        if (!split_last(table))
            return SEEN_IGNORED;
        index = bucket_index(table, &who->id);
    }
    struct bucket *bucket = &table->buckets[index];
    if (bucket_has_room(table, index, &who->id))
        return bucket_append(table, bucket, who) ? SEEN_ADDED : SEEN_IGNORED;

    size_t due = bucket_due(table, bucket, who->seen_ms);
    bucket_set_candidate(table, bucket, who);
    if (due == SIZE_MAX)
        return SEEN_IGNORED;
    if (slot_failures(slot_at(table, bucket, due)) >= ROUTING_FAILURES_REPLACE) {
        bucket_remove(table, bucket, due); /* the candidate is `who` */
        return SEEN_ADDED;
    }
    slot_unpack(table, slot_at(table, bucket, due), oldest);
    return SEEN_ASK_OLDEST;
}

enum seen_result routing_table_seen(struct routing_table *table, const struct contact *who,
                                    struct contact *oldest)
{
    if (id_equal(&who->id, &table->self) || who->endpoint.family != table->family ||
        !endpoint_is_usable(&who->endpoint))
        return SEEN_IGNORED;
    struct bucket *bucket = &table->buckets[bucket_index(table, &who->id)];
    size_t index = bucket_find(table, bucket, &who->id);
    if (index < bucket->count) {
        const struct slot *slot = slot_at(table, bucket, index);
        if (slot_has_endpoint(table, slot, &who->endpoint))
            return seen_again(table, bucket, index, who);
        if (slot_failures(slot) == 0)
            return SEEN_IGNORED;             /* the one we know answers: nobody takes its name */
        bucket_remove(table, bucket, index); /* silent there, answers here: it moved */
    } else if (index != SIZE_MAX) {
        bucket->has_candidate = false; /* it is the candidate, and tries again */
    }
    forget_endpoint(table, &who->endpoint);
    return seen_newcomer(table, who, oldest);
}

enum failed_result routing_table_failed(struct routing_table *table, const struct id *id)
{
    struct bucket *bucket = &table->buckets[bucket_index(table, id)];
    size_t index = bucket_find(table, bucket, id);
    if (index == SIZE_MAX)
        return FAILED_UNKNOWN;
    if (index == bucket->count) {
        bucket->has_candidate = false;
        return FAILED_DROPPED;
    }
    struct slot *slot = slot_at(table, bucket, index);
    slot_set_failures(slot, slot_failures(slot) + 1);
    bool replace = bucket->has_candidate && slot_failures(slot) >= ROUTING_FAILURES_REPLACE;
    if (!replace && slot_failures(slot) < ROUTING_FAILURES_MAX)
        return FAILED_COUNTED;
    bucket_remove(table, bucket, index);
    return replace ? FAILED_REPLACED : FAILED_DROPPED;
}

bool routing_table_remove(struct routing_table *table, const struct id *id)
{
    struct bucket *bucket = &table->buckets[bucket_index(table, id)];
    size_t index = bucket_find(table, bucket, id);
    if (index == SIZE_MAX)
        return false;
    if (index == bucket->count)
        bucket->has_candidate = false;
    else
        bucket_remove(table, bucket, index);
    return true;
}

bool routing_table_wants(const struct routing_table *table, const struct id *id, uint64_t now_ms)
{
    if (id_equal(id, &table->self))
        return false;
    size_t index = bucket_index(table, id);
    const struct bucket *bucket = &table->buckets[index];
    if (bucket_find(table, bucket, id) < bucket->count)
        return false;
    if (bucket_has_room(table, index, id) || can_split(table, index))
        return true;
    return !bucket->has_candidate || bucket_due(table, bucket, now_ms) != SIZE_MAX;
}

/* ---- invariants ---- */

static bool bucket_valid(const struct routing_table *table, size_t index)
{
    const struct bucket *bucket = &table->buckets[index];
    bool last = bucket_is_last(table, index);
    if (bucket_used(bucket) > bucket->cap || bucket->count > bucket_max(table, index))
        return false;
    for (size_t i = 0; i < bucket_used(bucket); i++) {
        const struct slot *slot = slot_at(table, bucket, i);
        size_t common = id_common_bits(&table->self, &slot->id);
        if (common == ID_BITS || (last ? common < index : common != index))
            return false;
        if (bucket_find(table, bucket, &slot->id) != i ||
            slot_failures(slot) >= ROUTING_FAILURES_MAX)
            return false;
    }
    return true;
}

bool routing_table_valid(const struct routing_table *table)
{
    size_t contacts = 0;
    for (size_t b = 0; b < table->bucket_count; b++) {
        if (!bucket_valid(table, b))
            return false;
        contacts += table->buckets[b].count;
    }
    return contacts == table->contacts;
}
