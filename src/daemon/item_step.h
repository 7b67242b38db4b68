/* What an item should be doing, made so. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct item;

void item_step(struct item *item);
/* Connections closed, the transfer freed as soon as the pool is done with its pieces. */
void item_halt(struct item *item);
bool item_wake(struct item *item); /* somebody connected: there is a transfer now; false: no */
uint64_t item_rest_due(const struct item *item); /* when its idle transfer can go; UINT64_MAX */
void item_save_traffic(struct item *item); /* what moved since the last time, to the catalog */
