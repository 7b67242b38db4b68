/* Where a msgpack message ends, found as its bytes arrive, before anything is allocated for what
 * its lengths promise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

enum frame_result { FRAME_WHOLE, FRAME_PARTIAL, FRAME_BAD };

#define FRAME_DEPTH_MAX 16 /* maps and arrays in each other: pack.h, the one writer, ends at 12 */

struct frame {
    size_t at;       /* bytes looked at; of FRAME_WHOLE: the message's length */
    uint64_t wanted; /* values still to come */
    unsigned depth;
    uint64_t left[FRAME_DEPTH_MAX]; /* of these in each map and array that is open */
};

void frame_init(struct frame *frame);
/* `data` starts with the message and grows from call to call. BAD: a type byte that does not
 * exist, nesting beyond FRAME_DEPTH_MAX, or a message that must be longer than `most` bytes. O(new
 * bytes) over all calls. */
enum frame_result frame_feed(struct frame *frame, struct bytes data, size_t most);
