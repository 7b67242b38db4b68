/* The border file: pieces that have a part of a file that is left out.
 *
 *   piece_count x u32   where each piece lies, big endian: its slot, from 1; 0: it is not in here
 *   up to 4,096 x n     nothing
 *   slots               of one piece each, the whole of it
 *
 * A piece is written before its number: what is killed between the two has written nothing. The
 * file is sparse, and as large as the pieces in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "content/params.h"
#include "content/storage_private.h"

static uint32_t border_file(const struct storage *storage)
{
    return storage->metainfo->file_count;
}

static uint64_t slot_at(const struct storage *storage, uint32_t slot)
{
    uint64_t head = (uint64_t)storage->metainfo->piece_count * 4;
    return (head + 4095) / 4096 * 4096 + (uint64_t)(slot - 1) * storage->metainfo->piece_length;
}

static enum status fail(struct storage *storage, int failure, struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    storage_file_path(storage, storage_root_name(storage), border_file(storage), path);
    enum status status = storage_fail(error, failure, path);
    return failure != 0 ? status : STATUS_MISMATCH;
}

/* ---- which files, which pieces ---- */

void storage_leave_out(struct storage *storage, uint8_t *left_out)
{
    free(storage->left_out);
    storage->left_out = left_out;
}

bool storage_is_left_out(const struct storage *storage, uint32_t file)
{
    return storage->left_out != NULL && storage->left_out[file];
}

static bool has_left_out(const struct storage *storage, uint32_t piece)
{
    const struct metainfo *metainfo = storage->metainfo;
    uint64_t at = (uint64_t)piece * metainfo->piece_length;
    uint64_t end = at + metainfo_piece_size(metainfo, piece);
    for (uint32_t file = metainfo_file_at(metainfo, at);
         file < metainfo->file_count && metainfo->files[file].offset < end; file++)
        if (storage_is_left_out(storage, file) && !metainfo->files[file].padding &&
            metainfo->files[file].length > 0)
            return true;
    return false;
}

/* ---- the index: needs borders_lock ---- */

static void take_index(struct storage *storage, const uint8_t *bytes)
{
    uint32_t count = storage->metainfo->piece_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = read_u32(bytes + (size_t)i * 4);
        storage->slots[i] = slot <= count ? slot : 0;
        storage->slot_count =
            slot <= count && slot > storage->slot_count ? slot : storage->slot_count;
    }
}

static enum status read_index(struct storage *storage, uint8_t *bytes, struct storage_error *error)
{
    int fd, failure;
    bool made;
    size_t len = (size_t)storage->metainfo->piece_count * 4;
    enum status status = storage_open_file(storage, border_file(storage), false, &fd, &made, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (!storage_move_bytes(fd, bytes, NULL, len, 0, &failure) && failure != 0)
        status = fail(storage, failure, error); /* shorter: what is not there is 0 */
    storage_cache_return(storage->cache, storage, border_file(storage), false, fd);
    return status;
}

static enum status have_index(struct storage *storage, struct storage_error *error)
{
    uint32_t count = storage->metainfo->piece_count;
    if (storage->slots != NULL)
        return STATUS_OK;
    uint8_t *bytes = calloc((size_t)count + 1, 4);
    storage->slots = calloc((size_t)count + 1, sizeof *storage->slots);
    enum status status = bytes != NULL && storage->slots != NULL ? read_index(storage, bytes, error)
                                                                 : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        take_index(storage, bytes);
    free(bytes);
    if (status != STATUS_OK) {
        free(storage->slots);
        storage->slots = NULL;
    }
    return status;
}

/* 0: the piece has none. */
static enum status find_slot(struct storage *storage, uint32_t piece, bool make, uint32_t *out,
                             struct storage_error *error)
{
    pthread_mutex_lock(&storage->borders_lock);
    enum status status = have_index(storage, error);
    if (status == STATUS_OK && make && storage->slots[piece] == 0)
        storage->slots[piece] = ++storage->slot_count;
    *out = status == STATUS_OK ? storage->slots[piece] : 0;
    pthread_mutex_unlock(&storage->borders_lock);
    return status;
}

/* ---- bytes ---- */

enum status storage_borders_read(struct storage *storage, uint64_t offset, uint64_t len,
                                 uint8_t *out, struct storage_error *error)
{
    uint32_t slot, length = storage->metainfo->piece_length;
    int fd, failure;
    bool made;
    enum status status = find_slot(storage, (uint32_t)(offset / length), false, &slot, error);
    if (status != STATUS_OK || slot == 0)
        return status != STATUS_OK ? status : STATUS_NOT_FOUND;
    status = storage_open_file(storage, border_file(storage), false, &fd, &made, error);
    if (status != STATUS_OK)
        return status;
    if (!storage_move_bytes(fd, out, NULL, len, slot_at(storage, slot) + offset % length, &failure))
        status = fail(storage, failure, error);
    storage_cache_return(storage->cache, storage, border_file(storage), false, fd);
    return status;
}

static bool write_number(int fd, uint32_t piece, uint32_t slot, int *failure)
{
    uint8_t number[4];
    write_u32(number, slot);
    return storage_move_bytes(fd, NULL, number, sizeof number, (uint64_t)piece * 4, failure);
}

static enum status write_part(struct storage *storage, uint32_t piece, uint64_t in_piece,
                              struct bytes data, struct storage_error *error)
{
    uint32_t slot;
    int fd, failure = 0;
    bool made;
    enum status status = find_slot(storage, piece, true, &slot, error);
    if (status == STATUS_OK)
        status = storage_open_file(storage, border_file(storage), true, &fd, &made, error);
    if (status != STATUS_OK)
        return status;
    uint64_t at = slot_at(storage, slot) + in_piece;
    if (!storage_move_bytes(fd, NULL, data.data, data.len, at, &failure) ||
        !write_number(fd, piece, slot, &failure))
        status = fail(storage, failure, error);
    storage_mark(storage, border_file(storage), STORAGE_WRITTEN);
    storage_cache_return(storage->cache, storage, border_file(storage), true, fd);
    return status;
}

enum status storage_borders_write(struct storage *storage, uint64_t offset, struct bytes data,
                                  struct storage_error *error)
{
    uint32_t length = storage->metainfo->piece_length;
    enum status status = STATUS_OK;
    while (data.len > 0 && status == STATUS_OK) {
        uint32_t piece = (uint32_t)(offset / length);
        uint64_t in_piece = offset % length;
        size_t len = data.len < length - in_piece ? data.len : (size_t)(length - in_piece);
        if (has_left_out(storage, piece))
            status = write_part(storage, piece, in_piece, bytes_of(data.data, len), error);
        offset += len;
        data = bytes_of(data.data + len, data.len - len);
    }
    return status;
}

/* ---- back into their files ---- */

static enum status take_in_span(struct storage *storage, struct metainfo_span span, uint8_t *space,
                                struct storage_error *error)
{
    enum status status = STATUS_OK;
    uint64_t left = span.length;
    while (left > 0 && status == STATUS_OK) {
        uint64_t offset = storage->metainfo->files[span.file].offset + span.file_offset;
        span.length = left < STORAGE_COPY_BYTES ? left : STORAGE_COPY_BYTES;
        status = storage_borders_read(storage, offset, span.length, space, error);
        if (status == STATUS_OK)
            status = storage_write_span(storage, &span, space, error);
        span.file_offset += span.length;
        left -= span.length;
    }
    return status;
}

static enum status take_in_piece(struct storage *storage, uint32_t piece, uint8_t *space,
                                 struct storage_error *error)
{
    const struct metainfo *metainfo = storage->metainfo;
    uint64_t at = (uint64_t)piece * metainfo->piece_length;
    uint64_t end = at + metainfo_piece_size(metainfo, piece);
    enum status status = STATUS_OK;
    while (at < end && status == STATUS_OK) {
        struct metainfo_span span;
        metainfo_spans(metainfo, at, end - at, &span, 1);
        if (!storage_is_left_out(storage, span.file) && !metainfo->files[span.file].padding)
            status = take_in_span(storage, span, space, error);
        at += span.length;
    }
    return status;
}

/* What came to the border file and was cut off there has not been verified either. */
static enum status take_in_all(struct storage *storage, struct storage_error *error)
{
    uint8_t *space = malloc(STORAGE_COPY_BYTES);
    enum status status = space != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < storage->metainfo->piece_count && status == STATUS_OK; i++) {
        if (storage->slots[i] != 0)
            status = take_in_piece(storage, i, space, error);
        status = status == STATUS_MISMATCH ? STATUS_OK : status;
    }
    free(space);
    return status;
}

/* The pieces that have no part left out any more. The last one takes the file with it. */
static enum status drop_pieces(struct storage *storage, struct storage_error *error)
{
    int fd, failure = 0;
    bool made, any = false;
    char path[STORAGE_PATH_SIZE];
    struct beneath walk;
    enum status status = storage_open_file(storage, border_file(storage), true, &fd, &made, error);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < storage->metainfo->piece_count && status == STATUS_OK; i++) {
        bool drop = storage->slots[i] != 0 && !has_left_out(storage, i);
        if (drop && !write_number(fd, i, 0, &failure))
            status = fail(storage, failure, error);
        storage->slots[i] = drop ? 0 : storage->slots[i];
        any = any || storage->slots[i] != 0;
    }
    storage_cache_return(storage->cache, storage, border_file(storage), true, fd);
    if (any || status != STATUS_OK)
        return status;
    storage_cache_forget(storage->cache, storage);
    storage_file_path(storage, storage_root_name(storage), border_file(storage), path);
    status = storage_walk_begin(storage, false, &walk, error);
    const char *last;
    int folder = status == STATUS_OK ? beneath_folder_of(&walk, path, false, &last) : -1;
    if (folder >= 0)
        unlinkat(folder, last, 0);
    storage_walk_end(&walk);
    storage->slot_count = 0;
    return status;
}

enum status storage_take_in(struct storage *storage, struct storage_error *error)
{
    uint32_t count = 0;
    if (!storage_have_marks(storage))
        return STATUS_NO_MEMORY;
    pthread_mutex_lock(&storage->borders_lock);
    enum status status = have_index(storage, error);
    for (uint32_t i = 0; i < storage->metainfo->piece_count && status == STATUS_OK; i++)
        count += storage->slots[i] != 0;
    pthread_mutex_unlock(&storage->borders_lock);
    if (status != STATUS_OK || count == 0)
        return status;
    status = take_in_all(storage, error);
    if (status == STATUS_OK) /* before they are nowhere else */
        status = storage_sync(storage, error);
    return status == STATUS_OK ? drop_pieces(storage, error) : status;
}
