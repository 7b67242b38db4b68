/* What the transfer_*.c share. Each section names the file that has it. */
#pragma once

#include "swarm/availability.h"
#include "swarm/bitfield.h"
#include "swarm/choker.h"
#include "swarm/judge.h"
#include "swarm/limiter.h"
#include "swarm/metadata.h"
#include "swarm/params.h"
#include "swarm/peer.h"
#include "swarm/picker.h"
#include "swarm/pieces.h"
#include "swarm/rate.h"
#include "swarm/transfer.h"
#include "swarm/upload_slots.h"

enum { PEER_SLOTS = PEERS_MAX + PEERS_CLOSING_MAX }; /* below 256: a handle's low byte */

struct past_peer {
    uint32_t handle;
    struct endpoint endpoint;
};

struct transfer {
    struct transfer_config config;
    struct rng rng;
    uint64_t now_ms; /* of the last input */

    const struct metainfo *metainfo; /* NULL: not known yet */
    struct metadata *metadata;       /* being fetched; NULL once it is known */
    struct bitfield have, wanted;
    struct bitfield needed; /* wanted and not had */
    bool fetch, serve, sequential;

    struct picker *picker; /* NULL as long as metainfo is, like the four below */
    struct pieces pieces;
    struct judge *judge;
    uint8_t *promised;   /* per piece: peers it is promised to */
    uint64_t generation; /* of the candidates: grows when a piece becomes one */
    bool starving;       /* somebody could have begun a piece, but memory was full */
    bool refill_due;     /* blocks became free: all are to be asked again */
    struct availability *availability;

    struct peer *peers[PEER_SLOTS]; /* `peer_count` of them, no gaps */
    size_t peer_count;
    size_t live_count; /* not closing */
    uint32_t seeds;
    uint32_t proven_count; /* of peers not closing */
    struct peer *by_slot[PEER_SLOTS];
    uint32_t next_generation;              /* of handles */
    struct past_peer past[PAST_PEERS_MAX]; /* a ring */
    size_t past_count;

    struct limiter down_limiter, up_limiter;
    bool limits_local; /* hold for local peers, too */

    struct choker choker;
    struct upload_slots slots;
    uint64_t round_bytes_up; /* bytes_up at the choker's last round */
    uint64_t round_ms;       /* of the choker, last */
    uint64_t spread_ms;      /* when free slots are given, having so little; 0: nobody waits */
    uint64_t tick_ms;        /* last */

    struct transfer_action *actions; /* a ring */
    size_t action_head, action_count, action_cap;
    size_t found_count; /* ACTION_FOUND among them */

    struct rate down, up;
    uint64_t bytes_down, bytes_up, bytes_wasted;
    uint32_t pieces_bad;
};

/* Those not closing; `continue` and `return` do what they say, `break` does not. */
#define FOR_EACH_PEER(transfer, i, each)                                                           \
    for (size_t i = 0; i < (transfer)->peer_count; i++)                                            \
        for (struct peer *each = (transfer)->peers[i]; each != NULL && !each->closing; each = NULL)

/* ---- transfer.c ---- */

uint32_t transfer_piece_size(const struct transfer *transfer, uint32_t piece);
/* After each input: what became possible meanwhile is done. */
void transfer_settle(struct transfer *transfer);

/* ---- transfer_actions.c ---- */

/* Makes room for all that one more peer and one more piece can bring. False: no memory. */
bool actions_reserve(struct transfer *transfer);
bool actions_valid(const struct transfer *transfer); /* there is room for all that may be told */
void actions_push(struct transfer *transfer, struct transfer_action action);
void actions_output(struct transfer *transfer, struct peer *peer); /* has something to send */

/* ---- transfer_peers.c ---- */

struct peer *peers_find(const struct transfer *transfer, uint32_t handle); /* NULL: unknown */
/* Ends all dealings with it; the owner is told to close. Closing twice is harmless. */
void peers_close(struct transfer *transfer, struct peer *peer, enum transfer_close_reason reason,
                 const char *text);
/* The same for what a function here gave as "how it broke the protocol", which may be that memory
 * has run out. */
void peers_close_for(struct transfer *transfer, struct peer *peer, const char *error);
void peers_ban(struct transfer *transfer, uint32_t handle); /* also one that has left */
/* What a connection opens with: extension handshake, what we have. */
void peers_greet(struct transfer *transfer, struct peer *peer);
void peers_tell_have(struct transfer *transfer, struct peer *peer);
void peers_say_what_waits(struct transfer *transfer); /* to be said with something else */

/* ---- transfer_offences.c ---- */

void offences_count(struct transfer *transfer, enum transfer_offence offence);
/* One too many closes it, with this text. */
void offences_strike(struct transfer *transfer, struct peer *peer, enum transfer_offence offence,
                     const char *text);
/* It owes so much for a message. Who owes too much is closed when the message has been dealt with.
 */
void offences_charge(struct transfer *transfer, struct peer *peer, uint32_t cost_ms);
void offences_chatter(struct transfer *transfer, struct peer *peer); /* said what moves nothing */
/* A block moved. */
static inline void offences_pay(struct peer *peer)
{
    peer->owed_ms -= peer->owed_ms < CHATTER_BLOCK_MS ? peer->owed_ms : CHATTER_BLOCK_MS;
}

/* ---- transfer_holdings.c: who has what ---- */

/* NULL, or how it broke the protocol. */
const char *holdings_have(struct transfer *transfer, struct peer *peer, uint32_t piece);
const char *holdings_bitfield(struct transfer *transfer, struct peer *peer, struct bytes bits);
const char *holdings_all(struct transfer *transfer, struct peer *peer, bool all);
void holdings_lost(struct transfer *transfer, struct peer *peer, uint32_t piece);
/* The number of pieces is known now. */
const char *holdings_settle(struct transfer *transfer, struct peer *peer);
void holdings_leave(struct transfer *transfer, struct peer *peer);
/* `needed` has changed in many places: counts anew how useful everyone is. */
void holdings_recount(struct transfer *transfer);
/* We have verified `piece` (or no more). */
void holdings_piece_changed(struct transfer *transfer, uint32_t piece);
void holdings_show_interest(struct transfer *transfer, struct peer *peer);
void holdings_drop_interest(struct transfer *transfer); /* paced: once a choker round */

/* ---- transfer_requests.c: what to ask of whom ---- */

void requests_fill(struct transfer *transfer, struct peer *peer);
void requests_fill_all(struct transfer *transfer);
uint64_t requests_deadline(const struct transfer *transfer); /* to fill all again */
void requests_set_candidate(struct transfer *transfer, uint32_t piece);

/* ---- transfer_cancel.c: requests that end without a block ---- */

/* Takes a request off the list; its block is free again when nobody else owes it. */
void requests_remove(struct transfer *transfer, struct peer *peer, uint32_t i);
/* The same, and the peer is told. */
void requests_cancel(struct transfer *transfer, struct peer *peer, uint32_t i);
void requests_cancel_all(struct transfer *transfer, struct peer *peer);
/* Others may be asked for all it owes; late answers are welcome. */
void requests_release_all(struct transfer *transfer, struct peer *peer);
void requests_release_lost(struct transfer *transfer, struct peer *peer); /* what it lacks now */
/* Those given up on count again, as far as nobody else was asked. */
void requests_revive(struct transfer *transfer, struct peer *peer);
/* Those given up on will not be answered any more. */
void requests_forget_released(struct transfer *transfer, struct peer *peer);
void requests_drop_all(struct transfer *transfer, struct peer *peer);
/* A block that is not on the list any more comes after all. */
bool requests_list_released(struct peer *peer, struct piece *piece, uint32_t block);
/* Nobody owes any of `piece` any more, nobody receives into it. */
void requests_drop_piece(struct transfer *transfer, struct piece *piece);
void requests_rejected(struct transfer *transfer, struct peer *peer, uint32_t index,
                       uint32_t begin);

/* ---- transfer_blocks.c: what comes in, until it is verified ---- */

/* NULL, or how it broke the protocol. */
const char *blocks_begin(struct transfer *transfer, struct peer *peer,
                         const struct wire_message *message);
/* Where the blocks go that are likely to follow the one that is coming. */
void blocks_expect(struct transfer *transfer, struct peer *peer);
void blocks_end(struct transfer *transfer, struct peer *peer, uint32_t len);
/* Ends a piece that is not verified; it can be begun again if it is needed. */
void blocks_abandon(struct transfer *transfer, struct piece *piece);
void blocks_complete(struct transfer *transfer); /* ACTION_COMPLETE when nothing is needed */

/* ---- transfer_serve.c: what they ask of us ---- */

/* NULL, or how it broke the protocol. */
const char *serve_request(struct transfer *transfer, struct peer *peer,
                          const struct wire_message *message);
void serve_cancel(struct transfer *transfer, struct peer *peer, const struct wire_message *message);
void serve_round(struct transfer *transfer);
/* Somebody may have a slot now. */
void serve_admit(struct transfer *transfer);
void serve_more(struct transfer *transfer);   /* if the link turns out to be fast enough */
void serve_spread(struct transfer *transfer); /* once it is spread_ms */
void serve_nobody(struct transfer *transfer);
void serve_grant_fast(struct transfer *transfer, struct peer *peer);
void serve_piece_lost(struct transfer *transfer, uint32_t piece);

/* ---- transfer_limits.c: how fast ---- */

void limits_enter(struct transfer *transfer, struct peer *peer); /* a new one */
/* How much of `len` bytes of payload may be read from a limited peer; 0: none, and it is told when.
 */
size_t limits_receive(struct transfer *transfer, struct peer *peer, size_t len);
/* Whether a limited peer may be sent its next block; it is taken to be. */
bool limits_send(struct transfer *transfer, struct peer *peer, uint32_t len);
/* We hold it back, or did just now: that nothing came from it is no fault of its. */
bool limits_held(const struct transfer *transfer, const struct peer *peer);
size_t limits_most_slots(const struct transfer *transfer);
/* Peers to serve at a time, so that each gets enough to stay. */
size_t limits_slots(const struct transfer *transfer);
uint64_t limits_deadline(const struct transfer *transfer);
void limits_on_time(struct transfer *transfer);

/* ---- transfer_suggest.c: which piece is best fetched from whom, as a seed sees it ---- */

void suggest_ahead(struct transfer *transfer, struct peer *peer);
void suggest_after_request(struct transfer *transfer, struct peer *peer, uint32_t piece);
void suggest_end(struct transfer *transfer, struct peer *peer);
/* Pieces that it has from us and that nobody else we know has got. */
uint32_t suggest_hoard(const struct transfer *transfer, const struct peer *peer);
/* NULL, or how it broke the protocol. */
const char *suggest_receive(struct transfer *transfer, struct peer *peer, uint32_t piece);
/* A suggested candidate with at most so many holders. */
bool suggest_pick(const struct transfer *transfer, const struct peer *peer, uint32_t most_holders,
                  uint32_t *piece);

/* ---- transfer_extension.c ---- */

void extension_greet(struct transfer *transfer, struct peer *peer);
void extension_message(struct transfer *transfer, struct peer *peer, uint8_t id, struct bytes body);
void extension_ask_metadata(struct transfer *transfer); /* of everyone */
void extension_exchange(struct transfer *transfer, struct peer *peer);
void extension_dont_have(struct transfer *transfer, struct peer *peer, uint32_t piece);
