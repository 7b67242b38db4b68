/* The shortlist of one iterative lookup: who is nearest to a target, whom to ask next, and when
 * the k nearest have all answered  [Kademlia 2.3; S/Kademlia 4.4].
 *
 * A pure structure: it is told what came and says whom to ask; it never sends, waits or reads a
 * clock. The rules:
 * - `start` queries are under way until the first answer, then `alpha`, and once half of `alpha`
 *   answers in a row brought nobody nearer than the nearest known, as many as there are nodes among
 *   the k nearest. Of an eager lookup only those to the k nearest count: news of nearer ones is
 *   followed at once;
 * - of those to be asked the nearer come first, and the quicker: a step gains log2 k + 1.33 bits
 *   [Stutzbach & Rejaie 2006], so a sixth of a usual round trip weighs as much as a bit;
 * - a node that is late (first silence) stays in the running, but another takes its turn and its
 *   place among the k; only its second silence makes it fail. It is waited for while there are not
 *   k others, and by a patient lookup also while it is nearer than one of those;
 * - an id that is named at two endpoints is asked at the second when it is not at the first: who
 *   names an honest id with an address where nobody is does not hide it. An endpoint that is named
 *   under two ids is asked once;
 * - of those at one public address (an IPv6 /64) only the first counts;
 * - nodes whose id does not fit their public address [BEP 42] are not counted among the k nearest
 *   while k fitting ones are known;
 * - done when the k nearest that are not silent have answered, or nobody is left to ask. Nobody
 *   farther is waited for.
 *
 * Disjoint paths: the nodes it starts with are dealt out to `paths` paths, and an answer serves the
 * path that asked for it alone. Nobody is asked twice, so a node that lies leads one path astray.
 * Each path asks its share of k, the nearest it was told of, however near those are that another
 * was told of; then all of the k nearest of any path are asked. `alpha` and `start` are of a path.
 * All paths share one list; when it is full, the path that has most of it loses its farthest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/message.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"

#define LOOKUP_PATHS_MAX 8

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
    struct endpoint spare; /* where others say it is; family 0: nowhere else */
    uint8_t moves;         /* endpoints given up */
    uint8_t state;         /* enum lookup_state */
    uint8_t hops;          /* how many answers, one after another, it took to hear of it */
    bool fits;             /* its id fits its address [BEP 42] */
    bool twin;             /* another of its public address is in the list */
    uint8_t paths;         /* bit p: path p has heard of it */
    uint8_t path;          /* that asked it */
    bool target;           /* it is given the records of a round of storing */
    uint8_t token_len;     /* of what it gave us for a put: lookup_token */
    uint16_t token_at;
    uint16_t cost_ms; /* what asking it is likely to take */
    uint16_t rtt_ms;  /* what its answer took */
    uint16_t next;    /* of a round's records: the first it was not given yet */
    uint64_t held;    /* a get: a mark of the newest value it brought; 0: none */
};

_Static_assert(sizeof(struct lookup_node) <= 88, "the list moves with each newcomer");

struct lookup_config {
    uint8_t k, alpha, start;
    uint8_t paths; /* 1 to LOOKUP_PATHS_MAX */
    bool eager, patient;
    bool limit_local; /* local addresses count like public ones (tests) */
};

struct lookup {
    struct id target;
    struct lookup_config config;
    struct lookup_node *nodes; /* nearest first */
    uint16_t count, cap;
    uint16_t tokens_len, tokens_cap;
    uint8_t *tokens;    /* what they gave us, one behind the other */
    uint16_t in_flight; /* asked and not late */
    uint16_t late;
    uint16_t asked, answered; /* nodes, over the whole lookup */
    uint8_t dealt;            /* the path that the next first node goes to */
    struct lookup_path {
        uint16_t answered;
        uint16_t barren; /* answers in a row that brought nobody nearer than its nearest known */
        bool improved;   /* somebody nearer was heard of since the last answer */
    } paths[LOOKUP_PATHS_MAX];
};

void lookup_init(struct lookup *lookup, const struct id *target,
                 const struct lookup_config *config);
void lookup_dispose(struct lookup *lookup);

/* One to start with. False: known already, too far, or no memory. */
bool lookup_add(struct lookup *lookup, const struct id *id, const struct endpoint *endpoint,
                uint16_t cost_ms);
/* `by`, which was asked, named this node: before lookup_answered for it. False: as above. */
bool lookup_hear(struct lookup *lookup, const struct id *by, const struct id *id,
                 const struct endpoint *endpoint, uint16_t cost_ms);

/* Whom to ask now; it counts as asked from here on. NULL: nobody for the moment. Borrowed until
 * the next lookup_add or lookup_hear. */
const struct lookup_node *lookup_next(struct lookup *lookup);

/* What became of a query. Unknown ids do nothing. Who has failed may answer all the same. */
void lookup_answered(struct lookup *lookup, const struct id *id);
void lookup_late(struct lookup *lookup, const struct id *id);
void lookup_failed(struct lookup *lookup, const struct id *id);
/* Who was asked as `id` calls itself `now`: it goes to its true place. False: that one is in the
 * list already; then `id` has failed. */
bool lookup_renamed(struct lookup *lookup, const struct id *id, const struct id *now);

/* NULL: not in the list. Borrowed as above. */
struct lookup_node *lookup_find(const struct lookup *lookup, const struct id *id);

/* What `node` gave us for a put; empty: nothing, or more than MESSAGE_TOKEN_MAX. Without memory
 * nothing is kept. Borrowed until the next token comes. */
void lookup_keep_token(struct lookup *lookup, struct lookup_node *node, struct bytes token);
struct bytes lookup_token(const struct lookup *lookup, const struct lookup_node *node);

/* Is it one of the k nearest that may still answer? */
bool lookup_is_near(const struct lookup *lookup, const struct id *id);

bool lookup_done(const struct lookup *lookup);

/* Indices into `nodes` of up to `cap` that answered, nearest first, fitting ones before the rest.
 * Returns how many. */
size_t lookup_result(const struct lookup *lookup, uint16_t out[], size_t cap);

bool lookup_valid(const struct lookup *lookup); /* all invariants hold; for tests */
