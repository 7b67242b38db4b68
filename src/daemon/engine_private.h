/* What the files of the engine share. */
#pragma once

#include "daemon/daemon.h"
#include "daemon/engine.h"
#include "daemon/engine_limits.h"
#include "daemon/engine_params.h"
#include "daemon/merges.h"
#include "daemon/upload.h"
#include "io/timer.h"
#include "kadpeer/ed25519.h"
#include "swarm/budget.h"
#include "swarm/transfer.h"

struct file_sha1;
struct peer_connection;
struct item;
struct resolving;
struct share_job;

/* Of connections, and of what came over them. */
struct refusals {
    uint64_t full, same_address, unknown_hash, no_handshake, handshake_timeout, left_early, banned,
        no_memory;
    uint64_t closed[CLOSE_REASONS]; /* by enum transfer_close_reason */
    uint64_t offences[TRANSFER_OFFENCES];
};

struct engine {
    struct daemon *daemon;
    struct storage_cache *cache;
    struct turn *turn;
    struct timer *timer;
    struct item *items;              /* utlist, in the order of their ids */
    struct item *by_hash, *by_id;    /* uthash */
    unsigned unlisted, unnumbered;   /* items that these had no memory for */
    struct item *dirty, *dirty_last; /* to be looked at this turn */
    struct merges merges;
    struct peer_connection *connections; /* utlist: all, of whatever item */
    struct share_job *share_jobs;        /* utlist */
    struct file_sha1 *file_sha1s;        /* utlist: the first one is being taken, the others wait */
    struct resolving *resolving;         /* utlist: names of peers in links */
    size_t connection_count, half_open;
    size_t connections_max, half_open_max;
    struct engine_limits limits;
    size_t downloading, downloading_max; /* items that hold a slot */
    struct budget memory;                /* of pieces that are being fetched */
    uint64_t reserve_bytes;
    struct uploads uploads;
    unsigned jobs; /* in the pool */
    uint8_t publisher_seed[ED25519_SEED_BYTES];
    bool has_publisher_seed;
    int64_t withdrawn_unix_s; /* see publisher.h, like the next */
    uint64_t signing_ms;
    char boot_id[40];
    size_t unshaken; /* accepted, their handshake still to come */
    bool limit_local;
    struct refusals refusals;

    bool stopping;
    struct timer *stop_timer;
    uint64_t stop_deadline_ms;
    void (*stopped)(void *user);
    void *stopped_user;
};

uint64_t engine_now(const struct engine *engine);
struct item *engine_find(const struct engine *engine, const struct id *infohash);
struct item *engine_find_id(const struct engine *engine, int64_t id);
/* Before a job goes to the pool, and when it is back: engine_stop waits for them. */
void engine_job_begins(struct engine *engine);
void engine_job_ends(struct engine *engine);
/* The key that signs names; made at first use. NULL: it can't be kept. */
const uint8_t *engine_publisher_seed(struct engine *engine);
/* A slot became free: whoever waits has a look. */
void engine_wake_queued(struct engine *engine);
/* Somebody waits who has use for a slot. */
bool engine_has_queued(const struct engine *engine);
void engine_wake_alone(struct engine *engine); /* those that hold one without use for it */
