/* Records of others that prove themselves, kept alive without those who made them
 * [Kademlia 2.5].
 *
 * - When one of the HANDOVER_GIVERS nearest to a key meets a node that belongs to the k nearest, it
 *   gives that node the records, at once. (The paper has only the nearest do so; but that one may
 *   be gone without our knowing it.)
 * - Every few hours the nearest puts them anew at the k nearest, as a publisher would; and rarely
 *   one of the others, lest they are lost when the nearest are all new and never had them.
 * What is put is a copy; if its maker, or somebody else, puts a newer one meanwhile, that one
 * stays. */
#include "dht/node.h"
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

static struct walk *new_handover(struct dht *dht, const struct contact *to)
{
    struct walk *walk = dht_walk_new(dht, WALK_HANDOVER, &to->id, 0);
    if (walk != NULL)
        lookup_add(&walk->lookup, &to->id, &to->endpoint, 0);
    return walk;
}

void dht_handover_contact(struct dht *dht, const struct contact *contact)
{
    if (!dht->join.joined || dht_walk_count(dht, WALK_HANDOVER) >= HANDOVER_WALKS_MAX ||
        !routing_table_is_neighbour(dht->table, &contact->id))
        return;
    struct walk *walk = NULL;
    struct id key;
    unsigned kind;
    struct bytes value;
    uint32_t ends_s;
    for (size_t at = 0;
         (at = record_store_next(dht->store, at, &key, &kind, &value, &ends_s)) != 0;) {
        if (!is_to_give(dht, &key, &contact->id))
            continue;
        if (walk == NULL && (walk = new_handover(dht, contact)) == NULL)
            return;
        if (!dht_publish_carry(dht, walk, &key, kind, value, ends_s * 1000ull))
            break;
    }
    if (walk != NULL)
        dht_walk_begin(dht, walk);
}

/* ---- from time to time ---- */

/* Keys are spread over the slots of a period, differently at each node. */
static unsigned slot_of(const struct dht *dht, const struct id *key)
{
    uint64_t hash = siphash(dht->config.secret, bytes_of(key->bytes, ID_BYTES));
    return (unsigned)(hash % HANDOVER_SLOTS);
}

void dht_handover_run(struct dht *dht)
{
    if (dht->now_ms < dht->handover_ms)
        return;
    dht->handover_ms = dht->now_ms + HANDOVER_SLOT_MS;
    dht->handover_slot = (uint8_t)((dht->handover_slot + 1) % HANDOVER_SLOTS);
    if (!dht->join.joined)
        return;
    struct id key;
    unsigned kind;
    struct bytes value;
    uint32_t ends_s;
    size_t found = 0;
    for (size_t at = 0;
         (at = record_store_next(dht->store, at, &key, &kind, &value, &ends_s)) != 0;) {
        if (slot_of(dht, &key) != dht->handover_slot || !is_our_turn(dht, &key))
            continue;
        uint64_t due_ms = dht->now_ms + rng_below(&dht->rng, HANDOVER_SLOT_MS);
        if (!dht_publish_anew(dht, &key, kind, value, ends_s * 1000ull, due_ms) ||
            ++found == HANDOVER_SLOT_MAX)
            return;
    }
}

uint64_t dht_handover_deadline(const struct dht *dht)
{
    return record_store_stats(dht->store)->records > 0 ? dht->handover_ms : UINT64_MAX;
}
