/* The queries we wait for: who was asked what, until when, and how long answers take.
 *
 * A query is first late, then silent. Late comes after the round trip that nineteen of twenty
 * answers stay below, over all nodes; for a node whose own is known half as long again as that, if
 * it is sooner. Silent comes after twice what is late for all, and not before twice the node's own.
 * Who is silent may yet answer: up to RPC_FORGOTTEN_MS that counts, and is measured. Else those who
 * have quick neighbours would never learn that others are slower, and hear of nobody else. Only the
 * endpoint that was asked can answer. Holds one slot per query under way, grows by doubling up to
 * RPC_PENDING_MAX, and as many of silent ones. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/message.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"

enum rpc_purpose {
    RPC_PING_HAND,    /* dht_ping */
    RPC_PING_JOIN,    /* an endpoint that may be a node: bootstrap, saved, once a contact */
    RPC_PING_CONTACT, /* does this contact still answer? */
    RPC_PING_LOST,    /* a contact that was lost: is it back? */
    RPC_PING_NEW,     /* it asked us: can it also be asked? */
    RPC_WALK_ASK,     /* find or get, a step of a walk */
    RPC_WALK_PAGE,    /* get: more values from a node that answered */
    RPC_WALK_PUT,
};

struct rpc_query {
    uint32_t txid;      /* chosen by rpc_add */
    uint32_t operation; /* the walk's, or that of dht_ping; 0: nobody's */
    struct endpoint to;
    struct id id; /* whom we expect there; all zero: anybody */
    uint8_t purpose;
    uint8_t method;
    bool late;
    bool silent;           /* given up: nobody waits for it */
    uint16_t first, count; /* RPC_WALK_PUT: which records of the round it carries */
    uint64_t cursor;       /* RPC_WALK_PAGE: where it goes on; 0: from the beginning */
    uint32_t usual_ms;     /* its own round trip; 0: not known */
    uint64_t sent_ms, due_ms;
};

struct rpc {
    struct rpc_query *slots; /* open addressing by txid, which is random; 0: empty */
    uint32_t cap, count;
    uint32_t silent;  /* of `count`: given up, and not forgotten */
    uint32_t scan;    /* where rpc_next_due goes on */
    uint64_t due_ms;  /* no query is due before; may be too early, never too late */
    uint32_t mean_us; /* smoothed round trip; 0: none measured */
    uint32_t slow_us; /* nineteen of twenty are below: the 95th percentile, followed step by step */
    bool fixed;       /* nothing is measured: RPC_LATE_FIXED_MS, for simulations */
};

void rpc_init(struct rpc *rpc, bool fixed);
void rpc_dispose(struct rpc *rpc);
void rpc_trim(struct rpc *rpc); /* gives memory back when nothing is under way */

/* Adds a copy of `query` with a fresh txid and times. NULL: full. Borrowed until the next call. */
const struct rpc_query *rpc_add(struct rpc *rpc, const struct rpc_query *query, struct rng *rng,
                                uint64_t now_ms);

/* An answer with this txid came: takes its query out and measures. False: it was not asked, it is
 * forgotten, or asked elsewhere. */
bool rpc_take(struct rpc *rpc, uint32_t txid, const struct endpoint *from, uint64_t now_ms,
              struct rpc_query *out);

enum rpc_due { RPC_NOTHING_DUE, RPC_LATE, RPC_SILENT };

/* The next query that became late, or silent: it stays until it is answered or forgotten. */
enum rpc_due rpc_next_due(struct rpc *rpc, uint64_t now_ms, struct rpc_query *out);
uint32_t rpc_usual_ms(const struct rpc *rpc); /* the mean round trip, or a guess */
uint64_t rpc_deadline(const struct rpc *rpc); /* UINT64_MAX: nothing is waited for */

/* The end of this ping by hand is nobody's from now on. */
void rpc_disown(struct rpc *rpc, uint32_t operation);

uint32_t rpc_waiting(const struct rpc *rpc); /* queries that are not silent */
bool rpc_is_asking(const struct rpc *rpc, const struct endpoint *endpoint);
/* The queries of this purpose that are not silent, one after the other: `*at` is 0 first. NULL: no
 * more. */
const struct rpc_query *rpc_next_of(const struct rpc *rpc, enum rpc_purpose purpose, uint32_t *at);
size_t rpc_count_of(const struct rpc *rpc, enum rpc_purpose purpose);

void rpc_expect(const struct rpc *rpc); /* it will be asked soon: a hint, while there are few */

bool rpc_valid(const struct rpc *rpc); /* all invariants hold; for tests */
