/* Fetching the info dictionary in parts of 16 KiB from several peers [BEP 9].
 *
 * Rules. The size most peers name is believed; parts are asked of those who name it, a few at a
 * time, the least asked part first. A part that does not come in METADATA_WAIT_MS, or comes in
 * another length, is asked of another, and its peer left alone for a while. Whoever failed so is
 * asked, and believed, only when nobody is left who failed less often: no number of liars holds up
 * an honest peer for longer than each of them can be silent once. When all is there the owner is
 * asked whether its SHA-1 is the infohash (tens of MiB take too long to be hashed in here), and
 * nothing is asked of peers meanwhile. If it is not, everything is thrown away. Did it all come
 * from one peer, that one lied; did it come from several, then from now on one peer at a time is
 * asked for the whole, until one gives the right one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

struct metadata;

struct metadata *metadata_new(void);           /* NULL: no memory */
void metadata_free(struct metadata *metadata); /* NULL is allowed */

/* `peer` has it and says how long it is. Again: its size has changed. */
void metadata_offer(struct metadata *metadata, uint32_t peer, uint32_t size, uint64_t now_ms);
void metadata_leave(struct metadata *metadata, uint32_t peer);

/* The next part to ask `peer` for; counts as asked. False: nothing now. */
bool metadata_next_request(struct metadata *metadata, uint32_t peer, uint64_t now_ms,
                           uint32_t *part);

enum metadata_result {
    METADATA_KEPT,
    METADATA_UNASKED, /* not asked of this peer, or not of the length it must have */
    METADATA_WHOLE,   /* the last part: metadata_bytes are to be hashed, then metadata_checked */
};
enum metadata_result metadata_receive(struct metadata *metadata, uint32_t peer, uint32_t part,
                                      struct bytes data, uint64_t now_ms);
void metadata_reject(struct metadata *metadata, uint32_t peer, uint32_t part, uint64_t now_ms);

/* OK: the SHA-1 is right. MISMATCH: it is wrong, and all of it is thrown away. Anything else: it
 * could not be hashed; thrown away as well, and nobody is to blame. Returns the peer that gave all
 * of a wrong one, which may have left; 0: there were several. Does nothing unless asked for. */
uint32_t metadata_checked(struct metadata *metadata, enum status result);

/* Gives up on what is late, from `silent` peers. True when there may be something to ask now. */
bool metadata_on_time(struct metadata *metadata, uint64_t now_ms, unsigned *silent);

bool metadata_is_checking(const struct metadata *metadata); /* between WHOLE and metadata_checked */
bool metadata_is_complete(const struct metadata *metadata);
/* From METADATA_WHOLE on; borrowed until metadata_checked, or for good once complete. */
struct bytes metadata_bytes(const struct metadata *metadata);
bool metadata_is_from(const struct metadata *metadata, uint32_t peer); /* a part of what is there */
void metadata_progress(const struct metadata *metadata, uint32_t *have, uint32_t *total);
