/* Which records of the DHT stand for one transfer, and keeping them so: told what is the case, it
 * publishes what follows from that and withdraws what no longer does. The node renews them.
 *
 *   running, not private, not quiet    a peer record (kind 1)
 *   … fetching, metainfo known         availability (kind 2) of each segment with a piece: at
 *                                      the start, and with progress, at most every 30 s each
 *   … shared by this user, listed      entries (kind 3) under its name, each word of that, and the
 *                                      SHA-1 of the file where it is one file; signed anew daily
 * Who merely fetched never publishes names. A daemon that stops takes back its availability alone:
 * a name still stands for that file, and others may have it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/metainfo.h"
#include "kadpeer/id.h"

struct node;
struct publisher;

struct publisher_facts {
    bool running;  /* served or fetched now */
    bool leaving;  /* the daemon stops */
    bool announce; /* neither private nor kept quiet */
    bool named;    /* shared by this user, and listed */
    bool seed;     /* nothing is missing */
    struct id infohash;
    const char *name;
    uint64_t size; /* bytes */
    uint32_t file_count;
    const struct id *file_sha1; /* NULL: several files, or not known yet */
    uint32_t piece_count;       /* 0: metainfo is not known */
    const uint8_t *have;        /* bitfield; NULL: nothing */
    uint32_t have_count;
    uint16_t tcp_port;
    int64_t *withdrawn_unix_s; /* the highest sequence number of any entry taken back in this run:
                                  what is published after it must have a higher one */
    uint64_t *signing_ms;      /* when the next of all transfers may sign its names */
    const uint8_t *seed_key;   /* ED25519_SEED_BYTES; NULL: names can't be signed */
};

struct publisher *publisher_new(struct node *node); /* NULL: no memory */
void publisher_free(struct publisher *publisher);   /* withdraws nothing */

void publisher_update(struct publisher *publisher, const struct publisher_facts *facts,
                      uint64_t now_ms, int64_t now_unix_s);
uint64_t publisher_due(const struct publisher *publisher); /* of the next update; UINT64_MAX */

/* What is published now, for `info`. */
struct publisher_record {
    struct id key;
    uint8_t kind; /* enum record_kind */
};
size_t publisher_records(const struct publisher *publisher, struct publisher_record out[],
                         size_t cap);
/* That have the peer record, as the last round found; 0: not published, or no round has ended. */
uint32_t publisher_peer_nodes(const struct publisher *publisher);
