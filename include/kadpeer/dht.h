/* The whole face of dht/: one Kademlia node on one address family, sans I/O.
 *
 * Bytes and time go in (dht_on_datagram, dht_on_time), bytes and events come out
 * (dht_next_datagram, dht_next_event), always pulled, never called back. After each input, and
 * after each request below, the owner drains both queues and sets one timer to dht_deadline. Time
 * is monotonic milliseconds; wall-clock time, needed for expiries alone, is that plus
 * dht_config.unix_base_ms. Messages, kinds and parameters: docs/protocol.md sections 1 and 2. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"
#include "kadpeer/status.h"

#define DHT_K            20   /* contacts in a bucket, nodes a record is stored at [Kademlia 2.4] */
#define DHT_DATAGRAM_MAX 1200 /* bytes */
#define DHT_VALUE_MAX    1000 /* bytes of the longest value of any kind */
#define DHT_VERSION_MAX  16   /* bytes of the version string in messages */

enum record_kind {
    KIND_PEER = 1,         /* who has an infohash */
    KIND_AVAILABILITY = 2, /* which pieces of a segment somebody has */
    KIND_ENTRY = 3,        /* signed: a name, word or file SHA-1 stands for an infohash */
    KIND_ITEM = 4,         /* signed, by one key: the newest stands in its slot */
    KIND_PART = 5,         /* bytes, named by their SHA-1 */
    KIND_DROP = 6,         /* in somebody's mailbox, paid for with work */
};

/* What makes lookups quick. For simulations, which switch one off to measure what it brings. */
enum dht_technique {
    DHT_MEASURED_TIMEOUTS = 1 << 0, /* late and silent follow round trips; else fixed */
    DHT_EAGER_START = 1 << 1,       /* twice alpha at first, alpha anew with each nearer news */
    DHT_WIDE_BUCKETS = 1 << 2,      /* 128, 64, 32 contacts in the buckets far from us */
    DHT_QUICK_FIRST = 1 << 3,       /* of like distance: quick ones, lately heard of */
    DHT_EARLY_STORING = 1 << 4,     /* put to who is surely near before the walk ends */
    DHT_TECHNIQUES = (1 << 5) - 1,
};

struct dht_config {
    struct rng rng;        /* seeded from the system's randomness, or from a seed in a simulation */
    uint8_t secret[16];    /* keys the tokens and the sampling; from the same source */
    struct id id;          /* the id of the last run; all zero: make one */
    uint8_t family;        /* enum endpoint_family: the one this node speaks */
    uint16_t tcp_port;     /* what peers of ours connect to; informational */
    uint32_t network_id;   /* 0: the default network */
    bool read_only;        /* asks, is never put into a table [BEP 43] */
    bool limit_local;      /* count loopback and private sources like public ones (tests) */
    uint8_t without;       /* enum dht_technique: those switched off */
    uint8_t paths;         /* disjoint paths of a get or a publishing; 0: the usual number */
    uint64_t unix_base_ms; /* Unix time in ms at monotonic time 0 */
    size_t store_bytes;    /* memory for all records of others; 0: STORE_BUDGET_BYTES */
    char version[DHT_VERSION_MAX + 1];
    struct dht_outbox *outbox; /* borrowed; NULL: its own */
};

struct dht;

/* What waits to be taken by dht_next_datagram and dht_next_event. Many nodes may share one, if each
 * is drained before another is called: in a simulation, where it would lie idle in most. */
struct dht_outbox *dht_outbox_new(void); /* NULL: no memory */
void dht_outbox_free(struct dht_outbox *outbox);

struct dht *dht_new(const struct dht_config *config, uint64_t now_ms); /* NULL: no memory */
void dht_free(struct dht *dht);                                        /* NULL is allowed */

/* ---- bytes and time ---- */

/* `data` is a stranger's: anything may be in it. */
void dht_on_datagram(struct dht *dht, const struct endpoint *from, struct bytes data,
                     uint64_t now_ms);
void dht_on_time(struct dht *dht, uint64_t now_ms);
/* For who drives thousands: this one is called after so many others (3, 2, 1), and what it will
 * need is fetched into the cache meanwhile. Nothing else happens. */
void dht_expect(const struct dht *dht, unsigned others);
uint64_t dht_deadline(const struct dht *dht); /* when dht_on_time is next due; UINT64_MAX: never */

/* `*data` is borrowed until the next call with this dht. */
bool dht_next_datagram(struct dht *dht, struct endpoint *to, struct bytes *data);

/* The wall clock was set, or stood apart from `now_ms` in a sleep: the new Unix time in ms at
 * monotonic time 0. After a minute or more, all that is published is stored anew. */
void dht_set_unix_base(struct dht *dht, uint64_t unix_base_ms);

/* ---- joining ---- */

/* Addresses to ask who is there: configured, resolved, typed. All are asked at once; asked again
 * with growing pauses for as long as the table is empty. Not ours to judge: silent ones are kept
 * as candidates (at most 64, oldest out first). */
void dht_bootstrap(struct dht *dht, const struct endpoint *endpoints, size_t count,
                   uint64_t now_ms);

struct dht_contact {
    struct id id;
    struct endpoint endpoint;
    uint64_t seen_ms;     /* last well-formed answer */
    uint32_t rtt_ms;      /* smoothed round trip; 0: never measured. FOUND: of its answer */
    uint16_t failures;    /* queries in a row without an answer */
    uint16_t common_bits; /* with our own id; contacts come sorted by it */
    uint16_t hops;        /* FOUND: answers, one after another, that it took to hear of it */
};

/* Nodes saved by an earlier run: pinged before they count. */
void dht_add_saved(struct dht *dht, const struct dht_contact contacts[], size_t count,
                   uint64_t now_ms);

/* Copies up to `cap` contacts of the table. Returns how many. For saving, and for `node table`. */
size_t dht_contacts(const struct dht *dht, struct dht_contact out[], size_t cap);

/* Bucket i of the table holds ids that share exactly i leading bits with ours, the last one all
 * that share more. */
struct dht_bucket {
    uint16_t contacts, capacity; /* neighbours come on top of the capacity */
    bool waiting;                /* somebody waits for a place in it */
    uint64_t refresh_ms;         /* looked into then, unless a lookup does so before */
};

/* Copies up to `cap` buckets. Returns how many. */
size_t dht_buckets(const struct dht *dht, struct dht_bucket out[], size_t cap);

/* One ping by hand: DHT_EVENT_PING with the operation returned. 0: no room. */
uint32_t dht_ping(struct dht *dht, const struct endpoint *endpoint, uint64_t now_ms);

/* ---- looking up: an operation number comes back (0: no room for another), events follow ---- */

uint32_t dht_find(struct dht *dht, const struct id *target, uint64_t now_ms);

/* Walks towards `key`, reads all k nearest; each distinct value is one DHT_EVENT_VALUE, our own
 * records included, then one DHT_EVENT_GET_DONE. Where a key has but one value (items and parts),
 * nodes that hold an older item are given the newest, and all of the nearest are given it when
 * fewer than half of them have it. */
uint32_t dht_get(struct dht *dht, const struct id *key, enum record_kind kind, uint64_t now_ms);

void dht_cancel(struct dht *dht, uint32_t operation); /* no further event of it; unknown: nothing */

/* ---- publishing: the node renews what it was told until told to stop ---- */

/* Keeps (key, kind, value) stored at the k nearest, itself included where it is one of them, and
 * answers for it. Renewed at the kind's pace, jittered; a DHT_EVENT_PUBLISHED after each round.
 * What is past its expiry is kept and given to nobody until it is replaced or the clock is set
 * right: its event says REFUSED, with nobody asked.
 * A second call for the same key and kind replaces the value (for KIND_ENTRY: the one by the same
 * signing key and subject; for KIND_DROP: the one of the same body).
 * STATUS_MALFORMED: the kind's own check refuses the value; signatures are not looked at again, the
 * caller has made them, or read them from somewhere that did. STATUS_CONFLICT: an item that is not
 * newer than the one published. STATUS_FULL: too many records, or as many of that signing key under
 * this key as any node would keep. */
enum status dht_publish(struct dht *dht, const struct id *key, enum record_kind kind,
                        struct bytes value, uint64_t now_ms);

/* How many nodes took it in the last round, and when that ended (0: none has ended); of several
 * values under one key, the best stored. False: it is not published. */
bool dht_published(const struct dht *dht, const struct id *key, enum record_kind kind,
                   uint32_t *nodes, uint64_t *at_ms);

/* Stops renewing. With a `last` value (kind 2: an empty bitfield) that is put once more, so that
 * the network forgets sooner; NULL data: just stop. Of several entries under one key, `last` names
 * the one (same signing key and subject; a higher seq replaces it); NULL data stops all of them.
 * An item's last is one with an empty body, which stays in its slot. Of drops `last` names the one
 * (same body); it is not put again.
 * Unknown ones do nothing. */
void dht_withdraw(struct dht *dht, const struct id *key, enum record_kind kind, struct bytes last,
                  uint64_t now_ms);

/* ---- events ---- */

enum dht_event_type {
    DHT_EVENT_JOINED,    /* the first contact answered and the walk to our own id has ended */
    DHT_EVENT_ALONE,     /* no contact is left in the table */
    DHT_EVENT_ADDRESS,   /* our external address by votes of those that answered, or a new one */
    DHT_EVENT_PING,      /* end of dht_ping */
    DHT_EVENT_FOUND,     /* end of dht_find */
    DHT_EVENT_VALUE,     /* one value of a dht_get */
    DHT_EVENT_GET_DONE,  /* end of dht_get */
    DHT_EVENT_PUBLISHED, /* a round of storing has ended */
};

struct dht_event {
    enum dht_event_type type;
    uint32_t operation;       /* of PING, FOUND, VALUE, GET_DONE */
    enum status status;       /* PING: OK or TIMED_OUT; others: OK, NOT_FOUND, UNREACHABLE (nobody
                                 answered), REFUSED (PUBLISHED: all refused) */
    struct id id;             /* PING: of the node; FOUND, VALUE, GET_DONE, PUBLISHED: the key */
    enum record_kind kind;    /* VALUE, GET_DONE, PUBLISHED */
    struct endpoint endpoint; /* ADDRESS: ours; PING: asked; VALUE of kinds 1 and 2: where the
                                 record came from, its port made the peer's TCP port */
    struct bytes value;       /* VALUE; borrowed until the next dht_next_event or dht_free */
    uint32_t rtt_ms;          /* PING */
    uint32_t asked, answered; /* FOUND, GET_DONE, PUBLISHED: nodes */
    uint32_t values;          /* GET_DONE: distinct values seen; PUBLISHED: nodes that store it */
    uint32_t held;            /* GET_DONE: the largest `total` a node reported */
    uint32_t nearest;         /* GET_DONE: of the k nearest nodes, those that answered, and … */
    uint32_t holding;         /* … those that brought the newest item, the part, or, of other
                                 kinds, any value; ourselves included in both */
    uint32_t refused;         /* PUBLISHED: nodes that answered with an error code */
    const struct dht_contact *nodes; /* FOUND: nearest first; borrowed like value */
    size_t node_count;
    uint32_t hops; /* FOUND, GET_DONE: length of the path to the nearest node found */
};

bool dht_next_event(struct dht *dht, struct dht_event *event);

/* ---- what it knows of itself ---- */

struct dht_stats {
    struct id id;
    struct endpoint external; /* family 0: not known */
    size_t contacts, buckets; /* in the table */
    size_t answering;         /* contacts whose last query was answered */
    size_t stored_records, stored_bytes, stored_keys, published;
    size_t operations, pending; /* lookups and queries under way */
    uint64_t network_size;      /* estimated from the density of ids near ours; 0: can't tell */
    uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out;
    uint64_t queries_in[4], queries_out[4]; /* ping, find, get, put */
    uint64_t timeouts;
    uint64_t malformed;       /* datagrams that are no message */
    uint64_t unknown_answers; /* answers nobody waited for, or from another address */
    uint64_t other_network;   /* messages of another network id */
    uint64_t not_served;      /* queries to us as a read-only node */
    uint64_t unproven;      /* queries whose answer would have been more than thrice their bytes */
    uint64_t impostors;     /* answers under an id that answers us elsewhere */
    uint64_t errors;        /* answers to us that were errors */
    uint64_t renamed;       /* nodes that answered under another id, and lost the one we knew */
    uint64_t crowded_keys;  /* ids lay too close to a key: looked up or stored more widely */
    uint64_t surplus_nodes; /* nodes in one answer beyond 2k */
    uint64_t false_nodes;   /* … that nobody can ask, or at our own address under another id */
    uint64_t false_values;  /* values brought by gets that are not what was asked for */
    uint64_t unsent;        /* queries of ours that too many under way left no room for */
    uint64_t unasked; /* nodes that asked us, not pinged for want of room: counted each time */
    uint64_t paced;   /* … that waited, lest their receivers drop them */
    uint64_t crowded; /* nodes kept out of the table: their network had its share */
    uint64_t limited; /* queries dropped by the per-source limits */
    uint64_t bad_tokens, bad_values, bad_signatures, over_quota, too_far, older; /* puts refused */
    uint64_t evicted, expired;                                                   /* records */
    uint64_t checked;       /* signatures verified for others */
    uint64_t unchecked;     /* puts refused because their network had had its share of that */
    uint64_t repaired;      /* nodes given an item or part that they lacked, after a get */
    uint64_t queue_dropped; /* datagrams or events that found their bounded queue full */
};

void dht_stats(const struct dht *dht, struct dht_stats *out);

/* Stored records that prove themselves (kinds 3 to 6), to survive a restart. Pass 0 first; the
 * return is the cursor for the next call, 0 at the end. `*value` is borrowed until the next call.
 * The cursor is good as long as nothing else is called in between. `*ends_ms`: kept until
 * then, monotonic. */
size_t dht_next_record(const struct dht *dht, size_t cursor, struct id *key, enum record_kind *kind,
                       struct bytes *value, uint64_t *ends_ms);
/* Puts one back for at most `left_s`; checked like a stranger's. */
enum status dht_restore_record(struct dht *dht, const struct id *key, enum record_kind kind,
                               struct bytes value, uint32_t left_s, uint64_t now_ms);

bool dht_valid(const struct dht *dht); /* all invariants hold; for tests */
