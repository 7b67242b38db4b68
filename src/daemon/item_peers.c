#include "daemon/item_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "daemon/item.h"
#include "daemon/node.h"
#include "daemon/peer_connection.h"
#include "io/resolve.h"

/* ---- of a link ---- */

static void take(struct item *item, const struct endpoint *endpoint)
{
    struct daemon *daemon = item->engine->daemon;
    if (node_is_self(daemon->node, endpoint))
        return;
    peer_list_add(item->peers, endpoint, PEER_FROM_LINK, daemon_now_ms(daemon));
    node_bootstrap(daemon->node, endpoint, 1);
    item_mark(item);
}

struct resolving {
    struct resolving *prev, *next; /* engine->resolving */
    struct resolve *resolve;
    struct engine *engine;
    int64_t id; /* of the transfer, which may be gone by then */
};

static void end_resolving(struct resolving *resolving)
{
    DL_DELETE(resolving->engine->resolving, resolving);
    free(resolving);
}

static void on_resolved(void *user, enum status status, const struct endpoint endpoints[],
                        size_t count)
{
    struct resolving *resolving = user;
    struct item *item = engine_find_id(resolving->engine, resolving->id);
    for (size_t i = 0; status == STATUS_OK && item != NULL && i < count; i++)
        take(item, &endpoints[i]);
    end_resolving(resolving);
}

static void resolve(struct item *item, const char *host, uint16_t port)
{
    struct resolving *resolving = malloc(sizeof *resolving);
    if (resolving == NULL)
        return;
    *resolving = (struct resolving){.engine = item->engine, .id = item->row.id};
    DL_APPEND(item->engine->resolving, resolving);
    resolving->resolve =
        resolve_start(item->engine->daemon->loop, host, port, on_resolved, resolving);
    if (resolving->resolve == NULL)
        end_resolving(resolving);
}

void item_peers_cancel(struct engine *engine)
{
    while (engine->resolving != NULL) {
        resolve_cancel(engine->resolving->resolve);
        end_resolving(engine->resolving);
    }
}

static void join_text(const char *host, uint16_t port, char *out, size_t size)
{
    bool v6 = strchr(host, ':') != NULL && host[0] != '[';
    snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", host, port);
}

static void keep(struct item *item, const char *text)
{
    size_t len = strlen(item->row.peers), more = strlen(text);
    if (strstr(item->row.peers, text) != NULL)
        return;
    char *peers = realloc(item->row.peers, len + more + 2);
    if (peers == NULL)
        return;
    item->row.peers = peers;
    snprintf(peers + len, more + 2, "%s%s", len > 0 ? " " : "", text);
}

void item_peers_add(struct item *item, const char *host, uint16_t port)
{
    char text[300];
    struct endpoint endpoint;
    join_text(host, port, text, sizeof text);
    keep(item, text);
    if (endpoint_parse(text, &endpoint))
        take(item, &endpoint);
    else
        resolve(item, host, port);
}

/* ---- over a restart ---- */

static void saved_name(const struct item *item, char out[32])
{
    snprintf(out, 32, "peers/%lld", (long long)item->row.id);
}

static void load_one(struct item *item, const char *text, enum peer_source source)
{
    struct endpoint endpoint;
    char host[300];
    const char *colon = strrchr(text, ':');
    if (endpoint_parse(text, &endpoint)) {
        peer_list_add(item->peers, &endpoint, source, engine_now(item->engine));
    } else if (colon != NULL && source == PEER_FROM_LINK) {
        snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
        resolve(item, host, (uint16_t)atoi(colon + 1));
    }
}

static void load_text(struct item *item, const char *text, size_t len, enum peer_source source)
{
    char one[300];
    for (size_t at = 0; at < len;) {
        size_t end = at;
        while (end < len && text[end] != ' ')
            end++;
        if (end - at < sizeof one && end > at) {
            memcpy(one, text + at, end - at);
            one[end - at] = 0;
            load_one(item, one, source);
        }
        at = end + 1;
    }
}

void item_peers_load(struct item *item)
{
    char name[32];
    uint8_t *data;
    size_t len;
    load_text(item, item->row.peers, strlen(item->row.peers), PEER_FROM_LINK);
    saved_name(item, name);
    if (item->row.complete ||
        catalog_get(item->engine->daemon->catalog, name, &data, &len) != STATUS_OK)
        return;
    load_text(item, (const char *)data, len, PEER_FROM_SAVED);
    free(data);
}

void item_save_peers(struct item *item)
{
    char name[32], text[ENDPOINT_TEXT_SIZE];
    const struct peer_connection *connection;
    struct buffer buffer;
    size_t count = 0;
    if (item->row.complete || item->by_peer == NULL)
        return;
    buffer_init(&buffer);
    DL_FOREACH(item->connections, connection)
    {
        if (!connection->open || connection->listen.family == ENDPOINT_NONE ||
            count++ >= SAVE_PEERS_MAX)
            continue;
        endpoint_format(&connection->listen, text);
        buffer_add_format(&buffer, "%s%s", buffer.len > 0 ? " " : "", text);
    }
    saved_name(item, name);
    if (buffer.len > 0 && !buffer.failed)
        catalog_set(item->engine->daemon->catalog, name, buffer_bytes(&buffer));
    buffer_dispose(&buffer);
}
