#include "daemon/handshakes.h"

#include <utlist.h>

#include "base/log.h"
#include "daemon/engine_private.h"
#include "daemon/item.h"
#include "daemon/peer_connection.h"

bool handshake_is_due(const struct engine *engine, const struct endpoint *remote)
{
    const struct peer_connection *connection;
    DL_FOREACH2(engine->connections, connection, next_all)
    if (!connection->incoming && !connection->open && endpoint_equal(&connection->remote, remote))
        return true;
    return false;
}

/* Another one with that endpoint was under way at the same time. */
static bool is_crowded(const struct peer_connection *connection)
{
    const struct peer_connection *other;
    DL_FOREACH2(connection->engine->connections, other, next_all)
    if (other != connection && !other->incoming && !other->dialling &&
        endpoint_equal(&other->remote, &connection->remote) &&
        (!other->open || other->since_ms >= connection->since_ms))
        return true;
    return false;
}

enum peer_outcome handshake_hung_up(const struct peer_connection *connection)
{
    char text[ENDPOINT_TEXT_SIZE];
    bool crowded = is_crowded(connection);
    endpoint_format(&connection->remote, text);
    log_debug("engine", "transfer %lld: %s hung up before its handshake%s",
              (long long)connection->item->row.id, text,
              crowded ? ", busy with another of ours" : "");
    return crowded ? PEER_CROWDED : PEER_HUNG_UP;
}
