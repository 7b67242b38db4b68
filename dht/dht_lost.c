/* Contacts that were lost, asked again from time to time.
 *
 * When a network falls apart, each part forgets the others within minutes; when the cut is mended,
 * nobody knows anybody on the other side. So of those dropped for their silence some are
 * remembered, each as likely as any other, and two a minute are asked again. When one answers, a
 * walk to our own id begins with it, which brings neighbours of the other side; not more often than
 * every ten minutes, for nodes come back from pauses of their own all the time. */
#include <stdlib.h>

#include "dht/node.h"

void dht_lost_remember(struct dht *dht, const struct endpoint *endpoint)
{
    struct lost *lost = &dht->lost;
    if (lost->endpoints == NULL)
        lost->endpoints = malloc(LOST_MAX * sizeof *lost->endpoints);
    if (lost->endpoints == NULL)
        return;
    for (size_t i = 0; i < lost->count; i++)
        if (endpoint_equal(&lost->endpoints[i], endpoint))
            return;
    size_t at = lost->count < LOST_MAX ? lost->count++ : rng_below(&dht->rng, LOST_MAX);
    lost->endpoints[at] = *endpoint;
    if (lost->due_ms == UINT64_MAX)
        lost->due_ms = dht->now_ms + dht_jitter(dht, LOST_PAUSE_MS, 4);
}

static void forget(struct lost *lost, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < lost->count; i++)
        if (endpoint_equal(&lost->endpoints[i], endpoint))
            lost->endpoints[i] = lost->endpoints[--lost->count];
    if (lost->count > 0)
        return;
    free(lost->endpoints);
    *lost = (struct lost){.due_ms = UINT64_MAX, .walked_ms = lost->walked_ms};
}

void dht_lost_answered(struct dht *dht, const struct rpc_query *query, const struct message *answer)
{
    struct lost *lost = &dht->lost;
    forget(lost, &query->to);
    if (!dht->join.joined || dht->join.walk != 0 || answer->type != MESSAGE_RESPONSE ||
        (lost->walked_ms != 0 && dht->now_ms < lost->walked_ms + LOST_WALK_PAUSE_MS))
        return;
    struct walk *walk = dht_walk_new(dht, WALK_SELF, &dht->id, 0);
    if (walk == NULL)
        return;
    lost->walked_ms = dht->now_ms;
    lookup_add(&walk->lookup, &answer->id, &query->to, 0);
    dht_walk_begin(dht, walk);
}

void dht_lost_run(struct dht *dht)
{
    struct lost *lost = &dht->lost;
    if (dht->now_ms < lost->due_ms)
        return;
    lost->due_ms = dht->now_ms + dht_jitter(dht, LOST_PAUSE_MS, 4);
    const struct endpoint *to = &lost->endpoints[rng_below(&dht->rng, lost->count)];
    if (!rpc_is_asking(&dht->rpc, to))
        dht_send_ping(dht, RPC_PING_LOST, to, NULL, 0);
}
