#include "daemon/item.h"
#include "daemon/link.h"
#include "daemon/node.h"

void link_of_item(const struct item *item, struct buffer *out)
{
    struct endpoint endpoints[LINK_PEERS_MAX];
    size_t count = node_own_endpoints(item->engine->daemon->node, endpoints, LINK_PEERS_MAX);
    bool named = item->metainfo != NULL || item->row.target[0] != 0;
    link_format(&item->row.infohash, named ? item->row.name : NULL, item->row.size, endpoints,
                count < LINK_PEERS_MAX ? count : LINK_PEERS_MAX, out);
}
