#include "dht/record_sample.h"

#include "dht/params.h"
#include "dht/record_kinds.h"
#include "kadpeer/siphash.h"

/* For whom the order is made: a keyed hash. */
static uint64_t seed_of(const uint8_t secret[16], const struct endpoint *asker)
{
    uint8_t text[1 + 1 + 16 + 2] = {'o', asker->family};
    memcpy(text + 2, asker->addr, 16);
    write_u16(text + 18, asker->port);
    return siphash(secret, bytes_of(text, sizeof text));
}

/* A bijection that spreads each bit over all (MurmurHash3, by Appleby). */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

/* The place of a record in the order in which this asker is shown them, by whose record it is,
 * which stays while the value changes. An asker may find out its own seed; that tells it nothing of
 * the order of others. */
static uint64_t order_of(uint64_t seed, const struct record *record, bool by_address)
{
    if (!by_address)
        return mixed(seed ^ ((uint64_t)record_place(record) << 32 | record->mark));
    struct endpoint source = record_source(record);
    if (source.family != ENDPOINT_IPV6)
        return mixed(seed ^ ((uint64_t)read_u32(source.addr) << 16 | source.port));
    uint64_t high = mixed(seed ^ read_u64(source.addr));
    return mixed(mixed(high ^ read_u64(source.addr + 8)) + seed + source.port);
}

/* The least of the orders seen so far, sorted. */
struct picked {
    struct {
        uint64_t order;
        const struct record *record;
    } least[MESSAGE_VALUES_MAX];
    size_t count, cap;
    bool more; /* some were left out */
};

static void pick(struct picked *picked, uint64_t order, const struct record *record)
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
    picked->least[i].record = record;
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
    if (group == NULL)
        return sample;
    uint64_t seed = seed_of(secret, &get->asker);
    for (const struct record *record = record_first(group); record < record_end(group);
         record = record_after(record)) {
        if (record->ends_s <= now_ms / 1000)
            continue;
        sample.total++;
        uint64_t order = order_of(seed, record, rules->owner == OWNER_SOURCE);
        if (!get->has_cursor || order > get->cursor)
            pick(&picked, order, record);
    }
    for (; sample.count < picked.count; sample.count++)
        show(picked.least[sample.count].record, rules, picked.least[sample.count].order,
             &out[sample.count]);
    sample.more = picked.more;
    return sample;
}
