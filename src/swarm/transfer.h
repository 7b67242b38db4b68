/* One infohash being fetched or served, over any number of connections [BEP 3, 6, 9, 10, 11, 54],
 * sans I/O. Bytes and time in, bytes and actions out.
 *
 * The owner (daemon/engine) dials, accepts and shakes hands (handshake.h), then adds the peer here.
 * From then on, for each peer: it asks transfer_receive_space where to put what the socket gives,
 * reads straight into that, reports with transfer_received; takes what is to be sent with
 * transfer_next_output; and after each input drains transfer_next_action. Payloads of PIECE land
 * in piece buffers without a copy.
 *
 * A piece that is whole comes out as ACTION_CHECK; the owner hashes it, writes it and records it in
 * its catalog off the loop, then answers with transfer_piece_checked; HAVE goes out only then.
 * Metadata that is whole comes out as ACTION_METADATA; the owner hashes it off the loop, too, and
 * answers with transfer_metadata_checked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/metainfo.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"
#include "kadpeer/status.h"
#include "swarm/handshake.h"

struct limiter;

/* What a peer does that is no use to anybody, and that is forgiven as long as it stays rare. */
enum transfer_offence {
    OFFENCE_UNASKED_BLOCK, /* nobody asked for it */
    OFFENCE_METADATA,      /* unasked, of a wrong length, or not what the infohash says */
    OFFENCE_EXTENDED, /* an extended message that is malformed, too long or of no kind we know */
    OFFENCE_EXCHANGE, /* peer exchange sooner than the interval */
    OFFENCE_ADDRESS,  /* told of a peer at an address nobody can be at */
    OFFENCE_REQUEST,  /* for a block it can't have now: choked, not held, too long, too many */
    OFFENCE_PART,     /* for metadata it can't have: not held, or given often enough */
    OFFENCE_CHATTER,  /* a message that changes nothing, or changes its mind too often */
    OFFENCE_REJECT,   /* does not choke, and refuses what it says it has */
    OFFENCE_STALL,    /* owes blocks and sends none */
    TRANSFER_OFFENCES,
};
const char *transfer_offence_name(enum transfer_offence offence); /* "unasked_blocks" */

struct transfer_config {
    struct id infohash;
    uint8_t peer_id[20]; /* ours, as in the handshakes the owner sends for this infohash: tells
                            connections to ourselves, settles crossing ones */
    struct rng rng;
    uint16_t listen_port;  /* told to peers in the extension handshake; 0: none */
    char client[32];       /* "kadpeer/0.1.0" */
    size_t upload_slots;   /* 0: by what goes out, as params.h says */
    uint64_t slot_bps;     /* a slot ought to give so much, then; 0: the default of params.h */
    size_t memory_bytes;   /* most bytes of piece buffers at a time; 0: the default */
    struct budget *budget; /* of which they are taken, shared by several transfers; borrowed and
                              outlives the transfer; NULL: none */
    uint64_t *offences;    /* TRANSFER_OFFENCES counts, the owner's, added to; NULL: not counted */
    bool random_order;     /* new pieces at random instead of the rarest first: for comparison */
};

struct transfer;

/* With `metainfo` NULL the metadata is fetched from peers first. metainfo is borrowed and must
 * outlive the transfer. `have`: piece_count bits as in BITFIELD, NULL: none. */
struct transfer *transfer_new(const struct transfer_config *config, const struct metainfo *metainfo,
                              const uint8_t *have, uint64_t now_ms);
/* Ends all that was borrowed: not while what ACTION_CHECK or ACTION_METADATA gave out is being
 * read. NULL is allowed. */
void transfer_free(struct transfer *transfer);

/* When the metadata is known: after transfer_metadata_checked, or from elsewhere. Ends what
 * ACTION_METADATA gave out: not while that is being read. NO_MEMORY: nothing has changed, and it
 * may be called again. TOO_BIG: more pieces than a transfer can have. */
enum status transfer_set_metainfo(struct transfer *transfer, const struct metainfo *metainfo,
                                  const uint8_t *have, uint64_t now_ms);

/* What is to be fetched: by default everything. Pieces with a zero bit are not asked for. */
void transfer_want(struct transfer *transfer, const uint8_t *wanted, uint64_t now_ms);
void transfer_set_sequential(struct transfer *transfer, bool sequential);
/* Stop asking (paused, no space): nothing new is requested; serving goes on when `serve`. */
void transfer_set_active(struct transfer *transfer, bool fetch, bool serve, uint64_t now_ms);

/* When others have given back what budget->news tells: it may have waited for that. */
void transfer_memory_came(struct transfer *transfer, uint64_t now_ms);

/* How fast content may move; the protocol around it is neither counted nor held back. Takes effect
 * at once, may be called at any time, and again when the rate of `all_down` or `all_up` has
 * changed; without it nothing is limited. */
struct transfer_limits {
    uint64_t down_bps, up_bps;         /* of this transfer; 0: none of its own */
    struct limiter *all_down, *all_up; /* of all together; borrowed, the same each time and outlive
                                          the transfer; NULL: none */
    bool local;                        /* also for peers with local addresses */
};
void transfer_set_limits(struct transfer *transfer, const struct transfer_limits *limits,
                         uint64_t now_ms);

/* ---- peers ---- */

/* A connection whose handshakes are exchanged. Returns its handle, never 0; 0: full or no memory.
 * `listen` is where it can be dialled: what we dialled; unknown for an incoming one (family 0)
 * until it says `p`. */
uint32_t transfer_add_peer(struct transfer *transfer, const struct endpoint *remote,
                           const struct endpoint *listen, const struct handshake *theirs,
                           bool incoming, uint64_t now_ms);
void transfer_remove_peer(struct transfer *transfer, uint32_t peer, uint64_t now_ms);
/* The peer that can best be done without when the owner is out of connections: nobody has wanted
 * anything of the other for a while. 0: none. */
uint32_t transfer_useless_peer(const struct transfer *transfer, uint64_t now_ms);

/* Where the next bytes of this peer go: at least 1 byte of room, or none: a limit holds it back,
 * nothing is to be read until ACTION_READ. To be asked for right before each
 * read from the socket and used at once: any other call to this transfer may move it (uv_read's
 * alloc_cb is the right place). Nothing was read: nothing need be reported. */
void transfer_receive_space(struct transfer *transfer, uint32_t peer, uint8_t **space, size_t *len);
/* The same for owners that can fill several at once: in order, as many as one read gives. Returns
 * their number, 0 when nothing is to be read. */
#define TRANSFER_SPACES_MAX 33
size_t transfer_receive_spaces(struct transfer *transfer, uint32_t peer,
                               struct space out[TRANSFER_SPACES_MAX]);
/* `len` bytes have been put there. Not OK: the connection is to be closed (ACTION_CLOSE also
 * comes, with the reason). */
enum status transfer_received(struct transfer *transfer, uint32_t peer, size_t len,
                              uint64_t now_ms);

/* The next run of bytes to send to this peer: protocol bytes, borrowed until the next call for
 * this peer; or a block, which the owner reads (or holds) and sends as it is, its message head
 * having come before. Order matters. False: nothing now. */
struct transfer_output {
    struct bytes bytes; /* len 0: the block below */
    uint32_t piece, begin, length;
};
bool transfer_next_output(struct transfer *transfer, uint32_t peer, struct transfer_output *out);
/* How many bytes wait unsent in the owner's socket queue: blocks are held back above a bound, so
 * that a CHOKE or CANCEL does not wait behind megabytes. Call when it changes by much, and before
 * transfer_on_time: a peer whose backlog never shrinks does not read, and is closed. */
void transfer_set_backlog(struct transfer *transfer, uint32_t peer, size_t bytes, uint64_t now_ms);

/* ---- time and actions ---- */

void transfer_on_time(struct transfer *transfer, uint64_t now_ms);
uint64_t transfer_deadline(const struct transfer *transfer);

enum transfer_action_type {
    ACTION_OUTPUT,   /* peer: transfer_next_output has something */
    ACTION_READ,     /* peer: transfer_receive_space has room again */
    ACTION_CLOSE,    /* peer: flush what is queued and close; the handle is gone when the owner has
                        called    transfer_remove_peer */
    ACTION_CHECK,    /* piece, data: hash, write, record, then transfer_piece_checked */
    ACTION_METADATA, /* data: the info dictionary, as peers gave it: hash, then
                        transfer_metadata_checked */
    ACTION_FOUND,    /* endpoint: a peer another peer told us of */
    ACTION_LISTENS,  /* peer, endpoint: where an incoming peer can be dialled */
    ACTION_BAN,      /* peer, endpoint: it gave wrong data */
    ACTION_COMPLETE, /* every wanted piece is there */
    ACTION_HAS_ALL,  /* endpoint: a peer that fetched from us says it has everything */
};

enum transfer_close_reason {
    CLOSE_PROTOCOL, /* broke the protocol: `text` says how */
    CLOSE_TIMEOUT,  /* silent too long */
    CLOSE_BOTH_SEEDS,
    CLOSE_DUPLICATE, /* a second connection to the same peer id */
    CLOSE_SELF,
    CLOSE_BANNED,
    CLOSE_IDLE,      /* full up, and this one is of no use */
    CLOSE_NO_MEMORY, /* what it said or was to be told did not fit: nothing it did */
    CLOSE_REASONS,
};

struct transfer_action {
    enum transfer_action_type type;
    uint32_t peer;
    enum transfer_close_reason reason;
    const char *text; /* static storage */
    uint32_t piece;
    struct bytes data; /* valid until transfer_piece_checked or transfer_metadata_checked */
    struct endpoint endpoint;
};

bool transfer_next_action(struct transfer *transfer, struct transfer_action *out);
bool transfer_has_action(const struct transfer *transfer); /* there may be one */

/* OK: verified, written, recorded. MISMATCH: wrong SHA-1; the givers are judged. Anything else:
 * it could not be written; the piece will be asked for again when fetching is active. */
void transfer_piece_checked(struct transfer *transfer, uint32_t piece, enum status result,
                            uint64_t now_ms);
/* OK: its SHA-1 is the infohash; the bytes stay, until transfer_set_metainfo. MISMATCH: it is not:
 * who gave all of it is banned, and it is fetched anew. Anything else: it could not be hashed, and
 * is fetched anew. */
void transfer_metadata_checked(struct transfer *transfer, enum status result, uint64_t now_ms);
/* The piece turned out not to be on disk any more: DONT_HAVE goes out [BEP 54]. */
void transfer_piece_lost(struct transfer *transfer, uint32_t piece, uint64_t now_ms);

/* ---- availability records: what peers that are not connected hold ---- */

/* Replaces what was known of `holder` for pieces [first, first + 8 x bitfield.len). Ages out
 * after the records' lifetime. At most 500 holders. */
void transfer_set_availability(struct transfer *transfer, const struct endpoint *holder,
                               uint32_t first_piece, struct bytes bitfield, uint64_t now_ms);
/* An unconnected holder of the rarest piece that no connected peer can give, if there is one; of
 * several each in turn. */
bool transfer_wanted_holder(const struct transfer *transfer, struct endpoint *out);

/* ---- what it knows ---- */

struct transfer_stats {
    uint32_t pieces_have, pieces_wanted_missing, pieces_in_flight;
    uint32_t pieces_unavailable;         /* wanted, missing, held by no connected peer */
    uint64_t bytes_have;                 /* of verified pieces */
    uint64_t bytes_down, bytes_up;       /* payload in this run */
    uint64_t rate_down_bps, rate_up_bps; /* bytes per second, 20 s average */
    uint64_t bytes_wasted;               /* wrong, unasked or double */
    uint32_t pieces_bad;
    uint32_t peers, seeds, sending, unchoked_by_us, interested_in_us;
    uint32_t metadata_have, metadata_total; /* blocks of 16 KiB; total 0: not known */
    size_t memory_bytes;
};
void transfer_stats(const struct transfer *transfer, uint64_t now_ms, struct transfer_stats *out);

struct transfer_peer_stats {
    uint32_t peer;
    struct endpoint remote;
    char client[48]; /* printable ASCII: `v`, else from the peer id */
    bool incoming, seed, we_choke, they_choke, we_want, they_want, snubbed;
    uint32_t pieces, requests_out, requests_in;
    uint64_t bytes_down, bytes_up, rate_down_bps, rate_up_bps;
    uint32_t bad_pieces, strikes; /* strikes: small offences counted */
};
size_t transfer_peers(const struct transfer *transfer, uint64_t now_ms,
                      struct transfer_peer_stats out[], size_t cap);
/* Payload that came over that connection, which may be closing. */
uint64_t transfer_bytes_from(const struct transfer *transfer, uint32_t handle);

/* Verified pieces, as BITFIELD; borrowed, NULL without metainfo. */
const uint8_t *transfer_have(const struct transfer *transfer);
/* How many known holders (connected and by record) each piece has; `cap` values at most. */
size_t transfer_piece_holders(const struct transfer *transfer, uint16_t out[], size_t cap);

bool transfer_valid(const struct transfer *transfer); /* all invariants hold; for tests */
