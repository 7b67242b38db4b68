#include "daemon/info_store.h"

#include <stdlib.h>

#include "io/work.h"

void info_store(const struct daemon *daemon, const struct id *infohash, struct bytes info)
{
    if (info.len > CATALOG_INFO_SHORT)
        catalog_store_info(daemon->paths.database, infohash, info);
}

struct info_drop {
    struct work work;
    struct engine *engine;
    struct id infohash;
};

static void run(void *user)
{
    struct info_drop *drop = user;
    catalog_drop_info(drop->engine->daemon->paths.database, &drop->infohash);
}

static void done(void *user, bool cancelled)
{
    struct info_drop *drop = user;
    struct engine *engine = drop->engine;
    (void)cancelled;
    free(drop);
    engine_job_ends(engine);
}

void info_drop(struct engine *engine, const struct id *infohash, size_t len)
{
    if (len <= CATALOG_INFO_SHORT || engine->stopping)
        return;
    struct info_drop *drop = malloc(sizeof *drop);
    if (drop == NULL)
        return;
    drop->engine = engine;
    drop->infohash = *infohash;
    engine_job_begins(engine);
    work_start(&drop->work, engine->daemon->loop, run, done, drop);
}
