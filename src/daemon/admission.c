#include "daemon/admission.h"

#include <utlist.h>

#include "daemon/item.h"
#include "daemon/peer_connection.h"

static bool is_one_too_many(const struct engine *engine, const struct endpoint *remote)
{
    size_t same = 0;
    const struct peer_connection *connection;
    if (endpoint_is_local(remote) && !engine->limit_local)
        return false;
    DL_FOREACH2(engine->connections, connection, next_all)
    same += endpoint_same_address(&connection->remote, remote);
    return same >= PEERS_PER_ADDRESS_MAX;
}

/* Of those accepted the one whose handshake is awaited longest, if it is as long as that. */
static struct peer_connection *longest_awaited(const struct engine *engine, uint64_t patience_ms)
{
    struct peer_connection *connection;
    uint64_t now_ms = engine_now(engine);
    DL_FOREACH2(engine->connections, connection, next_all)
    if (connection->unshaken)
        return now_ms - connection->since_ms >= patience_ms ? connection : NULL;
    return NULL;
}

/* Those that keep us waiting for their handshake come first. */
static struct peer_connection *most_useless(struct engine *engine)
{
    uint64_t now_ms = engine_now(engine);
    struct item *item;
    struct peer_connection *connection = longest_awaited(engine, HANDSHAKE_PATIENCE_MS);
    if (connection != NULL)
        return connection;
    DL_FOREACH(engine->items, item)
    {
        uint32_t peer = item->transfer != NULL ? transfer_useless_peer(item->transfer, now_ms) : 0;
        if (peer != 0 && (connection = item_connection(item, peer)) != NULL)
            return connection;
    }
    return NULL;
}

static void make_way(struct peer_connection *connection)
{
    connection->engine->refusals.handshake_timeout += connection->unshaken;
    peer_connection_close(connection, PEER_LOST, "makes way for another");
}

/* An honest handshake is here at once: when very many are awaited, the one awaited longest is the
 * least likely to be one. */
void admission_expect_handshake(struct engine *engine)
{
    if (engine->unshaken >= engine->half_open_max)
        make_way(longest_awaited(engine, 0));
}

static bool make_room(struct engine *engine)
{
    if (engine->connection_count < engine->connections_max)
        return true;
    struct peer_connection *useless = most_useless(engine);
    if (useless != NULL)
        make_way(useless);
    return useless != NULL;
}

bool admission_allows(struct engine *engine, const struct endpoint *remote)
{
    bool too_many = is_one_too_many(engine, remote);
    bool full = !too_many && (engine->stopping || !make_room(engine));
    engine->refusals.same_address += too_many;
    engine->refusals.full += full;
    return !too_many && !full;
}
