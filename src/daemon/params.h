/* Every limit of the daemon, with its unit, its reason and where it comes from. */
#pragma once

/* ---- the control socket: docs/control.md ---- */
#define CONTROL_REQUEST_MAX     (1u << 20) /* bytes; the largest is a .torrent */
#define CONTROL_CONNECTIONS_MAX 64         /* far above what one person's tools open */
#define CONTROL_CALLS_MAX       16         /* under way on one connection */
#define CONTROL_BACKLOG_MAX     (4u << 20) /* bytes of notifications that nobody reads */
#define CONTROL_READ_BYTES      16384      /* asked for at a time: most requests are under 1 KiB */
#define CONTROL_LISTEN_BACKLOG  64         /* as many as may be connected */

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
