/* Where a msgpack message ends, found as its bytes arrive, before anything is allocated for what
 * its lengths promise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

enum frame_result { FRAME_WHOLE, FRAME_PARTIAL, FRAME_BAD };

struct frame {
    size_t at;       /* bytes looked at; of FRAME_WHOLE: the message's length */
    uint64_t wanted; /* values still to come */
};

void frame_init(struct frame *frame);
/* `data` starts with the message and grows from call to call. BAD: a type byte that does not
 * exist, or a message that must be longer than `most` bytes. O(new bytes) over all calls. */
enum frame_result frame_feed(struct frame *frame, struct bytes data, size_t most);
