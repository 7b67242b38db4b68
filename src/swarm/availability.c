#include "swarm/availability.h"

#include <stdlib.h>

#include "swarm/params.h"
#include "swarm/picker.h"

struct holder {
    struct endpoint endpoint;
    struct bitfield has;
    bool connected; /* its bits are not counted in the picker */
    uint64_t set_ms;
    uint64_t named; /* when availability_holder_of last named it, by count */
};

struct availability {
    struct holder *holders;
    size_t count, cap;
    size_t bytes;          /* of all their bitfields */
    struct picker *picker; /* NULL: number of pieces not known yet */
    uint32_t piece_count;
    uint64_t named; /* so many times a holder was named */
};

struct availability *availability_new(void)
{
    return calloc(1, sizeof(struct availability));
}

void availability_free(struct availability *availability)
{
    if (availability == NULL)
        return;
    for (size_t i = 0; i < availability->count; i++)
        bitfield_dispose(&availability->holders[i].has);
    free(availability->holders);
    free(availability);
}

static struct holder *find(const struct availability *availability, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < availability->count; i++)
        if (endpoint_equal(&availability->holders[i].endpoint, endpoint))
            return &availability->holders[i];
    return NULL;
}

/* False: there are too many bytes of them all, or no memory; unchanged. */
static bool resize(struct availability *availability, struct holder *holder, uint32_t count)
{
    size_t others = availability->bytes - bitfield_bytes(holder->has.count);
    if (others + bitfield_bytes(count) > HOLDERS_BYTES_MAX || !bitfield_resize(&holder->has, count))
        return false;
    availability->bytes = others + bitfield_bytes(count);
    return true;
}

static void drop_bits(struct availability *availability, struct holder *holder)
{
    availability->bytes -= bitfield_bytes(holder->has.count);
    bitfield_dispose(&holder->has);
}

static bool is_counted(const struct availability *availability, const struct holder *holder)
{
    return availability->picker != NULL && !holder->connected;
}

static void count_all(struct availability *availability, const struct holder *holder, bool more)
{
    const struct bitfield *has = &holder->has;
    for (uint32_t i = bitfield_next(has, 0); i < has->count; i = bitfield_next(has, i + 1)) {
        if (more)
            picker_add_holder(availability->picker, i);
        else
            picker_remove_holder(availability->picker, i);
    }
}

void availability_set_picker(struct availability *availability, struct picker *picker,
                             uint32_t piece_count)
{
    availability->picker = picker;
    availability->piece_count = piece_count;
    for (size_t i = 0; i < availability->count; i++) {
        struct holder *holder = &availability->holders[i];
        if (!resize(availability, holder, piece_count)) {
            drop_bits(availability, holder);
            continue;
        }
        if (is_counted(availability, holder))
            count_all(availability, holder, true);
    }
}

static void forget(struct availability *availability, struct holder *holder)
{
    if (is_counted(availability, holder))
        count_all(availability, holder, false);
    drop_bits(availability, holder);
    *holder = availability->holders[--availability->count];
}

static struct holder *add(struct availability *availability, const struct endpoint *endpoint,
                          uint32_t piece_count)
{
    if (availability->count >= HOLDERS_MAX)
        return NULL;
    if (availability->count == availability->cap) {
        size_t cap = availability->cap == 0 ? 8 : availability->cap * 2;
        struct holder *holders = realloc(availability->holders, cap * sizeof *holders);
        if (holders == NULL)
            return NULL;
        availability->holders = holders;
        availability->cap = cap;
    }
    struct holder *holder = &availability->holders[availability->count];
    *holder = (struct holder){.endpoint = *endpoint};
    if (!resize(availability, holder, piece_count))
        return NULL;
    availability->count++;
    return holder;
}

static void set_bit(struct availability *availability, struct holder *holder, uint32_t piece,
                    bool has)
{
    bool changed = has ? bitfield_set(&holder->has, piece) : bitfield_clear(&holder->has, piece);
    if (!changed || !is_counted(availability, holder))
        return;
    if (has)
        picker_add_holder(availability->picker, piece);
    else
        picker_remove_holder(availability->picker, piece);
}

void availability_set(struct availability *availability, const struct endpoint *endpoint,
                      uint32_t first, struct bytes bits, uint64_t now_ms)
{
    uint32_t most = availability->picker != NULL ? availability->piece_count : PIECES_MAX;
    if (bits.len == 0 || first >= most || !endpoint_is_usable(endpoint))
        return;
    uint64_t beyond = first + (uint64_t)bits.len * 8;
    uint32_t end = beyond < most ? (uint32_t)beyond : most;
    struct holder *holder = find(availability, endpoint);
    if (holder == NULL)
        holder = add(availability, endpoint, end);
    if (holder == NULL || (holder->has.count < end && !resize(availability, holder, end)))
        return;
    for (uint32_t i = first; i < end; i++) {
        uint32_t at = i - first;
        set_bit(availability, holder, i, (bits.data[at / 8] >> (7 - at % 8) & 1) != 0);
    }
    holder->set_ms = now_ms;
}

void availability_set_connected(struct availability *availability, const struct endpoint *endpoint,
                                bool connected)
{
    struct holder *holder = find(availability, endpoint);
    if (holder == NULL || holder->connected == connected)
        return;
    if (availability->picker != NULL)
        count_all(availability, holder, !connected);
    holder->connected = connected;
}

void availability_expire(struct availability *availability, uint64_t now_ms)
{
    for (size_t i = 0; i < availability->count;) {
        if (now_ms - availability->holders[i].set_ms >= HOLDER_LIFE_MS)
            forget(availability, &availability->holders[i]);
        else
            i++;
    }
}

uint64_t availability_due(const struct availability *availability)
{
    uint64_t due_ms = UINT64_MAX;
    for (size_t i = 0; i < availability->count; i++)
        if (availability->holders[i].set_ms + HOLDER_LIFE_MS < due_ms)
            due_ms = availability->holders[i].set_ms + HOLDER_LIFE_MS;
    return due_ms;
}

bool availability_is_empty(const struct availability *availability)
{
    return availability->count == 0;
}

bool availability_holder_of(struct availability *availability, uint32_t piece, struct endpoint *out)
{
    struct holder *found = NULL;
    for (size_t i = 0; i < availability->count; i++) {
        struct holder *holder = &availability->holders[i];
        if (!holder->connected && bitfield_has(&holder->has, piece) &&
            (found == NULL || holder->named < found->named))
            found = holder;
    }
    if (found == NULL)
        return false;
    found->named = ++availability->named;
    *out = found->endpoint;
    return true;
}
