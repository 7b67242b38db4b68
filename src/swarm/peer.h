/* One connection: what the peer has, what either side has said, what is on its way. Only data; the
 * transfer_*.c act on it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/endpoint.h"
#include "swarm/bitfield.h"
#include "swarm/extension.h"
#include "swarm/handshake.h"
#include "swarm/limiter.h"
#include "swarm/params.h"
#include "swarm/pex.h"
#include "swarm/rate.h"
#include "swarm/request_queue.h"
#include "swarm/upload_queue.h"
#include "swarm/wire.h"

struct peer_block {
    uint32_t piece, block;
};

/* A piece we expect the peer to fetch from us. */
struct peer_promise {
    uint32_t piece;
    bool begun; /* it has asked for some of it */
};

struct peer {
    uint32_t handle;
    struct endpoint remote;
    struct endpoint listen; /* family 0: not known */
    struct handshake theirs;
    bool incoming, ours, fast; /* ours: a -KP client; fast: both set the bit */
    bool closing;              /* ACTION_CLOSE has been given out */
    uint64_t joined_ms, received_ms, sent_ms;
    uint64_t steady_ms;    /* a message was whole, or STEADY_BYTES of one more were here */
    uint32_t steady_bytes; /* of it since then */

    struct wire wire;
    struct buffer out;  /* protocol bytes not given out yet */
    struct buffer lent; /* given out by the last transfer_next_output */
    bool output_due;    /* an ACTION_OUTPUT waits in the queue */

    /* What it has. Before the number of pieces is known `has` grows with each HAVE. */
    struct bitfield has;
    bool has_all;         /* said HAVE_ALL before that */
    uint32_t early_bytes; /* of the BITFIELD that came before that; 0: none */
    bool counted;         /* in transfer.seeds or in the picker, from holdings_settle on */
    bool seed;            /* in transfer.seeds */
    bool told_all;        /* ACTION_HAS_ALL has been given out */
    uint32_t useful;      /* pieces it has that we need */

    bool we_choke, they_choke, we_want, they_want;

    /* What we ask of it. */
    struct request_queue requests;
    struct piece *receiving; /* the block whose payload is coming; NULL: none, or thrown away */
    uint32_t receiving_block;
    bool receiving_aside; /* into `aside`, since another peer fills its place */
    uint8_t *aside;       /* BLOCK_BYTES, NULL until needed */
    struct peer_block cancelled[CANCELLED_KEPT]; /* a ring */
    uint32_t cancelled_count;
    uint32_t working_on; /* the piece it was asked for last; UINT32_MAX: none */
    bool proven;         /* a piece was right of which it gave a block */
    bool snubbed;
    uint64_t
        progress_ms; /* STEADY_BYTES of payload or a block came, or the first request went out */
    uint32_t progress_bytes; /* of payload since then */
    uint64_t paused_until_ms, pause_ms;
    uint64_t steal_after_ms;            /* no block to ask twice is looked for before that */
    bool looks_again;                   /* then there may be one */
    uint64_t vain_generation;           /* of the candidates, when none was found for it */
    uint32_t allowed[ALLOWED_FAST_MAX]; /* pieces it gives although it chokes */
    uint32_t allowed_count;
    uint32_t suggested[SUGGESTED_MAX]; /* pieces it would rather give; a ring */
    uint32_t suggested_count;

    /* What it asks of us. */
    struct upload_queue uploads;
    struct upload block_due; /* its head has been given out, the block comes next; length 0: none */
    size_t backlog_bytes;
    size_t told_backlog;                  /* by the owner, last */
    uint64_t taken_ms;                    /* when that last shrank, or began */
    uint64_t turn_ms;                     /* when last unchoked; 0: never */
    uint64_t asked_ms;                    /* when it last asked for a block; 0: never */
    uint32_t granted[ALLOWED_FAST_COUNT]; /* pieces we give although we choke */
    uint32_t granted_count;
    uint32_t choked_requests;
    struct peer_promise promises[PROMISES_MAX];
    uint32_t promise_count;
    uint32_t given[GIVEN_KEPT]; /* pieces it has from us, as a seed; a ring */
    uint32_t given_count;
    uint32_t asked_piece; /* it asked for last; UINT32_MAX: none */

    struct extension_peer extension;
    bool extension_sent_pex; /* our last handshake offered it */
    struct pex_memory pex;
    uint64_t pex_due_ms, pex_received_ms;
    uint32_t metadata_served; /* parts */
    uint64_t both_seeds_ms;   /* since when; 0: not */
    uint64_t wanted_ms;       /* when either was last interested in the other */

    struct limited down_limit, up_limit;
    bool held;        /* found no room to read into; ACTION_READ ends that */
    uint64_t held_ms; /* when last; 0: never */

    struct rate down, up;
    uint64_t bytes_down, bytes_up;
    uint32_t bad_pieces, strikes;
    uint64_t charged_ms; /* when what it owes was counted last */
    uint32_t owed_ms;    /* for chatter, then */
};

struct peer *peer_new(uint32_t handle, const struct endpoint *remote, const struct endpoint *listen,
                      const struct handshake *theirs, bool incoming, uint64_t now_ms);
void peer_free(struct peer *peer);

/* Whether it is known to have the piece. */
static inline bool peer_has(const struct peer *peer, uint32_t piece)
{
    return peer->seed || bitfield_has(&peer->has, piece);
}

/* Whether it gives the piece although it chokes us. */
bool peer_allows(const struct peer *peer, uint32_t piece);
void peer_forget_allowed(struct peer *peer, uint32_t piece); /* it refused all the same */
/* Whether we give it the piece although we choke it. */
bool peer_is_granted(const struct peer *peer, uint32_t piece);

/* It said it wants something and was unchoked, and has not asked for anything for long. */
bool peer_wastes_slot(const struct peer *peer, uint64_t now_ms);

void peer_remember_cancelled(struct peer *peer, uint32_t piece, uint32_t block);
/* True when it was cancelled not long ago; it is forgotten. */
bool peer_forget_cancelled(struct peer *peer, uint32_t piece, uint32_t block);

/* Name and version, printable: as it says, else from its peer id. */
void peer_client(const struct peer *peer, char out[48]);
