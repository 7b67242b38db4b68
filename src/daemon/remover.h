/* A transfer leaves: no longer shared, its row gone, its files deleted where that was asked for. */
#pragma once

#include <stdbool.h>

struct call;
struct item;

/* Ends the call (NULL: nobody asked) when all is done. */
void remover_start(struct item *item, bool with_data, struct call *call);
/* The item is idle: the next step. It may be freed. */
void remover_go_on(struct item *item);
