#include "dht/routing_table_private.h"

#define MET_MAX 1024 /* wide networks told apart, with some room */

size_t routing_prefix(const struct routing_table *table, const struct endpoint *endpoint,
                      enum source_scope scope)
{
    struct source_rules rules = {.limit_local = table->limit_local};
    return source_prefix_bytes(&rules, endpoint, scope);
}

/* A /16 of a /24, a /32 of a /48. */
static size_t wide_of(size_t prefix)
{
    return prefix == 6 ? 4 : prefix > 0 ? 2 : 0;
}

/* ---- filters ---- */

static size_t hash_of(const uint8_t *address, size_t size)
{
    uint8_t text[ENDPOINT_COMPACT_MAX] = {0};
    memcpy(text, address, size);
    uint64_t hash = (read_u64(text) ^ read_u64(text + 8)) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 32 ^ text[16] ^ (unsigned)text[17] << 8) * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 32);
}

/* Most who ask to come in are of a network that is not here, which is told without a look at all
 * contacts. Networks that are exempt have an entry for each endpoint. */
static size_t network_bit(const struct routing_table *table, const struct endpoint *endpoint)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    size_t prefix = routing_prefix(table, endpoint, SOURCE_NETWORK);
    size_t hash = prefix > 0 ? hash_of(endpoint->addr, prefix)
                             : hash_of(compact, endpoint_to_compact(endpoint, compact));
    return hash % (ROUTING_NETWORKS_64 * 64);
}

static size_t wide_bit(const struct endpoint *endpoint, size_t prefix)
{
    return hash_of(endpoint->addr, wide_of(prefix)) % (ROUTING_WIDE_64 * 64);
}

void routing_note_network(struct routing_table *table, const struct endpoint *endpoint)
{
    size_t bit = network_bit(table, endpoint);
    size_t prefix = routing_prefix(table, endpoint, SOURCE_NETWORK);
    table->networks[bit / 64] |= 1ull << bit % 64;
    table->noted++;
    if (prefix == 0)
        return;
    bit = wide_bit(endpoint, prefix);
    table->wide_networks[bit / 64] |= 1ull << bit % 64;
}

bool routing_is_new_network(const struct routing_table *table, const struct endpoint *endpoint)
{
    size_t bit = network_bit(table, endpoint);
    return (table->networks[bit / 64] >> bit % 64 & 1) == 0;
}

static bool is_new_wide(const struct routing_table *table, const struct endpoint *endpoint,
                        size_t prefix)
{
    size_t bit = wide_bit(endpoint, prefix);
    return (table->wide_networks[bit / 64] >> bit % 64 & 1) == 0;
}

void routing_renew_filter(struct routing_table *table)
{
    if (table->noted < 2u * table->contacts + ROUTING_NETWORKS_64 * 8)
        return;
    memset(table->networks, 0, sizeof table->networks);
    memset(table->wide_networks, 0, sizeof table->wide_networks);
    for (size_t b = 0; b < table->bucket_count; b++)
        for (size_t i = 0; i < bucket_used(&table->buckets[b]); i++) {
            struct contact contact;
            slot_unpack(table, slot_at(table, &table->buckets[b], i), &contact);
            routing_note_network(table, &contact.endpoint);
        }
    table->noted = table->contacts;
}

/* ---- counting ---- */

/* A /24 or a /48, a /16; the lengths are constants, for all contacts are looked at. */
static bool is_of_network(const struct slot *slot, struct bytes network)
{
    return network.len == 3   ? memcmp(slot->address, network.data, 3) == 0
           : network.len == 2 ? memcmp(slot->address, network.data, 2) == 0
           : network.len == 6 ? memcmp(slot->address, network.data, 6) == 0
                              : memcmp(slot->address, network.data, network.len) == 0;
}

static size_t count_network(const struct routing_table *table, const struct bucket *bucket,
                            size_t slots, struct bytes network)
{
    size_t count = 0;
    for (size_t i = 0; i < slots; i++)
        count += is_of_network(slot_at(table, bucket, i), network);
    return count;
}

static size_t count_in_table(const struct routing_table *table, struct bytes network)
{
    size_t count = 0;
    for (size_t b = 0; b < table->bucket_count; b++)
        count += count_network(table, &table->buckets[b], bucket_used(&table->buckets[b]), network);
    return count;
}

static struct bytes network_of(const struct routing_table *table, const struct slot *slot)
{
    struct contact contact;
    slot_unpack(table, slot, &contact);
    return bytes_of(slot->address, routing_prefix(table, &contact.endpoint, SOURCE_NETWORK));
}

/* Who knows many has no use for a second of one network. */
static size_t network_max(const struct routing_table *table)
{
    return table->contacts < DHT_K             ? ROUTING_PER_TABLE
           : table->contacts < ROUTING_DIVERSE ? ROUTING_PER_BUCKET
                                               : 1;
}

/* Adds a wide network to a set by open addressing, which has room. True: it is new there. */
static bool meet(uint32_t met[MET_MAX], struct bytes wide)
{
    uint32_t key = 0; /* none is of zeros: those are no addresses */
    memcpy(&key, wide.data, wide.len);
    size_t at = (uint32_t)(key * 0x9e3779b1u) % MET_MAX;
    while (met[at] != 0 && met[at] != key)
        at = (at + 1) % MET_MAX;
    bool is_new = met[at] == 0;
    met[at] = key;
    return is_new;
}

/* A /16 or /32 has its share: a hundredth of all, or the square of what such networks have here on
 * average, for where few providers serve all, theirs are many. Who has half of the table is at
 * home here. */
static bool is_wide_crowded(const struct routing_table *table, size_t index, struct bytes wide)
{
    if (count_in_table(table, wide) == 0)
        return false; /* the filter has others with its bit */
    uint32_t met[MET_MAX] = {0};
    size_t all = 0, distinct = 0, count = 0;
    for (size_t b = 0; b < table->bucket_count; b++) {
        const struct bucket *bucket = &table->buckets[b];
        size_t slots = b == index ? bucket->count : bucket_used(bucket);
        for (size_t i = 0; i < slots; i++) {
            struct bytes network = network_of(table, slot_at(table, bucket, i));
            if (network.len == 0)
                continue;
            if (distinct < MET_MAX - 1)
                distinct += meet(met, bytes_of(network.data, wide.len));
            count += memcmp(network.data, wide.data, wide.len) == 0;
            all++;
        }
    }
    if (count == 0 || 2 * count >= all || count < all / ROUTING_WIDE_PART)
        return false;
    return (count + 1) * distinct * distinct > all * all;
}

struct others routing_others(const struct routing_table *table, size_t index,
                             const struct endpoint *endpoint)
{
    size_t prefix = routing_prefix(table, endpoint, SOURCE_NETWORK);
    struct bytes network = bytes_of(endpoint->addr, prefix);
    struct others others = {0};
    if (prefix == 0)
        return others;
    for (size_t b = 0; !routing_is_new_network(table, endpoint) && b < table->bucket_count; b++) {
        const struct bucket *bucket = &table->buckets[b];
        size_t slots = b == index ? bucket->count : bucket_used(bucket);
        size_t count = count_network(table, bucket, slots, network);
        others.in_table += count;
        others.in_bucket += b == index ? count : 0;
    }
    if (others.in_table >= network_max(table))
        others.crowded = prefix;
    else if (table->contacts >= ROUTING_DIVERSE && !is_new_wide(table, endpoint, prefix) &&
             is_wide_crowded(table, index, bytes_of(endpoint->addr, wide_of(prefix))))
        others.crowded = wide_of(prefix);
    return others;
}

/* ---- who gives way ---- */

bool routing_farther(const struct routing_table *table, size_t index, struct bytes network,
                     struct routing_place *out)
{
    for (size_t b = 0; network.len > 0 && b < index; b++)
        for (size_t i = 0; i < table->buckets[b].count; i++)
            if (is_of_network(slot_at(table, &table->buckets[b], i), network)) {
                *out = (struct routing_place){b, i};
                return true;
            }
    return false;
}

bool routing_surplus(const struct routing_table *table, struct routing_place *out)
{
    for (size_t b = 0; table->contacts >= DHT_K && b < table->bucket_count; b++)
        for (size_t i = 0; i < table->buckets[b].count; i++) {
            const struct slot *slot = slot_at(table, &table->buckets[b], i);
            if ((slot->rtt_failures & ROUTING_SECOND) == 0)
                continue;
            struct bytes network = network_of(table, slot);
            if (count_in_table(table, network) > network_max(table)) {
                *out = (struct routing_place){b, i};
                return true;
            }
        }
    return false;
}

/* ---- invariants ---- */

/* Those whose networks share a cell are counted one by one only when they are many. */
bool routing_networks_valid(const struct routing_table *table)
{
    uint16_t cells[1024] = {0};
    for (size_t b = 0; b < table->bucket_count; b++) {
        const struct bucket *bucket = &table->buckets[b];
        for (size_t i = 0; i < bucket_used(bucket); i++) {
            struct bytes network = network_of(table, slot_at(table, bucket, i));
            if (network.len == 0)
                continue;
            if (count_network(table, bucket, bucket_used(bucket), network) > ROUTING_PER_BUCKET)
                return false;
            if (++cells[hash_of(network.data, network.len) % 1024] > ROUTING_PER_TABLE &&
                count_in_table(table, network) > ROUTING_PER_TABLE)
                return false;
        }
    }
    return true;
}
