/* How many to serve at a time. Few on a slow link: a piece is of use to others when it is whole,
 * and what is split among many is whole for nobody for long. Many on a fast one: a small group on
 * a LAN is served all at once. How fast the link is shows in what goes out; where that says little,
 * since those served take less than they could be given, one more or one less is tried for a
 * round. Values in, values out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct upload_slots {
    size_t count, least;
    uint64_t worth_bps; /* a slot gives its peer so much, or there are too many of them */
    int tried;          /* +1, -1: slots more in the last round, to see what comes of it */
    int next_try;       /* the other way round than the last */
    unsigned rest;      /* rounds until the next */
    unsigned seconds;   /* that the rate has been worth more slots */
    uint64_t before;    /* bytes of the last round */
};

void upload_slots_init(struct upload_slots *slots, uint64_t worth_bps);
/* Fewer, when pieces are so large, and so few, that it would take too much of the whole time until
 * those served have a whole one each to pass on. */
void upload_slots_learn(struct upload_slots *slots, uint32_t piece_length, uint32_t piece_count);
/* Once a second: grows as far as the rate has been worth it for some seconds, which is more than
 * the link's buffers filling up. True: there are more now. */
bool upload_slots_grow(struct upload_slots *slots, uint64_t rate_bps);
/* After a round in which so many bytes went out; `waiting`: somebody would have taken one more. */
void upload_slots_round(struct upload_slots *slots, uint64_t bytes, bool waiting);
