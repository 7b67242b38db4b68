/* Info dictionaries: slices by infohash, and number, which are in `infos` all or count as none.
 * Content has one name, so who stores one twice, or two at once, store the same slices. */
#include "catalog/catalog.h"

#include <stdlib.h>
#include <time.h>

#include "catalog/catalog_private.h"
#include "catalog/params.h"

/* *len: 0 when it is not there, or not all of it. */
static enum status stored_len(struct catalog *catalog, const struct id *infohash, size_t *len)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_INFO_SIZE);
    query_bind_id(&query, infohash);
    *len = 0;
    if (query_row(&query) && query_int(&query, 2) == 1 &&
        query_int(&query, 0) == query_int(&query, 1) + 1)
        *len = (size_t)query_count(&query, 3);
    return query_end(&query);
}

enum status catalog_load_info(struct catalog *catalog, const struct id *infohash, struct bytes *out)
{
    size_t len, used = 0;
    *out = bytes_of(NULL, 0);
    enum status status = stored_len(catalog, infohash, &len);
    if (status != STATUS_OK || len == 0)
        return status;
    uint8_t *info = malloc(len);
    if (info == NULL)
        return STATUS_NO_MEMORY;
    struct query query;
    query_start(&query, catalog, STATEMENT_INFO_LOAD);
    query_bind_id(&query, infohash);
    while (query_row(&query))
        used += query_copy(&query, 0, info + used, len - used);
    status = query_end(&query);
    if (status != STATUS_OK || used != len) {
        free(info);
        return status;
    }
    *out = bytes_of(info, len);
    return STATUS_OK;
}

/* ---- storing ---- */

static enum status add_slice(struct catalog *catalog, const struct id *infohash, struct bytes info,
                             size_t from)
{
    size_t left = info.len - from;
    size_t len = left < CATALOG_SLICE_BYTES ? left : CATALOG_SLICE_BYTES;
    struct query query;
    query_start(&query, catalog, STATEMENT_INFO_ADD);
    query_bind_id(&query, infohash);
    query_bind_count(&query, from / CATALOG_SLICE_BYTES);
    query_bind_int(&query, len == left);
    query_bind_bytes(&query, bytes_of(info.data + from, len));
    return query_run(&query);
}

static enum status store_anew(struct catalog *catalog, const struct id *infohash, struct bytes info)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_INFO_CLEAR);
    query_bind_id(&query, infohash);
    enum status status = query_run(&query);
    for (size_t from = 0; from < info.len && status == STATUS_OK; from += CATALOG_SLICE_BYTES)
        status = add_slice(catalog, infohash, info, from);
    return status;
}

enum status catalog_set_info(struct catalog *catalog, const struct id *infohash, struct bytes info)
{
    bool own;
    size_t there = 0;
    if (info.len == 0)
        return STATUS_OK;
    enum status status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    status = stored_len(catalog, infohash, &there);
    if (status == STATUS_OK && there != info.len)
        status = store_anew(catalog, infohash, info);
    return catalog_leave(catalog, own, status);
}

enum status catalog_clear_short_info(struct catalog *catalog, int64_t id)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_INFO_CLEAR_SHORT);
    query_bind_int(&query, id);
    return query_run(&query);
}

int catalog_sweep_infos(sqlite3 *db)
{
    return sqlite3_exec(
        db,
        "DELETE FROM infos WHERE infohash NOT IN (SELECT infohash FROM transfers);"
        "DELETE FROM infos WHERE infohash IN (SELECT infohash FROM infos GROUP BY infohash"
        " HAVING count(*) <> max(number) + 1 OR sum(last) <> 1)",
        NULL, NULL, NULL);
}

/* ---- beside the connection of the loop ---- */

static enum status connect_beside(const char *path, struct catalog *out)
{
    *out = (struct catalog){.db = NULL};
    int code = sqlite3_open_v2(path, &out->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(out->db, 1);
        sqlite3_busy_timeout(out->db, CATALOG_BESIDE_BUSY_MS);
        /* The log is copied into the database here, before it is so long that the loop would. */
        sqlite3_wal_autocheckpoint(out->db, CATALOG_BESIDE_LOG_PAGES);
        code = sqlite3_exec(out->db, "PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF",
                            NULL, NULL, NULL);
    }
    return catalog_status(out->db, code);
}

static void disconnect(struct catalog *catalog)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(catalog->statements[i]);
    sqlite3_close(catalog->db);
}

/* Locks are not handed out in turn: who has just had one would have it again and again. */
static void let_others_in(void)
{
    nanosleep(&(struct timespec){.tv_nsec = CATALOG_SLICE_PAUSE_MS * 1000000L}, NULL);
}

enum status catalog_store_info(const char *path, const struct id *infohash, struct bytes info)
{
    struct catalog beside;
    size_t there = 0;
    enum status status = connect_beside(path, &beside);
    if (status == STATUS_OK)
        status = stored_len(&beside, infohash, &there);
    for (size_t from = there > 0 ? info.len : 0; from < info.len && status == STATUS_OK;
         from += CATALOG_SLICE_BYTES) {
        status = add_slice(&beside, infohash, info, from);
        let_others_in();
    }
    disconnect(&beside);
    return status;
}

/* NOT_FOUND: there is none any more. */
static enum status drop_slice(struct catalog *catalog, const struct id *infohash)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_INFO_DROP);
    query_bind_id(&query, infohash);
    return query_run_one(&query);
}

enum status catalog_drop_info(const char *path, const struct id *infohash)
{
    struct catalog beside;
    enum status status = connect_beside(path, &beside);
    while (status == STATUS_OK) {
        status = drop_slice(&beside, infohash);
        let_others_in();
    }
    disconnect(&beside);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
