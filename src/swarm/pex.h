/* Peer exchange [BEP 11]: telling a peer whom we are connected to, as differences from what it was
 * told before; reading what it tells us. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"

enum pex_flag { PEX_SEED = 0x02, PEX_REACHABLE = 0x10 };

struct pex_contact {
    struct endpoint endpoint;
    uint8_t flags; /* or-ed enum pex_flag */
};

/* What one peer has been told; {0} is nothing. */
struct pex_memory {
    struct endpoint *told;
    size_t count, cap;
    bool begun; /* a message has been sent */
};

void pex_memory_dispose(struct pex_memory *memory);

/* Writes the body of the next message: who is new in `contacts` (without repeats), who is gone.
 * At most PEX_ADDED_MAX each, the rest next time; more in the first message. False: nothing to
 * tell, or no memory. O(contacts x told). */
bool pex_write(struct pex_memory *memory, const struct pex_contact contacts[], size_t count,
               struct buffer *out);

/* Copies up to `cap` usable contacts of the added ones, one for each public address. `refused` gets
 * how many of those before the last one copied could not be used. */
enum status pex_read(struct bytes body, struct pex_contact out[], size_t cap, size_t *count,
                     size_t *refused);
