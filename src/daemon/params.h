/* Every limit of the daemon, with its unit, its reason and where it comes from. */
#pragma once

/* ---- the control socket: docs/control.md ---- */
#define CONTROL_REQUEST_MAX                                                                        \
    (32u << 20)                    /* bytes; the largest is a .torrent [METAINFO_BYTES_MAX]        \
                                    */
#define CONTROL_CONNECTIONS_MAX 64 /* far above what one person's tools open */
/* Beyond these: for who looks in or wants to stop it. The last to come gets in. */
#define CONTROL_EXTRA_MAX         8
#define CONTROL_EXTRA_REQUEST_MAX 4096       /* bytes: what they may ask is short */
#define CONTROL_CALLS_MAX         16         /* under way on one connection */
#define CONTROL_BACKLOG_MAX       (4u << 20) /* bytes of notifications that nobody reads */
#define CONTROL_READ_BYTES        16384 /* asked for at a time: most requests are under 1 KiB */
#define CONTROL_LISTEN_BACKLOG    64    /* as many as may be connected */
#define CONTROL_WAIT_MAX_MS       UINT64_C(31622400000) /* a year; as good as for ever */

/* ---- node ---- */
#define NODE_SOCKETS_MAX    16  /* UDP sockets: one per --bind address */
#define NODE_OPERATIONS_MAX 512 /* gets, finds, pings under way; the DHT has bounds of its own */
#define NODE_INTERFACES_MAX 32  /* addresses of our interfaces that are looked at */
#define NODE_SAVED_MAX      500 /* contacts kept for the next run: a full table near us [SAVED_MAX] */
#define NODE_SAVE_FIRST_MS  (10 * 1000)      /* after joining: a run may end soon */
#define NODE_SAVE_MS        (5 * 60 * 1000)  /* contacts, later on */
#define NODE_RECORDS_MS     (15 * 60 * 1000) /* held records: the loop waits for the database */
#define NODE_CLOCK_MS       (60 * 1000)      /* how often the wall clock is compared */
#define NODE_CLOCK_STEP_MS  2000             /* a smaller difference is drift, not a new time */

/* ---- bootstrap ---- */
/* Between rounds while alone: names are resolved anew, the list is read anew. (The DHT asks known
 * addresses again by itself, more often.) */
#define BOOTSTRAP_PAUSE_MIN_MS (5 * 1000)
#define BOOTSTRAP_PAUSE_MAX_MS (10 * 60 * 1000)

/* ---- ports ---- */
#define PORTS_DEFAULT    61881 /* above the usual range of outgoing connections [cli-design 4] */
#define PORTS_MOVE_MAX   200   /* numbers tried from there: as many profiles on one machine */
#define PORTS_FREE_TRIES 32    /* a number free for UDP may be taken for TCP */

/* ---- events ---- */
#define EVENTS_KEPT_MAX   2048        /* one of each piece of a common download, and then some */
#define EVENTS_KEPT_BYTES (256 << 10) /* the idle daemon stays small */

/* ---- the process ---- */
#define DESCRIPTORS_WANTED 65536        /* of the hard limit: a connection or open file each */
#define MALLOC_TRIM_BYTES  (128 * 1024) /* free at the heap's end: given back above this */
#define MALLOC_MMAP_BYTES  (256 * 1024) /* blocks from this size on are mapped on their own */
#define LOG_TURN_BYTES     (10 << 20)   /* a log above this makes room at the next start */

/* A stop takes at most 5 s, 1 s with --now [cli-design 4]: of that the engine may take this, the
 * rest of the parts need the grace. */
#define STOP_ENGINE_MS     3500
#define STOP_NOW_ENGINE_MS 500
#define STOP_GRACE_MS      200
#define STOP_AGAIN_MS      10  /* between looks at whether the pool is done */
#define STOP_DRY_MS        200 /* for closing handles, when everything is saved already */

/* ---- searches by name ---- */
#define NAME_SEARCH_LOOKUPS     4    /* of several words at a time: the rarest is among them */
#define NAME_SEARCH_MATCHES_MAX 500  /* infohashes of one search: a key holds 200 entries */
#define NAME_SEARCH_COUNTS      8    /* infohashes whose peers are counted at a time */
#define NAME_SEARCH_TELL_MS     1000 /* a match not counted by then is told without */
#define NAME_SEARCH_TICK_MS     200  /* how often it looks whether something is due */
#define NAME_SEARCH_WAIT_S      10   /* without `wait` [cli-design 4] */
#define NAME_SEARCH_WAIT_MAX_S  600
#define NAME_SEARCH_LIMIT       100 /* results without `limit` */

/* ---- node.join, node.ping, node.table ---- */
#define JOIN_ADDRESSES_MAX 64 /* of one call */
#define JOIN_WAIT_S        10 /* without `wait` */
#define JOIN_WAIT_MAX_S    600
#define NODE_TABLE_MAX     8000 /* contacts shown: two full tables of 160 buckets are never near */
