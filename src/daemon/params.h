/* Every limit of the daemon, with its unit, its reason and where it comes from. */
#pragma once

/* ---- the control socket: docs/control.md ---- */
#define CONTROL_REQUEST_MAX     (1u << 20) /* bytes; the largest is a .torrent */
#define CONTROL_CONNECTIONS_MAX 64         /* far above what one person's tools open */
#define CONTROL_CALLS_MAX       16         /* under way on one connection */
#define CONTROL_BACKLOG_MAX     (4u << 20) /* bytes of notifications that nobody reads */
#define CONTROL_READ_BYTES      16384      /* asked for at a time: most requests are under 1 KiB */
#define CONTROL_LISTEN_BACKLOG  64         /* as many as may be connected */
