/* Magnet links [BEP 9], and telling what the argument of `get` is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/status.h"

#define MAGNET_PEERS_MAX  16
#define MAGNET_NAME_MAX   1024
#define MAGNET_ERROR_SIZE 160

struct magnet_peer {
    char host[256]; /* a name or an address, without brackets */
    uint16_t port;
};

struct magnet {
    struct id infohash;
    char name[MAGNET_NAME_MAX + 1];             /* dn, may be empty; not yet safe as a file name */
    uint64_t length;                            /* xl; 0: unsaid */
    struct magnet_peer peers[MAGNET_PEERS_MAX]; /* x.pe */
    size_t peer_count;
    char *const *trackers; /* tr, for other programs: written, never read; not ours to free */
    size_t tracker_count;
    bool names_trackers; /* it had tr: see magnet_trackers */
    bool bare; /* nothing followed the hash: perhaps the shell cut it at '&' (error table row 1) */
};

/* xt=urn:btih: with 40 hexadecimal or 32 base32 digits; other xt are skipped; unknown keys and
 * malformed peers are ignored; of a key that comes twice the first counts, but peers add up. A hash
 * alone, without "magnet:?", is taken too (not `bare`). `error` gets the clause of error table
 * row 2. */
enum status magnet_parse(const char *text, struct magnet *out, char error[MAGNET_ERROR_SIZE]);
/* The addresses of trackers in a link, percent-decoded, for other programs again: at most `max` of
 * them, too long ones passed over. What is in `out` is to be freed. */
enum status magnet_trackers(const char *text, char **out, size_t max, size_t *count);
void magnet_format(const struct magnet *magnet, struct buffer *out); /* percent-encoded as needed */

enum link_type {
    LINK_MAGNET,  /* or 32 capital base32 digits: magnet_parse takes both */
    LINK_HASH,    /* 40 hexadecimal digits: an infohash or a file's SHA-1 */
    LINK_ID,      /* digits only: number of a transfer */
    LINK_PREFIX,  /* 6 to 39 hexadecimal digits */
    LINK_TORRENT, /* ends in ".torrent" or names an existing file: the caller says which exist */
    LINK_NAME,
    LINK_BAD, /* looks like a magnet link or hash, is none */
};

/* cli-design.md section 4, "what the argument of get is". `is_file`: the caller found a regular
 * file of that path whose first byte is 'd'. "name:X" forces LINK_NAME; *rest then points at X,
 * else at text. */
enum link_type link_classify(const char *text, bool is_file, const char **rest);
