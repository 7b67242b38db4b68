/* How the routing table holds its contacts, for its own files:
 *
 *   routing_table.c          who comes in and who goes
 *   routing_table_networks.c how many of one network there may be
 *   routing_table_view.c     questions, refresh */
#pragma once

#include <string.h>

#include "dht/params.h"
#include "dht/routing_table.h"
#include "dht/source.h"

#define ROUTING_SLOT_HEAD 26 /* bytes before the address */
#define ROUTING_SLOT_MAX  (ROUTING_SLOT_HEAD + ENDPOINT_COMPACT_MAX)

#define ROUTING_NETWORKS_64                                                                        \
    32                     /* words of the filter: of a whole table an eighth of its bits is set */
#define ROUTING_WIDE_64 16 /* … and of the one of /16s and /32s */

/* The lowest bits of slot.rtt_failures: */
#define ROUTING_FAILURES 3 /* queries in a row without an answer */
#define ROUTING_SECOND   4 /* one of its public network was here when it came */
#define ROUTING_MISFIT   8 /* its id does not fit its public address [BEP 42] */

/* A stored contact: 26 bytes and its compact address, 32 in all for IPv4. */
struct slot {
    struct id id;
    uint32_t seen_s;
    uint16_t rtt_failures; /* rtt_ms << 4, then the bits above */
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
    bool wide;
    bool limit_local;
    uint32_t crowded; /* contacts refused for their network */
    struct bucket *buckets;
    uint32_t noted;                          /* contacts that came since the filter was made */
    uint64_t networks[ROUTING_NETWORKS_64];  /* filter: a network whose bit is 0 is not here */
    uint64_t wide_networks[ROUTING_WIDE_64]; /* … of /16s and /32s */
};

_Static_assert(ROUTING_SLOT_HEAD == offsetof(struct slot, address), "slots are packed by hand");
_Static_assert(ROUTING_FAILURES_MAX <= ROUTING_FAILURES + 1, "failures are kept in two bits");
_Static_assert(ROUTING_SLOT_HEAD + 6 <= 32, "a stored IPv4 contact is at most 32 bytes");

/* Bytes of the address and port. */
static inline size_t routing_address_size(const struct routing_table *table)
{
    return (size_t)table->stride - ROUTING_SLOT_HEAD;
}

static inline struct slot *slot_at(const struct routing_table *table, const struct bucket *bucket,
                                   size_t index)
{
    return (struct slot *)(void *)(bucket->slots + index * table->stride);
}

static inline unsigned slot_failures(const struct slot *slot)
{
    return slot->rtt_failures & ROUTING_FAILURES;
}

/* Its id fits its address [BEP 42]. */
static inline bool slot_fits(const struct slot *slot)
{
    return (slot->rtt_failures & ROUTING_MISFIT) == 0;
}

/* To a newcomer that does not, when the bucket is full. */
static inline bool slot_gives_way(const struct slot *slot)
{
    return (slot->rtt_failures & (ROUTING_MISFIT | ROUTING_SECOND)) != 0;
}

static inline size_t bucket_index(const struct routing_table *table, const struct id *id)
{
    size_t common = id_common_bits(&table->self, id);
    return common < table->bucket_count ? common : (size_t)table->bucket_count - 1;
}

static inline bool bucket_is_last(const struct routing_table *table, size_t index)
{
    return index + 1u == table->bucket_count;
}

/* Slots in use, the candidate's included. */
static inline size_t bucket_used(const struct bucket *bucket)
{
    return (size_t)bucket->count + bucket->has_candidate;
}

/* The candidate counts as index `count`. SIZE_MAX: not there. */
size_t bucket_find(const struct routing_table *table, const struct bucket *bucket,
                   const struct id *id);

void slot_unpack(const struct routing_table *table, const struct slot *slot, struct contact *out);

/* ---- routing_table_networks.c ---- */

/* How many leading bytes of its address are its network or its address, as limits count them; 0: it
 * is exempt. */
size_t routing_prefix(const struct routing_table *table, const struct endpoint *endpoint,
                      enum source_scope scope);

void routing_note_network(struct routing_table *table, const struct endpoint *endpoint);
/* Nobody of this network, and nobody at this endpoint, is in the table. */
bool routing_is_new_network(const struct routing_table *table, const struct endpoint *endpoint);
/* Those who have left are still in the filters: from time to time they are made anew. */
void routing_renew_filter(struct routing_table *table);

/* How many others of the public network of a newcomer there are. The candidate of its bucket gives
 * way to it, and does not count. */
struct others {
    size_t in_bucket, in_table;
    size_t crowded; /* leading bytes of its address that are a network with its share; 0: none */
};

struct others routing_others(const struct routing_table *table, size_t index,
                             const struct endpoint *endpoint);

struct routing_place {
    size_t bucket, slot;
};

/* Of these a contact that is farther from us than those of bucket `index`, the farthest first. */
bool routing_farther(const struct routing_table *table, size_t index, struct bytes network,
                     struct routing_place *out);
/* A contact whose network has more than its share: it came when there were fewer contacts. */
bool routing_surplus(const struct routing_table *table, struct routing_place *out);

bool routing_networks_valid(const struct routing_table *table);
