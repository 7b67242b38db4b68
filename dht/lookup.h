/* The shortlist of one iterative lookup: who is nearest to a target, whom to ask next, and when
 * the k nearest have all answered  [Kademlia 2.3].
 *
 * A pure structure: it is told what came and says whom to ask; it never sends, waits or reads a
 * clock. The rules:
 * - `alpha` queries are under way at a time; twice as many until the first answer comes, and as
 *   many as there are nodes among the k nearest once half of `alpha` answers in a row brought
 *   nobody nearer than the nearest known;
 * - a node that is late (first silence) stays in the running, but another takes its turn and its
 *   place among the k; only its second silence makes it fail. It is waited for only while there are
 *   not k others;
 * - nodes whose id does not fit their public address [BEP 42] are not counted among the k nearest
 *   while k fitting ones are known;
 * - done when the k nearest that are not silent have answered, or nobody is left to ask. Nobody
 *   farther is waited for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/message.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"

enum lookup_state {
    LOOKUP_FRESH,    /* not asked yet */
    LOOKUP_ASKED,    /* asked, in time */
    LOOKUP_LATE,     /* asked, silent once */
    LOOKUP_ANSWERED, /* answered */
    LOOKUP_FAILED,   /* silent twice, or dismissed; kept so that it is not asked again */
};

struct lookup_node {
    struct id id;
    struct endpoint endpoint;
    uint8_t state; /* enum lookup_state */
    uint8_t hops;  /* how many answers, one after another, it took to hear of it */
    bool fits;     /* its id fits its address [BEP 42] */
    uint8_t token_len;
    uint8_t token[MESSAGE_TOKEN_MAX]; /* what it gave us for a put */
    uint64_t held;                    /* a get: a mark of the newest value it brought; 0: none */
};

struct lookup {
    struct id target;
    struct lookup_node *nodes; /* nearest first */
    uint16_t count, cap;
    uint16_t in_flight; /* asked and not late */
    uint16_t late;
    uint16_t asked, answered; /* nodes, over the whole lookup */
    uint16_t barren; /* answers in a row that brought nobody nearer than the nearest known */
    uint8_t k, alpha;
};

void lookup_init(struct lookup *lookup, const struct id *target, uint8_t k, uint8_t alpha);
void lookup_dispose(struct lookup *lookup);

/* A node was heard of, `hops` answers away. False: known already, too far, or no memory. */
bool lookup_add(struct lookup *lookup, const struct id *id, const struct endpoint *endpoint,
                unsigned hops);

/* Whom to ask now; it counts as asked from here on. NULL: nobody for the moment. Borrowed until
 * the next lookup_add. */
const struct lookup_node *lookup_next(struct lookup *lookup);

/* What became of a query. `improved`: the answer named somebody nearer than anybody known before
 * (call lookup_add first). Unknown ids do nothing. */
void lookup_answered(struct lookup *lookup, const struct id *id, bool improved);
void lookup_late(struct lookup *lookup, const struct id *id);
void lookup_failed(struct lookup *lookup, const struct id *id);
/* Who was asked as `id` calls itself `now`: it goes to its true place. False: that one is in the
 * list already; then `id` has failed. */
bool lookup_renamed(struct lookup *lookup, const struct id *id, const struct id *now);

/* NULL: not in the list. Borrowed until the next lookup_add. */
struct lookup_node *lookup_find(const struct lookup *lookup, const struct id *id);

/* Is it one of the k nearest that may still answer? */
bool lookup_is_near(const struct lookup *lookup, const struct id *id);

bool lookup_done(const struct lookup *lookup);

/* Indices into `nodes` of up to `cap` that answered, nearest first, fitting ones before the rest.
 * Returns how many. */
size_t lookup_result(const struct lookup *lookup, uint16_t out[], size_t cap);

bool lookup_valid(const struct lookup *lookup); /* all invariants hold; for tests */
