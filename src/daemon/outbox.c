#include "daemon/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/upload.h"

struct outbox_entry {
    struct chunk *chunk; /* NULL: text */
    uint8_t *text;       /* in the ring, or on the heap */
    uint32_t offset, len;
    uint32_t ring_bytes; /* of the ring, given back with this entry; 0: none, or on the heap */
    uint32_t held;       /* length of its chunk; 0: the block before is in the same one */
};

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.entries = NULL};
}

static struct outbox_entry *entry_at(const struct outbox *outbox, size_t index)
{
    return &outbox->entries[(outbox->first + index) & (outbox->cap - 1)];
}

static void end_first(struct outbox *outbox, struct engine *engine)
{
    struct outbox_entry *entry = entry_at(outbox, 0);
    if (entry->chunk != NULL) {
        upload_return(engine, entry->chunk);
    } else if (entry->ring_bytes > 0) {
        outbox->text_first = (outbox->text_first + entry->ring_bytes) % OUTBOX_TEXT_SIZE;
        outbox->text_len -= entry->ring_bytes;
    } else {
        free(entry->text);
    }
    outbox->bytes -= entry->len;
    outbox->held -= entry->held;
    outbox->first = (outbox->first + 1) & (outbox->cap - 1);
    outbox->count--;
}

void outbox_dispose(struct outbox *outbox, struct engine *engine)
{
    while (outbox->count > 0)
        end_first(outbox, engine);
    free(outbox->entries);
    free(outbox->text);
    outbox_init(outbox);
}

/* Capacities are powers of two. Entries may move, the bytes they point to do not. */
static bool grow(struct outbox *outbox)
{
    if (outbox->count < outbox->cap)
        return true;
    size_t cap = outbox->cap == 0 ? 16 : outbox->cap * 2;
    struct outbox_entry *entries = malloc(cap * sizeof *entries);
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < outbox->count; i++)
        entries[i] = *entry_at(outbox, i);
    free(outbox->entries);
    outbox->entries = entries;
    outbox->cap = cap;
    outbox->first = 0;
    return true;
}

static void append(struct outbox *outbox, const struct outbox_entry *entry)
{
    *entry_at(outbox, outbox->count++) = *entry;
    outbox->bytes += entry->len;
}

/* Room for `len` bytes in one run of the ring; *used counts what is skipped at its end as well.
 * NULL: none. */
static uint8_t *ring_room(struct outbox *outbox, size_t len, uint32_t *used)
{
    size_t start = (outbox->text_first + outbox->text_len) % OUTBOX_TEXT_SIZE;
    size_t skipped = OUTBOX_TEXT_SIZE - start < len ? OUTBOX_TEXT_SIZE - start : 0;
    if (len > OUTBOX_TEXT_SIZE || outbox->text_len + skipped + len > OUTBOX_TEXT_SIZE)
        return NULL;
    if (outbox->text == NULL && (outbox->text = malloc(OUTBOX_TEXT_SIZE)) == NULL)
        return NULL;
    *used = (uint32_t)(skipped + len);
    outbox->text_len += *used;
    return outbox->text + (skipped > 0 ? 0 : start);
}

bool outbox_add_text(struct outbox *outbox, struct bytes text)
{
    struct outbox_entry entry = {.len = (uint32_t)text.len};
    if (!grow(outbox))
        return false;
    entry.text = ring_room(outbox, text.len, &entry.ring_bytes);
    if (entry.text == NULL && (entry.text = malloc(text.len)) == NULL)
        return false;
    memcpy(entry.text, text.data, text.len);
    append(outbox, &entry);
    return true;
}

/* A block's head lies between it and the one before. */
static bool is_in_last(const struct outbox *outbox, const struct chunk *chunk)
{
    for (size_t back = 1; back <= 2 && back <= outbox->count; back++)
        if (entry_at(outbox, outbox->count - back)->chunk == chunk)
            return true;
    return false;
}

bool outbox_add_block(struct outbox *outbox, struct engine *engine, struct chunk *chunk,
                      uint32_t offset, uint32_t length)
{
    if (!grow(outbox)) {
        upload_return(engine, chunk);
        return false;
    }
    struct outbox_entry entry = {.chunk = chunk, .offset = offset, .len = length};
    entry.held = is_in_last(outbox, chunk) ? 0 : upload_size(chunk);
    outbox->held += entry.held;
    append(outbox, &entry);
    return true;
}

bool outbox_has_room(const struct outbox *outbox)
{
    return outbox->bytes < OUTBOX_BYTES && outbox->held < outbox->bytes + OUTBOX_HELD_BYTES;
}

size_t outbox_begin(struct outbox *outbox, struct bytes runs[], size_t cap, bool *failed)
{
    size_t count = 0;
    *failed = false;
    outbox->writing_bytes = 0;
    for (; count < cap && count < outbox->count; count++) {
        const struct outbox_entry *entry = entry_at(outbox, count);
        if (entry->chunk == NULL) {
            runs[count] = bytes_of(entry->text, entry->len);
            continue;
        }
        enum chunk_state state = upload_state(entry->chunk);
        *failed = state == CHUNK_FAILED;
        if (state != CHUNK_READY)
            break;
        runs[count] = bytes_of(upload_data(entry->chunk) + entry->offset, entry->len);
    }
    for (size_t i = 0; i < count; i++)
        outbox->writing_bytes += runs[i].len;
    outbox->writing = count;
    return count;
}

void outbox_sent(struct outbox *outbox, struct engine *engine)
{
    for (; outbox->writing > 0; outbox->writing--)
        end_first(outbox, engine);
    outbox->writing_bytes = 0;
}
