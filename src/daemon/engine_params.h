/* Limits and paces of the engine, each with its unit, reason and source. What a user may change is
 * in the config (network.max_connections, transfer.active and the like). */
#pragma once

/* ---- connections ---- */

#define DIAL_TIMEOUT_MS       10000 /* a SYN is lost now and then: three tries of the system */
#define HANDSHAKE_TIMEOUT_MS  10000 /* what libtorrent gives [interop 2] */
#define HANDSHAKE_PATIENCE_MS 2000  /* when connections are full: then it makes way for another */
#define FLUSH_TIMEOUT_MS      3000  /* for the last bytes of a connection that ends */
#define PEERS_PER_ITEM_MAX    80    /* more bring nothing: rarest first is served by far fewer */
#define DIALLING_PER_ITEM     20    /* half-open, so that one transfer leaves room for others */
/* From one public address; more behind one router are served by those that get in. */
#define PEERS_PER_ADDRESS_MAX 8
#define LASTED_MS             5000 /* closed sooner, without a byte: it may not have the file */
#define PEERS_AT_ONCE_MAX     256  /* looked at when statistics are asked for */

/* ---- sending ---- */

/* Bytes queued for one peer's socket at most; how many are wise is the transfer's to know, which is
 * told what waits here. */
#define OUTBOX_BYTES      (4u << 20)
#define OUTBOX_HELD_BYTES (512u << 10) /* of chunks, beyond that: 40 who read nothing fit */
#define OUTBOX_TEXT_SIZE  4096 /* bytes of small messages that wait, without an allocation each */

#define SEEDING_GRACE_MS 30000 /* beyond the ratio, for what was asked for before */

/* ---- reading for peers ---- */

#define CHUNK_BYTES             (256u << 10) /* read at a time: 16 blocks */
#define CHUNKS_BYTES_MAX        (64u << 20)  /* of all chunks, in use or kept */
#define CHUNKS_KEPT_BYTES       (4u << 20)   /* unused ones kept for the next who asks */
#define CHUNKS_KEPT_ALONE_BYTES (512u << 10) /* the same while there is one peer */
#define LOOK_MS                 1000         /* between two looks at shared files by their names */
#define CHUNKS_SPARE_MAX        32           /* chunks whose memory is used again */
#define CHUNK_KEPT_MS           5000         /* then even these go: an idle daemon is small */

/* ---- disk ---- */

#define CHECKS_AT_A_TIME                                                                           \
    2 /* jobs that hash and write pieces of one transfer: more threads would wait for the lock of  \
         the one file. What waits for them is hashed side by side */
#define SETTLE_BYTES (8u << 20)  /* verified pieces that wait for one write to the catalog … */
#define SETTLE_MS    10          /* … at most so long: a write for each costs more than SHA-1 */
#define SYNC_BYTES   (64u << 20) /* written since the last sync [protocol.md 4] */
#define SYNC_MS      2000        /* [protocol.md 4] */
/* Of pieces, hashed side by side by one job at most: some 10 ms, then others have their turn. */
#define VERIFY_BYTES         (32u << 20)
#define VERIFY_PORTION_BYTES (8u << 20) /* that a job of a verification takes on, at least */
#define DIGEST_BYTES         (8u << 20) /* of one stream, hashed by one job: likewise */
#define SHA1_AT_ONCE_BYTES                                                                         \
    (32u << 20) /* a share's own SHA-1 is taken with its pieces up to here, some 30 ms of it; of a \
                   longer one it follows */
#define VERIFY_JOBS      2    /* at a time for one transfer; the pool has 4 threads */
#define SPACE_RECHECK_MS 5000 /* whether there is room again */
#define FALSE_ALARMS_MAX                                                                           \
    3 /* partial files that look changed and are right: a file system that stamps them late, or    \
         somebody who touches them; then all is verified once, at the end */
#define FILES_PATROL_MS  60000 /* whether shared files are still there, unchanged */
#define FILES_RECHECK_MS 10000 /* whether files that vanished or changed are back */

/* ---- finding peers ---- */

#define SEARCH_FIRST_MS    30000  /* between two lookups of a transfer; grows by half … */
#define SEARCH_MOST_MS     300000 /* … up to this [ours: a peer record is renewed every 25 min] */
#define SEARCH_LONELY_MS   5000   /* nobody found yet: each doubles this, up to SEARCH_FIRST_MS */
#define SEARCH_BUSY_MS     1000   /* no room for another lookup or connection: tried again then */
#define NAMES_PAUSE_MS     2000   /* nothing has that SHA-1 yet: likewise */
#define MATCH_WAIT_MS      2000  /* for metadata of the hash itself, if none came so long, or … */
#define MATCH_MOST_MS      10000 /* … in all, before what has that SHA-1 is fetched instead */
#define PEERS_ENOUGH       30    /* known: no need to hurry */
#define SEGMENTS_AT_A_TIME 4     /* lookups of availability under way */
#define WANTED_HOLDER_MS   60000 /* before the same holder is dialled again out of order */
#define SAVE_PEERS_MAX     16    /* addresses kept for the next run */
#define LINK_PEERS_MAX     4     /* addresses of ours in a link */

/* ---- publishing [protocol.md 2] ---- */

#define PEER_REPUBLISH_MS       600000 /* the count of pieces held, while it grows */
#define SIGN_GAP_MS             5      /* between the names of two transfers: some 5 of 0.1 ms */
#define PUBLISH_AGAIN_MS        30000  /* after a refusal of our own node: too many records */
#define AVAILABILITY_EVERY_MS   30000
#define ENTRY_LIFE_S            (7 * 24 * 3600)
#define ENTRY_WITHDRAWN_LIFE_S  60 /* of the last one, that makes the others be forgotten */
#define PUBLISHER_RECORDS_SHOWN 64 /* in `info` */

/* ---- people ---- */

#define PROGRESS_EVERY_MS 500   /* notifications of one stream [control.md] */
#define WAITING_EVERY_MS  3000  /* of one that has nothing new to tell */
#define TRAFFIC_SAVE_MS   60000 /* uploaded and downloaded to the catalog */
/* Where a ratio ends sharing, what was sent is saved as often as these say, too: a kill makes it
 * forget so much at most. */
#define TRAFFIC_SAVE_BYTES (4 * 1024 * 1024)
#define TRAFFIC_SAVE_PART  16    /* … and at least this part of the whole */
#define LONELY_MS          60000 /* a share's transfer is kept after its last peer has left */
#define STALLED_MS         60000 /* without a byte: makes way for a queued download */
