/* What waits to be sent on one connection, in order: small messages, copied, and blocks, sent from
 * the chunk they were read to. A block not read yet holds back what is behind it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/engine_params.h"
#include "kadpeer/bytes.h"

struct chunk;
struct engine;

struct outbox_entry;

struct outbox {
    struct outbox_entry *entries; /* a ring */
    size_t cap, first, count;
    size_t writing; /* the first so many are with the socket */
    size_t writing_bytes;
    size_t bytes;  /* of all entries */
    size_t held;   /* of the chunks they are in */
    uint8_t *text; /* a ring of OUTBOX_TEXT_SIZE bytes, made at first use */
    size_t text_first, text_len;
};

void outbox_init(struct outbox *outbox);
void outbox_dispose(struct outbox *outbox, struct engine *engine);

/* Whether another block may follow. A chunk of which one block is wanted takes up memory as a
 * whole: who asks for blocks here and there and reads none of them must not fill the memory of all.
 */
bool outbox_has_room(const struct outbox *outbox);
bool outbox_add_text(struct outbox *outbox, struct bytes text); /* false: no memory */
/* Takes the borrowed chunk, also when it fails. */
bool outbox_add_block(struct outbox *outbox, struct engine *engine, struct chunk *chunk,
                      uint32_t offset, uint32_t length);

/* The runs that can be sent now, at most `cap`; they are `writing` from now on. *failed: the next
 * one can never be sent, for its reading failed. Nothing may be writing yet. */
size_t outbox_begin(struct outbox *outbox, struct bytes runs[], size_t cap, bool *failed);
void outbox_sent(struct outbox *outbox, struct engine *engine); /* what was `writing` */
