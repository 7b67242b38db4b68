/* Records of others that prove themselves, kept alive without those who made them
 * [Kademlia 2.5].
 *
 * - When one of the HANDOVER_GIVERS nearest to a key meets a node that belongs to the k nearest, it
 *   gives that node the records, soon. (The paper has only the nearest do so; but that one may be
 *   gone without our knowing it.) To find them all are looked through, which strangers could have
 *   us do: for one newcomer at a time, some records a step, and for each address once an hour. No
 *   more is given than one round carries.
 * - Every few hours the nearest puts them anew at the k nearest, as a publisher would; and rarely
 *   one of the others, lest they are lost when the nearest are all new and never had them.
 * What is put is a copy; if its maker, or somebody else, puts a newer one meanwhile, that one
 * stays. */
#include <stdlib.h>
#include <string.h>

#include "dht/node.h"
#include "dht/source.h"
#include "kadpeer/siphash.h"

static bool is_our_turn(struct dht *dht, const struct id *key)
{
    uint64_t nearer = dht_crowd_nearer(dht, key);
    return nearer == 0 || (nearer < DHT_K && rng_below(&dht->rng, HANDOVER_RARELY) == 0);
}

/* The newcomer is one of the k nearest, and few of the others are nearer than we are. */
static bool is_to_give(const struct dht *dht, const struct id *key, const struct id *newcomer)
{
    struct contact near[DHT_K];
    size_t count = routing_table_closest(dht->table, key, near, DHT_K), nearer = 0;
    bool newcomer_is_near = false;
    for (size_t i = 0; i < count; i++) {
        if (id_equal(&near[i].id, newcomer))
            newcomer_is_near = true;
        else
            nearer += id_distance_compare(key, &near[i].id, &dht->id) < 0;
    }
    return newcomer_is_near && nearer < HANDOVER_GIVERS;
}

/* ---- to a newcomer ---- */

static uint32_t ticks(const struct dht *dht)
{
    return (uint32_t)(dht->now_ms / HANDOVER_TICK_MS);
}

/* Once in HANDOVER_AGAIN_MS: to change one's id costs nothing. */
static bool had_its_turn(struct dht *dht, const struct endpoint *endpoint)
{
    struct source_rules rules = {.limit_local = dht->config.limit_local};
    memcpy(rules.secret, dht->config.secret, sizeof rules.secret);
    uint32_t tag = source_tag(&rules, endpoint, SOURCE_ADDRESS);
    if (source_table_left(&dht->handover.had, tag, ticks(dht)) > 0)
        return true;
    source_table_set(&dht->handover.had, tag, HANDOVER_AGAIN_MS / HANDOVER_TICK_MS, ticks(dht));
    return false;
}

/* The walk that is to give what is found; it begins when all were looked through. */
static struct walk *walk_of_scan(struct dht *dht)
{
    struct handover *handover = &dht->handover;
    struct walk *walk = dht_walk_find(dht, handover->walk);
    if (walk != NULL)
        return walk;
    walk = dht_walk_new(dht, WALK_HANDOVER, &handover->to[0].id, 0);
    if (walk == NULL)
        return NULL;
    handover->walk = walk->operation;
    lookup_add(&walk->lookup, &handover->to[0].id, &handover->to[0].endpoint, 0);
    return walk;
}

static void end_scan(struct dht *dht)
{
    struct handover *handover = &dht->handover;
    struct walk *walk = handover->walk != 0 ? dht_walk_find(dht, handover->walk) : NULL;
    handover->count--;
    memmove(&handover->to[0], &handover->to[1], handover->count * sizeof handover->to[0]);
    handover->walk = 0;
    handover->cursor = handover->bytes = 0;
    if (handover->count == 0) {
        free(handover->to);
        handover->to = NULL;
    }
    if (walk != NULL)
        dht_walk_begin(dht, walk);
}

/* False: it has all that it is to be given at once. */
static bool give(struct dht *dht, const struct id *key, unsigned kind, struct bytes value,
                 uint64_t ends_ms)
{
    struct walk *walk = walk_of_scan(dht);
    if (walk == NULL || dht->handover.bytes + value.len > HANDOVER_BYTES_MAX)
        return false;
    dht->handover.bytes += value.len;
    return dht_publish_carry(dht, walk, key, kind, value, ends_ms);
}

/* Some of the records are looked through for the newcomer whose turn it is. The store may change
 * between two steps: what is missed is put anew by and by. */
static void step(struct dht *dht)
{
    struct handover *handover = &dht->handover;
    struct id key;
    unsigned kind;
    struct bytes value;
    uint32_t ends_s;
    for (size_t i = 0; i < HANDOVER_STEP; i++) {
        handover->cursor =
            record_store_next(dht->store, handover->cursor, &key, &kind, &value, &ends_s);
        if (handover->cursor == 0 || (is_to_give(dht, &key, &handover->to[0].id) &&
                                      !give(dht, &key, kind, value, ends_s * 1000ull))) {
            end_scan(dht);
            break;
        }
    }
    handover->step_ms = dht->now_ms + HANDOVER_STEP_MS;
}

void dht_handover_contact(struct dht *dht, const struct contact *contact)
{
    struct handover *handover = &dht->handover;
    if (!dht->join.joined || handover->count == HANDOVER_WAITING_MAX ||
        record_store_stats(dht->store)->records == 0 ||
        !routing_table_is_neighbour(dht->table, &contact->id) ||
        had_its_turn(dht, &contact->endpoint))
        return;
    if (handover->to == NULL)
        handover->to = malloc(HANDOVER_WAITING_MAX * sizeof *handover->to);
    if (handover->to == NULL)
        return;
    handover->to[handover->count++] = *contact;
    if (handover->count == 1 && dht->now_ms >= handover->step_ms)
        handover->step_ms = dht->now_ms;
}

/* When the next step is due. */
static uint64_t step_due_ms(const struct dht *dht)
{
    bool may = dht->handover.count > 0 && dht_walk_count(dht, WALK_HANDOVER) < HANDOVER_WALKS_MAX;
    return may ? dht->handover.step_ms : UINT64_MAX;
}

/* ---- from time to time ---- */

/* Keys are spread over the slots of a period, differently at each node. */
static unsigned slot_of(const struct dht *dht, const struct id *key)
{
    uint64_t hash = siphash(dht->config.secret, bytes_of(key->bytes, ID_BYTES));
    return (unsigned)(hash % HANDOVER_SLOTS);
}

static void put_slot_anew(struct dht *dht)
{
    struct handover *handover = &dht->handover;
    handover->slot_ms = dht->now_ms + HANDOVER_SLOT_MS;
    handover->slot = (uint8_t)((handover->slot + 1) % HANDOVER_SLOTS);
    if (!dht->join.joined)
        return;
    struct id key;
    unsigned kind;
    struct bytes value;
    uint32_t ends_s;
    size_t found = 0;
    for (size_t at = 0;
         (at = record_store_next(dht->store, at, &key, &kind, &value, &ends_s)) != 0;) {
        if (slot_of(dht, &key) != handover->slot || !is_our_turn(dht, &key))
            continue;
        uint64_t due_ms = dht->now_ms + rng_below(&dht->rng, HANDOVER_SLOT_MS);
        if (!dht_publish_anew(dht, &key, kind, value, ends_s * 1000ull, due_ms) ||
            ++found == HANDOVER_SLOT_MAX)
            return;
    }
}

/* ---- when ---- */

void dht_handover_run(struct dht *dht)
{
    if (dht->now_ms >= step_due_ms(dht))
        step(dht);
    if (dht->now_ms >= dht->handover.slot_ms)
        put_slot_anew(dht);
}

uint64_t dht_handover_deadline(const struct dht *dht)
{
    uint64_t slot_ms =
        record_store_stats(dht->store)->records > 0 ? dht->handover.slot_ms : UINT64_MAX;
    uint64_t step_ms = step_due_ms(dht);
    return step_ms < slot_ms ? step_ms : slot_ms;
}

void dht_handover_init(struct dht *dht)
{
    dht->handover.slot_ms = dht->now_ms + HANDOVER_SLOT_MS;
    source_table_init(&dht->handover.had, HANDOVER_TABLE_MAX, HANDOVER_AGAIN_MS / HANDOVER_TICK_MS);
}

void dht_handover_trim(struct dht *dht)
{
    source_table_trim(&dht->handover.had, ticks(dht));
}
