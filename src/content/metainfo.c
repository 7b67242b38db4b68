#include "content/metainfo.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/bencode.h"
#include "content/names.h"
#include "content/params.h"
#include "kadpeer/sha1.h"

#define NAME_SIZE (NAMES_PART_BYTES_MAX + 1)

/* One info dictionary being read. */
struct reading {
    struct bencode info;
    struct metainfo *metainfo;
    char *error; /* METAINFO_ERROR_SIZE */
};

static enum status refuse(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum status refuse(struct reading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reading->error, METAINFO_ERROR_SIZE, format, args);
    va_end(args);
    return STATUS_REFUSED;
}

static enum status refuse_name(struct reading *reading, const char *what, struct bytes name)
{
    char *shown = names_printable((const char *)name.data, name.len < 80 ? name.len : 80);
    enum status status =
        refuse(reading, "%s \"%s\" is not safe to create", what, shown != NULL ? shown : "");
    free(shown);
    return status;
}

/* ---- names and paths ---- */

/* As it is called on disk. False: that is not safe to create. */
static bool name_part(struct bytes part, char out[NAME_SIZE])
{
    size_t len = names_escape((const char *)part.data, part.len, out, NAME_SIZE - 1);
    out[len] = 0;
    return names_is_safe_part(out, len);
}

static enum status read_name(struct reading *reading)
{
    struct bytes name, other;
    char text[NAME_SIZE];
    if (!bencode_find_string(&reading->info, "name", &name))
        return refuse(reading, "it has no name");
    if (!names_is_utf8((const char *)name.data, name.len) &&
        bencode_find_string(&reading->info, "name.utf-8", &other))
        name = other;
    if (!name_part(name, text))
        return refuse_name(reading, "the name", name);
    reading->metainfo->name = strdup(text);
    return reading->metainfo->name != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* A file's path: its parts, and how long they are when joined. */
struct path_parts {
    struct bencode list;
    size_t joined_len;
};

static bool is_utf8_list(const struct bencode *list)
{
    struct bencode_cursor cursor = bencode_first(list);
    struct bencode part;
    while (bencode_next(&cursor, NULL, &part))
        if (part.type != BENCODE_STRING ||
            !names_is_utf8((const char *)part.string.data, part.string.len))
            return false;
    return true;
}

static enum status read_path(struct reading *reading, const struct bencode *file,
                             struct path_parts *out)
{
    struct bencode other, part;
    char text[NAME_SIZE];
    if (!bencode_find_container(file, "path", BENCODE_LIST, &out->list))
        return refuse(reading, "a file has no path");
    if (!is_utf8_list(&out->list) &&
        bencode_find_container(file, "path.utf-8", BENCODE_LIST, &other))
        out->list = other;
    struct bencode_cursor cursor = bencode_first(&out->list);
    out->joined_len = 0;
    for (; bencode_next(&cursor, NULL, &part); out->joined_len += strlen(text) + 1) {
        if (part.type != BENCODE_STRING)
            return refuse(reading, "a part of a path is not a string");
        if (!name_part(part.string, text))
            return refuse_name(reading, "the path part", part.string);
    }
    if (out->joined_len == 0)
        return refuse(reading, "a file has an empty path");
    if (--out->joined_len > METAINFO_PATH_MAX)
        return refuse(reading, "a path is longer than %u bytes", METAINFO_PATH_MAX);
    return STATUS_OK;
}

static void join_path(const struct path_parts *parts, char *out)
{
    struct bencode_cursor cursor = bencode_first(&parts->list);
    struct bencode part;
    while (bencode_next(&cursor, NULL, &part)) {
        out += names_escape((const char *)part.string.data, part.string.len, out, NAME_SIZE);
        *out++ = '/';
    }
    out[-1] = 0;
}

/* Byte order, but '/' before all else: so what lies inside a path comes right behind it. */
static int compare_paths(const void *a, const void *b)
{
    const unsigned char *p = *(const unsigned char *const *)a;
    const unsigned char *q = *(const unsigned char *const *)b;
    while (*p != 0 && *p == *q) {
        p++;
        q++;
    }
    int left = *p == '/' ? 1 : *p, right = *q == '/' ? 1 : *q;
    return left - right;
}

static bool is_same_or_inside(const char *outer, const char *path)
{
    size_t len = strlen(outer);
    return strncmp(path, outer, len) == 0 && (path[len] == 0 || path[len] == '/');
}

static enum status check_paths_differ(struct reading *reading)
{
    const struct metainfo *metainfo = reading->metainfo;
    const char **sorted = calloc(metainfo->file_count, sizeof *sorted);
    if (sorted == NULL)
        return STATUS_NO_MEMORY;
    size_t n = 0;
    for (uint32_t i = 0; i < metainfo->file_count; i++)
        if (!metainfo->files[i].padding)
            sorted[n++] = metainfo->files[i].path;
    qsort(sorted, n, sizeof *sorted, compare_paths);
    enum status status = STATUS_OK;
    for (size_t i = 1; i < n && status == STATUS_OK; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status = refuse(reading, "two files are called \"%.100s\"", sorted[i]);
        else if (is_same_or_inside(sorted[i - 1], sorted[i]))
            status = refuse(reading, "\"%.100s\" is both a file and a folder", sorted[i - 1]);
    }
    free(sorted);
    return status;
}

/* ---- files ---- */

static enum status read_length(struct reading *reading, const struct bencode *from, uint64_t *out)
{
    int64_t length;
    if (!bencode_find_integer(from, "length", &length))
        return refuse(reading, "a file has no length");
    if (length < 0)
        return refuse(reading, "a file has the length %" PRId64, length);
    if ((uint64_t)length > METAINFO_TOTAL_MAX - reading->metainfo->total_length)
        return refuse(reading, "its files are too long together");
    *out = (uint64_t)length;
    return STATUS_OK;
}

static void append_file(struct metainfo *metainfo, char *path, uint64_t length, bool padding)
{
    metainfo->files[metainfo->file_count++] = (struct metainfo_file){
        .path = path, .length = length, .offset = metainfo->total_length, .padding = padding};
    metainfo->total_length += length;
}

static enum status read_single_file(struct reading *reading)
{
    struct metainfo *metainfo = reading->metainfo;
    uint64_t length = 0;
    enum status status = read_length(reading, &reading->info, &length);
    if (status != STATUS_OK)
        return status;
    metainfo->single_file = true;
    metainfo->files = calloc(1, sizeof *metainfo->files);
    metainfo->paths = strdup(metainfo->name);
    if (metainfo->files == NULL || metainfo->paths == NULL)
        return STATUS_NO_MEMORY;
    append_file(metainfo, metainfo->paths, length, false);
    return STATUS_OK;
}

static bool is_padding(const struct bencode *file)
{
    struct bytes attributes;
    return bencode_find_string(file, "attr", &attributes) && attributes.len > 0 &&
           memchr(attributes.data, 'p', attributes.len) != NULL;
}

/* `*paths` is where the next path goes, and is moved on. */
static enum status read_file(struct reading *reading, const struct bencode *file, char **paths)
{
    static const char pad[] = ".pad";
    bool padding = is_padding(file);
    struct path_parts parts;
    uint64_t length = 0;
    enum status status = padding ? STATUS_OK : read_path(reading, file, &parts);
    if (status == STATUS_OK)
        status = read_length(reading, file, &length);
    if (status != STATUS_OK)
        return status;
    char *path = *paths;
    if (padding)
        memcpy(path, pad, sizeof pad);
    else
        join_path(&parts, path);
    *paths += strlen(path) + 1;
    append_file(reading->metainfo, path, length, padding);
    return STATUS_OK;
}

/* How many files there are and room for their paths: each part of a path takes at least as many
 * bytes in the list as joined, unless it is escaped, and ".pad" fewer than any file's entry. */
static enum status make_room(struct reading *reading, const struct bencode *list)
{
    struct bencode_cursor cursor = bencode_first(list);
    struct bencode file, path;
    size_t count = 0, growth = 1;
    for (; bencode_next(&cursor, NULL, &file); count++) {
        if (file.type != BENCODE_DICT)
            return refuse(reading, "an entry of its file list is not a dictionary");
        if (bencode_find_container(&file, "path", BENCODE_LIST, &path) && !is_utf8_list(&path))
            growth = NAMES_ESCAPE_BYTES;
    }
    if (count == 0)
        return refuse(reading, "it has no files");
    if (count > METAINFO_FILES_MAX)
        return refuse(reading, "it has %zu files, more than %u", count, METAINFO_FILES_MAX);
    reading->metainfo->files = calloc(count, sizeof *reading->metainfo->files);
    reading->metainfo->paths = malloc(list->raw.len * growth + 1);
    if (reading->metainfo->files == NULL || reading->metainfo->paths == NULL)
        return STATUS_NO_MEMORY;
    return STATUS_OK;
}

static enum status read_file_list(struct reading *reading, const struct bencode *list)
{
    enum status status = make_room(reading, list);
    char *paths = reading->metainfo->paths;
    struct bencode_cursor cursor = bencode_first(list);
    struct bencode file;
    while (status == STATUS_OK && bencode_next(&cursor, NULL, &file))
        status = read_file(reading, &file, &paths);
    return status == STATUS_OK ? check_paths_differ(reading) : status;
}

static enum status read_files(struct reading *reading)
{
    struct bencode list, length;
    bool many = bencode_find(&reading->info, "files", &list);
    bool single = bencode_find(&reading->info, "length", &length);
    if (many && single)
        return refuse(reading, "it has both \"files\" and \"length\"");
    if (single)
        return read_single_file(reading);
    if (!many || list.type != BENCODE_LIST)
        return refuse(reading, "it has no list of files");
    return read_file_list(reading, &list);
}

/* ---- pieces ---- */

static enum status read_piece_length(struct reading *reading)
{
    int64_t length;
    if (!bencode_find_integer(&reading->info, "piece length", &length))
        return refuse(reading, "it has no piece length");
    if (length < METAINFO_PIECE_LENGTH_MIN || length > METAINFO_PIECE_LENGTH_MAX)
        return refuse(reading, "piece length %" PRId64 " is not from %u to %u", length,
                      METAINFO_PIECE_LENGTH_MIN, METAINFO_PIECE_LENGTH_MAX);
    reading->metainfo->piece_length = (uint32_t)length;
    return STATUS_OK;
}

static uint64_t pieces_of(uint64_t total_length, uint32_t piece_length)
{
    return total_length / piece_length + (total_length % piece_length != 0);
}

static enum status read_pieces(struct reading *reading)
{
    struct metainfo *metainfo = reading->metainfo;
    struct bytes pieces;
    if (!bencode_find_string(&reading->info, "pieces", &pieces))
        return refuse(reading, "it has no piece hashes (a torrent of version 2 only?)");
    uint64_t wanted = pieces_of(metainfo->total_length, metainfo->piece_length);
    if (pieces.len % ID_BYTES != 0 || pieces.len / ID_BYTES != wanted)
        return refuse(reading, "%zu bytes of piece hashes do not fit %" PRIu64 " pieces",
                      pieces.len, wanted);
    metainfo->pieces = pieces.data;
    metainfo->piece_count = (uint32_t)wanted;
    return STATUS_OK;
}

/* ---- the dictionary ---- */

static enum status read_info(struct reading *reading)
{
    struct metainfo *metainfo = reading->metainfo;
    int64_t private = 0;
    if (bencode_parse(bytes_of(metainfo->info, metainfo->info_len), &reading->info, NULL) !=
            STATUS_OK ||
        reading->info.type != BENCODE_DICT) {
        refuse(reading, "its info dictionary is not bencode");
        return STATUS_MALFORMED;
    }
    metainfo->is_private =
        bencode_find_integer(&reading->info, "private", &private) && private == 1;
    enum status status = read_name(reading);
    if (status == STATUS_OK)
        status = read_piece_length(reading);
    if (status == STATUS_OK)
        status = read_files(reading);
    if (status == STATUS_OK)
        status = read_pieces(reading);
    return status;
}

enum status metainfo_parse_info(struct bytes info, struct metainfo **out,
                                char error[METAINFO_ERROR_SIZE])
{
    struct reading reading = {.error = error};
    error[0] = 0;
    if (info.len > METAINFO_BYTES_MAX) {
        refuse(&reading, "its info dictionary has %zu bytes, more than %u", info.len,
               METAINFO_BYTES_MAX);
        return STATUS_TOO_BIG;
    }
    reading.metainfo = calloc(1, sizeof *reading.metainfo);
    uint8_t *copy = malloc(info.len + 1);
    enum status status = STATUS_NO_MEMORY;
    if (reading.metainfo != NULL && copy != NULL) {
        if (info.len > 0)
            memcpy(copy, info.data, info.len);
        reading.metainfo->info = copy;
        reading.metainfo->info_len = info.len;
        copy = NULL;
        status = read_info(&reading);
    }
    free(copy);
    if (status != STATUS_OK) {
        if (status == STATUS_NO_MEMORY)
            refuse(&reading, "out of memory");
        metainfo_free(reading.metainfo);
        return status;
    }
    reading.metainfo->infohash = sha1_of(info);
    *out = reading.metainfo;
    return STATUS_OK;
}

void metainfo_free(struct metainfo *metainfo)
{
    if (metainfo == NULL)
        return;
    free(metainfo->info);
    free(metainfo->name);
    free(metainfo->files);
    free(metainfo->paths);
    free(metainfo);
}

/* ---- which bytes are where ---- */

uint32_t metainfo_piece_size(const struct metainfo *metainfo, uint32_t piece)
{
    uint64_t start = (uint64_t)piece * metainfo->piece_length;
    uint64_t left = metainfo->total_length > start ? metainfo->total_length - start : 0;
    return left < metainfo->piece_length ? (uint32_t)left : metainfo->piece_length;
}

struct id metainfo_piece_hash(const struct metainfo *metainfo, uint32_t piece)
{
    struct id hash;
    memcpy(hash.bytes, metainfo->pieces + (size_t)piece * ID_BYTES, ID_BYTES);
    return hash;
}

uint32_t metainfo_file_at(const struct metainfo *metainfo, uint64_t offset)
{
    uint32_t low = 0, high = metainfo->file_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct metainfo_file *file = &metainfo->files[middle];
        if (file->offset + file->length > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t metainfo_spans(const struct metainfo *metainfo, uint64_t offset, uint64_t length,
                      struct metainfo_span out[], size_t cap)
{
    if (offset >= metainfo->total_length)
        return 0;
    if (length > metainfo->total_length - offset)
        length = metainfo->total_length - offset;
    size_t n = 0;
    for (uint32_t i = metainfo_file_at(metainfo, offset); length > 0; i++) {
        const struct metainfo_file *file = &metainfo->files[i];
        uint64_t start = offset - file->offset, left = file->length - start;
        uint64_t taken = left < length ? left : length;
        if (taken == 0)
            continue;
        if (n < cap)
            out[n] = (struct metainfo_span){.file = i, .file_offset = start, .length = taken};
        n++;
        offset += taken;
        length -= taken;
    }
    return n;
}

/* ---- making one ---- */

uint32_t metainfo_default_piece_length(uint64_t total_length)
{
    uint32_t length = 256u << 10;
    while (length < (16u << 20) && pieces_of(total_length, length) > 2048)
        length *= 2;
    return length;
}

static bool is_safe_path(const char *path)
{
    size_t len = strlen(path);
    if (len > METAINFO_PATH_MAX)
        return false;
    for (;;) {
        size_t part = strcspn(path, "/");
        if (!names_is_safe_part(path, part))
            return false;
        if (path[part] == 0)
            return true;
        path += part + 1;
    }
}

static bool is_buildable(const char *name, bool single_file,
                         const struct metainfo_source_file files[], uint32_t file_count,
                         uint32_t piece_length, struct bytes pieces)
{
    uint64_t total = 0;
    if (!names_is_safe_part(name, strlen(name)) || file_count == 0 ||
        file_count > METAINFO_FILES_MAX || (single_file && file_count != 1) ||
        piece_length < METAINFO_PIECE_LENGTH_MIN || piece_length > METAINFO_PIECE_LENGTH_MAX)
        return false;
    for (uint32_t i = 0; i < file_count; i++) {
        if (files[i].length > METAINFO_TOTAL_MAX - total ||
            (!single_file && !is_safe_path(files[i].path)) ||
            (i > 0 && strcmp(files[i - 1].path, files[i].path) >= 0))
            return false;
        total += files[i].length;
    }
    return pieces.len % ID_BYTES == 0 && pieces.len / ID_BYTES == pieces_of(total, piece_length);
}

static void put_path(const char *path, struct buffer *out)
{
    bencode_begin_list(out);
    for (;;) {
        size_t part = strcspn(path, "/");
        bencode_put_string(out, bytes_of(path, part));
        if (path[part] == 0)
            break;
        path += part + 1;
    }
    bencode_end(out);
}

static void put_files(const struct metainfo_source_file files[], uint32_t file_count,
                      struct buffer *out)
{
    bencode_put_text(out, "files");
    bencode_begin_list(out);
    for (uint32_t i = 0; i < file_count; i++) {
        bencode_begin_dict(out);
        bencode_put_text(out, "length");
        bencode_put_integer(out, (int64_t)files[i].length);
        bencode_put_text(out, "path");
        put_path(files[i].path, out);
        bencode_end(out);
    }
    bencode_end(out);
}

enum status metainfo_build_info(const char *name, bool single_file,
                                const struct metainfo_source_file files[], uint32_t file_count,
                                uint32_t piece_length, struct bytes pieces, bool is_private,
                                struct buffer *out)
{
    if (!is_buildable(name, single_file, files, file_count, piece_length, pieces))
        return STATUS_REFUSED;
    size_t start = out->len;
    bencode_begin_dict(out);
    if (single_file) {
        bencode_put_text(out, "length");
        bencode_put_integer(out, (int64_t)files[0].length);
    } else {
        put_files(files, file_count, out);
    }
    bencode_put_text(out, "name");
    bencode_put_text(out, name);
    bencode_put_text(out, "piece length");
    bencode_put_integer(out, piece_length);
    bencode_put_text(out, "pieces");
    bencode_put_string(out, pieces);
    if (is_private) {
        bencode_put_text(out, "private");
        bencode_put_integer(out, 1);
    }
    bencode_end(out);
    if (out->failed)
        return STATUS_NO_MEMORY;
    return out->len - start <= METAINFO_BYTES_MAX ? STATUS_OK : STATUS_TOO_BIG;
}
