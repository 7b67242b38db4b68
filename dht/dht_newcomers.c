/* Nodes that asked us, and that the table could use: each is pinged once, before it counts.
 *
 * Their addresses may be forged, so no more than NEWCOMER_PINGS_MAX are asked at a time. Others
 * wait for a place; when too many do, one of those who wait, whichever, gives way. So of a flood
 * and a few honest ones an equal share is asked. Of one public network one at a time is asked or
 * waits. Who is not asked is counted; it will ask us again. */
#include <stdlib.h>

#include "dht/node.h"
#include "dht/source.h"

static bool is_one_network(const struct dht *dht, const struct endpoint *a,
                           const struct endpoint *b)
{
    struct source_rules rules = {.limit_local = dht->config.limit_local};
    return source_same_network(&rules, a, b);
}

/* How many are being asked. `from`: is it, or one of its network, one of them or of those who wait?
 */
static size_t count_asked(const struct dht *dht, const struct endpoint *from, bool *known)
{
    const struct newcomers *newcomers = &dht->newcomers;
    const struct rpc_query *query;
    size_t asked = 0;
    *known = false;
    for (uint32_t at = 0; (query = rpc_next_of(&dht->rpc, RPC_PING_NEW, &at)) != NULL; asked++)
        *known = *known || is_one_network(dht, &query->to, from);
    for (size_t i = 0; i < newcomers->count; i++)
        *known = *known || is_one_network(dht, &newcomers->waiting[i], from);
    return asked;
}

static bool ask(struct dht *dht, const struct endpoint *to)
{
    return !rpc_is_asking(&dht->rpc, to) && dht_send_ping(dht, RPC_PING_NEW, to, NULL, 0);
}

static bool wait_for_a_place(struct dht *dht, const struct endpoint *from)
{
    struct newcomers *newcomers = &dht->newcomers;
    if (newcomers->waiting == NULL)
        newcomers->waiting = malloc(NEWCOMERS_WAITING_MAX * sizeof *newcomers->waiting);
    if (newcomers->waiting == NULL)
        return false;
    bool full = newcomers->count == NEWCOMERS_WAITING_MAX;
    size_t at = full ? rng_below(&dht->rng, NEWCOMERS_WAITING_MAX) : newcomers->count++;
    newcomers->waiting[at] = *from;
    dht->counted.unasked += full;
    return true;
}

bool dht_newcomer(struct dht *dht, const struct id *id, const struct endpoint *from)
{
    bool known = false;
    if (!endpoint_is_usable(from) || from->family != dht->config.family ||
        !routing_table_wants(dht->table, id, from, dht->now_ms) || rpc_is_asking(&dht->rpc, from))
        return false;
    size_t asked = count_asked(dht, from, &known);
    bool will_be =
        !known && (asked < NEWCOMER_PINGS_MAX ? ask(dht, from) : wait_for_a_place(dht, from));
    dht->counted.unasked += !will_be;
    return will_be;
}

void dht_newcomers_go_on(struct dht *dht)
{
    struct newcomers *newcomers = &dht->newcomers;
    size_t asked = rpc_count_of(&dht->rpc, RPC_PING_NEW);
    while (newcomers->count > 0 && asked < NEWCOMER_PINGS_MAX) {
        size_t at = rng_below(&dht->rng, newcomers->count);
        struct endpoint to = newcomers->waiting[at];
        newcomers->waiting[at] = newcomers->waiting[--newcomers->count];
        asked += ask(dht, &to);
    }
    if (newcomers->count == 0) {
        free(newcomers->waiting);
        newcomers->waiting = NULL;
    }
}
