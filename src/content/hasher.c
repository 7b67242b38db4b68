#include "content/hasher.h"

#include <stdlib.h>

#include "content/metainfo.h"
#include "content/params.h"
#include "kadpeer/sha1.h"
#include "kadpeer/sha256.h"

/* Feeds `len` bytes of the whole, from `offset` on, to those of the digests that are not NULL. */
static enum status feed(struct storage *storage, uint64_t offset, uint64_t len, struct sha1 *sha1,
                        struct sha256 *sha256, struct storage_error *error)
{
    uint8_t chunk[HASHER_CHUNK_BYTES];
    while (len > 0) {
        size_t n = len < sizeof chunk ? (size_t)len : sizeof chunk;
        enum status status = storage_read(storage, offset, n, chunk, error);
        if (status != STATUS_OK)
            return status;
        if (sha1 != NULL)
            sha1_update(sha1, bytes_of(chunk, n));
        if (sha256 != NULL)
            sha256_update(sha256, bytes_of(chunk, n));
        offset += n;
        len -= n;
    }
    return STATUS_OK;
}

enum status hasher_pieces(struct storage *storage, uint32_t first, uint32_t count, struct id out[],
                          struct storage_error *error)
{
    const struct metainfo *metainfo = storage_metainfo(storage);
    struct sha1 *sha1 = sha1_new();
    enum status status = sha1 != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        uint32_t piece = first + i;
        status = feed(storage, (uint64_t)piece * metainfo->piece_length,
                      metainfo_piece_size(metainfo, piece), sha1, NULL, error);
        if (status == STATUS_OK)
            out[i] = sha1_finish(sha1);
    }
    sha1_free(sha1);
    return status;
}

enum status hasher_check(struct storage *storage, uint32_t piece, struct storage_error *error)
{
    struct id found, wanted = metainfo_piece_hash(storage_metainfo(storage), piece);
    enum status status = hasher_pieces(storage, piece, 1, &found, error);
    if (status == STATUS_OK && !id_equal(&found, &wanted))
        status = STATUS_MISMATCH;
    return status;
}

struct hasher_files {
    struct storage *storage;
    struct sha1 *sha1;     /* of the file; NULL: not wanted */
    struct sha256 *sha256; /* of all; NULL: not wanted */
    struct id *sums;
    uint32_t file;   /* being hashed */
    uint64_t hashed; /* bytes of it */
};

static struct hasher_files *new_of(struct storage *storage, bool sha1, bool sha256)
{
    struct hasher_files *files = calloc(1, sizeof *files);
    if (files == NULL)
        return NULL;
    files->storage = storage;
    files->sha1 = sha1 ? sha1_new() : NULL;
    files->sha256 = sha256 ? sha256_new() : NULL;
    files->sums = calloc(storage_metainfo(storage)->file_count, sizeof *files->sums);
    if ((files->sha1 != NULL) != sha1 || (files->sha256 != NULL) != sha256 || files->sums == NULL) {
        hasher_files_free(files);
        return NULL;
    }
    return files;
}

struct hasher_files *hasher_files_new(struct storage *storage)
{
    return new_of(storage, true, false);
}

struct hasher_files *hasher_all_new(struct storage *storage)
{
    return new_of(storage, false, true);
}

void hasher_files_free(struct hasher_files *files)
{
    if (files == NULL)
        return;
    sha1_free(files->sha1);
    sha256_free(files->sha256);
    free(files->sums);
    free(files);
}

bool hasher_files_want_sha256(struct hasher_files *files)
{
    files->sha256 = sha256_new();
    return files->sha256 != NULL;
}

static void end_file(struct hasher_files *files, const struct metainfo_file *file)
{
    if (!file->padding && files->sha1 != NULL)
        files->sums[files->file] = sha1_finish(files->sha1);
    files->file++;
    files->hashed = 0;
}

enum status hasher_files_step(struct hasher_files *files, uint64_t max_bytes, bool *done,
                              struct storage_error *error)
{
    const struct metainfo *metainfo = storage_metainfo(files->storage);
    while (files->file < metainfo->file_count) {
        const struct metainfo_file *file = &metainfo->files[files->file];
        uint64_t left = file->padding ? 0 : file->length - files->hashed;
        if (left > 0 && max_bytes == 0)
            break;
        uint64_t len = left < max_bytes ? left : max_bytes;
        enum status status = feed(files->storage, file->offset + files->hashed, len, files->sha1,
                                  files->sha256, error);
        if (status != STATUS_OK)
            return status;
        files->hashed += len;
        max_bytes -= len;
        if (len == left)
            end_file(files, file);
    }
    *done = files->file == metainfo->file_count;
    return STATUS_OK;
}

const struct id *hasher_files_sums(const struct hasher_files *files)
{
    return files->sums;
}

void hasher_files_sha256(struct hasher_files *files, uint8_t out[SHA256_BYTES])
{
    sha256_with(files->sha256, bytes_of(NULL, 0), out);
}
