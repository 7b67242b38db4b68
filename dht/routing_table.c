#include "dht/routing_table_private.h"

#include <stdlib.h>

#include "dht/node_id.h"

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
    unsigned bits = slot->rtt_failures & 15u;
    uint32_t old_ms = slot->rtt_failures >> 4;
    uint32_t sample = sample_ms < RTT_MAX_MS ? sample_ms : RTT_MAX_MS;
    uint32_t smooth = old_ms == 0 ? sample : (7 * old_ms + sample + 4) / 8; /* RFC 6298's 1/8 */
    slot->rtt_failures = (uint16_t)(smooth << 4 | bits);
}

/* `bits`: those that never change. */
static void slot_fill(struct routing_table *table, struct slot *slot, const struct contact *who,
                      unsigned bits)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    routing_note_network(table, &who->endpoint);
    endpoint_to_compact(&who->endpoint, compact);
    slot->id = who->id;
    slot->seen_s = (uint32_t)(who->seen_ms / 1000);
    slot->rtt_failures = (uint16_t)bits;
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

static size_t cap_for(size_t slots)
{
    return slots == 0 || slots > DHT_K ? slots : slots + GROWTH - 1 - (slots - 1) % GROWTH;
}

/* Gives back what it does not need. */
static void bucket_trim(const struct routing_table *table, struct bucket *bucket)
{
    size_t cap = cap_for(bucket_used(bucket));
    if (cap >= bucket->cap)
        return;
    uint8_t *less = cap > 0 ? realloc(bucket->slots, cap * table->stride) : NULL;
    if (cap == 0)
        free(bucket->slots);
    else if (less == NULL)
        return;
    bucket->slots = less;
    bucket->cap = (uint8_t)cap;
}

static bool bucket_reserve(const struct routing_table *table, struct bucket *bucket, size_t slots)
{
    if (slots <= bucket->cap)
        return true;
    size_t cap = cap_for(slots);
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
                          const struct contact *who, unsigned bits)
{
    if (!bucket_reserve(table, bucket, (size_t)bucket->count + 1))
        return false;
    slot_fill(table, slot_at(table, bucket, bucket->count), who, bits);
    bucket->count++;
    table->contacts++;
    return true;
}

static void bucket_set_candidate(struct routing_table *table, struct bucket *bucket,
                                 const struct contact *who, unsigned bits)
{
    if (!bucket_reserve(table, bucket, (size_t)bucket->count + 1))
        return;
    slot_fill(table, slot_at(table, bucket, bucket->count), who, bits);
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
    table->limit_local = config->limit_local;
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
    unsigned depth = table->bucket_count - 1u;
    size_t kept = 0;
    for (size_t i = 0; i < far->count; i++)
        kept += id_common_bits(&table->self, &slot_at(table, far, i)->id) <= depth;
    if (!bucket_reserve(table, &near, far->count - kept))
        return false;
    kept = 0;
    for (size_t i = 0; i < far->count; i++) {
        const struct slot *slot = slot_at(table, far, i);
        bool deeper = id_common_bits(&table->self, &slot->id) > depth;
        struct bucket *into = deeper ? &near : far;
        size_t at = deeper ? near.count++ : kept++;
        memmove(slot_at(table, into, at), slot, table->stride);
    }
    far->count = (uint8_t)kept;
    far->has_candidate = false; /* both halves have room now */
    bucket_trim(table, far);
    table->buckets[table->bucket_count++] = near;
    return true;
}

/* With its neighbours. */
static size_t bucket_max(const struct routing_table *table, size_t index)
{
    size_t capacity = routing_table_capacity(table, index);
    return bucket_is_last(table, index) || capacity > 2 * DHT_K ? capacity : 2 * DHT_K;
}

static bool bucket_has_room(const struct routing_table *table, size_t index, const struct id *id,
                            bool fits)
{
    size_t count = table->buckets[index].count;
    return count < routing_table_capacity(table, index) ||
           (count < bucket_max(table, index) && fits && routing_table_is_neighbour(table, id));
}

/* The oldest contact that gives way to a newcomer. SIZE_MAX: none does. */
static size_t bucket_loser(const struct routing_table *table, const struct bucket *bucket)
{
    for (size_t i = 0; i < bucket->count; i++)
        if (slot_gives_way(slot_at(table, bucket, i)))
            return i;
    return SIZE_MAX;
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

/* ---- what became of a query ---- */

/* The endpoint of `who` may be known under an id that it has given up. */
static void forget_endpoint(struct routing_table *table, const struct endpoint *endpoint)
{
    if (routing_is_new_network(table, endpoint))
        return;
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

/* The bucket is full of such as do not give way. */
static enum seen_result seen_beyond(struct routing_table *table, struct bucket *bucket,
                                    const struct contact *who, unsigned bits,
                                    struct contact *oldest)
{
    size_t due = bucket_due(table, bucket, who->seen_ms);
    bool waits = bits == 0 || !bucket->has_candidate ||
                 slot_gives_way(slot_at(table, bucket, bucket->count));
    if (waits)
        bucket_set_candidate(table, bucket, who, bits);
    if (due == SIZE_MAX)
        return SEEN_IGNORED;
    if (bucket->has_candidate &&
        slot_failures(slot_at(table, bucket, due)) >= ROUTING_FAILURES_REPLACE) {
        bucket_remove(table, bucket, due);
        return waits ? SEEN_ADDED : SEEN_IGNORED;
    }
    slot_unpack(table, slot_at(table, bucket, due), oldest);
    return SEEN_ASK_OLDEST;
}

/* A newcomer whose network has its share is welcome all the same as a neighbour, in the place of
 * one of that network who is farther. */
static bool takes_place(const struct routing_table *table, size_t index, const struct id *id,
                        const struct endpoint *endpoint, struct others others,
                        struct routing_place *out)
{
    bool fits = node_id_fits(id, endpoint);
    return fits && bucket_has_room(table, index, id, fits) &&
           routing_table_is_neighbour(table, id) &&
           routing_farther(table, index, bytes_of(endpoint->addr, others.crowded), out);
}

static bool may_come(const struct routing_table *table, size_t index, const struct id *id,
                     const struct endpoint *endpoint, struct others others)
{
    struct routing_place place;
    return others.crowded == 0 || takes_place(table, index, id, endpoint, others, &place);
}

static void remove_at(struct routing_table *table, struct routing_place place)
{
    bucket_remove(table, &table->buckets[place.bucket], place.slot);
}

/* There is a place for a newcomer, who is the first of its network if `bits` are none. */
static enum seen_result add_newcomer(struct routing_table *table, struct bucket *bucket,
                                     const struct contact *who, unsigned bits)
{
    struct routing_place place;
    bucket->has_candidate = false; /* the one who is here now comes first */
    if (bits == 0 && routing_surplus(table, &place))
        remove_at(table, place);
    return bucket_append(table, bucket, who, bits) ? SEEN_ADDED : SEEN_IGNORED;
}

static enum seen_result seen_newcomer(struct routing_table *table, const struct contact *who,
                                      struct contact *oldest)
{
    bool fits = node_id_fits(&who->id, &who->endpoint);
    size_t index = bucket_index(table, &who->id);
    while (!bucket_has_room(table, index, &who->id, fits) && can_split(table, index)) {
        if (!split_last(table))
            return SEEN_IGNORED;
        index = bucket_index(table, &who->id);
    }
    struct others others = routing_others(table, index, &who->endpoint);
    struct routing_place place;
    if (others.in_bucket >= ROUTING_PER_BUCKET ||
        !may_come(table, index, &who->id, &who->endpoint, others)) {
        table->crowded++;
        return SEEN_IGNORED;
    }
    struct bucket *bucket = &table->buckets[index];
    if (others.crowded > 0 && takes_place(table, index, &who->id, &who->endpoint, others, &place)) {
        remove_at(table, place);
        others = routing_others(table, index, &who->endpoint);
    }
    unsigned bits = (fits ? 0 : ROUTING_MISFIT) | (others.in_table > 0 ? ROUTING_SECOND : 0);
    bool room = bucket_has_room(table, index, &who->id, fits);
    size_t loser = room || bits != 0 ? SIZE_MAX : bucket_loser(table, bucket);
    if (!room && loser == SIZE_MAX)
        return seen_beyond(table, bucket, who, bits, oldest);
    if (room)
        return add_newcomer(table, bucket, who, bits);
    bucket->has_candidate = false; /* the one who is here now comes first */
    bucket_remove(table, bucket, loser);
    return bucket_append(table, bucket, who, bits) ? SEEN_ADDED : SEEN_IGNORED;
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
        slot_unpack(table, slot, oldest);
        return SEEN_ELSEWHERE; /* nobody takes its name before it is dropped for its silence */
    } else if (index != SIZE_MAX) {
        bucket->has_candidate = false; /* it is the candidate, and tries again */
    }
    forget_endpoint(table, &who->endpoint);
    routing_renew_filter(table);
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
    unsigned failures = slot_failures(slot) + 1;
    slot_set_failures(slot, failures);
    bool replace = bucket->has_candidate && failures >= ROUTING_FAILURES_REPLACE;
    if (!replace && failures < ROUTING_FAILURES_MAX)
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

bool routing_table_wants(const struct routing_table *table, const struct id *id,
                         const struct endpoint *endpoint, uint64_t now_ms)
{
    if (id_equal(id, &table->self))
        return false;
    size_t index = bucket_index(table, id);
    const struct bucket *bucket = &table->buckets[index];
    if (bucket_find(table, bucket, id) < bucket->count)
        return false;
    bool full =
        !bucket_has_room(table, index, id, node_id_fits(id, endpoint)) && !can_split(table, index);
    bool some_gives_way = full && bucket_loser(table, bucket) != SIZE_MAX;
    if (full && bucket->has_candidate && !some_gives_way &&
        bucket_due(table, bucket, now_ms) == SIZE_MAX)
        return false;
    struct others others = routing_others(table, index, endpoint);
    return may_come(table, index, id, endpoint, others) &&
           (others.in_bucket < ROUTING_PER_BUCKET || can_split(table, index));
}

/* ---- invariants ---- */

static bool slot_is_valid(const struct routing_table *table, const struct slot *slot)
{
    struct contact contact;
    slot_unpack(table, slot, &contact);
    return slot_failures(slot) < ROUTING_FAILURES_MAX &&
           !routing_is_new_network(table, &contact.endpoint) &&
           slot_fits(slot) == node_id_fits(&contact.id, &contact.endpoint);
}

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
        if (bucket_find(table, bucket, &slot->id) != i || !slot_is_valid(table, slot))
            return false;
    }
    return !bucket->has_candidate || slot_gives_way(slot_at(table, bucket, bucket->count)) ||
           bucket_loser(table, bucket) == SIZE_MAX;
}

bool routing_table_valid(const struct routing_table *table)
{
    size_t contacts = 0;
    for (size_t b = 0; b < table->bucket_count; b++) {
        if (!bucket_valid(table, b))
            return false;
        contacts += table->buckets[b].count;
    }
    return contacts == table->contacts && routing_networks_valid(table);
}
