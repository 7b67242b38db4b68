/* Inside the torrent verbs. */
#pragma once

#include "base/bootstrap_file.h"
#include "cli/cli.h"
#include "cli/params.h"
#include "content/magnet.h"
#include "content/metainfo.h"

/* "-" is stdin. NULL; or why not. Dispose of *out when it was read; of `data`, which gets the
 * file's bytes, always. */
json_t *torrent_read(const char *path, struct buffer *data, struct torrent_file *out);
json_t *torrent_load(const char *path, struct torrent_file *out); /* without the bytes */
/* Reads the content at `path` (it itself, or the folder it lies in) and compares. NULL: it fits;
 * else why not, `mismatch` when it could be read. *facts:
 * {"pieces":{good,bad,missing},"files":{missing, wrong_size}}, NULL when it could not. */
json_t *torrent_check(struct cli *cli, const struct metainfo *metainfo, const char *path,
                      json_t **facts);
/* Those of --tracker. NULL; or why not. */
json_t *torrent_read_trackers(const struct arguments *arguments, const char *out[TRACKERS_MAX],
                              size_t *count);
/* "-" is stdout. NULL; or why not. */
json_t *torrent_write(struct cli *cli, const char *path, struct bytes data, bool force);
/* The magnet link, with the trackers for programs that ask them; allocates, never NULL. */
char *torrent_magnet(const struct torrent_file *torrent, const struct magnet_peer *peers,
                     size_t peer_count);
