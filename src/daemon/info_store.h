/* Long info dictionaries to and from the database in the pool: there it takes as long as it takes;
 * see catalog.h. */
#pragma once

#include "content/metainfo.h"
#include "daemon/engine_private.h"

/* In the pool, before the loop's catalog_set_info, which then finds it there. What fails here is
 * met again there, and said. */
void info_store(const struct daemon *daemon, const struct id *infohash, struct bytes info);
/* On the loop: no transfer has it any more. One that is not dropped goes at the next start. */
void info_drop(struct engine *engine, const struct id *infohash, size_t len);
