#include "daemon/reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include <utlist.h>

#include "daemon/control.h"
#include "daemon/follow.h"
#include "daemon/item_facts.h"

struct reader {
    struct reader *prev, *next; /* item->readers */
    struct item *item;
    struct call *call;
    uint32_t file;
    uint64_t offset;     /* in it */
    struct chunk *chunk; /* NULL: nothing is being read */
    uint32_t skip, len;  /* in the chunk */
    uint64_t again_ms;   /* after a failure */
};

static void let_go(struct reader *reader)
{
    if (reader->chunk != NULL)
        upload_return(reader->item->engine, reader->chunk);
    reader->chunk = NULL;
}

static void forget(struct reader *reader)
{
    let_go(reader);
    DL_DELETE(reader->item->readers, reader);
    free(reader);
}

static void on_cancel(void *user)
{
    forget(user);
}

/* ---- what is to be read ---- */

/* UINT32_MAX: none or several. */
static uint32_t only_file(const struct item *item)
{
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < item->metainfo->file_count; i++) {
        if (item->metainfo->files[i].padding || !item_options_selects(&item->options, i))
            continue;
        if (found != UINT32_MAX)
            return UINT32_MAX;
        found = i;
    }
    return found;
}

/* False: it has no such file, and the call has been failed. */
static bool find_file(struct reader *reader)
{
    const struct item *item = reader->item;
    char hint[96];
    if (reader->file == READER_FILE_ONLY)
        reader->file = only_file(item);
    if (reader->file < item->metainfo->file_count && !item->metainfo->files[reader->file].padding &&
        item_options_selects(&item->options, reader->file))
        return true;
    if (reader->file == UINT32_MAX) {
        follow_fail_several(item, reader->call);
        return false;
    }
    snprintf(hint, sizeof hint, "get %lld --select N; kadpeer files %lld lists them",
             (long long)item->row.id, (long long)item->row.id);
    call_fail(reader->call, "no_file", 3, hint, "%s: file %" PRIu32 " is not fetched",
              item->row.name, reader->file);
    return false;
}

/* All that is on disk is where it belongs, and what counts as verified is. */
static bool is_readable(const struct item *item)
{
    bool compares = item->row.has_expected_sha1 || item->row.has_sha256;
    return item->placed && !item->changed && item->to_verify == NULL && item->mover == NULL &&
           !item_is_looked_into(item) && item->storage != NULL && !item->options.reselects &&
           (item->row.complete || !compares);
}

static bool has_piece(const struct item *item, uint32_t piece)
{
    return (item->have[piece / 8] >> (7 - piece % 8) & 1) != 0;
}

/* As far as the chunk goes in which it begins. */
static void begin_to_read(struct reader *reader)
{
    struct item *item = reader->item;
    const struct metainfo *metainfo = item->metainfo;
    const struct metainfo_file *file = &metainfo->files[reader->file];
    uint64_t at = file->offset + reader->offset;
    uint32_t piece = (uint32_t)(at / metainfo->piece_length);
    uint32_t begin = (uint32_t)(at % metainfo->piece_length);
    if (!has_piece(item, piece) || !uploads_have_room(&item->engine->uploads))
        return;
    uint32_t end = (begin / CHUNK_BYTES + 1) * CHUNK_BYTES;
    uint32_t size = metainfo_piece_size(metainfo, piece);
    uint32_t len = (end < size ? end : size) - begin;
    reader->len =
        file->length - reader->offset < len ? (uint32_t)(file->length - reader->offset) : len;
    reader->chunk = upload_borrow(item, piece, begin, reader->len, &reader->skip);
}

/* ---- answers ---- */

static void answer(struct reader *reader, const uint8_t *data, uint32_t len)
{
    const struct item *item = reader->item;
    struct pack *pack = call_result(reader->call);
    pack_i64(pack, "id", item->row.id);
    pack_u64(pack, "file", reader->file);
    pack_u64(pack, "offset", reader->offset);
    pack_u64(pack, "size", item->metainfo->files[reader->file].length);
    pack_bin(pack, "data", data, len);
    call_finish(reader->call);
    forget(reader);
}

static void turn(struct reader *reader)
{
    struct item *item = reader->item;
    uint64_t now_ms = engine_now(item->engine);
    if (item->trouble != TROUBLE_NONE && item->verifier == NULL && !item_begins_again(item)) {
        follow_fail(item, reader->call);
        forget(reader);
        return;
    }
    if (item->metainfo == NULL)
        return;
    if (!find_file(reader)) {
        forget(reader);
        return;
    }
    if (!is_readable(item) || now_ms < reader->again_ms)
        return;
    if (reader->offset >= item->metainfo->files[reader->file].length) {
        answer(reader, (const uint8_t *)"", 0);
        return;
    }
    if (reader->chunk == NULL)
        begin_to_read(reader);
    if (reader->chunk == NULL || upload_state(reader->chunk) == CHUNK_READING)
        return;
    if (upload_state(reader->chunk) == CHUNK_READY) {
        answer(reader, upload_data(reader->chunk) + reader->skip, reader->len);
        return;
    }
    let_go(reader); /* what was wrong is being looked into */
    reader->again_ms = now_ms + PROGRESS_EVERY_MS;
}

void readers_turn(struct item *item)
{
    struct reader *reader, *next;
    DL_FOREACH_SAFE(item->readers, reader, next)
    turn(reader);
}

uint64_t readers_due(const struct item *item)
{
    return item->readers != NULL ? engine_now(item->engine) + PROGRESS_EVERY_MS : UINT64_MAX;
}

void reader_start(struct item *item, struct call *call, uint32_t file, uint64_t offset)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    reader->item = item;
    reader->call = call;
    reader->file = file;
    reader->offset = offset;
    DL_APPEND(item->readers, reader);
    call_on_cancel(call, on_cancel, reader);
    item_mark(item);
}

void readers_move(struct item *from, struct item *to)
{
    struct reader *reader, *next;
    DL_FOREACH_SAFE(from->readers, reader, next)
    {
        let_go(reader);
        DL_DELETE(from->readers, reader);
        reader->item = to;
        DL_APPEND(to->readers, reader);
    }
    item_mark(to);
}

void readers_end(struct item *item)
{
    struct reader *reader, *next;
    DL_FOREACH_SAFE(item->readers, reader, next)
    {
        call_fail(reader->call, "removed", 3, NULL, "%s was removed", item->row.name);
        forget(reader);
    }
}
