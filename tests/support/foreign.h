/* A peer played by hand: the test writes its messages, and reads what a transfer sends it as lines
 * of text, such as "interested", "request 3 16384 16384", "reject 0 0 16384", "block 1 0 16384". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "swarm/transfer.h"
#include "swarm/wire.h"

struct foreign {
    struct transfer *transfer;
    uint32_t peer;
    uint64_t *now_ms;
    struct wire wire; /* reads what the transfer sends */
    struct buffer lines;
    struct buffer out; /* to be sent by foreign_send */
    struct bytes last_extended;
    uint8_t extended[64 << 10];
    bool fast;
    bool closed;
    enum transfer_close_reason reason;
    const char *text;
};

/* Connects; `number` makes its address and peer id ("-XX0001-" unless `ours`). */
void foreign_connect(struct foreign *foreign, struct transfer *transfer, uint64_t *now_ms,
                     unsigned number, bool fast, bool ours);
void foreign_dispose(struct foreign *foreign);

/* Sends what the wire_put_… have put into foreign->out. */
void foreign_send(struct foreign *foreign);
void foreign_say(struct foreign *foreign, enum wire_type type);
void foreign_say_piece(struct foreign *foreign, enum wire_type type, uint32_t piece);
void foreign_say_block(struct foreign *foreign, enum wire_type type, uint32_t piece, uint32_t begin,
                       uint32_t length);
void foreign_say_bits(struct foreign *foreign, const void *bits, size_t len);
void foreign_say_extended(struct foreign *foreign, uint8_t id, const char *body);
void foreign_give(struct foreign *foreign, uint32_t piece, uint32_t begin, uint32_t length);

/* What it was sent since the last call, a line a message; good until the next call. */
const char *foreign_hears(struct foreign *foreign);
/* How many of those lines begin with `prefix`; they are used up. */
unsigned foreign_counts(struct foreign *foreign, const char *prefix);
/* Whether the transfer has closed it; uses up what it was sent. */
bool foreign_is_closed(struct foreign *foreign);
