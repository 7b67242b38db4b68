/* What a torrent says: the info dictionary, its infohash, its files and piece hashes [BEP 3].
 * An info dictionary is kept byte for byte as it came; its SHA-1 is its name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/status.h"

#define METAINFO_BYTES_MAX        (30u << 20) /* bytes of an info dictionary */
#define METAINFO_PIECE_LENGTH_MIN (16u << 10)
#define METAINFO_PIECE_LENGTH_MAX (64u << 20)
#define METAINFO_FILES_MAX        1000000u
#define METAINFO_PATH_MAX         1024u /* bytes of a file's path below the torrent's name */
#define METAINFO_ERROR_SIZE       160 /* what is wrong, as a clause: "piece length 3 is not …" */

struct metainfo_file {
    char *path; /* below the torrent's folder, parts joined by '/'; of a single file: its name */
    uint64_t length; /* bytes; 0 is allowed */
    uint64_t offset; /* of its first byte in the run of all files' bytes */
    bool padding;    /* BEP 47: zeros, never written to disk */
};

struct metainfo {
    struct id infohash;
    uint8_t *info; /* the info dictionary as it came */
    size_t info_len;
    char *name; /* one path part, safe: see metainfo_parse_info */
    bool single_file;
    bool is_private; /* BEP 27 */
    uint32_t piece_length;
    uint32_t piece_count;  /* 0 only when the length is 0 */
    uint64_t total_length; /* bytes of all files, padding included */
    const uint8_t *pieces; /* piece_count x 20 bytes, inside info */
    struct metainfo_file *files;
    uint32_t file_count; /* at least 1 */
    char *paths;         /* owns all files[].path */
};

/* Reads an info dictionary, which is copied. Refused, with the reason in `error`: anything not
 * bencode to the last byte; lengths that do not fit together; names that are empty, ".", "..",
 * hold '/', NUL, control characters or invalid UTF-8, or two files with one path, or one path
 * inside another (paths of padding files are not checked, for they are never used: such a file
 * is called ".pad"). A name that is not UTF-8 gives way to "name.utf-8", likewise "path.utf-8".
 * Free with metainfo_free. */
enum status metainfo_parse_info(struct bytes info, struct metainfo **out,
                                char error[METAINFO_ERROR_SIZE]);
void metainfo_free(struct metainfo *metainfo); /* NULL is allowed */

uint32_t metainfo_piece_size(const struct metainfo *metainfo, uint32_t piece); /* bytes */
struct id metainfo_piece_hash(const struct metainfo *metainfo, uint32_t piece);
/* The file that holds byte `offset` of the whole; files of no length are passed over. O(log n). */
uint32_t metainfo_file_at(const struct metainfo *metainfo, uint64_t offset);

/* One piece-aligned or smaller run of bytes, cut at file borders. */
struct metainfo_span {
    uint32_t file;
    uint64_t file_offset;
    uint64_t length;
};
/* Writes up to `cap` spans covering [offset, offset+length) in order, padding files included.
 * Returns how many there are in all (more than cap: call again with room). */
size_t metainfo_spans(const struct metainfo *metainfo, uint64_t offset, uint64_t length,
                      struct metainfo_span out[], size_t cap);

/* ---- making one: a function of content and names alone (docs/protocol.md section 5) ---- */

/* The smallest power of two from 256 KiB to 16 MiB that gives at most 2,048 pieces. */
uint32_t metainfo_default_piece_length(uint64_t total_length);

struct metainfo_source_file {
    const char *path; /* as in metainfo_file; the order given must be byte order of the paths */
    uint64_t length;
};

/* `pieces` are the hashes in order. Adds the info dictionary to `out`. REFUSED: a name or path that
 * is not safe, files out of order, or hashes that do not fit. */
enum status metainfo_build_info(const char *name, bool single_file,
                                const struct metainfo_source_file files[], uint32_t file_count,
                                uint32_t piece_length, struct bytes pieces, bool is_private,
                                struct buffer *out);

/* ---- .torrent files ---- */

struct torrent_file {
    struct metainfo *metainfo;
    char **trackers; /* announce and announce-list, flattened, without repeats */
    size_t tracker_count;
    char *comment;          /* NULL: none */
    char *created_by;       /* NULL: none */
    int64_t creation_date;  /* Unix s, 0: none */
    struct endpoint *nodes; /* peers named under our key "kadpeer-peers" (a list of strings) */
    size_t node_count;
};

enum status torrent_file_parse(struct bytes data, struct torrent_file *out,
                               char error[METAINFO_ERROR_SIZE]);
void torrent_file_dispose(struct torrent_file *torrent);
/* announce etc. only where given, `extra` may be NULL, its metainfo is not looked at; `info`
 * verbatim. */
enum status torrent_file_build(struct bytes info, const struct torrent_file *extra,
                               struct buffer *out);
