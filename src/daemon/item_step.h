/* What an item should be doing, made so. */
#pragma once

struct item;

void item_step(struct item *item);
/* Connections closed, the transfer freed as soon as the pool is done with its pieces. */
void item_halt(struct item *item);
void item_save_traffic(struct item *item); /* what moved since the last time, to the catalog */
