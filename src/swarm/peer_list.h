/* Who might have a file: every address heard of for one transfer, where it came from, how dialling
 * it went. Says whom to dial next; dials nobody. Keyed by address and port: the same address with
 * another port is another peer (interop-notes section 7). At most PEER_LIST_MAX; when full, the
 * least promising not in use makes way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"

#define PEER_LIST_MAX 1000

enum peer_source {
    PEER_FROM_DHT = 1,
    PEER_FROM_AVAILABILITY = 2, /* a record says it holds pieces */
    PEER_FROM_LINK = 4,         /* x.pe, --from, .torrent */
    PEER_FROM_EXCHANGE = 8,     /* BEP 11 */
    PEER_FROM_INCOMING = 16,    /* it connected to us and told its listening port */
    PEER_FROM_SAVED = 32,
};

enum peer_outcome {
    PEER_FAILED,     /* no connection: later again, each time later */
    PEER_LOST,       /* was connected: again soon */
    PEER_HALTED,     /* we hung up, for the transfer stopped: called back when it goes on */
    PEER_LOST_EARLY, /* closed right after the handshake: it may not have the file */
    PEER_HUNG_UP,    /* it closed before its handshake: full, without the file, or for encryption */
    PEER_CROWDED,    /* the same, while it shook hands with us for another transfer, too: some
                        programs shake one hand of an address at a time [interop 1.6] */
    PEER_BOTH_SEEDS, /* no use to each other now */
    PEER_IS_US,
    PEER_BANNED,    /* gave wrong data: never again in this run */
    PEER_DUPLICATE, /* CLOSE_DUPLICATE: another connection to it lives on; not again for a while */
};

struct peer_list;

struct peer_list *peer_list_new(void);       /* NULL: no memory */
void peer_list_free(struct peer_list *list); /* NULL is allowed */

/* True when it is new. Unusable and banned ones are ignored. */
bool peer_list_add(struct peer_list *list, const struct endpoint *endpoint, enum peer_source source,
                   uint64_t now_ms);
/* The best one due to be dialled now; marked as in use until peer_list_ended. */
bool peer_list_next(struct peer_list *list, uint64_t now_ms, struct endpoint *out);
/* The same among those PEER_HALTED and not dialled since: who was served waits for us, each time
 * longer, and does not know when we are back. */
bool peer_list_next_halted(struct peer_list *list, uint64_t now_ms, struct endpoint *out);
bool peer_list_has_halted(const struct peer_list *list);
uint64_t
peer_list_due(const struct peer_list *list); /* when next has something; UINT64_MAX: never */
/* The one just given is not dialled now: it hung up before, and is busy with another of our
 * transfers. False: it is not one of those. */
bool peer_list_postpone(struct peer_list *list, const struct endpoint *endpoint, uint64_t now_ms);
/* An incoming connection turned out to be this one: in use. False: it was in use already. */
bool peer_list_claim(struct peer_list *list, const struct endpoint *endpoint, uint64_t now_ms);
/* The connection under way gave something: when it ends, what failed before is forgotten. */
void peer_list_worked(struct peer_list *list, const struct endpoint *endpoint);
/* Unknown ones are ignored, unless banned. */
void peer_list_ended(struct peer_list *list, const struct endpoint *endpoint,
                     enum peer_outcome outcome, uint64_t now_ms);
bool peer_list_is_banned(
    const struct peer_list *list,
    const struct endpoint *endpoint); /* by address and port; an address with 2 banned ports is
                                         banned whole unless local */
size_t peer_list_count(const struct peer_list *list); /* known, not banned */
/* How many of the known came from `sources` (or-ed enum peer_source). */
size_t peer_list_count_from(const struct peer_list *list, unsigned sources);
size_t peer_list_count_hung_up(const struct peer_list *list); /* and never did else */
/* What is known of each, for people to see. Returns how many were written. */
struct peer_known {
    struct endpoint endpoint;
    unsigned sources; /* or-ed enum peer_source */
    unsigned failures;
    bool in_use;
    bool hung_up; /* it closed before its handshake, and never did else */
};
size_t peer_list_known(const struct peer_list *list, struct peer_known out[], size_t cap);
void peer_list_forget_failures(struct peer_list *list, uint64_t now_ms); /* `resume`: all due now */
