/* What somebody wants to be fetched, once it is known which infohash that is. */
#pragma once

#include "content/magnet.h"
#include "content/metainfo.h"
#include "content/torrent_edit.h"
#include "daemon/control.h"
#include "daemon/engine_private.h"
#include "daemon/item_options.h"
#include "people/keys.h"

#define ADD_PEERS_MAX 32

struct add_request {
    struct engine *engine;
    struct id infohash;
    char name[MAGNET_NAME_MAX + 1]; /* may be empty */
    uint64_t size;                  /* 0: not known */
    struct metainfo *metainfo;      /* of a torrent; taken by the item */
    struct buffer around;           /* of a torrent, see content/torrent_edit.h; may be empty */
    bool around_of_link;            /* it is the trackers of a link: less than a .torrent says */
    char *dir, *out;                /* out NULL: its own name */
    bool place_given;               /* dir or out were said, not taken from the config */
    bool force, no_seed, paused;
    bool has_group; /* found on a shelf of `group`, with this digest */
    struct public_key group;
    uint8_t sha256[SHA256_BYTES];
    bool has_sha1; /* what the whole file must have */
    struct id sha1;
    struct item_options options;
    struct item_limits limits; /* as said, see item_limits_change */
    bool selects;     /* options say which files, of a transfer that is there already, too */
    uint64_t wait_ms; /* of metadata_only: without any source */
    struct magnet_peer *peers;
    size_t peer_count;
};

/* Reads what all ways of naming have in common. NULL: the call has been failed. */
struct add_request *add_request_new(struct engine *engine, struct call *call);
void add_request_free(struct add_request *request);
void add_request_peer(struct add_request *request, const char *host, uint16_t port);
/* Makes the transfer or attaches to the one there is, and ends the call. With metadata_only a
 * transfer that is there stays as it is, and the call ends when the metadata has come. */
void add_request_do(struct add_request *request, struct call *call);
