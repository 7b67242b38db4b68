/* Metadata that came whole from peers: its SHA-1 and its reading in the pool (of 30 MiB they take
 * up to a second), then the word to the transfer. What it says becomes the item's metainfo. */
#pragma once

#include "kadpeer/bytes.h"

struct item;

/* item->metadata_job until its end; the transfer lives as long. */
void metadata_job_start(struct item *item, struct bytes info);
