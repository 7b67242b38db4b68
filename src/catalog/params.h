/* The limits of the catalog. */
#pragma once

#define CATALOG_BUSY_MS        250 /* ms; somebody may be looking into it with sqlite3 [ours] */
#define CATALOG_LOG_KEPT_BYTES (4 * 1024 * 1024) /* of the log, after a checkpoint [ours] */
#define CATALOG_PATH_SHOWN     120 /* bytes of a path in an error text: its end [ours] */
#define CATALOG_REASON_SHOWN   60  /* bytes of a reason in an error text [ours] */
