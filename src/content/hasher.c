#include "content/hasher.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/sha1_lanes.h"
#include "content/metainfo.h"
#include "content/params.h"
#include "kadpeer/sha1.h"
#include "kadpeer/sha256.h"

/* ---- pieces ---- */

struct hasher {
    struct storage *storage;
    const uint8_t *bits; /* NULL: all */
    uint32_t next, end;  /* pieces nobody has begun with */
    size_t width;        /* lanes in use at most */

    struct sha1_lanes lanes;
    struct hasher_result results[SHA1_LANES]; /* of the lanes in use */
    uint64_t offsets[SHA1_LANES], left[SHA1_LANES];
    size_t count;    /* lanes in use */
    bool ended;      /* all of them; they are results now */
    bool from_disk;  /* what they read is not in memory: one after the other */
    bool first_pass; /* over their beginnings */

    uint8_t *buffer;              /* a slice of each; NULL while it rests */
    struct storage_error *errors; /* by lane; NULL: none since it began */
};

size_t hasher_lanes(void)
{
    return sha1_lanes_wanted();
}

struct hasher *hasher_new(struct storage *storage)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);
    if (hasher == NULL)
        return NULL;
    hasher->storage = storage;
    hasher->width = hasher_lanes();
    return hasher;
}

void hasher_free(struct hasher *hasher)
{
    if (hasher == NULL)
        return;
    free(hasher->buffer);
    free(hasher->errors);
    free(hasher);
}

void hasher_rest(struct hasher *hasher)
{
    free(hasher->buffer);
    hasher->buffer = NULL;
}

uint32_t hasher_portion(const struct metainfo *metainfo, uint32_t first, unsigned workers)
{
    uint32_t left = metainfo->piece_count - first, part = left / workers + (left % workers > 0);
    uint32_t wanted = HASHER_PORTION_BYTES / metainfo->piece_length;
    if (wanted < hasher_lanes())
        wanted = (uint32_t)hasher_lanes();
    return wanted < part ? wanted : part;
}

void hasher_begin(struct hasher *hasher, uint32_t first, uint32_t end, const uint8_t *bits)
{
    hasher->next = first;
    hasher->end = end;
    hasher->bits = bits;
    hasher->count = 0;
    hasher->ended = false;
    free(hasher->errors);
    hasher->errors = NULL;
}

static bool is_wanted(const struct hasher *hasher, uint32_t piece)
{
    return hasher->bits == NULL || (hasher->bits[piece / 8] >> (7 - piece % 8) & 1) != 0;
}

/* Fills the lanes with the next pieces. */
static void fill_lanes(struct hasher *hasher)
{
    const struct metainfo *metainfo = storage_metainfo(hasher->storage);
    hasher->count = 0;
    hasher->ended = hasher->from_disk = false;
    hasher->first_pass = true;
    sha1_lanes_init(&hasher->lanes);
    for (; hasher->next < hasher->end && hasher->count < hasher->width; hasher->next++) {
        if (!is_wanted(hasher, hasher->next))
            continue;
        size_t i = hasher->count++;
        hasher->results[i].piece = hasher->next;
        hasher->results[i].status = STATUS_OK;
        hasher->offsets[i] = (uint64_t)hasher->next * metainfo->piece_length;
        hasher->left[i] = metainfo_piece_size(metainfo, hasher->next);
    }
}

static void note_failure(struct hasher *hasher, size_t i, enum status status,
                         const struct storage_error *error)
{
    static const struct storage_error unknown;
    struct hasher_result *result = &hasher->results[i];
    if (hasher->errors == NULL)
        hasher->errors = calloc(SHA1_LANES, sizeof *hasher->errors);
    if (hasher->errors != NULL)
        hasher->errors[i] = *error;
    result->error = hasher->errors != NULL ? &hasher->errors[i] : &unknown;
    result->status = status;
    hasher->left[i] = 0;
}

/* Reads the next bytes of a lane; a failure ends it. Returns how far it came, at most `len`, or to
 * its end. */
static uint64_t read_lane(struct hasher *hasher, size_t i, uint64_t len, uint8_t *out,
                          struct bytes *part)
{
    struct storage_error error;
    len = len < hasher->left[i] ? len : hasher->left[i];
    enum status status =
        storage_read(hasher->storage, hasher->offsets[i], (size_t)len, out, &error);
    if (status != STATUS_OK) {
        len = hasher->left[i];
        note_failure(hasher, i, status, &error);
        return len;
    }
    *part = bytes_of(out, (size_t)len);
    hasher->offsets[i] += len;
    hasher->left[i] -= len;
    return len;
}

/* Blocks this thread has made a disk read, ahead of its need, too. */
static long disk_reads(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_inblock : 0;
}

/* A slice of each lane. The first that a disk has to be asked for ends it. */
static uint64_t go_on_side_by_side(struct hasher *hasher)
{
    struct bytes parts[SHA1_LANES] = {{NULL, 0}};
    uint64_t done = 0;
    long before = disk_reads();
    for (size_t i = 0; i < hasher->count && !hasher->from_disk; i++) {
        if (hasher->left[i] == 0)
            continue;
        done += read_lane(hasher, i, HASHER_SLICE_BYTES, hasher->buffer + i * HASHER_SLICE_BYTES,
                          &parts[i]);
        if (hasher->first_pass || i + 1 == hasher->count)
            hasher->from_disk = disk_reads() != before;
    }
    hasher->first_pass = false;
    sha1_lanes_update(&hasher->lanes, parts, hasher->count);
    return done;
}

/* The first lane that has not ended, as far as the buffer holds. */
static uint64_t go_on_alone(struct hasher *hasher, uint64_t max_bytes)
{
    struct bytes parts[SHA1_LANES] = {{NULL, 0}};
    uint64_t len = hasher->width * HASHER_SLICE_BYTES;
    size_t i = 0;
    if (len > max_bytes)
        len = max_bytes > HASHER_SLICE_BYTES ? max_bytes : HASHER_SLICE_BYTES;
    while (hasher->left[i] == 0)
        i++;
    uint64_t done = read_lane(hasher, i, len, hasher->buffer, &parts[i]);
    sha1_lanes_update(&hasher->lanes, parts, hasher->count);
    return done;
}

static bool all_read(const struct hasher *hasher)
{
    for (size_t i = 0; i < hasher->count; i++)
        if (hasher->left[i] > 0)
            return false;
    return true;
}

static void end_lanes(struct hasher *hasher)
{
    struct id hashes[SHA1_LANES];
    sha1_lanes_finish(&hasher->lanes, hasher->count, hashes);
    for (size_t i = 0; i < hasher->count; i++)
        hasher->results[i].hash = hashes[i];
    hasher->ended = true;
}

static uint64_t give_up(struct hasher *hasher)
{
    static const struct storage_error none;
    uint64_t done = 0;
    for (size_t i = 0; i < hasher->count; i++) {
        done += hasher->left[i];
        note_failure(hasher, i, STATUS_NO_MEMORY, &none);
    }
    return done;
}

bool hasher_step(struct hasher *hasher, uint64_t max_bytes, uint64_t *done_bytes)
{
    if (hasher->count == 0 || hasher->ended)
        fill_lanes(hasher);
    if (hasher->count == 0)
        return false;
    uint64_t done = 0;
    if (hasher->buffer == NULL)
        hasher->buffer = malloc(hasher->width * HASHER_SLICE_BYTES);
    if (hasher->buffer == NULL)
        done = give_up(hasher);
    while (done < max_bytes && !all_read(hasher))
        done += hasher->from_disk || hasher->count == 1 ? go_on_alone(hasher, max_bytes - done)
                                                        : go_on_side_by_side(hasher);
    *done_bytes += done;
    if (all_read(hasher))
        end_lanes(hasher);
    return true;
}

size_t hasher_results(const struct hasher *hasher, const struct hasher_result **out)
{
    *out = hasher->results;
    return hasher->ended ? hasher->count : 0;
}

enum status hasher_check(const struct hasher *hasher, const struct hasher_result *result)
{
    struct id wanted = metainfo_piece_hash(storage_metainfo(hasher->storage), result->piece);
    if (result->status == STATUS_OK && !id_equal(&result->hash, &wanted))
        return STATUS_MISMATCH;
    return result->status;
}

/* ---- whole files ---- */

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
