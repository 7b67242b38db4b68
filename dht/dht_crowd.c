/* Keys that somebody crowds with ids of his own, to hide what is stored there.
 *
 * When the k nearest that a get or a round of storing has found lie far too close to the key
 * (density.h), k more are asked, and so on until honest nodes are expected among them. Then all of
 * them are read, or given the record. Readers and publishers judge alike, so they meet at the
 * honest ones; those who crowd the key gain nothing but our asking them. And so do the honest ones:
 * they do not refuse what they are given, or forget it sooner, because many seem to be nearer. */
#include "dht/node.h"

static double nodes_there_seem_to_be(const struct dht *dht)
{
    return density_median(&dht->density, (double)routing_table_network_size(dht->table));
}

/* Those who crowd a key near us make the network seem far larger from here. */
double dht_crowd_nodes(const struct dht *dht)
{
    double nodes = nodes_there_seem_to_be(dht);
    double by_buckets = routing_table_size_by_buckets(dht->table);
    return by_buckets > 0 && nodes > ROUTING_CROWDED * by_buckets ? by_buckets : nodes;
}

uint64_t dht_crowd_nearer(const struct dht *dht, const struct id *key)
{
    struct contact near[DHT_K];
    size_t count = routing_table_closest(dht->table, key, near, DHT_K), nearer = 0;
    for (size_t i = 0; i < count; i++)
        nearer += id_distance_compare(key, &near[i].id, &dht->id) < 0;
    if (nearer < DHT_K)
        return nearer;
    double nodes = dht_crowd_nodes(dht);
    double share = density_share(key, &near[count - 1].id);
    uint64_t estimate = (uint64_t)(density_share(key, &dht->id) * nodes);
    return estimate > DHT_K || density_is_crowded(nodes, count, share) ? estimate : DHT_K;
}

/* What part of the space the nearest found take; 0: fewer were found than looked for. */
static double share_looked_through(const struct lookup *lookup)
{
    uint16_t nearest[DENSITY_WIDE_MAX];
    double share = 0;
    if (lookup_result(lookup, nearest, lookup->config.k) < lookup->config.k)
        return 0;
    for (size_t i = 0; i < lookup->config.k;
         i++) { /* those whose ids do not fit come last, if not farthest */
        double distance = density_share(&lookup->target, &lookup->nodes[nearest[i]].id);
        share = distance > share ? distance : share;
    }
    return share;
}

bool dht_crowd_widens(struct dht *dht, struct walk *walk)
{
    struct lookup *lookup = &walk->lookup;
    bool may = walk->purpose == WALK_GET || walk->purpose == WALK_PUBLISH;
    double share = may ? share_looked_through(lookup) : 0;
    if (share == 0 || lookup->config.k >= DENSITY_WIDE_MAX)
        return false;
    double nodes = nodes_there_seem_to_be(dht);
    bool wide = lookup->config.k > DHT_K;
    if (wide ? density_is_wide_enough(nodes, share) : !density_is_crowded(nodes, DHT_K, share))
        return false;
    dht->counted.crowded_keys += !wide;
    lookup->config.k += DHT_K;
    dht_walk_seed_more(dht, walk);
    return true;
}

/* A crowded key tells nothing, and a walk to ourselves nothing of the network as it is once we and
 * those who came with us have joined. */
void dht_crowd_note(struct dht *dht, const struct walk *walk)
{
    if (walk->purpose == WALK_SELF || walk->lookup.config.k != DHT_K)
        return;
    double share = share_looked_through(&walk->lookup);
    if (share > 0 && !density_is_crowded(nodes_there_seem_to_be(dht), DHT_K, share))
        density_note(&dht->density, DHT_K, share);
}
