/* Where the peers of one transfer come from while it is fetched: its peer records and those of
 * availability in the DHT, asked for again and again; the file's SHA-1 where that was what was
 * given. And whom of all that are known to dial next; one that fetches nothing dials those whom it
 * served before it stopped. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/engine_params.h"
#include "kadpeer/id.h"

struct item;
struct segment_search;
struct name_search;

struct finder {
    struct item *item;
    uint32_t peers_handle; /* lookup under way; 0: none */
    struct segment_search *segments[SEGMENTS_AT_A_TIME];
    struct name_search *names;
    uint64_t due_ms, pause_ms;             /* of peers */
    uint64_t segments_due_ms;              /* of the next round of segments */
    uint32_t next_segment;                 /* of this round; segment_count: it has ended */
    uint64_t names_due_ms, names_pause_ms; /* of a file's SHA-1 */
    struct id match;                       /* what has that SHA-1, they say; has_match */
    bool has_match;
    uint64_t match_ms;                /* when it was found */
    uint32_t metadata_had;            /* bytes of what peers say the hash itself is … */
    uint64_t metadata_moved_ms;       /* … and when more came */
    unsigned rounds;                  /* lookups of peers that ended */
    unsigned asked, answered, values; /* of the last one that ended */
    uint64_t holder_dialled_ms;
};

void finder_init(struct finder *finder, struct item *item);
void finder_dispose(struct finder *finder); /* stops; no further call */
/* Searches, dials, or stops doing so, as the item's state wants. */
void finder_turn(struct finder *finder);
uint64_t finder_due(const struct finder *finder);
void finder_again(struct finder *finder); /* at once: resumed, joined the network */
