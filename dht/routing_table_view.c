#include "dht/routing_table_private.h"

#include "dht/density.h"
#include "dht/prefetch.h"

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

uint32_t routing_table_crowded(const struct routing_table *table)
{
    return table->crowded;
}

size_t routing_table_capacity(const struct routing_table *table, size_t bucket)
{
    if (!table->wide || bucket_is_last(table, bucket) || bucket >= 8)
        return DHT_K;
    size_t wide = ROUTING_WIDE >> bucket;
    return wide > DHT_K ? wide : DHT_K;
}

struct dht_bucket routing_table_bucket(const struct routing_table *table, size_t bucket)
{
    const struct bucket *one = &table->buckets[bucket];
    return (struct dht_bucket){.contacts = one->count,
                               .capacity = (uint16_t)routing_table_capacity(table, bucket),
                               .waiting = one->has_candidate,
                               .refresh_ms = one->refresh_s * 1000ull};
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

bool routing_table_next_silent(const struct routing_table *table, size_t *cursor,
                               struct contact *out)
{
    size_t first = 0; /* number of the bucket's first contact */
    for (size_t b = 0; b < table->bucket_count; first += table->buckets[b++].count) {
        const struct bucket *bucket = &table->buckets[b];
        for (size_t i = *cursor > first ? *cursor - first : 0; i < bucket->count; i++) {
            const struct slot *slot = slot_at(table, bucket, i);
            if (slot_failures(slot) == 0)
                continue;
            *cursor = first + i + 1;
            slot_unpack(table, slot, out);
            return true;
        }
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

/* The nearest found so far, views into the table: those that fit their address, sorted, then from
 * `fitting` on the others, sorted. No two of one public address. What is compared with every
 * contact that comes into question lies in arrays of its own. */
struct nearest {
    const struct routing_table *table;
    const struct id *target;
    size_t count, cap, fitting;
    uint64_t prefix;                         /* the target's first eight bytes */
    uint64_t distances[ROUTING_CLOSEST_MAX]; /* first eight bytes of each distance */
    uint64_t machines[ROUTING_CLOSEST_MAX];  /* an IPv4 address, or a /64 */
    const struct slot *slots[ROUTING_CLOSEST_MAX];
};

static uint64_t machine_of(const struct routing_table *table, const struct slot *slot)
{
    uint64_t machine = 0;
    memcpy(&machine, slot->address, table->family == ENDPOINT_IPV6 ? 8 : 4);
    return machine;
}

/* The one of the same public address; `count`: there is none. */
static size_t nearest_of_address(const struct nearest *nearest, const struct slot *slot,
                                 uint64_t machine)
{
    const struct routing_table *table = nearest->table;
    size_t at = 0;
    while (at < nearest->count && nearest->machines[at] != machine)
        at++;
    if (at == nearest->count)
        return at;
    struct contact contact;
    slot_unpack(table, slot, &contact);
    bool exempt = routing_prefix(table, &contact.endpoint, SOURCE_ADDRESS) == 0;
    return exempt ? nearest->count : at;
}

static bool is_nearer(const struct nearest *nearest, const struct slot *slot, uint64_t distance,
                      size_t than)
{
    if (distance != nearest->distances[than])
        return distance < nearest->distances[than];
    return id_distance_compare(nearest->target, &slot->id, &nearest->slots[than]->id) < 0;
}

/* Makes place `at` free: what stands there and behind moves on, over what stood at `end`. */
static void nearest_shift(struct nearest *nearest, size_t at, size_t end)
{
    size_t moved = (end - at) * sizeof(uint64_t);
    memmove(&nearest->distances[at + 1], &nearest->distances[at], moved);
    memmove(&nearest->machines[at + 1], &nearest->machines[at], moved);
    memmove(&nearest->slots[at + 1], &nearest->slots[at], (end - at) * sizeof nearest->slots[0]);
}

static void nearest_offer(struct nearest *nearest, const struct slot *slot)
{
    uint64_t distance = read_u64(slot->id.bytes) ^ nearest->prefix;
    size_t at = nearest->count;
    while (at > nearest->fitting && is_nearer(nearest, slot, distance, at - 1))
        at--;
    if (at == nearest->cap)
        return;
    uint64_t machine = machine_of(nearest->table, slot);
    size_t same = nearest_of_address(nearest, slot, machine);
    if (same < at)
        return; /* one of that address comes before */
    if (same == nearest->count)
        same = nearest->count < nearest->cap ? nearest->count++ : nearest->cap - 1;
    nearest_shift(nearest, at, same);
    nearest->slots[at] = slot;
    nearest->distances[at] = distance;
    nearest->machines[at] = machine;
}

static void nearest_offer_bucket(struct nearest *nearest, size_t index, bool fits)
{
    const struct bucket *bucket = &nearest->table->buckets[index];
    for (size_t i = 0; i < bucket->count; i++) {
        const struct slot *slot = slot_at(nearest->table, bucket, i);
        if (slot_failures(slot) == 0 && slot_fits(slot) == fits)
            nearest_offer(nearest, slot);
    }
}

/* The buckets that follow, all at once: one by one they are waited for. */
static void expect_around(const struct routing_table *table, size_t own)
{
    for (size_t b = own > 0 ? own - 1 : 0; b < table->bucket_count; b++)
        if (b != own)
            prefetch(table->buckets[b].slots, bucket_used(&table->buckets[b]) * table->stride);
}

/* Seen from the target, the buckets come in this order: its own; all deeper ones, mingled; then
 * the less deep ones, one by one. */
static void nearest_offer_all(struct nearest *nearest, bool fits)
{
    size_t own = bucket_index(nearest->table, nearest->target);
    if (nearest->table->buckets[own].count < nearest->cap)
        expect_around(nearest->table, own);
    nearest_offer_bucket(nearest, own, fits);
    if (nearest->count < nearest->cap)
        for (size_t b = own + 1; b < nearest->table->bucket_count; b++)
            nearest_offer_bucket(nearest, b, fits);
    for (size_t b = own; b-- > 0 && nearest->count < nearest->cap;)
        nearest_offer_bucket(nearest, b, fits);
}

size_t routing_table_closest(const struct routing_table *table, const struct id *target,
                             struct contact out[], size_t cap)
{
    struct nearest nearest; /* as much of its arrays as is in use */
    nearest.table = table;
    nearest.target = target;
    nearest.prefix = read_u64(target->bytes);
    nearest.count = nearest.fitting = 0;
    nearest.cap = cap < ROUTING_CLOSEST_MAX ? cap : ROUTING_CLOSEST_MAX;
    nearest_offer_all(&nearest, true);
    nearest.fitting = nearest.count;
    if (nearest.count < nearest.cap)
        nearest_offer_all(&nearest, false);
    for (size_t i = 0; i < nearest.count; i++)
        slot_unpack(table, nearest.slots[i], &out[i]);
    return nearest.count;
}

void routing_table_expect(const struct routing_table *table, bool again)
{
    if (again)
        prefetch(table->buckets, table->bucket_count * sizeof table->buckets[0]);
    else
        prefetch(table, sizeof *table);
}

void routing_table_expect_id(const struct routing_table *table, const struct id *id)
{
    const struct bucket *bucket = &table->buckets[bucket_index(table, id)];
    prefetch(bucket->slots, bucket_used(bucket) * table->stride);
}

/* Neighbours are contacts we always want. */
bool routing_table_is_neighbour(const struct routing_table *table, const struct id *id)
{
    size_t nearer = 0;
    for (size_t b = bucket_index(table, id); b < table->bucket_count; b++) {
        const struct bucket *bucket = &table->buckets[b];
        for (size_t i = 0; i < bucket->count && nearer < DHT_K; i++) {
            const struct slot *slot = slot_at(table, bucket, i);
            nearer += slot_fits(slot) && id_distance_compare(&table->self, &slot->id, id) < 0;
        }
    }
    return nearer < DHT_K;
}

uint64_t routing_table_network_size(const struct routing_table *table)
{
    struct contact near[DHT_K];
    size_t count = routing_table_closest(table, &table->self, near, DHT_K);
    double share = 0;
    for (size_t i = 0; i < count; i++) {
        double distance = density_share(&table->self, &near[i].id);
        share = distance > share ? distance : share;
    }
    if (count < DHT_K || table->bucket_count == 1 || share == 0)
        return (uint64_t)table->contacts + 1;
    return (uint64_t)density_size(count, share);
}

#define SIZE_BUCKETS 3

double routing_table_size_by_buckets(const struct routing_table *table)
{
    double sizes[SIZE_BUCKETS], share = 1;
    size_t count = 0;
    for (size_t b = 0; b < table->bucket_count && count < SIZE_BUCKETS; b++) {
        size_t contacts = table->buckets[b].count, at = count;
        share /= bucket_is_last(table, b) ? 1 : 2;
        if (contacts >= routing_table_capacity(table, b))
            continue;
        double size = (double)contacts / share + 1;
        for (; at > 0 && sizes[at - 1] > size; at--)
            sizes[at] = sizes[at - 1];
        sizes[at] = size;
        count++;
    }
    return count == SIZE_BUCKETS ? sizes[SIZE_BUCKETS / 2] : 0;
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

void routing_table_refresh_poor(struct routing_table *table, size_t enough, uint64_t due_ms)
{
    for (size_t b = 0; b < table->bucket_count; b++) {
        struct bucket *bucket = &table->buckets[b];
        bool wanted = bucket->count < enough || bucket_is_last(table, b);
        if (wanted && bucket->refresh_s > due_ms / 1000)
            bucket->refresh_s = (uint32_t)(due_ms / 1000);
    }
}

bool routing_table_is_poor(const struct routing_table *table, const struct id *target,
                           size_t enough)
{
    size_t index = bucket_index(table, target);
    return table->buckets[index].count < enough && !bucket_is_last(table, index);
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
