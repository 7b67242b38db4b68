/* The contacts we know, ordered by XOR distance from our own id  [Kademlia 2.4; BEP 5].
 *
 * A pure structure: it never sends, waits or reads a clock. When a full bucket has to test its
 * oldest contact, routing_table_seen says whom to ask, and the node does the asking. Only nodes
 * that answered us are ever told to it, so everything in it may be handed to others.
 *
 * Departs from the paper:
 * - a silent contact is counted, not dropped, until somebody wants its place (silent twice) or it
 *   was silent ROUTING_FAILURES_MAX times; each full bucket keeps one candidate for that moment;
 * - a contact among the k nearest to ourselves is taken even when its bucket is full, up to 2k, so
 *   that we know our whole neighbourhood (the paper splits such buckets irregularly);
 * - one endpoint has one id: who comes back with another id has lost the old one;
 * - a public /24 (/48) has at most ROUTING_PER_BUCKET contacts in a bucket and ROUTING_PER_TABLE in
 *   all, candidates counted; of k contacts on ROUTING_PER_BUCKET in all, and of ROUTING_DIVERSE on
 *   one, and its /16 (/32) a small part, so that a few machines with many ids are never many to us;
 * - who came before there were so many, and is now too many, gives way to the next from elsewhere;
 *   a neighbour whose network has its share takes the place of one of that network who is farther;
 * - in a full bucket those whose id does not fit their public address [BEP 42], and those that came
 *   second of their network, give way to a newcomer of whom neither is true.
 *
 * Bucket i holds ids that share exactly i leading bits with ours, the last one all that share more,
 * and splits beyond k. How many the others hold says routing_table_capacity, and nobody else.
 * Grows with what it holds: 32 bytes a contact (44 for IPv6), no bucket before its split. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"

struct contact {
    struct id id;
    struct endpoint endpoint;
    uint64_t seen_ms;  /* monotonic; last well-formed answer; kept in whole seconds */
    uint32_t rtt_ms;   /* smoothed round trip, at most 4,095; 0: never measured */
    unsigned failures; /* queries in a row without an answer */
};

enum seen_result {
    SEEN_ADDED,
    SEEN_REFRESHED,  /* already known: moved to the young end of its bucket */
    SEEN_ASK_OLDEST, /* bucket full: *oldest is due a ping; the newcomer waits as candidate */
    SEEN_ELSEWHERE,  /* its id is known at another endpoint: nothing changes; *oldest is that one */
    SEEN_IGNORED,    /* our own id, an unusable endpoint, a network that has its share, or a bucket
                        full of fresh contacts */
};

enum failed_result {
    FAILED_UNKNOWN, /* nobody we know */
    FAILED_COUNTED,
    FAILED_REPLACED, /* a candidate took its place */
    FAILED_DROPPED,  /* silent too often */
};

struct routing_table_config {
    struct id self;
    uint8_t family;   /* of all its contacts */
    bool limit_local; /* local addresses count like public ones (tests) */
    bool wide; /* buckets far from us hold more than k, for a quicker first step of lookups */
};

struct routing_table;
struct dht_bucket;

/* NULL: no memory. */
struct routing_table *routing_table_new(const struct routing_table_config *config);
void routing_table_free(struct routing_table *table); /* NULL is allowed */

/* ---- change ---- */

/* `who` answered; its seen_ms is now, its rtt_ms the latest round trip (smoothed in here). Writes
 * `*oldest` for SEEN_ASK_OLDEST only. O(k), a newcomer O(contacts). */
enum seen_result routing_table_seen(struct routing_table *table, const struct contact *who,
                                    struct contact *oldest);

/* A query to `id` went unanswered. */
enum failed_result routing_table_failed(struct routing_table *table, const struct id *id);

/* Forgets `id`; a waiting candidate takes its place. False: it was not there. */
bool routing_table_remove(struct routing_table *table, const struct id *id);

/* ---- ask ---- */

size_t routing_table_count(const struct routing_table *table);   /* contacts */
size_t routing_table_buckets(const struct routing_table *table); /* at least 1 */
size_t routing_table_bytes(const struct routing_table *table);   /* memory held, all told */

/* Most contacts of a bucket that has split: k, or where it is wide 128 in the far half of the
 * space, 64 in the next quarter, and so on down to k  [Jimenez et al. 2011]. Neighbours come on
 * top, up to 2k in all. */
size_t routing_table_capacity(const struct routing_table *table, size_t bucket);

/* Newcomers refused so far because their network had its share. */
uint32_t routing_table_crowded(const struct routing_table *table);

struct dht_bucket routing_table_bucket(const struct routing_table *table, size_t bucket);

/* Contact number `index`, farthest buckets first; false past the end. */
bool routing_table_at(const struct routing_table *table, size_t index, struct contact *out);
/* The next contact from `*cursor` (first 0) on whose last query failed; false: no more. */
bool routing_table_next_silent(const struct routing_table *table, size_t *cursor,
                               struct contact *out);
bool routing_table_find(const struct routing_table *table, const struct id *id,
                        struct contact *out);

/* Would a newcomer of this id, once it has answered, find a place or wait as candidate? */
bool routing_table_wants(const struct routing_table *table, const struct id *id,
                         const struct endpoint *endpoint, uint64_t now_ms);

/* Copies up to `cap` contacts, at most ROUTING_CLOSEST_MAX, nearest to `target` first, without
 * those whose last query failed: those whose id fits their address, and where they are too few the
 * others behind them. Of one public address only the first is named. Returns how many. */
size_t routing_table_closest(const struct routing_table *table, const struct id *target,
                             struct contact out[], size_t cap);

/* How many nodes there seem to be, from the density of ids near ours; contacts + 1 while there are
 * too few to tell. */
uint64_t routing_table_network_size(const struct routing_table *table);

/* … by how many contacts there are in each of the first buckets that have room: less exact and
 * rather too few, but who crowds a key near us fills one of these alone. 0: can't tell. */
double routing_table_size_by_buckets(const struct routing_table *table);

/* Is `id`, known or not, among the k nearest to ourselves that we know and that fit their address?
 */
bool routing_table_is_neighbour(const struct routing_table *table, const struct id *id);

/* It will be asked soon: fetched into the cache are the table itself, then its list of buckets, and
 * the bucket of `id`. */
void routing_table_expect(const struct routing_table *table, bool again);
void routing_table_expect_id(const struct routing_table *table, const struct id *id);

/* ---- refresh [Kademlia 2.3] ---- */

/* Somebody looked `target` up: its bucket is next due a refresh at `due_ms`. */
void routing_table_touch(struct routing_table *table, const struct id *target, uint64_t due_ms);
/* The bucket that is due first, and when. */
size_t routing_table_refresh_next(const struct routing_table *table, uint64_t *due_ms);
/* Buckets of fewer than `enough` contacts, and the last one, are due at `due_ms` at the latest. */
void routing_table_refresh_poor(struct routing_table *table, size_t enough, uint64_t due_ms);
/* The bucket of `target` has fewer, and is not the last one, which has no measure. */
bool routing_table_is_poor(const struct routing_table *table, const struct id *target,
                           size_t enough);
/* A random id in the range of a bucket. */
struct id routing_table_random_id(const struct routing_table *table, size_t bucket,
                                  struct rng *rng);

bool routing_table_valid(const struct routing_table *table); /* all invariants hold; for tests */
