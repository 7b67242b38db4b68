/* One transfer of ten pieces, and the foreign peers that it meets. The stage owns them all:
 * stage_tear_down ends whoever is still connected, as does the next stage_begin. */
#pragma once

#include "support/unit.h"

#include "content/metainfo.h"
#include "support/foreign.h"
#include "swarm/params.h"

enum { PIECES = 10, PIECE = 65536, BLOCK = 16384, INFO_BYTES = 40000 };

/* What it has at the beginning, piece by piece; further ones it lacks. */
#define NOTHING       ""
#define EVERYTHING    "1111111111"
#define ALL_BUT_FIRST "0111111111"

/* The same, as the peers' bitfields. */
extern const uint8_t all_bits[2], first_bit[2];

struct stage {
    uint64_t now_ms;
    struct metainfo metainfo;
    uint8_t info[INFO_BYTES];
    struct metainfo_file file;
    struct transfer *transfer;
    struct foreign *peers[PEERS_MAX + 1]; /* NULL: it left */
    unsigned peer_count;
    uint64_t offences[TRANSFER_OFFENCES]; /* since stage_begin */
};

int stage_set_up(void **state);
int stage_tear_down(void **state);
#define stage_test(f) cmocka_unit_test_setup_teardown(f, stage_set_up, stage_tear_down)

void stage_begin(struct stage *stage, const char *have);
void stage_begin_with_slots(struct stage *stage, const char *have, size_t upload_slots);
void stage_begin_big(struct stage *stage);       /* 2,000 pieces, none of them there */
void stage_begin_hash_only(struct stage *stage); /* the metadata is to be fetched first */
void stage_pass(struct stage *stage, uint64_t ms);

/* A client of others connects; the first has number 1. stage_meet: with the fast extension. */
struct foreign *stage_meet(struct stage *stage);
struct foreign *stage_meet_as(struct stage *stage, bool fast, bool ours);
/* One that has all and has unchoked us; one that is interested, what it heard so far used up. */
struct foreign *stage_meet_seed(struct stage *stage, bool fast);
struct foreign *stage_meet_interested(struct stage *stage, bool fast);
void stage_leave(struct stage *stage, struct foreign *peer);

/* What the transfer knows of it, or of all. */
struct transfer_peer_stats stage_knows(struct stage *stage, const struct foreign *peer);
struct transfer_stats stage_stats(struct stage *stage);

/* It sends its extended handshake, has all and unchokes. */
void stage_open_up(struct foreign *peer, const char *extension);
void stage_give_piece(struct foreign *peer, uint32_t piece);
