/* The limits of the catalog. */
#pragma once

#define CATALOG_BUSY_MS          250 /* ms; somebody may be looking into it with sqlite3 [ours] */
#define CATALOG_LOG_KEPT_BYTES   (4 * 1024 * 1024)  /* of the log, after a checkpoint [ours] */
#define CATALOG_SLICE_BYTES      CATALOG_INFO_SHORT /* of an info dictionary, in one transaction */
#define CATALOG_SLICE_PAUSE_MS   5     /* after each: whoever waits to write gets in [ours] */
#define CATALOG_BESIDE_BUSY_MS   10000 /* as CATALOG_BUSY_MS, where no loop waits [ours] */
#define CATALOG_BESIDE_LOG_PAGES 256   /* of the log, when a second connection copies it [ours] */
#define CATALOG_PATH_SHOWN       120   /* bytes of a path in an error text: its end [ours] */
#define CATALOG_REASON_SHOWN     60    /* bytes of a reason in an error text [ours] */
