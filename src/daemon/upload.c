#include "daemon/upload.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "daemon/item.h"
#include "io/work.h"

struct chunk_key {
    const struct item *item;
    uint32_t piece, number;
};

struct chunk {
    UT_hash_handle hh;
    struct chunk *prev, *next; /* uploads.kept */
    struct work work;
    struct item *item;
    struct chunk_key key;
    bool is_hashed, is_kept;
    enum chunk_state state;
    enum status status;
    unsigned borrowers;
    uint64_t kept_since_ms;
    const struct storage_stat *expected; /* NULL: the file is ours and still being written */
    uint64_t offset;                     /* in the whole */
    uint32_t len;
    uint8_t data[];
};

/* ---- reading ---- */

static bool is_as_expected(struct storage *storage, uint32_t file,
                           const struct storage_stat *expected)
{
    struct storage_stat now;
    return storage_stat_file(storage, file, &now, NULL) == STATUS_OK &&
           storage_stat_same(expected, &now);
}

/* After the reading: what was read before a change is still right, so nothing wrong gets out. */
static bool files_are_as_expected(const struct chunk *chunk)
{
    struct storage *storage = chunk->item->storage;
    const struct metainfo *metainfo = storage_metainfo(storage);
    uint64_t offset = chunk->offset, end = chunk->offset + chunk->len;
    while (offset < end) {
        uint32_t file = metainfo_file_at(metainfo, offset);
        if (!metainfo->files[file].padding &&
            !is_as_expected(storage, file, &chunk->expected[file]))
            return false;
        offset = metainfo->files[file].offset + metainfo->files[file].length;
    }
    return true;
}

static void run_read(void *user)
{
    struct chunk *chunk = user;
    chunk->status =
        storage_read(chunk->item->storage, chunk->offset, chunk->len, chunk->data, NULL);
    if (chunk->status == STATUS_OK && chunk->expected == NULL)
        chunk->status = storage_check(chunk->item->storage, chunk->offset, chunk->len, NULL);
    else if (chunk->status == STATUS_OK && !files_are_as_expected(chunk))
        chunk->status = STATUS_MISMATCH;
}

/* Most of what is asked for lies in the system's memory: then it is copied at once, and what is
 * sent is still in the processor's cache. By the files' names it is looked at every LOOK_MS. */
static bool read_at_once(struct chunk *chunk)
{
    struct item *item = chunk->item;
    uint64_t now_ms = engine_now(item->engine);
    if (now_ms >= item->look_due_ms) {
        item->look_due_ms = now_ms + LOOK_MS;
        return false;
    }
    return storage_read_now(item->storage, chunk->offset, chunk->len, chunk->data, chunk->expected);
}

/* Memory for CHUNK_BYTES at least, or for what is asked. NULL: none. */
static struct chunk *allocate(struct uploads *uploads, uint32_t len)
{
    struct chunk *chunk = uploads->spare;
    if (len > CHUNK_BYTES)
        return malloc(sizeof *chunk + len);
    if (chunk == NULL)
        return malloc(sizeof *chunk + CHUNK_BYTES);
    uploads->spare = chunk->next;
    uploads->spare_count--;
    return chunk;
}

static void release(struct uploads *uploads, struct chunk *chunk)
{
    if (chunk->len > CHUNK_BYTES || uploads->spare_count >= CHUNKS_SPARE_MAX) {
        free(chunk);
        return;
    }
    chunk->next = uploads->spare;
    uploads->spare = chunk;
    uploads->spare_count++;
}

void uploads_dispose(struct uploads *uploads)
{
    while (uploads->spare != NULL) {
        struct chunk *chunk = uploads->spare;
        uploads->spare = chunk->next;
        free(chunk);
    }
    uploads->spare_count = 0;
}

static void free_chunk(struct engine *engine, struct chunk *chunk)
{
    if (chunk->is_hashed)
        HASH_DEL(engine->uploads.by_key, chunk);
    engine->uploads.bytes -= chunk->len;
    release(&engine->uploads, chunk);
}

static void keep(struct engine *engine, struct chunk *chunk)
{
    struct uploads *uploads = &engine->uploads;
    if (!chunk->is_hashed || chunk->state != CHUNK_READY) {
        free_chunk(engine, chunk);
        return;
    }
    chunk->is_kept = true;
    chunk->kept_since_ms = engine_now(engine);
    DL_APPEND(uploads->kept, chunk);
    uploads->kept_bytes += chunk->len;
    uploads_trim(engine);
}

static void unkeep(struct engine *engine, struct chunk *chunk)
{
    if (!chunk->is_kept)
        return;
    chunk->is_kept = false;
    DL_DELETE(engine->uploads.kept, chunk);
    engine->uploads.kept_bytes -= chunk->len;
}

/* The files are not what they were, or can't be read: whatever is wrong is looked into. */
static void on_failed_read(struct item *item, enum status status)
{
    if (item->removing || item->trouble != TROUBLE_NONE)
        return;
    bool changed = status == STATUS_MISMATCH || status == STATUS_NOT_FOUND ||
                   status == STATUS_REFUSED || status == STATUS_CHANGED;
    if (changed && !item->row.complete) {
        item_partial_changed(item, NULL);
    } else if (changed) {
        item->placed = false;
        item->verify_all = item->options.selected_count > 0; /* border bytes have no looks */
    } else if (status != STATUS_BUSY && status != STATUS_NO_MEMORY && status != STATUS_CANCELLED)
        item_set_trouble(item, TROUBLE_DISK, status, "cannot read %s: %s", item->row.name,
                         status_text(status));
}

static void read_done(void *user, bool cancelled)
{
    struct chunk *chunk = user;
    struct item *item = chunk->item;
    struct engine *engine = item->engine;
    if (cancelled)
        chunk->status = STATUS_CANCELLED;
    chunk->state = chunk->status == STATUS_OK ? CHUNK_READY : CHUNK_FAILED;
    if (chunk->state == CHUNK_FAILED)
        on_failed_read(item, chunk->status);
    if (chunk->borrowers == 0)
        keep(engine, chunk);
    item->jobs--;
    item_mark(item);
    engine_job_ends(engine);
}

/* ---- borrowing ---- */

static struct chunk *start(struct item *item, const struct chunk_key *key, uint64_t offset,
                           uint32_t len, bool hashed)
{
    struct engine *engine = item->engine;
    struct chunk *chunk = allocate(&engine->uploads, len);
    if (chunk == NULL)
        return NULL;
    memset(chunk, 0, sizeof *chunk);
    chunk->item = item;
    chunk->key = *key;
    chunk->expected = item->expected;
    chunk->offset = offset;
    chunk->len = len;
    if (hashed)
        HASH_ADD(hh, engine->uploads.by_key, key, sizeof chunk->key, chunk);
    chunk->is_hashed = hashed && chunk->hh.tbl != NULL; /* no memory: read for this one alone */
    engine->uploads.bytes += len;
    if (read_at_once(chunk)) {
        chunk->state = CHUNK_READY;
        return chunk;
    }
    item->jobs++;
    engine_job_begins(engine);
    work_start(&chunk->work, engine->daemon->loop, run_read, read_done, chunk);
    return chunk;
}

static struct chunk *find(const struct uploads *uploads, const struct chunk_key *key)
{
    struct chunk *chunk;
    HASH_FIND(hh, uploads->by_key, key, sizeof *key, chunk);
    return chunk;
}

struct chunk *upload_borrow(struct item *item, uint32_t piece, uint32_t begin, uint32_t length,
                            uint32_t *offset)
{
    struct engine *engine = item->engine;
    struct chunk_key key = {item, piece, begin / CHUNK_BYTES};
    uint32_t first = key.number * CHUNK_BYTES, size = metainfo_piece_size(item->metainfo, piece);
    uint32_t end = size - first < CHUNK_BYTES ? size : first + CHUNK_BYTES;
    bool crosses = begin + length > end; /* nobody's block does, but it may be asked for */
    struct chunk *chunk = crosses ? NULL : find(&engine->uploads, &key);
    if (chunk == NULL) {
        uint64_t piece_at = (uint64_t)piece * item->metainfo->piece_length;
        chunk = crosses ? start(item, &key, piece_at + begin, length, false)
                        : start(item, &key, piece_at + first, end - first, true);
    }
    if (chunk == NULL)
        return NULL;
    unkeep(engine, chunk);
    chunk->borrowers++;
    *offset = crosses ? 0 : begin - first;
    return chunk;
}

enum chunk_state upload_state(const struct chunk *chunk)
{
    return chunk->state;
}

const uint8_t *upload_data(const struct chunk *chunk)
{
    return chunk->data;
}

uint32_t upload_size(const struct chunk *chunk)
{
    return chunk->len;
}

void upload_return(struct engine *engine, struct chunk *chunk)
{
    if (--chunk->borrowers == 0 && chunk->state != CHUNK_READING)
        keep(engine, chunk);
}

/* ---- room ---- */

bool uploads_have_room(struct uploads *uploads)
{
    bool room = uploads->bytes < CHUNKS_BYTES_MAX;
    uploads->somebody_waits = uploads->somebody_waits || !room;
    return room;
}

void uploads_forget(struct item *item)
{
    struct engine *engine = item->engine;
    struct chunk *chunk, *next;
    HASH_ITER(hh, engine->uploads.by_key, chunk, next)
    {
        if (chunk->item != item)
            continue;
        HASH_DEL(engine->uploads.by_key, chunk);
        chunk->is_hashed = false;
        if (chunk->is_kept) {
            unkeep(engine, chunk);
            free_chunk(engine, chunk);
        }
    }
}

uint64_t uploads_trim(struct engine *engine)
{
    struct uploads *uploads = &engine->uploads;
    uint64_t now_ms = engine_now(engine);
    size_t most = engine->connection_count > 1 ? CHUNKS_KEPT_BYTES : CHUNKS_KEPT_ALONE_BYTES;
    while (uploads->kept != NULL) {
        struct chunk *oldest = uploads->kept;
        uint64_t until_ms = oldest->kept_since_ms + CHUNK_KEPT_MS;
        if (uploads->kept_bytes <= most && until_ms > now_ms)
            return until_ms;
        unkeep(engine, oldest);
        free_chunk(engine, oldest);
    }
    if (uploads->bytes > 0)
        return UINT64_MAX; /* called again when they have been sent */
    uploads_dispose(uploads);
    return UINT64_MAX;
}
