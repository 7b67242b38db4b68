/* share --wait-first-peer: what is shared waits for somebody to have it. */
#pragma once

#include <stdint.h>

#include <jansson.h>

struct cli;

/* Ends when a first peer has fetched all of it; one that did since `since_ms` (monotonic) counts.
 * `shared` is the answer of share.add. Prints who it was, or with --json the rest of the stream.
 * Returns the exit status. */
int share_wait(struct cli *cli, const json_t *shared, uint64_t since_ms);
