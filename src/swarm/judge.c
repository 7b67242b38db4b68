#include "swarm/judge.h"

#include <stdlib.h>

#include "kadpeer/sha1.h"
#include "swarm/params.h"
#include "swarm/pieces.h"

struct testimony {
    uint32_t giver;
    struct id sum;
};

struct suspect {
    uint32_t index;
    uint32_t block_count;
    struct testimony *blocks; /* NULL: a free place */
};

struct judge {
    struct suspect suspects[SUSPECTS_MAX]; /* a ring; one piece may be there several times */
    size_t next;
};

struct judge *judge_new(void)
{
    return calloc(1, sizeof(struct judge));
}

void judge_free(struct judge *judge)
{
    if (judge == NULL)
        return;
    for (size_t i = 0; i < SUSPECTS_MAX; i++)
        free(judge->suspects[i].blocks);
    free(judge);
}

static struct id block_sum(const struct piece *piece, uint32_t block)
{
    size_t begin = (size_t)block * BLOCK_BYTES;
    return sha1_of(bytes_of(piece->data + begin, piece_block_size(piece, block)));
}

void judge_suspect(struct judge *judge, const struct piece *piece)
{
    struct testimony *blocks = malloc(piece->block_count * sizeof *blocks);
    if (blocks == NULL)
        return;
    for (uint32_t i = 0; i < piece->block_count; i++)
        blocks[i] = (struct testimony){piece->blocks[i].giver, block_sum(piece, i)};
    struct suspect *place = &judge->suspects[judge->next++ % SUSPECTS_MAX];
    free(place->blocks);
    *place = (struct suspect){piece->index, piece->block_count, blocks};
}

bool judge_suspects(const struct judge *judge, uint32_t index)
{
    for (size_t i = 0; i < SUSPECTS_MAX; i++)
        if (judge->suspects[i].blocks != NULL && judge->suspects[i].index == index)
            return true;
    return false;
}

static size_t add_once(uint32_t peers[], size_t count, size_t cap, uint32_t peer)
{
    for (size_t i = 0; i < count; i++)
        if (peers[i] == peer)
            return count;
    if (count < cap)
        peers[count++] = peer;
    return count;
}

static size_t compare(const struct suspect *suspect, const struct piece *piece, uint32_t liars[],
                      size_t count, size_t cap)
{
    for (uint32_t i = 0; i < suspect->block_count && i < piece->block_count; i++) {
        struct id right = block_sum(piece, i);
        if (!id_equal(&right, &suspect->blocks[i].sum))
            count = add_once(liars, count, cap, suspect->blocks[i].giver);
    }
    return count;
}

size_t judge_verdict(struct judge *judge, const struct piece *piece, uint32_t liars[], size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < SUSPECTS_MAX; i++) {
        struct suspect *suspect = &judge->suspects[i];
        if (suspect->blocks == NULL || suspect->index != piece->index)
            continue;
        count = compare(suspect, piece, liars, count, cap);
        free(suspect->blocks);
        suspect->blocks = NULL;
    }
    return count;
}

size_t judge_givers(const struct piece *piece, uint32_t givers[], size_t cap)
{
    size_t count = 0;
    for (uint32_t i = 0; i < piece->block_count; i++)
        count = add_once(givers, count, cap, piece->blocks[i].giver);
    return count;
}

uint32_t judge_only_giver(const struct piece *piece)
{
    uint32_t givers[2];
    return judge_givers(piece, givers, 2) == 1 ? givers[0] : 0;
}
