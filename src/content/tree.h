/* The files below a path, as somebody wants to share them. Blocking: for a pool thread or the CLI.
 *
 * A link at the path itself is followed (it was named); links further down are passed over and
 * counted, and so are devices, sockets and pipes. Empty folders are left out. Order is byte order
 * of the paths, so that the same content gives the same list on every machine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/metainfo.h"
#include "content/storage.h"
#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

#define TREE_ERROR_SIZE STORAGE_ERROR_SIZE

struct tree_file {
    char *path; /* below the folder, parts joined by '/'; of a single file: its name */
    uint64_t length;
    int64_t mtime_ns;
    uint64_t inode;
};

struct tree {
    char *dir;    /* absolute, links resolved: the folder the content lies in */
    char *target; /* its name there: with dir, what storage_new wants */
    char *name;   /* what it was called by: last part of the path given; of "." or "..": target */
    bool single_file;
    struct tree_file *files;
    uint32_t file_count; /* at least 1 */
    uint64_t total_length;
    uint32_t skipped_links, skipped_special, skipped_excluded;
};

/* `exclude` are globs (fnmatch) on a file's or folder's name, or on its path when they hold a '/'.
 * Not OK, with the clause in `error`: nothing there (NOT_FOUND); a file or folder that can't be
 * read (PERMISSION); a name metainfo would refuse (REFUSED); no file at all (NOT_FOUND); too many
 * (TOO_BIG); IO. */
enum status tree_scan(const char *path, const char *const exclude[], size_t exclude_count,
                      struct tree **out, char error[TREE_ERROR_SIZE]);
void tree_free(struct tree *tree); /* NULL is allowed */

/* Before anything is hashed. Not OK, with the clause in `error`: no name for a torrent (REFUSED);
 * more pieces than an info dictionary holds (TOO_BIG). */
enum status tree_check_torrent(const struct tree *tree, const char *name, uint32_t piece_length,
                               char error[TREE_ERROR_SIZE]);

/* A metainfo with these files, that name and piece length, but without hashes (info, pieces and
 * infohash are empty): enough for a storage and the hasher. NULL: no memory, or more pieces than
 * an info dictionary holds. metainfo_free. */
struct metainfo *tree_layout(const struct tree *tree, const char *name, uint32_t piece_length);

/* The info dictionary, once the pieces are hashed. `out` is added to. */
enum status tree_build_info(const struct tree *tree, const char *name, uint32_t piece_length,
                            struct bytes pieces, bool is_private, struct buffer *out);

/* CONFLICT, naming the first file that is not as tree_scan saw it: it was written to meanwhile. */
enum status tree_check_unchanged(const struct tree *tree, struct storage *storage,
                                 char error[TREE_ERROR_SIZE]);
