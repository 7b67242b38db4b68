/* Who gave wrong blocks, when a failed piece came from several peers.
 *
 * Of each such piece the sum of every block is kept, with its giver. The piece is then fetched from
 * one peer alone: fails it again, that one lied; is it right, then whoever had given other bytes
 * lied. Nobody is judged on suspicion. At most SUSPECTS_MAX pieces, oldest out first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct judge;
struct piece;

struct judge *judge_new(void); /* NULL: no memory */
void judge_free(struct judge *judge);

/* The piece failed: remembers what everyone gave. */
void judge_suspect(struct judge *judge, const struct piece *piece);
bool judge_suspects(const struct judge *judge, uint32_t index);
/* The piece is right now: writes up to `cap` liars, without repeats, and closes the case. */
size_t judge_verdict(struct judge *judge, const struct piece *piece, uint32_t liars[], size_t cap);

/* The one peer that gave all of it; 0: there were several. */
uint32_t judge_only_giver(const struct piece *piece);
/* Whoever gave a part of it, without repeats. */
size_t judge_givers(const struct piece *piece, uint32_t givers[], size_t cap);
