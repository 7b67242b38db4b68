/* Which transfer a call means by `id`. */
#pragma once

struct call;
struct engine;
struct item;

/* A number; or a text: the number's digits, 40 hexadecimal digits, a prefix of 6 or more that only
 * one has, an exact name that only one has. NULL: none, and the call has been failed. */
struct item *transfer_target(struct engine *engine, struct call *call);
/* What the number it names has joined, in this run: see merges.h. NULL: none. Fails nothing. */
struct item *transfer_target_merged(struct engine *engine, const struct call *call);
