/* The map `transfer` of docs/control.md. */
#pragma once

#include "daemon/pack.h"

struct item;

void transfer_map_pack(struct pack *pack, const char *key, const struct item *item);
