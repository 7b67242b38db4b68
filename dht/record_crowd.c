#include "dht/record_crowd.h"

#include <assert.h>

#include "dht/params.h"

/* May be called for all records of a large group: compares bytes where they lie. */
static bool has_prefix(const struct record *record, const struct endpoint *source, size_t prefix)
{
    return record->family == source->family &&
           memcmp(record_address(record), source->addr, prefix) == 0;
}

size_t crowd_of(const struct record_group *group, const struct source_rules *rules,
                const struct endpoint *source, enum source_scope scope)
{
    size_t count = 0, prefix = source_prefix_bytes(rules, source, scope);
    if (prefix == 0 || source->family == ENDPOINT_NONE)
        return 0;
    for (const struct record *record = record_first(group); record < record_end(group);
         record = record_after(record))
        count += has_prefix(record, source, prefix);
    return count;
}

size_t crowd_of_signer(const struct record_group *group, uint32_t signer)
{
    size_t count = 0;
    for (const struct record *record = record_first(group); record < record_end(group);
         record = record_after(record))
        count += record->mark == signer;
    return count;
}

/* A number for the network, never 0: family and prefix, or a tag. */
static uint64_t network_of(const struct source_rules *rules, const struct endpoint *source,
                           uint32_t place)
{
    if (source->family == ENDPOINT_NONE)
        return (uint64_t)1 << 32 | place;
    size_t prefix = source_prefix_bytes(rules, source, SOURCE_NETWORK);
    if (prefix == 0)
        return (uint64_t)2 << 32 | source_tag(rules, source, SOURCE_ADDRESS);
    uint64_t network = source->family;
    for (size_t i = 0; i < prefix; i++)
        network = network << 8 | source->addr[i];
    return network;
}

static uint64_t network_of_record(const struct source_rules *rules, const struct record *record)
{
    struct endpoint source = record_source(record);
    return network_of(rules, &source, record_place(record));
}

/* How many records each network has. */
struct tally {
    uint64_t salt; /* so that nobody can choose networks that crowd one place */
    struct {
        uint64_t network; /* 0: empty */
        size_t count;
    } slots[2 * RECORDS_PER_KEY_MAX];
};

static size_t *tally_of(struct tally *tally, uint64_t network)
{
    size_t slot_count = sizeof tally->slots / sizeof tally->slots[0];
    uint64_t mixed = (network ^ tally->salt) * 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */
    size_t at = (size_t)((mixed ^ mixed >> 32) % slot_count);
    while (tally->slots[at].network != 0 && tally->slots[at].network != network)
        at = (at + 1) % slot_count;
    tally->slots[at].network = network;
    return &tally->slots[at].count;
}

static struct record *first_to_end_of(const struct record_group *group,
                                      const struct source_rules *rules, struct tally *tally,
                                      size_t network_count)
{
    struct record *first = NULL;
    for (struct record *record = record_first(group); record < record_end(group);
         record = record_after(record)) {
        if (first != NULL && record->ends_s >= first->ends_s)
            continue;
        if (*tally_of(tally, network_of_record(rules, record)) == network_count)
            first = record;
    }
    return first;
}

struct record *crowd_victim(const struct record_group *group, const struct source_rules *rules,
                            const struct endpoint *source, uint32_t place)
{
    struct tally tally = {.salt = read_u64(rules->secret)};
    size_t most = 0;
    assert(group->count <= RECORDS_PER_KEY_MAX);
    for (const struct record *record = record_first(group); record < record_end(group);
         record = record_after(record)) {
        size_t *count = tally_of(&tally, network_of_record(rules, record));
        if (++*count > most)
            most = *count;
    }
    if (*tally_of(&tally, network_of(rules, source, place)) >= most)
        return NULL;
    return first_to_end_of(group, rules, &tally, most);
}

/* ---- by work ---- */

static bool is_weaker(const struct record *a, const struct record *b)
{
    return a->mark != b->mark ? a->mark < b->mark : a->ends_s < b->ends_s;
}

struct record *crowd_weakest(const struct record_group *group, const struct source_rules *rules,
                             const struct endpoint *of_network)
{
    struct record *weakest = NULL;
    for (struct record *record = record_first(group); record < record_end(group);
         record = record_after(record)) {
        struct endpoint source = record_source(record);
        if (of_network != NULL && !source_same_network(rules, of_network, &source))
            continue;
        if (weakest == NULL || is_weaker(record, weakest))
            weakest = record;
    }
    return weakest;
}

bool crowd_may_replace(const struct record *own, uint32_t work, uint32_t ends_s, bool same_network)
{
    if (same_network)
        return work > own->mark || ends_s > own->ends_s;
    return work >= own->mark && ends_s >= own->ends_s;
}
