/* Something that was fetched, or shared from elsewhere, is shared from a path where all of it lies.
 */
#pragma once

#include <stdbool.h>

#include "kadpeer/id.h"

struct item;
struct metainfo;
struct storage_stat;

struct reshare {
    char *dir, *target;
    struct metainfo *metainfo;
    struct storage_stat *stats;
    bool unlisted, quiet, has_file_sha1;
    struct id file_sha1;
};

void reshare_free(struct reshare *reshare); /* NULL is allowed */
/* item->reshare, once the item is idle and halted. */
void reshare_apply(struct item *item);
