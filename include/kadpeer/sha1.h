/* SHA-1, by libcrypto. */
#pragma once

#include "kadpeer/bytes.h"
#include "kadpeer/id.h"
#include "kadpeer/status.h"

/* Of the concatenation of `count` parts. */
struct id sha1_of_parts(const struct bytes *parts, size_t count);
struct id sha1_of(struct bytes data);

struct sha1; /* one running digest; not shared between threads */

struct sha1 *sha1_new(void); /* NULL: no memory */
void sha1_free(struct sha1 *sha1);
void sha1_update(struct sha1 *sha1, struct bytes data);
struct id sha1_finish(struct sha1 *sha1); /* and starts anew */
