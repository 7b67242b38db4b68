/* A folder that lost some of its files: what is left of it can be kept while the rest is fetched.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct item;

/* Of what has the final name and was verified: whether nothing in it is lost when it gets the
 * partial name back and what it lacks is fetched. Files that share a piece with one that is gone
 * cannot be verified: they are noted in the options as spared, and saved. */
bool spare_what_is_there(struct item *item, const uint8_t *good);
