#include "dht/record_sample.h"

#include "dht/params.h"
#include "dht/record_kinds.h"
#include "kadpeer/siphash.h"

/* The place of a record in the order in which this asker is shown them: a keyed hash of the asker
 * and of whose record it is, which stays while the value changes. */
static uint64_t order_of(const uint8_t secret[16], const struct endpoint *asker,
                         const struct record *record, bool by_address)
{
    uint8_t text[1 + 1 + 16 + 2 + 16 + 2] = {'o', asker->family};
    memcpy(text + 2, asker->addr, 16);
    write_u16(text + 18, asker->port);
    if (by_address) {
        memcpy(text + 20, record->address, 16);
        write_u16(text + 36, record->port);
    } else {
        write_u32(text + 20, record->place);
        write_u32(text + 24, record->mark);
    }
    return siphash(secret, bytes_of(text, sizeof text));
}

/* The least of the orders seen so far, sorted. */
struct picked {
    struct {
        uint64_t order;
        size_t at;
    } least[MESSAGE_VALUES_MAX];
    size_t count, cap;
    bool more; /* some were left out */
};

static void pick(struct picked *picked, uint64_t order, size_t at)
{
    size_t i = picked->count;
    if (i == picked->cap) {
        picked->more = true;
        if (i == 0 || order >= picked->least[i - 1].order)
            return;
        i--;
    } else {
        picked->count++;
    }
    for (; i > 0 && picked->least[i - 1].order > order; i--)
        picked->least[i] = picked->least[i - 1];
    picked->least[i].order = order;
    picked->least[i].at = at;
}

static void show(const struct record *record, const struct record_rules *rules, uint64_t order,
                 struct message_value *out)
{
    *out = (struct message_value){
        .value = record_value(record), .with_from = rules->with_from, .order = order};
    if (rules->with_from)
        out->from = record_source(record);
}

struct record_sample record_sample_take(const struct record_group *group,
                                        const struct record_get *get, const uint8_t secret[16],
                                        struct message_value out[], size_t cap, uint64_t now_ms)
{
    struct record_sample sample = {0};
    struct picked picked = {.cap = cap < MESSAGE_VALUES_MAX ? cap : MESSAGE_VALUES_MAX};
    const struct record_rules *rules = record_rules(get->kind);
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        const struct record *record = &group->records[i];
        if (record->ends_s <= now_ms / 1000)
            continue;
        sample.total++;
        uint64_t order = order_of(secret, &get->asker, record, rules->owner == OWNER_SOURCE);
        if (!get->has_cursor || order > get->cursor)
            pick(&picked, order, i);
    }
    for (; sample.count < picked.count; sample.count++)
        show(&group->records[picked.least[sample.count].at], rules,
             picked.least[sample.count].order, &out[sample.count]);
    sample.more = picked.more;
    return sample;
}
