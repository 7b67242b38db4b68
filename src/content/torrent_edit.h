/* What stands around the info dictionary of a .torrent: trackers, a comment, web seeds, keys we do
 * not know. It is handed on as it came, but for what is to be changed. The info dictionary, and
 * with it the infohash, is never touched. */
#pragma once

#include <stddef.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"

#define TORRENT_AROUND_MAX (512u << 10) /* bytes: what is kept of it beside a transfer */

#define TORRENT_KEYS_MAX 256u /* beside "info"; some twenty are known */

/* Adds the dictionary without its "info" to `out`, keys in order and each once: at most
 * TORRENT_AROUND_MAX, keys that do not fit are left out, as are those beyond the first
 * TORRENT_KEYS_MAX. MALFORMED: it is no dictionary. */
enum status torrent_edit_around(struct bytes torrent, struct buffer *out);

struct torrent_edit {
    const char *const *add; /* trackers, each a tier of its own behind the others [BEP 12] */
    size_t add_count;
    const char *const *remove;
    size_t remove_count;
    bool remove_all;              /* of the trackers there are; `add` is added all the same */
    const char *comment;          /* NULL: as it is; empty: none */
    const char *author;           /* "created by", where nobody is named */
    const struct endpoint *nodes; /* peers to name in place of those there are */
    size_t node_count;            /* 0: as they are */
};

/* Adds a .torrent to `out`: `info` verbatim (or none, when that is empty), around it what is in
 * `around` (a .torrent, the outcome of torrent_edit_around, or nothing at all), edited. MALFORMED:
 * it is no dictionary; TOO_BIG: it has more than TORRENT_KEYS_MAX keys. */
enum status torrent_edit_apply(struct bytes around, struct bytes info,
                               const struct torrent_edit *edit, struct buffer *out);
