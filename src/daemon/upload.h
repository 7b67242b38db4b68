/* Content read from disk for peers: in runs of CHUNK_BYTES, on the loop when that takes no waiting,
 * else in the pool; each shared by all blocks and peers
 * that want part of it, and sent from where it was read to. A few that nobody uses are kept for a
 * while: peers ask for the blocks of a piece one after the other, and often for the same pieces. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

struct chunk;
struct engine;
struct item;

struct uploads {
    struct chunk *by_key; /* uthash */
    struct chunk *kept;   /* utlist: read, used by nobody; the oldest first */
    struct chunk *spare;  /* memory of ended ones, used again: fresh pages cost more than a read */
    size_t bytes, kept_bytes, spare_count;
    bool somebody_waits; /* was told that there is no room */
};

enum chunk_state { CHUNK_READING, CHUNK_READY, CHUNK_FAILED };

/* The chunk with that block, whose first byte is at `*offset` of it; begins to read it where it is
 * not there. item_mark is called when it is no more CHUNK_READING. NULL: no memory. */
struct chunk *upload_borrow(struct item *item, uint32_t piece, uint32_t begin, uint32_t length,
                            uint32_t *offset);
enum chunk_state upload_state(const struct chunk *chunk);
const uint8_t *upload_data(const struct chunk *chunk); /* CHUNK_READY */
uint32_t upload_size(const struct chunk *chunk);
void upload_return(struct engine *engine, struct chunk *chunk);

/* Who is told that there is none gets his item marked when there is some again. */
bool uploads_have_room(struct uploads *uploads);
void uploads_forget(struct item *item);        /* nobody will ask for content of this one */
void uploads_dispose(struct uploads *uploads); /* the spare memory */
/* Frees what has been kept long enough. Returns when to call again; UINT64_MAX: nothing is kept. */
uint64_t uploads_trim(struct engine *engine);
