/* share.add: a path is walked, hashed in the pool, and becomes a transfer that is complete. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/dht.h"
#include "kadpeer/id.h"

struct call;
struct daemon;
struct engine;

void share_job_start(struct engine *engine, struct call *call); /* ends the call */
bool share_jobs_hash(const struct engine *engine);              /* one has files still to read */
void share_jobs_cancel(struct engine *engine);                  /* the daemon stops */
/* A round of storing has ended: who shared it is told. */
void share_jobs_note(struct engine *engine, const struct id *key, enum record_kind kind,
                     uint32_t nodes);
