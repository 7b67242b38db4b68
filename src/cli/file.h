/* Whole small files, for the command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kadpeer/buffer.h"
#include "kadpeer/status.h"

/* "-" is stdin. TOO_BIG: more than `most` bytes. NOT_FOUND, PERMISSION, IO: see errno. */
enum status file_read(const char *path, size_t most, struct buffer *out);
/* Of a file that will be replaced. REFUSED: it is a pipe, which would be waited for. */
enum status file_read_own(const char *path, size_t most, struct buffer *out);
/* Beside the file, then renamed over it: others see the old or the new, never half of it. A link is
 * followed, so that a config file may be one. Folders above it are made. False: see errno. */
bool file_replace(const char *path, struct bytes data, unsigned mode);
/* A new file; `force`: may replace one. EXISTS; else see errno. */
enum status file_write_new(const char *path, struct bytes data, bool force);
/* The same, for our user's eyes alone. */
enum status file_write_secret(const char *path, struct bytes data, bool force);
