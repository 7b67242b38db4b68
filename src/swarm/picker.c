#include "swarm/picker.h"

#include <stdlib.h>

#define NOWHERE UINT32_MAX

enum { HOLDERS_COUNTED = PEERS_MAX + PEERS_CLOSING_MAX + HOLDERS_MAX };

struct picker {
    uint32_t piece_count;
    uint16_t *holders;        /* per piece */
    uint32_t *place;          /* per piece: its index in `order`, NOWHERE when no candidate */
    uint32_t *order;          /* the candidates, by holders */
    uint32_t candidate_count; /* entries of `order` */
    uint32_t highest;         /* number of holders any piece has ever had */
    uint32_t first[HOLDERS_COUNTED + 2]; /* first[n]: where those with n holders begin; of
                                            highest + 1: candidate_count */
    struct bitfield candidates;
    struct rng *rng;
};

struct picker *picker_new(uint32_t piece_count, struct rng *rng)
{
    struct picker *picker = calloc(1, sizeof *picker);
    if (picker == NULL)
        return NULL;
    size_t some = piece_count > 0 ? piece_count : 1;
    picker->piece_count = piece_count;
    picker->rng = rng;
    picker->holders = calloc(some, sizeof *picker->holders);
    picker->place = malloc(some * sizeof *picker->place);
    picker->order = malloc(some * sizeof *picker->order);
    bool ok = bitfield_resize(&picker->candidates, piece_count);
    if (!ok || picker->holders == NULL || picker->place == NULL || picker->order == NULL) {
        picker_free(picker);
        return NULL;
    }
    for (uint32_t i = 0; i < piece_count; i++)
        picker->place[i] = NOWHERE;
    return picker;
}

void picker_free(struct picker *picker)
{
    if (picker == NULL)
        return;
    free(picker->holders);
    free(picker->place);
    free(picker->order);
    bitfield_dispose(&picker->candidates);
    free(picker);
}

static void put(struct picker *picker, uint32_t place, uint32_t piece)
{
    picker->order[place] = piece;
    picker->place[piece] = place;
}

static void swap(struct picker *picker, uint32_t a, uint32_t b)
{
    uint32_t piece_a = picker->order[a], piece_b = picker->order[b];
    put(picker, a, piece_b);
    put(picker, b, piece_a);
}

/* Gives the newcomer at `place` a random place among its equals. */
static void mix(struct picker *picker, uint32_t place)
{
    uint16_t holders = picker->holders[picker->order[place]];
    uint32_t from = picker->first[holders], to = picker->first[holders + 1];
    swap(picker, place, from + (uint32_t)rng_below(picker->rng, to - from));
}

void picker_add_holder(struct picker *picker, uint32_t piece)
{
    uint16_t before = picker->holders[piece];
    if (before == HOLDERS_COUNTED)
        return;
    if (++picker->holders[piece] > picker->highest)
        picker->first[++picker->highest + 1] = picker->candidate_count;
    if (picker->place[piece] == NOWHERE)
        return;
    uint32_t last = --picker->first[before + 1];
    swap(picker, picker->place[piece], last);
    mix(picker, last);
}

void picker_remove_holder(struct picker *picker, uint32_t piece)
{
    uint16_t before = picker->holders[piece];
    if (before == 0)
        return;
    picker->holders[piece]--;
    if (picker->place[piece] == NOWHERE)
        return;
    uint32_t front = picker->first[before]++;
    swap(picker, picker->place[piece], front);
    mix(picker, front);
}

uint16_t picker_holders(const struct picker *picker, uint32_t piece)
{
    return picker->holders[piece];
}

/* Each group of equals above the piece's own moves by one: its first goes to its end. */
static void enter(struct picker *picker, uint32_t piece)
{
    uint16_t holders = picker->holders[piece];
    uint32_t hole = picker->candidate_count++;
    for (uint32_t n = picker->highest; n > holders; n--) {
        if (picker->first[n] < hole) {
            put(picker, hole, picker->order[picker->first[n]]);
            hole = picker->first[n];
        }
        picker->first[n]++;
    }
    picker->first[picker->highest + 1]++;
    put(picker, hole, piece);
    mix(picker, hole);
}

static void leave(struct picker *picker, uint32_t piece)
{
    uint32_t hole = picker->place[piece];
    for (uint32_t n = picker->holders[piece]; n <= picker->highest; n++) {
        uint32_t last = picker->first[n + 1] - 1;
        if (hole != last) {
            put(picker, hole, picker->order[last]);
            hole = last;
        }
        picker->first[n + 1]--;
    }
    picker->place[piece] = NOWHERE;
    picker->candidate_count--;
}

void picker_set_candidate(struct picker *picker, uint32_t piece, bool candidate)
{
    if (candidate && bitfield_set(&picker->candidates, piece))
        enter(picker, piece);
    else if (!candidate && bitfield_clear(&picker->candidates, piece))
        leave(picker, piece);
}

bool picker_is_candidate(const struct picker *picker, uint32_t piece)
{
    return bitfield_has(&picker->candidates, piece);
}

uint32_t picker_candidates(const struct picker *picker)
{
    return picker->candidate_count;
}

static bool next_from(const struct picker *picker, const struct bitfield *has, uint32_t from,
                      uint32_t *piece)
{
    for (uint32_t i = 0; i < picker->candidate_count; i++) {
        uint32_t candidate = picker->order[(from + i) % picker->candidate_count];
        if (has == NULL || bitfield_has(has, candidate)) {
            *piece = candidate;
            return true;
        }
    }
    return false;
}

static bool next_sequential(const struct picker *picker, const struct bitfield *has,
                            uint32_t *piece)
{
    uint32_t i = bitfield_next(&picker->candidates, 0);
    while (i < picker->piece_count && has != NULL && !bitfield_has(has, i))
        i = bitfield_next(&picker->candidates, i + 1);
    *piece = i;
    return i < picker->piece_count;
}

bool picker_next(const struct picker *picker, const struct bitfield *has, enum picker_order order,
                 uint32_t *piece)
{
    if (picker->candidate_count == 0)
        return false;
    if (order == PICK_SEQUENTIAL)
        return next_sequential(picker, has, piece);
    uint32_t from = 0;
    if (order == PICK_RANDOM)
        from = (uint32_t)rng_below(picker->rng, picker->candidate_count);
    return next_from(picker, has, from, piece);
}

bool picker_valid(const struct picker *picker)
{
    if (!bitfield_valid(&picker->candidates) || picker->first[0] != 0 ||
        picker->candidates.set != picker->candidate_count ||
        picker->first[picker->highest + 1] != picker->candidate_count)
        return false;
    for (uint32_t n = 0; n <= picker->highest; n++)
        for (uint32_t i = picker->first[n]; i < picker->first[n + 1]; i++)
            if (picker->holders[picker->order[i]] != n || picker->place[picker->order[i]] != i)
                return false;
    for (uint32_t piece = 0; piece < picker->piece_count; piece++)
        if ((picker->place[piece] != NOWHERE) != bitfield_has(&picker->candidates, piece))
            return false;
    return true;
}
