/* Counts and states of an item, all made from its facts. */
#pragma once

#include <stddef.h>

#include "daemon/item.h"

/* Sets the bits of the pieces that this file has a part of. */
void item_mark_pieces(const struct item *item, uint32_t file, uint8_t *bits);
void item_apply_selection(struct item *item); /* options.selected → wanted */

enum item_state item_state(const struct item *item);
const char *item_state_name(enum item_state state);
/* Why it does not go on; empty while it does. */
void item_reason(const struct item *item, char *out, size_t size);
void item_describe_no_space(const struct item *item, char *out, size_t size);
/* `path` as in storage_error; NULL: the partial file or folder. */
void item_describe_change(const struct item *item, const char *path, char *out, size_t size);
/* What the search for a first peer has come to: "no peer found yet: 24 nodes answered, none …". */
void item_describe_search(const struct item *item, char *out, size_t size);

/* It looked for peers in vain, and nobody is connected or being dialled: a slot is of no use. */
bool item_is_looked_into(const struct item *item); /* a look was asked for, and is not over */
/* That look has found it lost, and it is fetched anew. */
bool item_begins_again(const struct item *item);
bool item_is_alone(const struct item *item);

/* "1.5 GiB" */
void item_format_size(uint64_t bytes, char *out, size_t size);

uint64_t item_wanted_bytes(const struct item *item); /* of the selected files' pieces */
uint64_t item_done_bytes(const struct item *item);   /* of these, verified */
unsigned item_source_count(const struct item *item); /* peers that gave something */
