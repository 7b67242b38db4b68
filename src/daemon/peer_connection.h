/* One TCP connection with a peer: dialled or accepted, hands shaken, then bound to a transfer,
 * whose bytes it moves. */
#pragma once

#include <uthash.h>

#include "daemon/outbox.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"
#include "people/keys.h"
#include "swarm/handshake.h"
#include "swarm/peer_list.h"
#include "swarm/transfer.h"

struct channel_dial;
struct engine;
struct item;
struct tcp;
struct timer;

struct peer_connection {
    struct peer_connection *prev, *next;         /* item->connections */
    struct peer_connection *prev_all, *next_all; /* engine->connections */
    UT_hash_handle hh;                           /* item->by_peer */
    struct engine *engine;
    struct item *item;            /* NULL: accepted, and not known yet what for */
    struct tcp *tcp;              /* NULL: its group's channel is being dialled */
    struct channel_dial *channel; /* that */
    struct public_key member;     /* who it is, in a group; else zero */
    struct id swarm;              /* what both sides call it in their handshakes */
    struct timer *timer;          /* handshake, later the last flush; NULL: none runs */
    struct endpoint remote;       /* family 0: not connected yet */
    struct endpoint listen;       /* where it can be dialled; family 0: not known */
    bool claimed;                 /* `listen` is marked as in use in the item's peer list */
    bool incoming, dialling, open, ending;
    bool unshaken;        /* accepted, and its handshake is not here yet */
    bool has_output;      /* transfer_next_output has something */
    bool pulled;          /* it gave something since it heard of the backlog */
    uint32_t peer;        /* handle in item->transfer; 0: none */
    uint64_t since_ms;    /* accepted or connected, then: open since */
    size_t told_backlog;  /* what the transfer knows of the outbox */
    uint64_t received;    /* bytes after the handshake */
    size_t handshake_len; /* bytes of it that came */
    uint8_t handshake_in[HANDSHAKE_BYTES], handshake_out[HANDSHAKE_BYTES];
    struct outbox outbox;
};

/* The endpoint must be marked as in use in the item's peer list. */
void peer_connection_dial(struct item *item, const struct endpoint *to);
void peer_connection_accept(struct engine *engine, struct tcp *tcp); /* taken */
/* A member's, over a group's channel that was switched to this transfer; taken. */
void peer_connection_accept_member(struct item *item, struct tcp *tcp, const struct id *blinded,
                                   const struct public_key *member);

/* Takes what the transfer has to send and writes what can be written. May end it. */
void peer_connection_flush(struct peer_connection *connection);
/* The transfer wants it closed: what is queued goes out first. */
void peer_connection_end(struct peer_connection *connection, enum transfer_close_reason reason,
                         const char *text);
/* At once, and it is freed. `outcome` is for the peer list. */
void peer_connection_close(struct peer_connection *connection, enum peer_outcome outcome,
                           const char *why);
/* An accepted peer told where it listens. */
void peer_connection_listens(struct peer_connection *connection, const struct endpoint *endpoint);
