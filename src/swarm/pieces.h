/* The pieces begun and not verified yet: which blocks are there, asked for, free to be asked for;
 * who gave which; their buffers, within a budget of memory and used again. A piece gets its buffer
 * with the first block that comes: what is only asked for costs nothing, and a fast peer's pieces
 * go through a few buffers that stay in the processor's cache.
 *
 * The life of one: pieces_begin → blocks taken, put back, received → every one received: it is
 * with the owner to be checked → pieces_end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "swarm/budget.h"

/* Without memory an entry stays out of the table; pieces_begin looks. Numbers of pieces need no
 * better function than this; uthash's own falls through switch labels, which clang reports. */
#define HASH_NONFATAL_OOM             1
#define HASH_FUNCTION(key, len, hash) ((hash) = *(const uint32_t *)(key)*2654435761u)
#include <uthash.h>

enum block_state {
    BLOCK_FREE,     /* to be asked for */
    BLOCK_ASKED,    /* of `asked` peers */
    BLOCK_RECEIVED, /* whole, from `giver` */
};

struct block {
    uint32_t giver;
    uint8_t state; /* enum block_state */
    uint8_t asked; /* peers that owe it */
    uint8_t stale; /* peers that were asked and given up on, and may yet send it */
};

struct piece {
    uint32_t index;
    uint32_t size; /* bytes */
    uint32_t block_count, free_count, received_count;
    uint32_t first_free;               /* no free block before it */
    uint32_t asked_total, stale_total; /* sums over the blocks */
    uint32_t only_peer; /* asked of this one alone, as long as there is something else for others;
                           0: of anybody */
    bool one_at_a_time; /* of one alone in any case, to find a liar; only_peer 0: not chosen yet */
    bool checking;      /* the owner reads `data` */
    uint8_t *data;      /* NULL: nothing has come yet */
    struct block *blocks;
    struct piece *prev, *next; /* in pieces.open, or next in pieces.spare */
    UT_hash_handle hh;
};

struct spare_data {
    struct spare_data *next;
};

struct pieces {
    struct piece *by_index;        /* uthash */
    struct piece *open;            /* utlist: with free blocks, oldest first */
    struct piece *spare;           /* ended, to be used again */
    struct spare_data *spare_data; /* buffers of those; the last one used comes first */
    uint32_t piece_length;
    uint32_t limit; /* pieces at a time, and buffers */
    uint32_t allocated, data_allocated;
    struct budget *budget; /* shared with others; NULL: none */
    uint32_t reserved;     /* buffers taken from it: one for each piece begun, and the spare ones */
};

void pieces_init(struct pieces *pieces, uint32_t piece_length, size_t memory_bytes,
                 struct budget *budget);
void pieces_dispose(struct pieces *pieces);

uint32_t pieces_count(const struct pieces *pieces);
/* Room for one more; false: there is none. */
bool pieces_reserve(struct pieces *pieces);
size_t pieces_memory(const struct pieces *pieces); /* bytes of buffers, spare ones included */
struct piece *pieces_find(const struct pieces *pieces, uint32_t index);

struct piece *pieces_begin(struct pieces *pieces, uint32_t index, uint32_t size); /* NULL: full */
/* Its buffer becomes spare, as long as nobody else is short of memory. */
void pieces_end(struct pieces *pieces, struct piece *piece);
void pieces_trim(struct pieces *pieces); /* frees the spare ones */

/* Where a block goes; NULL: no memory. */
uint8_t *pieces_place(struct pieces *pieces, struct piece *piece, uint32_t block);

uint32_t piece_block_size(const struct piece *piece, uint32_t block);

/* The lowest free block, now asked for. The piece must have one. */
uint32_t pieces_take(struct pieces *pieces, struct piece *piece);
void pieces_take_block(struct pieces *pieces, struct piece *piece, uint32_t block); /* a free one */
/* One more peer asked for a block that is asked for already. */
void pieces_take_again(struct piece *piece, uint32_t block);
/* A peer that owed the block has been given up on (`stale`: it may yet send it); it becomes free
 * when no other owes it. */
void pieces_put_back(struct pieces *pieces, struct piece *piece, uint32_t block, bool stale);
/* One that was given up on sends it after all; has answered, or never will. */
void pieces_add_stale(struct piece *piece, uint32_t block);
void pieces_forget_stale(struct piece *piece, uint32_t block);
/* All of it is in `data`. The requests of those that owed it are to be put back or forgotten then:
 * it does not become free any more. */
void pieces_receive(struct pieces *pieces, struct piece *piece, uint32_t block, uint32_t giver);

bool pieces_valid(const struct pieces *pieces);
