#include "dht/routing_table.h"

#include <stdlib.h>
#include <string.h>

#include "dht/params.h"

#define ADDRESS_OFFSET 26
#define STRIDE_MAX     (ADDRESS_OFFSET + ENDPOINT_COMPACT_MAX)
#define RTT_MAX_MS     4095
#define FAILURES_MAX   15 /* what the four bits hold */
#define GROWTH         4  /* slots that a bucket grows by, up to k; then one by one */

/* A stored contact: 26 bytes and its compact address, 32 in all for IPv4. */
struct slot {
    struct id id;
    uint32_t seen_s;
    uint16_t rtt_failures; /* rtt_ms << 4 | failures */
    uint8_t address[];
};

struct bucket {
    uint8_t *slots; /* oldest first; one candidate may follow the `count` contacts */
    uint8_t count;
    uint8_t cap;
    bool has_candidate;
    uint32_t refresh_s;
};

struct routing_table {
    struct id self;
    uint8_t family;
    uint8_t stride; /* bytes of a slot */
    uint8_t bucket_count;
    uint8_t bucket_cap;
    uint16_t contacts;
    struct bucket *buckets;
};

_Static_assert(ADDRESS_OFFSET == offsetof(struct slot, address), "slots are packed by hand");
_Static_assert(ADDRESS_OFFSET + 6 <= 32, "a stored IPv4 contact is at most 32 bytes");

/* ---- slots ---- */

static struct slot *slot_at(const struct routing_table *table, const struct bucket *bucket,
                            size_t index)
{
    return (struct slot *)(void *)(bucket->slots + index * table->stride);
}

static unsigned slot_failures(const struct slot *slot)
{
    return slot->rtt_failures & FAILURES_MAX;
}

static void slot_set_failures(struct slot *slot, unsigned failures)
{
    unsigned kept = failures < FAILURES_MAX ? failures : FAILURES_MAX;
    slot->rtt_failures = (uint16_t)((slot->rtt_failures & ~FAILURES_MAX) | kept);
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
    memcpy(slot->address, compact, (size_t)table->stride - ADDRESS_OFFSET);
}

static void slot_unpack(const struct routing_table *table, const struct slot *slot,
                        struct contact *out)
{
    *out = (struct contact){.id = slot->id,
                            .seen_ms = (uint64_t)slot->seen_s * 1000,
                            .rtt_ms = slot->rtt_failures >> 4,
                            .failures = slot_failures(slot)};
    endpoint_from_compact(bytes_of(slot->address, (size_t)table->stride - ADDRESS_OFFSET),
                          &out->endpoint);
}

static bool slot_has_endpoint(const struct routing_table *table, const struct slot *slot,
                              const struct endpoint *endpoint)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    size_t size = endpoint_to_compact(endpoint, compact);
    return size == (size_t)table->stride - ADDRESS_OFFSET &&
           memcmp(slot->address, compact, size) == 0;
}

/* ---- buckets ---- */

static size_t bucket_index(const struct routing_table *table, const struct id *id)
{
    size_t common = id_common_bits(&table->self, id);
    return common < table->bucket_count ? common : (size_t)table->bucket_count - 1;
}

/* Slots in use, the candidate's included. */
static size_t bucket_used(const struct bucket *bucket)
{
    return (size_t)bucket->count + bucket->has_candidate;
}

/* The candidate counts as index `count`. SIZE_MAX: not there. */
static size_t bucket_find(const struct routing_table *table, const struct bucket *bucket,
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
    uint8_t moved[STRIDE_MAX];
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

struct routing_table *routing_table_new(const struct id *self, uint8_t family)
{
    struct routing_table *table = calloc(1, sizeof *table);
    struct bucket *buckets = calloc(1, sizeof *buckets);
    if (table == NULL || buckets == NULL) {
        free(table);
        free(buckets);
        return NULL;
    }
    table->self = *self;
    table->family = family;
    table->stride = ADDRESS_OFFSET + (family == ENDPOINT_IPV6 ? 18 : 6);
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

/* Neighbours are contacts we always want. */
bool routing_table_is_neighbour(const struct routing_table *table, const struct id *id)
{
    size_t nearer = 0;
    for (size_t b = bucket_index(table, id); b < table->bucket_count; b++) {
        const struct bucket *bucket = &table->buckets[b];
        for (size_t i = 0; i < bucket->count && nearer < DHT_K; i++)
            nearer += id_distance_compare(&table->self, &slot_at(table, bucket, i)->id, id) < 0;
    }
    return nearer < DHT_K;
}

static bool bucket_has_room(const struct routing_table *table, size_t index, const struct id *id)
{
    const struct bucket *bucket = &table->buckets[index];
    if (bucket->count < DHT_K)
        return true;
    return index + 1u < table->bucket_count && bucket->count < 2 * DHT_K &&
           routing_table_is_neighbour(table, id);
}

static bool can_split(const struct routing_table *table, size_t index)
{
    return index + 1u == table->bucket_count && table->bucket_count < ID_BITS;
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

/* ---- ask ---- */

size_t routing_table_count(const struct routing_table *table)
{
    return table->contacts;
}

size_t routing_table_buckets(const struct routing_table *table)
{
    return table->bucket_count;
}

size_t routing_table_bytes(const struct routing_table *table)
{
    size_t bytes = sizeof *table + table->bucket_cap * sizeof(struct bucket);
    for (size_t i = 0; i < table->bucket_count; i++)
        bytes += (size_t)table->buckets[i].cap * table->stride;
    return bytes;
}

bool routing_table_at(const struct routing_table *table, size_t index, struct contact *out)
{
    for (size_t b = 0; b < table->bucket_count; b++) {
        const struct bucket *bucket = &table->buckets[b];
        if (index < bucket->count) {
            slot_unpack(table, slot_at(table, bucket, index), out);
            return true;
        }
        index -= bucket->count;
    }
    return false;
}

bool routing_table_find(const struct routing_table *table, const struct id *id, struct contact *out)
{
    const struct bucket *bucket = &table->buckets[bucket_index(table, id)];
    size_t index = bucket_find(table, bucket, id);
    if (index >= bucket->count)
        return false;
    slot_unpack(table, slot_at(table, bucket, index), out);
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

/* The nearest found so far, sorted; a view into the table. */
struct nearest {
    const struct id *target;
    const struct slot *slots[ROUTING_CLOSEST_MAX];
    size_t count, cap;
};

static void nearest_offer(struct nearest *nearest, const struct slot *slot)
{
    size_t at = nearest->count;
    while (at > 0 &&
           id_distance_compare(nearest->target, &slot->id, &nearest->slots[at - 1]->id) < 0)
        at--;
    if (at == nearest->cap)
        return;
    size_t moved = nearest->count < nearest->cap ? nearest->count++ : nearest->cap - 1;
    memmove(&nearest->slots[at + 1], &nearest->slots[at], (moved - at) * sizeof nearest->slots[0]);
    nearest->slots[at] = slot;
}

static void nearest_offer_bucket(struct nearest *nearest, const struct routing_table *table,
                                 size_t index)
{
    const struct bucket *bucket = &table->buckets[index];
    for (size_t i = 0; i < bucket->count; i++)
        if (slot_failures(slot_at(table, bucket, i)) == 0)
            nearest_offer(nearest, slot_at(table, bucket, i));
}

/* Seen from the target, the buckets come in this order: its own; all deeper ones, mingled; then
 * the less deep ones, one by one. */
size_t routing_table_closest(const struct routing_table *table, const struct id *target,
                             struct contact out[], size_t cap)
{
    struct nearest nearest = {.target = target,
                              .cap = cap < ROUTING_CLOSEST_MAX ? cap : ROUTING_CLOSEST_MAX};
    size_t own = bucket_index(table, target);
    nearest_offer_bucket(&nearest, table, own);
    if (nearest.count < nearest.cap)
        for (size_t b = own + 1; b < table->bucket_count; b++)
            nearest_offer_bucket(&nearest, table, b);
    for (size_t b = own; b-- > 0 && nearest.count < nearest.cap;)
        nearest_offer_bucket(&nearest, table, b);
    for (size_t i = 0; i < nearest.count; i++)
        slot_unpack(table, nearest.slots[i], &out[i]);
    return nearest.count;
}

/* The distance to `id` as a share of the whole space. */
static double distance_share(const struct id *self, const struct id *id)
{
    double share = 0, unit = 1.0;
    for (size_t i = 0; i < 12; i++) {
        unit /= 256;
        share += unit * (self->bytes[i] ^ id->bytes[i]);
    }
    return share;
}

uint64_t routing_table_network_size(const struct routing_table *table)
{
    struct contact near[DHT_K];
    size_t count = routing_table_closest(table, &table->self, near, DHT_K);
    double share = count > 0 ? distance_share(&table->self, &near[count - 1].id) : 0;
    if (count < DHT_K || table->bucket_count == 1 || share == 0)
        return (uint64_t)table->contacts + 1;
    return (uint64_t)((double)(count - 1) / share) + 1; /* unbiased: k-1 nodes within the k-th */
}

uint64_t routing_table_nearer(const struct routing_table *table, const struct id *key)
{
    struct contact near[DHT_K];
    size_t count = routing_table_closest(table, key, near, DHT_K);
    size_t nearer = 0;
    while (nearer < count && id_distance_compare(key, &near[nearer].id, &table->self) < 0)
        nearer++;
    if (nearer < DHT_K)
        return nearer;
    double estimate = distance_share(&table->self, key) * (double)routing_table_network_size(table);
    return estimate > DHT_K ? (uint64_t)estimate : DHT_K;
}

/* ---- refresh ---- */

void routing_table_touch(struct routing_table *table, const struct id *target, uint64_t due_ms)
{
    table->buckets[bucket_index(table, target)].refresh_s = (uint32_t)(due_ms / 1000);
}

size_t routing_table_refresh_next(const struct routing_table *table, uint64_t *due_ms)
{
    size_t first = 0;
    for (size_t b = 1; b < table->bucket_count; b++)
        if (table->buckets[b].refresh_s < table->buckets[first].refresh_s)
            first = b;
    *due_ms = (uint64_t)table->buckets[first].refresh_s * 1000;
    return first;
}

void routing_table_refresh_all(struct routing_table *table, uint64_t due_ms)
{
    for (size_t b = 0; b < table->bucket_count; b++)
        if (table->buckets[b].refresh_s > due_ms / 1000)
            table->buckets[b].refresh_s = (uint32_t)(due_ms / 1000);
}

struct id routing_table_random_id(const struct routing_table *table, size_t bucket, struct rng *rng)
{
    struct id id;
    rng_fill(rng, id.bytes, sizeof id.bytes);
    for (unsigned bit = 0; bit < bucket; bit++)
        id_set_bit(&id, bit, id_bit(&table->self, bit));
    if (bucket + 1u < table->bucket_count)
        id_set_bit(&id, (unsigned)bucket, !id_bit(&table->self, (unsigned)bucket));
    return id;
}

/* ---- invariants ---- */

static bool bucket_valid(const struct routing_table *table, size_t index)
{
    const struct bucket *bucket = &table->buckets[index];
    bool last = index + 1u == table->bucket_count;
    if (bucket_used(bucket) > bucket->cap || bucket->count > (last ? DHT_K : 2 * DHT_K))
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
