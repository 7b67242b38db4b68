/* A catalog in a folder of its own, and rows made from one byte. */
#pragma once

#include <string.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "support/unit.h"

struct fixture {
    char folder[64];
    char path[128];
    struct catalog *catalog;
};

static inline struct catalog *open_good(const char *path)
{
    char error[CATALOG_ERROR_SIZE];
    struct catalog *catalog;
    enum status status = catalog_open(path, &catalog, error);
    if (status != STATUS_OK)
        fail_msg("%s: %s", status_name(status), error);
    return catalog;
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/kadpeer-catalog-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/kadpeer.db", f->folder);
    f->catalog = open_good(f->path);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    catalog_close(f->catalog);
    for (size_t i = 0; i < 4; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", f->path, ends[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

static inline void reopen(struct fixture *f)
{
    catalog_close(f->catalog);
    f->catalog = open_good(f->path);
}

/* Ids, names and sizes from one byte. */
static inline struct id id_of(uint8_t byte)
{
    struct id id;
    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

static inline struct catalog_transfer transfer_of(uint8_t byte)
{
    return (struct catalog_transfer){
        .infohash = id_of(byte),
        .origin = ORIGIN_FETCH,
        .wish = WISH_RUN,
        .name = (char *)(uintptr_t) "a name",
        .dir = (char *)(uintptr_t) "/somewhere",
        .target = (char *)(uintptr_t) "",
        .peers = (char *)(uintptr_t) "",
    };
}

static inline int64_t add(struct catalog *catalog, uint8_t byte)
{
    struct catalog_transfer transfer = transfer_of(byte);
    assert_int_equal(catalog_add_transfer(catalog, &transfer), STATUS_OK);
    return transfer.id;
}

static inline size_t count_transfers(struct catalog *catalog)
{
    struct catalog_transfer *rows;
    size_t count;
    assert_int_equal(catalog_load_transfers(catalog, &rows, &count), STATUS_OK);
    catalog_free_transfers(rows, count);
    return count;
}
