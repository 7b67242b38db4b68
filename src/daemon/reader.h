/* Somebody reads a file from its start on, while it may still be fetched: `get -o -`. Each call
 * waits until there is a byte at its offset that is verified, and gets a run of bytes; so whoever
 * reads sets the pace. Nothing is given of what is fetched by a digest of the whole until that has
 * been compared. */
#pragma once

#include <stdint.h>

struct call;
struct item;

#define READER_FILE_ONLY UINT32_MAX /* of a transfer with one file, or with one selected */

void reader_start(struct item *item, struct call *call, uint32_t file, uint64_t offset);
void readers_turn(struct item *item);
uint64_t readers_due(const struct item *item);
void readers_move(struct item *from, struct item *to); /* one was the other all along */
void readers_end(struct item *item);                   /* it is being removed */
