/* Reaching files below a folder without following a symbolic link, not even one put there between
 * two calls: every part of a path is opened from the folder before it with O_NOFOLLOW. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define BENEATH_PATH_SIZE 1536 /* longer paths: ENAMETOOLONG */

/* Remembers the folder it opened last, for walks over files in order of their paths. */
struct beneath {
    int root;                            /* borrowed */
    int folder;                          /* -1: none yet */
    char folder_path[BENEATH_PATH_SIZE]; /* of `folder` */
};

void beneath_init(struct beneath *beneath, int root);
void beneath_dispose(struct beneath *beneath);

/* The folder that holds the last part of `path`, and that part (it points into `path`). `make`:
 * missing folders are made. -1 and errno: ENOTDIR where a link or a file is in the way. Borrowed
 * until the next call. Opened with O_PATH: good for the *at calls alone. */
int beneath_folder_of(struct beneath *beneath, const char *path, bool make, const char **last);

/* Opens a regular file. Links: ELOOP; folders: EISDIR; anything else: ENXIO. `write`: for reading
 * and writing, made when missing (`*made`, which may be NULL, then says so). */
int beneath_open(struct beneath *beneath, const char *path, bool write, bool *made);

/* Writes the folders that lead to `path` to disk, below the root and the root itself. 0 or -1. */
int beneath_sync_folders(struct beneath *beneath, const char *path);
/* Removes the folders that lead to `path`, deepest first, as far as they are empty. */
void beneath_remove_folders(struct beneath *beneath, const char *path);
