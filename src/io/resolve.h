/* Names to addresses, by the system's resolver, in the pool of threads: several at a time, none
 * holds up the loop. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"

struct resolve;

/* From the loop, once. OK: at least one endpoint, both families, in the resolver's order, borrowed
 * for the call. NOT_FOUND: no such name; TIMED_OUT: the resolver did not answer; others. */
typedef void resolve_on_done(void *user, enum status status, const struct endpoint endpoints[],
                             size_t count);

/* `host` is a name or an address without brackets (that asks nobody), copied. NULL: no memory. */
struct resolve *resolve_start(uv_loop_t *loop, const char *host, uint16_t port,
                              resolve_on_done *on_done, void *user);
/* Before its end only; on_done is not called. What runs already ends unseen. NULL is allowed. */
void resolve_cancel(struct resolve *resolve);
