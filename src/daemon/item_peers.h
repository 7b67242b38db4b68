/* Addresses that came with a link or from an earlier run. */
#pragma once

#include <stdint.h>

struct engine;
struct item;

/* Of a link: to be dialled, asked for nodes, and kept in the row (unsaved). Names are resolved. */
void item_peers_add(struct item *item, const char *host, uint16_t port);
void item_peers_load(struct item *item);       /* of the row, and of the earlier run */
void item_peers_cancel(struct engine *engine); /* names that are still being resolved */
