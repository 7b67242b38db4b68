/* Transfers, their progress and the files they consist of. A transfer is a row in `transfers` and
 * one in `progress`: the latter is small and written often. Its info dictionary is in `infos`. */
#include "catalog/catalog.h"

#include <stdlib.h>

#include "catalog/catalog_private.h"

static enum status find(struct catalog *catalog, const struct id *infohash, int64_t *id)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_TRANSFER_FIND);
    query_bind_id(&query, infohash);
    bool found = query_row(&query);
    if (found)
        *id = query_int(&query, 0);
    enum status status = query_end(&query);
    return status != STATUS_OK || found ? status : STATUS_NOT_FOUND;
}

/* In the order of the columns that TRANSFER_ADD and TRANSFER_UPDATE share. */
static void bind_transfer(struct query *query, const struct catalog_transfer *transfer)
{
    query_bind_int(query, transfer->origin);
    query_bind_int(query, transfer->wish);
    query_bind_text(query, transfer->name);
    query_bind_text(query, transfer->dir);
    query_bind_text(query, transfer->target);
    query_bind_int(query, transfer->complete);
    query_bind_int(query, transfer->unlisted);
    query_bind_int(query, transfer->no_seed);
    query_bind_int(query, transfer->force);
    query_bind_id(query, transfer->has_file_sha1 ? &transfer->file_sha1 : NULL);
    query_bind_id(query, transfer->has_expected_sha1 ? &transfer->expected_sha1 : NULL);
    query_bind_text(query, transfer->peers);
    query_bind_text(query, transfer->options != NULL ? transfer->options : "");
    query_bind_count(query, transfer->size);
    query_bind_int(query, transfer->added_unix_s);
    query_bind_int(query, transfer->completed_unix_s);
    query_bind_fixed(query, transfer->has_group ? transfer->group : NULL, sizeof transfer->group);
    query_bind_fixed(query, transfer->has_sha256 ? transfer->sha256 : NULL,
                     sizeof transfer->sha256);
}

static enum status set_progress(struct catalog *catalog, const struct catalog_transfer *transfer)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_PROGRESS_SET);
    query_bind_int(&query, transfer->id);
    query_bind_count(&query, transfer->uploaded);
    query_bind_count(&query, transfer->downloaded);
    query_bind_bytes(&query, transfer->have);
    return query_run(&query);
}

static enum status insert(struct catalog *catalog, struct catalog_transfer *transfer)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_TRANSFER_ADD);
    query_bind_id(&query, &transfer->infohash);
    bind_transfer(&query, transfer);
    enum status status = query_run(&query);
    if (status != STATUS_OK)
        return status;
    transfer->id = sqlite3_last_insert_rowid(catalog->db);
    status = set_progress(catalog, transfer);
    return status == STATUS_OK ? catalog_set_info(catalog, &transfer->infohash, transfer->info)
                               : status;
}

enum status catalog_add_transfer(struct catalog *catalog, struct catalog_transfer *transfer)
{
    bool own;
    enum status status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    status = find(catalog, &transfer->infohash, &transfer->id);
    if (status == STATUS_OK)
        status = STATUS_EXISTS;
    else if (status == STATUS_NOT_FOUND)
        status = insert(catalog, transfer);
    return catalog_leave(catalog, own, status);
}

enum status catalog_update_transfer(struct catalog *catalog,
                                    const struct catalog_transfer *transfer)
{
    bool own;
    enum status status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    struct query query;
    query_start(&query, catalog, STATEMENT_TRANSFER_UPDATE);
    bind_transfer(&query, transfer);
    query_bind_int(&query, transfer->id);
    status = query_run_one(&query);
    if (status == STATUS_OK)
        status = set_progress(catalog, transfer);
    return catalog_leave(catalog, own, status);
}

static enum status remove_row(struct catalog *catalog, int64_t id)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_TRANSFER_REMOVE);
    query_bind_int(&query, id);
    return query_run_one(&query);
}

enum status catalog_remove_transfer(struct catalog *catalog, int64_t id)
{
    bool own;
    enum status status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    status = catalog_clear_short_info(catalog, id);
    if (status == STATUS_OK)
        status = remove_row(catalog, id);
    return catalog_leave(catalog, own, status);
}

static struct bytes take_bytes(struct query *query, int column)
{
    uint8_t *data = NULL;
    size_t len = 0;
    query_bytes(query, column, &data, &len);
    return bytes_of(data, len);
}

/* In the order of TRANSFER_LOAD. */
static void read_transfer(struct query *query, struct catalog_transfer *out)
{
    out->id = query_int(query, 0);
    query_id(query, 1, &out->infohash);
    out->origin = (enum catalog_origin)query_int(query, 2);
    out->wish = (enum catalog_wish)query_int(query, 3);
    out->name = query_text(query, 4);
    out->dir = query_text(query, 5);
    out->target = query_text(query, 6);
    out->complete = query_int(query, 7) != 0;
    out->unlisted = query_int(query, 8) != 0;
    out->no_seed = query_int(query, 9) != 0;
    out->force = query_int(query, 10) != 0;
    out->has_file_sha1 = query_id(query, 11, &out->file_sha1);
    out->has_expected_sha1 = query_id(query, 12, &out->expected_sha1);
    out->peers = query_text(query, 13);
    out->options = query_text(query, 14);
    out->size = query_count(query, 15);
    out->added_unix_s = query_int(query, 16);
    out->completed_unix_s = query_int(query, 17);
    out->uploaded = query_count(query, 18);
    out->downloaded = query_count(query, 19);
    out->have = take_bytes(query, 20);
    out->synced = take_bytes(query, 21);
    out->boot_id = query_text(query, 22);
    out->has_group = query_fixed(query, 23, out->group, sizeof out->group);
    out->has_sha256 = query_fixed(query, 24, out->sha256, sizeof out->sha256);
}

enum status catalog_load_transfers(struct catalog *catalog, struct catalog_transfer **out,
                                   size_t *count)
{
    struct catalog_transfer *rows = NULL;
    size_t used = 0, room = 0;
    enum status status = STATUS_OK;
    struct query query;
    query_start(&query, catalog, STATEMENT_TRANSFER_LOAD);
    while (status == STATUS_OK && query_row(&query)) {
        status = query_grow((void **)&rows, &room, used, sizeof *rows);
        if (status != STATUS_OK)
            break;
        struct catalog_transfer *row = &rows[used++];
        read_transfer(&query, row);
        status = catalog_load_info(catalog, &row->infohash, &row->info);
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    if (status != STATUS_OK) {
        catalog_free_transfers(rows, used);
        rows = NULL;
        used = 0;
    }
    *out = rows;
    *count = used;
    return status;
}

void catalog_free_transfers(struct catalog_transfer *transfers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct catalog_transfer *row = &transfers[i];
        free(row->name);
        free(row->dir);
        free(row->target);
        free(row->peers);
        free(row->options);
        free(row->boot_id);
        free((void *)(uintptr_t)row->info.data);
        free((void *)(uintptr_t)row->have.data);
        free((void *)(uintptr_t)row->synced.data);
    }
    free(transfers);
}

enum status catalog_set_have(struct catalog *catalog, int64_t id, struct bytes have)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_PROGRESS_HAVE);
    query_bind_bytes(&query, have);
    query_bind_int(&query, id);
    return query_run_one(&query);
}

enum status catalog_set_synced(struct catalog *catalog, int64_t id, struct bytes have,
                               const char *boot_id)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_PROGRESS_SYNCED);
    query_bind_bytes(&query, have);
    query_bind_text(&query, boot_id);
    query_bind_int(&query, id);
    return query_run_one(&query);
}

static enum status change_infohash(struct catalog *catalog, int64_t id, const struct id *infohash)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_TRANSFER_HASH);
    query_bind_id(&query, infohash);
    query_bind_int(&query, id);
    return query_run_one(&query);
}

enum status catalog_set_infohash(struct catalog *catalog, int64_t id, const struct id *infohash)
{
    int64_t other;
    enum status status = find(catalog, infohash, &other);
    if (status != STATUS_NOT_FOUND)
        return status == STATUS_OK && other != id ? STATUS_EXISTS : status;
    bool own;
    status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    status = catalog_clear_short_info(catalog, id);
    if (status == STATUS_OK)
        status = change_infohash(catalog, id, infohash);
    return catalog_leave(catalog, own, status);
}

enum status catalog_set_wish(struct catalog *catalog, int64_t id, enum catalog_wish wish)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_TRANSFER_WISH);
    query_bind_int(&query, wish);
    query_bind_int(&query, id);
    return query_run_one(&query);
}

enum status catalog_add_traffic(struct catalog *catalog, int64_t id, uint64_t uploaded,
                                uint64_t downloaded)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_PROGRESS_TRAFFIC);
    query_bind_count(&query, uploaded);
    query_bind_count(&query, downloaded);
    query_bind_int(&query, id);
    return query_run_one(&query);
}

static enum status clear_files(struct catalog *catalog, int64_t id)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_FILES_CLEAR);
    query_bind_int(&query, id);
    return query_run(&query);
}

static enum status add_file(struct catalog *catalog, int64_t id, const struct catalog_file *file)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_FILES_ADD);
    query_bind_int(&query, id);
    query_bind_int(&query, file->index);
    query_bind_int(&query, file->mtime_ns);
    query_bind_int(&query, file->ctime_ns);
    query_bind_count(&query, file->size);
    query_bind_int(&query, (int64_t)file->inode); /* any 64 bits; the sign is of no meaning */
    return query_run(&query);
}

enum status catalog_set_files(struct catalog *catalog, int64_t id,
                              const struct catalog_file files[], size_t count)
{
    bool own;
    enum status status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    status = clear_files(catalog, id);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = add_file(catalog, id, &files[i]);
    return catalog_leave(catalog, own, status);
}

enum status catalog_load_files(struct catalog *catalog, int64_t id, struct catalog_file **out,
                               size_t *count)
{
    struct catalog_file *rows = NULL;
    size_t used = 0, room = 0;
    enum status status = STATUS_OK;
    struct query query;
    query_start(&query, catalog, STATEMENT_FILES_LOAD);
    query_bind_int(&query, id);
    while (status == STATUS_OK && query_row(&query)) {
        status = query_grow((void **)&rows, &room, used, sizeof *rows);
        if (status == STATUS_OK)
            rows[used++] = (struct catalog_file){
                .index = (uint32_t)query_int(&query, 0),
                .mtime_ns = query_int(&query, 1),
                .ctime_ns = query_int(&query, 2),
                .size = query_count(&query, 3),
                .inode = (uint64_t)query_int(&query, 4),
            };
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    if (status != STATUS_OK) {
        free(rows);
        rows = NULL;
        used = 0;
    }
    *out = rows;
    *count = used;
    return status;
}

/* ---- what stood around their info dictionaries ---- */

enum status catalog_set_around(struct catalog *catalog, int64_t id, struct bytes around)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_TORRENT_SET);
    query_bind_int(&query, id);
    query_bind_bytes(&query, around);
    return query_run(&query);
}

enum status catalog_get_around(struct catalog *catalog, int64_t id, uint8_t **out, size_t *len)
{
    struct query query;
    *out = NULL;
    *len = 0;
    query_start(&query, catalog, STATEMENT_TORRENT_GET);
    query_bind_int(&query, id);
    bool found = query_row(&query) && query_bytes(&query, 0, out, len);
    enum status status = query_end(&query);
    return status != STATUS_OK || found ? status : STATUS_NOT_FOUND;
}
