/* The inside of struct dht, and what its parts call of each other:
 *
 *   dht.c          bytes, time, queues and questions; hands each input to its part
 *   dht_send.c     queries and answers on their way out; who is asked a second time
 *   dht_server.c   answers queries, stores records
 *   dht_walk.c     lookups: what all operations have in common
 *   dht_crowd.c    keys that somebody crowds with ids of his own
 *   dht_get.c      the values a get brings
 *   dht_repair.c   who holds what a get brought, and who is given it anew
 *   dht_publish.c  rounds of storing
 *   dht_handover.c records of others that prove themselves, kept alive
 *   dht_join.c     the first contact, the walk to our own id, our address and id
 *   dht_lost.c     contacts that were lost, asked again
 *   dht_newcomers.c nodes that asked us
 *   dht_upkeep.c   contacts that answer or do not, refresh */
#pragma once

#include "dht/byte_queue.h"
#include "dht/density.h"
#include "dht/lookup.h"
#include "dht/message.h"
#include "dht/pace.h"
#include "dht/published.h"
#include "dht/record_store.h"
#include "dht/routing_table.h"
#include "dht/rpc.h"
#include "dht/source_table.h"
#include "dht/throttle.h"
#include "dht/token_cache.h"
#include "dht/votes.h"
#include "kadpeer/dht.h"

#define HELD_OLDER 1 /* lookup_node.held: it has one that is too old to be brought */

enum walk_purpose {
    WALK_FIND,
    WALK_GET,
    WALK_PUBLISH,
    WALK_HANDOVER, /* of one node: a token from it, then puts */
    WALK_REPAIR,   /* puts to nodes whose tokens a get brought; asks nobody */
    WALK_SELF,
    WALK_REFRESH,
};

/* Hashes of the values a get has told of: a set by open addressing. */
struct value_set {
    uint64_t *hashes; /* 0: empty */
    uint32_t count, cap;
};

/* Of a get: the newest value so far, where a key has but one (items and parts); see dht_repair.c.
 */
struct newest {
    uint8_t *value; /* NULL: none yet */
    uint16_t len;
    uint64_t seq;
    uint64_t mark; /* in lookup_node.held: this very value */
    uint64_t ours; /* what we hold ourselves, as lookup_node.held */
};

/* A record on its round. */
struct round_record {
    struct published_record *record; /* busy, and so not freed before the round has ended */
    uint16_t stored, refused;        /* nodes */
};

struct walk {
    uint32_t operation;
    uint8_t purpose; /* enum walk_purpose */
    uint8_t kind;    /* enum record_kind; 0: none asked for */
    bool waiting;    /* for its turn; nothing was asked yet */
    bool storing;    /* WALK_PUBLISH: the lookup has ended */
    bool gathered;   /* … and those that come along are in the round */
    bool fills;      /* WALK_REFRESH: of a poor bucket, until it is no longer that */
    uint16_t extra;  /* pages and puts under way */
    uint16_t pages;  /* asked for in all */
    uint16_t silent; /* nodes */
    uint32_t held;   /* the largest total a node told of */
    struct newest newest;
    struct lookup lookup;
    struct value_set values;
    struct round_record *records;
    uint16_t record_count;
    bool ourselves; /* we are one of the nearest */
};

struct walks {
    struct walk_entry {
        uint32_t operation;
        struct walk *walk;
    } * entries; /* in the order they were started */
    uint32_t count, cap;
    uint32_t last_operation;
    uint32_t running, waiting; /* of find and get */
};

struct join {
    struct endpoint *candidates; /* oldest first, those configured in front; NULL: none */
    uint8_t count, cap;
    uint8_t configured; /* of them, the first so many: others do not push these out */
    bool joined;
    bool reached;      /* one of the candidates has answered */
    uint32_t walk;     /* operation of the walk to our own id; 0: none */
    uint64_t retry_ms; /* ask all candidates again; UINT64_MAX: not once one was reached */
    uint32_t pause_ms;
    uint64_t few_ms; /* few contacts: look for more; UINT64_MAX: they are enough, or none */
    uint32_t few_pause_ms;
    uint64_t next_id_ms; /* our id stays until then */
};

/* Contacts that were lost. */
struct lost {
    struct endpoint *endpoints; /* NULL: none */
    size_t count;
    uint64_t due_ms;    /* when one is asked again; UINT64_MAX: there is none */
    uint64_t walked_ms; /* since one was back; 0: never */
};

struct dht_outbox {
    struct byte_queue datagrams; /* head: struct endpoint */
    struct byte_queue events;    /* head: struct dht_event; body: its value or nodes */
};

/* Records of others, handed on. */
struct handover {
    struct contact *to; /* newcomers, the first is having its turn; NULL: none */
    uint8_t count;
    uint8_t slot;            /* whose records were put anew last */
    uint32_t walk;           /* operation of the walk that will give to the first; 0: not yet */
    size_t cursor;           /* how far the store was looked through for it */
    size_t bytes;            /* found for it */
    uint64_t step_ms;        /* when that goes on */
    uint64_t slot_ms;        /* when the records of the next slot are looked through */
    struct source_table had; /* who had its turn lately */
};

/* Nodes that asked us and wait until they are asked. */
struct newcomers {
    struct endpoint *waiting; /* NULL: none */
    size_t count;
};

struct dht {
    struct dht_config config; /* its rng and id are the initial ones */
    struct rng rng;
    struct id id;
    uint64_t now_ms;
    struct routing_table *table;
    struct record_store *store;
    struct throttle *throttle;
    struct rpc rpc;
    struct pace pace;
    struct token_cache tokens;
    struct votes votes;
    struct density density;
    struct published published;
    struct walks walks;
    struct join join;
    struct lost lost;
    struct newcomers newcomers;
    struct dht_outbox *outbox; /* its own, or that of its config */
    uint8_t *borrowed;         /* what the last event points to */
    uint64_t suspects_ms;      /* when silent contacts are asked again; UINT64_MAX: none */
    uint32_t refresh_pause_ms; /* of an untouched bucket */
    struct handover handover;
    uint64_t trim_ms;
    struct dht_stats counted; /* the counters of it that no part keeps */
};

static inline uint64_t dht_now_unix_s(const struct dht *dht)
{
    return (dht->config.unix_base_ms + dht->now_ms) / 1000;
}

static inline bool dht_uses(const struct dht *dht, enum dht_technique technique)
{
    return (dht->config.without & technique) == 0;
}

/* ---- dht.c ---- */

/* Each input begins and ends with these. */
void dht_begin(struct dht *dht, uint64_t now_ms);
void dht_settle(struct dht *dht); /* starts what has found room */

/* An empty one for that id. NULL: no memory. */
struct routing_table *dht_new_table(const struct dht *dht, const struct id *self);
/* Queues an event and copies what it points to; a full queue is counted. */
void dht_emit(struct dht *dht, const struct dht_event *event);
/* `ms` more or less a part of it. */
uint64_t dht_jitter(struct dht *dht, uint64_t ms, unsigned part);

/* ---- dht_send.c ---- */

/* Sends the query described by `query`, or holds it back as long as its receiver would drop it;
 * what it says follows from its purpose. False: no room for one more. */
bool dht_send_query(struct dht *dht, const struct rpc_query *query);
/* Those held back whose time has come. False: it is none of them; else `out` is one that found no
 * room. */
bool dht_send_held(struct dht *dht, struct rpc_query *out);
/* The same datagram once more, unless its receiver would drop it. */
void dht_send_again(struct dht *dht, const struct rpc_query *query);
bool dht_send_ping(struct dht *dht, enum rpc_purpose purpose, const struct endpoint *to,
                   const struct id *id, uint32_t operation);
size_t dht_send_ping_bytes(const struct dht *dht); /* of any ping of ours */
/* Encodes into at most `cap` bytes and queues. False: they are too few. */
bool dht_send_message(struct dht *dht, const struct message *message, const struct endpoint *to,
                      size_t cap);

/* ---- dht_server.c ---- */

void dht_server_query(struct dht *dht, const struct message *query, const struct endpoint *from,
                      size_t bytes);
void dht_server_refuse(struct dht *dht, const struct message *query, const struct endpoint *from,
                       size_t bytes);
/* Our own record stands among those of others: fills `out` from published ones. */
size_t dht_server_own_values(const struct dht *dht, const struct id *key, unsigned kind,
                             struct message_value out[], size_t cap);

/* ---- dht_walk.c ---- */

/* 0: no room. Starts it, or lets it wait; it may have ended when this returns. */
uint32_t dht_walk_start(struct dht *dht, enum walk_purpose purpose, const struct id *target,
                        unsigned kind);
/* NULL: no room. */
struct walk *dht_walk_new(struct dht *dht, enum walk_purpose purpose, const struct id *target,
                          unsigned kind);
void dht_walk_begin(struct dht *dht, struct walk *walk); /* the walk may be freed in it */
/* Contacts behind those it began with: they may all belong to who crowds the key. */
void dht_walk_seed_more(struct dht *dht, struct walk *walk);
void dht_walk_begin_waiting(struct dht *dht); /* as many as there is room for */
struct walk *dht_walk_find(const struct dht *dht, uint32_t operation); /* NULL: ended */
size_t dht_walk_count(const struct dht *dht, enum walk_purpose purpose);
/* Asks on, and ends the walk when nothing is left: do not touch it afterwards. */
void dht_walk_go_on(struct dht *dht, struct walk *walk);
void dht_walk_answered(struct dht *dht, const struct rpc_query *query,
                       const struct message *answer);
/* … after its silence was counted. */
void dht_walk_answered_late(struct dht *dht, const struct rpc_query *query,
                            const struct message *answer);
void dht_walk_late(struct dht *dht, const struct rpc_query *query);
void dht_walk_silent(struct dht *dht, const struct rpc_query *query);
void dht_walk_add_contact(struct dht *dht, uint32_t operation, const struct contact *contact);
/* For all walks that know nobody yet. NULL: there is no contact to hope for. */
void dht_walk_first_contact(struct dht *dht, const struct contact *contact);
/* Are we one of the k nearest, of which `count` are in `nearest`? */
bool dht_walk_is_among(const struct dht *dht, const struct lookup *lookup, const uint16_t nearest[],
                       size_t count);
void dht_walk_cancel(struct dht *dht, uint32_t operation);
void dht_walk_drop(struct dht *dht, uint32_t operation); /* one of ours; without an end */
void dht_walk_free_all(struct dht *dht);
uint32_t dht_walk_next_operation(struct dht *dht);
bool dht_walk_valid(const struct dht *dht);

/* ---- dht_crowd.c ---- */

/* The lookup is done: too many ids near its key? True: it goes on, for more of the nearest. */
bool dht_crowd_widens(struct dht *dht, struct walk *walk);
/* How many nodes there seem to be in all; who crowds our own id does not change it. */
double dht_crowd_nodes(const struct dht *dht);
/* How many nodes there seem to be nearer to `key` than we are: counted while they are fewer than k,
 * else estimated; those who crowd a key do not count. */
uint64_t dht_crowd_nearer(const struct dht *dht, const struct id *key);
void dht_crowd_note(struct dht *dht, const struct walk *walk); /* it has ended */

/* ---- dht_get.c ---- */

void dht_get_own_values(struct dht *dht, struct walk *walk);
void dht_get_values(struct dht *dht, struct walk *walk, const struct rpc_query *query,
                    const struct message *answer);
void dht_get_done(struct dht *dht, struct walk *walk);

/* ---- dht_repair.c ---- */

/* `node` brought this value, which is good. NULL: we hold it ourselves. */
void dht_repair_note(struct dht *dht, struct walk *walk, struct lookup_node *node,
                     struct bytes value);
/* The seq to ask with, so that only what is as new as the newest or newer is brought. */
bool dht_repair_seq(const struct walk *walk, uint64_t *out);
struct holders {
    uint32_t nearest; /* of the k nearest: that answered, ourselves included */
    uint32_t holding; /* … that have the newest value, or any where a key has many */
};
struct holders dht_repair_count(const struct dht *dht, const struct walk *walk);
/* The get is over: puts the newest value to those of the k nearest that hold another, and if fewer
 * than half have it, to all of them. */
void dht_repair(struct dht *dht, const struct walk *walk);

/* ---- dht_publish.c ---- */

void dht_publish_run(struct dht *dht); /* starts what is due, as far as there is room */
uint64_t dht_publish_deadline(const struct dht *dht);
void dht_publish_all_now(struct dht *dht);
void dht_publish_early(struct dht *dht, struct walk *walk); /* to those that are surely near */
void dht_publish_lookup_done(struct dht *dht, struct walk *walk);
void dht_publish_answered(struct dht *dht, struct walk *walk, const struct rpc_query *query,
                          const struct message *answer); /* NULL: silent */
void dht_publish_done(struct dht *dht, struct walk *walk);
/* The records of a put, as they are to be sent. */
void dht_publish_fill(const struct dht *dht, const struct walk *walk, const struct rpc_query *query,
                      struct message *message);

/* Others' records, which end here at `ends_ms` (0: a whole life begins): a copy joins the round of
 * `walk`. False: the round is full. */
bool dht_publish_carry(struct dht *dht, struct walk *walk, const struct id *key, unsigned kind,
                       struct bytes value, uint64_t ends_ms);
/* A copy has a round of its own at `due_ms`. False: no room. */
bool dht_publish_anew(struct dht *dht, const struct id *key, unsigned kind, struct bytes value,
                      uint64_t ends_ms, uint64_t due_ms);

/* ---- dht_handover.c ---- */

void dht_handover_init(struct dht *dht);
void dht_handover_trim(struct dht *dht);
void dht_handover_contact(struct dht *dht, const struct contact *contact); /* a new one */
void dht_handover_run(struct dht *dht);
uint64_t dht_handover_deadline(const struct dht *dht);

/* ---- dht_join.c ---- */

void dht_join_run(struct dht *dht);
uint64_t dht_join_deadline(const struct dht *dht);
void dht_join_remember(struct dht *dht, const struct endpoint *endpoint);
void dht_join_contact(struct dht *dht, const struct contact *contact); /* a new one in the table */
void dht_join_answered(struct dht *dht, const struct rpc_query *query,
                       const struct message *answer); /* a candidate */
void dht_join_lost(struct dht *dht);                  /* one has left the table */
void dht_join_walk_done(struct dht *dht, uint32_t operation);
void dht_join_vote(struct dht *dht, const struct endpoint *voter, const struct endpoint *claim);

/* ---- dht_lost.c ---- */

void dht_lost_remember(struct dht *dht, const struct endpoint *endpoint);
void dht_lost_answered(struct dht *dht, const struct rpc_query *query,
                       const struct message *answer);
void dht_lost_run(struct dht *dht);

/* ---- dht_upkeep.c ---- */

void dht_upkeep_answered(struct dht *dht, const struct rpc_query *query,
                         const struct message *answer);
void dht_upkeep_silent(struct dht *dht, const struct rpc_query *query);
/* Has the address answered us lately? `id`: who says to be there. */
bool dht_upkeep_proven(const struct dht *dht, const struct id *id, const struct endpoint *at);
void dht_upkeep_touch(struct dht *dht, const struct id *target);
void dht_upkeep_walk_done(struct dht *dht, const struct walk *walk);
void dht_upkeep_run(struct dht *dht);
uint64_t dht_upkeep_deadline(const struct dht *dht);

/* ---- dht_newcomers.c ---- */

/* A node asked us: true when it is pinged for it, now or later, once. */
bool dht_newcomer(struct dht *dht, const struct id *id, const struct endpoint *from);
void dht_newcomers_go_on(struct dht *dht); /* one of those pinged has answered, or is silent */
