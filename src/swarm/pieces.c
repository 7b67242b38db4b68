#include "swarm/pieces.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "swarm/params.h"

void pieces_init(struct pieces *pieces, uint32_t piece_length, size_t memory_bytes,
                 struct budget *budget)
{
    size_t limit = piece_length == 0 ? 0 : memory_bytes / piece_length;
    limit = limit < MEMORY_PIECES_MIN ? MEMORY_PIECES_MIN : limit;
    *pieces = (struct pieces){.piece_length = piece_length,
                              .limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit,
                              .budget = budget};
}

static size_t reserved_bytes(const struct pieces *pieces)
{
    return (size_t)pieces->reserved * pieces->piece_length;
}

static void give_back(struct pieces *pieces)
{
    uint32_t used = pieces_count(pieces);
    if (used < pieces->data_allocated)
        used = pieces->data_allocated;
    if (pieces->budget == NULL || used >= pieces->reserved)
        return;
    budget_give_back(pieces->budget, reserved_bytes(pieces),
                     (size_t)(pieces->reserved - used) * pieces->piece_length);
    pieces->reserved = used;
}

static void free_piece(struct piece *piece)
{
    free(piece->data);
    free(piece->blocks);
    free(piece);
}

static void trim_data(struct pieces *pieces)
{
    while (pieces->spare_data != NULL) {
        struct spare_data *data = pieces->spare_data;
        pieces->spare_data = data->next;
        pieces->data_allocated--;
        free(data);
    }
}

void pieces_trim(struct pieces *pieces)
{
    trim_data(pieces);
    give_back(pieces);
    while (pieces->spare != NULL) {
        struct piece *piece = pieces->spare;
        pieces->spare = piece->next;
        pieces->allocated--;
        free_piece(piece);
    }
}

void pieces_dispose(struct pieces *pieces)
{
    struct piece *piece, *next;
    HASH_ITER(hh, pieces->by_index, piece, next)
    {
        HASH_DEL(pieces->by_index, piece);
        pieces->data_allocated -= piece->data != NULL;
        free_piece(piece);
    }
    pieces_trim(pieces);
    *pieces = (struct pieces){0};
}

uint32_t pieces_count(const struct pieces *pieces)
{
    return HASH_COUNT(pieces->by_index);
}

bool pieces_reserve(struct pieces *pieces)
{
    uint32_t count = pieces_count(pieces);
    if (count >= pieces->limit)
        return false;
    if (pieces->budget == NULL || count < pieces->reserved)
        return true;
    if (!budget_take(pieces->budget, reserved_bytes(pieces), pieces->piece_length))
        return false;
    pieces->reserved++;
    return true;
}

size_t pieces_memory(const struct pieces *pieces)
{
    return (size_t)pieces->data_allocated * pieces->piece_length;
}

struct piece *pieces_find(const struct pieces *pieces, uint32_t index)
{
    struct piece *piece;
    HASH_FIND(hh, pieces->by_index, &index, sizeof index, piece);
    return piece;
}

static struct piece *allocate(struct pieces *pieces)
{
    struct piece *piece = pieces->spare;
    if (piece != NULL) {
        pieces->spare = piece->next;
        return piece;
    }
    piece = calloc(1, sizeof *piece);
    if (piece == NULL)
        return NULL;
    size_t blocks = ((size_t)pieces->piece_length + BLOCK_BYTES - 1) / BLOCK_BYTES;
    piece->blocks = malloc(blocks * sizeof *piece->blocks);
    if (piece->blocks == NULL) {
        free_piece(piece);
        return NULL;
    }
    pieces->allocated++;
    return piece;
}

static uint8_t *allocate_data(struct pieces *pieces)
{
    struct spare_data *data = pieces->spare_data;
    if (data != NULL) {
        pieces->spare_data = data->next;
        return (uint8_t *)data;
    }
    size_t size = pieces->piece_length;
    data = malloc(size < sizeof *data ? sizeof *data : size);
    pieces->data_allocated += data != NULL;
    return (uint8_t *)data;
}

uint8_t *pieces_place(struct pieces *pieces, struct piece *piece, uint32_t block)
{
    if (piece->data == NULL && (piece->data = allocate_data(pieces)) == NULL)
        return NULL;
    return piece->data + (size_t)block * BLOCK_BYTES;
}

struct piece *pieces_begin(struct pieces *pieces, uint32_t index, uint32_t size)
{
    struct piece *piece = pieces_reserve(pieces) ? allocate(pieces) : NULL;
    if (piece == NULL)
        return NULL;
    uint32_t blocks = (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
    *piece = (struct piece){.index = index,
                            .size = size,
                            .block_count = blocks,
                            .free_count = blocks,
                            .blocks = piece->blocks};
    memset(piece->blocks, 0, blocks * sizeof *piece->blocks);
    HASH_ADD(hh, pieces->by_index, index, sizeof piece->index, piece);
    if (piece->hh.tbl == NULL) {
        pieces->allocated--;
        free_piece(piece);
        return NULL;
    }
    DL_APPEND(pieces->open, piece);
    return piece;
}

void pieces_end(struct pieces *pieces, struct piece *piece)
{
    HASH_DEL(pieces->by_index, piece);
    if (piece->free_count > 0)
        DL_DELETE(pieces->open, piece);
    if (piece->data != NULL) {
        struct spare_data *data = (struct spare_data *)piece->data;
        data->next = pieces->spare_data;
        pieces->spare_data = data;
        piece->data = NULL;
    }
    piece->next = pieces->spare;
    pieces->spare = piece;
    if (pieces->budget != NULL && pieces->budget->refused)
        trim_data(pieces);
    give_back(pieces);
}

uint32_t piece_block_size(const struct piece *piece, uint32_t block)
{
    uint32_t left = piece->size - block * BLOCK_BYTES;
    return left < BLOCK_BYTES ? left : BLOCK_BYTES;
}

void pieces_take_block(struct pieces *pieces, struct piece *piece, uint32_t block)
{
    piece->blocks[block].state = BLOCK_ASKED;
    piece->blocks[block].asked = 1;
    piece->asked_total++;
    if (--piece->free_count == 0)
        DL_DELETE(pieces->open, piece);
}

uint32_t pieces_take(struct pieces *pieces, struct piece *piece)
{
    uint32_t block = piece->first_free;
    while (piece->blocks[block].state != BLOCK_FREE)
        block++;
    piece->first_free = block + 1;
    pieces_take_block(pieces, piece, block);
    return block;
}

void pieces_take_again(struct piece *piece, uint32_t block)
{
    piece->blocks[block].asked++;
    piece->asked_total++;
}

static void make_free(struct pieces *pieces, struct piece *piece, uint32_t block)
{
    piece->blocks[block].state = BLOCK_FREE;
    if (block < piece->first_free)
        piece->first_free = block;
    if (piece->free_count++ == 0)
        DL_PREPEND(pieces->open, piece); /* was begun before those that are open */
}

void pieces_add_stale(struct piece *piece, uint32_t block)
{
    piece->blocks[block].stale++;
    piece->stale_total++;
}

void pieces_put_back(struct pieces *pieces, struct piece *piece, uint32_t block, bool stale)
{
    struct block *at = &piece->blocks[block];
    at->asked--;
    piece->asked_total--;
    if (stale)
        pieces_add_stale(piece, block);
    if (at->state == BLOCK_ASKED && at->asked == 0)
        make_free(pieces, piece, block);
}

void pieces_forget_stale(struct piece *piece, uint32_t block)
{
    piece->blocks[block].stale--;
    piece->stale_total--;
}

void pieces_receive(struct pieces *pieces, struct piece *piece, uint32_t block, uint32_t giver)
{
    struct block *at = &piece->blocks[block];
    if (at->state == BLOCK_FREE && --piece->free_count == 0)
        DL_DELETE(pieces->open, piece);
    at->state = BLOCK_RECEIVED;
    at->giver = giver;
    piece->received_count++;
}

static bool piece_valid(const struct piece *piece)
{
    uint32_t counts[3] = {0}, asked = 0, stale = 0;
    for (uint32_t i = 0; i < piece->block_count; i++) {
        const struct block *block = &piece->blocks[i];
        counts[block->state]++;
        asked += block->asked;
        stale += block->stale;
        if ((block->state == BLOCK_ASKED) != (block->asked > 0) ||
            (block->state == BLOCK_RECEIVED && (block->giver == 0 || block->stale > 0)) ||
            (block->state == BLOCK_FREE && i < piece->first_free))
            return false;
    }
    return counts[BLOCK_FREE] == piece->free_count && asked == piece->asked_total &&
           stale == piece->stale_total && counts[BLOCK_RECEIVED] == piece->received_count &&
           (!piece->checking || piece->received_count == piece->block_count);
}

bool pieces_valid(const struct pieces *pieces)
{
    uint32_t open = 0, with_free = 0;
    struct piece *piece, *next;
    DL_FOREACH(pieces->open, piece)
    open++;
    HASH_ITER(hh, pieces->by_index, piece, next)
    {
        if (!piece_valid(piece))
            return false;
        with_free += piece->free_count > 0;
    }
    return open == with_free && pieces_count(pieces) <= pieces->limit &&
           pieces_count(pieces) <= pieces->allocated &&
           pieces->data_allocated <= pieces->allocated &&
           (pieces->budget == NULL || (pieces_count(pieces) <= pieces->reserved &&
                                       pieces->data_allocated <= pieces->reserved));
}
