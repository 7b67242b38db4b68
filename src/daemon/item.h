/* One transfer as the daemon has it: its row, its content on disk, its peers, and what is to be
 * done next.
 *
 * Nothing here is a sequence of steps that could be broken off: the facts of an item (wish,
 * metainfo known, placed on disk, pieces to verify, pieces missing, trouble) say what it should be
 * doing, and item_step makes it so, again after each change. What runs in the pool comes back as a
 * changed fact.
 *
 *   metainfo unknown      fetched from peers [BEP 9]; metadata_job.c reads it
 *   not placed            place.c looks at the disk: what is there, is there room, can we write
 *   pieces to verify      verifier.c
 *   nothing missing       finisher.c: whole-file SHA-1 where asked for, sync, rename
 *   a share without SHA-1 file_sha1.c, beside all else
 *   else                  fetch what is missing, serve what is there
 *   trouble               nothing, until somebody says `resume` or the disk says otherwise */
#pragma once

#include <uthash.h>

#include "content/storage.h"
#include "daemon/engine_private.h"
#include "daemon/finder.h"
#include "daemon/item_options.h"
#include "daemon/publisher.h"
#include "swarm/peer_list.h"
#include "swarm/transfer.h"

struct discard;
struct file_sha1;
struct finisher;
struct first_peer_call;
struct follower;
struct metadata_job;
struct move_call;
struct mover;
struct piece_job;
struct place;
struct reader;
struct remover;
struct reshare;
struct verifier;
struct verify_call;

enum item_trouble {
    TROUBLE_NONE,
    TROUBLE_NO_SPACE,      /* goes on by itself */
    TROUBLE_MISSING_FILES, /* goes on when they are back */
    TROUBLE_CHANGED,       /* shared files are not what they were; likewise */
    TROUBLE_CONFLICT,      /* another file has the name */
    TROUBLE_MISMATCH,      /* fetched by a file's SHA-1, which it does not have */
    TROUBLE_DISK,          /* no permission, read or write failed; for want of descriptors or memory
                              it goes on by itself */
    TROUBLE_METADATA,      /* what peers gave as metadata is none */
    TROUBLE_SELECTION,     /* no file is what was selected */
};

enum item_state {
    ITEM_SEARCHING,
    ITEM_METADATA,
    ITEM_QUEUED,
    ITEM_DOWNLOADING,
    ITEM_VERIFYING,
    ITEM_SHARING,
    ITEM_PAUSED,
    ITEM_COMPLETE,
    ITEM_NO_SPACE,
    ITEM_MISSING_FILES,
    ITEM_ERROR,
    ITEM_STATES
};

#define ITEM_REASON_SIZE 512

/* Until it is known whether its files are still right. */
enum item_look { LOOK_NONE, LOOK_ASKED, LOOK_UNDER_WAY };

struct item {
    struct item *prev, *next; /* engine->items */
    struct item *next_dirty;
    UT_hash_handle hh, hh_id;
    struct engine *engine;
    bool is_dirty, removing;
    bool is_fresh;   /* asked for in this run; see drop_if_refused */
    unsigned jobs;   /* in the pool, of any kind: storage and metainfo must live */
    unsigned checks; /* of these, on bytes of the transfer: it must live, too */

    struct catalog_transfer row; /* its texts are ours; `have` and, with metainfo, `info` are views
                                    of those below */
    struct id discovery;         /* see item_find_discovery */
    bool discoverable;
    struct item_options options;
    struct metainfo *metainfo;    /* NULL: not known yet */
    uint8_t *have;                /* verified pieces, as BITFIELD; NULL without metainfo */
    uint8_t *wanted;              /* NULL: all of them */
    uint32_t have_count, missing; /* missing: wanted and not there */
    uint64_t missing_bytes;

    struct storage *storage;       /* NULL without metainfo */
    struct storage_stat *expected; /* of a complete one: its files when they were right */
    struct storage_stat *seen;     /* as the last look saw them */
    struct storage_stat *finished; /* `expected` of a complete one that wants more: reselect.h */
    bool reselecting;              /* the disk is about to follow the new selection */
    bool placed;
    enum item_look look;   /* of a complete one: for whoever asks for it again */
    bool look_forces;      /* … with --force: what was altered is fetched anew */
    bool final_is_other;   /* what has the final name was verified: it is something else */
    bool look_at_final;    /* it came there while we fetched */
    bool final_is_alone;   /* nothing has the partial name beside it */
    uint8_t *reopen_have;  /* … but these pieces of it are right, and it may be used up */
    struct storage *probe; /* what has the final name, being verified */
    uint8_t *adopt_have;   /* … all that is wanted is in it; no part of ours is needed any more */
    uint8_t *to_verify;    /* NULL: nothing */
    bool verify_all;       /* of a complete one: even when its files look unchanged */
    bool leftover;         /* to_verify is about a partial file we do not know */
    /* Somebody else changes what we fetch: nothing of it is served until it was looked at and
     * verified. */
    bool changed;          /* noticed: place looks, alone */
    bool mends;            /* to_verify is about what place found changed then */
    bool all_verified;     /* since the last piece was written */
    bool sync_failed;      /* what is not known to be on disk may not be: verified next */
    unsigned false_alarms; /* what looked changed was right; FALSE_ALARMS_MAX: looks mean nothing */

    enum item_trouble trouble;
    enum status trouble_status;
    char trouble_text[ITEM_REASON_SIZE];
    uint64_t space_needed, space_free;
    uint64_t recheck_ms; /* when place looks again; UINT64_MAX: never */

    /* NULL while neither fetched nor served. A complete one that nobody is connected to has none
     * either, though it runs: most of a large collection is just there. */
    struct transfer *transfer;
    uint64_t lonely_since_ms; /* complete, and the last peer left then */
    bool transfer_has_metainfo;
    bool has_slot, waits_for_slot;
    bool asks_for_slot;            /* waits, and is not alone */
    uint64_t moved_ms;             /* last time payload came */
    uint64_t last_down;            /* bytes_down of the transfer at that time */
    uint64_t saved_up, saved_down; /* of the transfer's counters: what is in row already */
    uint64_t traffic_due_ms;
    uint64_t enough_since_ms; /* shared enough, and somebody is at his last blocks; 0: not */
    uint8_t peer_id[20];
    struct peer_list *peers;
    struct peer_connection *connections; /* utlist */
    struct peer_connection *by_peer;     /* uthash, of those with a handle */
    size_t connection_count, dialling;
    unsigned past_sources; /* peers that gave something and are gone */

    struct reshare *reshare; /* to be done next */
    struct file_sha1 *sha1_job;
    uint64_t sha1_again_ms; /* not before; after a failure */
    struct metadata_job *metadata_job;
    struct place *place;
    struct discard *discard;
    struct verifier *verifier;
    struct finisher *finisher;
    struct piece_job *waiting_checks, *waiting_last; /* not yet in the pool */
    struct piece_job *checked;                       /* back from it, not yet recorded */
    unsigned running_checks;
    size_t checked_bytes;
    uint64_t checked_since_ms; /* the first of `checked` */
    uint64_t look_due_ms;      /* its files by their names, next time something is read */
    uint64_t unsynced_bytes, unsynced_since_ms;
    bool syncing;

    struct finder finder;
    struct publisher *publisher;
    uint64_t published_mark;                  /* of the facts it was told last */
    struct follower *followers;               /* utlist */
    struct verify_call *verify_calls;         /* utlist */
    struct first_peer_call *first_peer_calls; /* utlist */
    struct endpoint had_all; /* the last peer that fetched and has all now; family 0: none */
    uint64_t had_all_ms;
    struct reader *readers; /* utlist */
    struct remover *remover;
    struct mover *mover;
    struct move_call *move_call; /* who waits for it; NULL: nobody */
    struct timer *timer;
};

/* Takes what the row points to. NULL: no memory. Not in the catalog, not in the engine's lists. */
struct item *item_new(struct engine *engine, struct catalog_transfer *row);
void item_free(struct item *item);   /* no job of its may be running */
void item_enter(struct item *item);  /* into the engine's lists, and to work */
void item_unlist(struct item *item); /* from engine->by_hash and by_id */
void item_leave(struct item *item);  /* them; idle, and without a transfer */
bool item_is_idle(const struct item *item);

void item_mark(struct item *item); /* item_turn will be called this turn */
void item_turn(struct item *item);
void item_publish(struct item *item); /* or withdraw, as the facts say */
struct peer_connection *item_connection(struct item *item, uint32_t peer); /* NULL: gone */

/* Metainfo has come to be known: taken. Fills in name, size and target where the row has none. */
enum status item_set_metainfo(struct item *item, struct metainfo *metainfo);
enum status item_open_storage(struct item *item, bool partial); /* anew */
/* Another one of the same content, for the caller. */
enum status item_make_storage(struct item *item, bool partial, struct storage **out);
void item_leave_out(struct item *item, struct storage *storage); /* what is not selected */
/* What was there before is only compared. False: no memory. */
bool item_spare(struct item *item, struct storage *storage);
/* All at once: what is verified. NULL: nothing. There is room as soon as the metainfo is known, so
 * that want of memory makes none of it forgotten, nor wrongly believed. */
void item_set_have(struct item *item, const uint8_t *have);
void item_add_piece(struct item *item, uint32_t piece);
void item_doubt_piece(struct item *item, uint32_t piece); /* not had before it is verified anew */
bool item_wants(const struct item *item, uint32_t piece);

enum status item_save(struct item *item); /* the whole row; not the info dictionary */
bool item_save_have(struct item *item);   /* false: it could not, and is in trouble */
void item_save_files(struct item *item);  /* how they look: `expected` */
void item_save_left(struct item *item);   /* how a partial one was left, for the next run */
void item_save_peers(struct item *item);  /* the addresses that proved useful, for the next run */

/* On disk, or nothing has changed; what somebody said goes through this first. */
enum status item_keep_wish(struct item *item, enum catalog_wish wish);
/* It holds even if it can't be kept. RUN also forgets trouble. */
void item_set_wish(struct item *item, enum catalog_wish wish);
/* DISK: "cannot WHAT NAME: REASON", of a file or of all. */
void item_cannot(struct item *item, const char *what, enum status status,
                 const struct storage_error *error);
void item_set_trouble(struct item *item, enum item_trouble trouble, enum status status,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
void item_clear_trouble(struct item *item);
bool item_trouble_passes(const struct item *item); /* tried again by itself, in a while */
/* Asked for by a file's SHA-1, it turned out to be this. */
void item_becomes(struct item *item, const struct id *infohash);
/* It does not have that SHA-1, and is gone from the disk: what else has it is looked for. False:
 * that cannot be, and it stays what it is. */
bool item_rejects(struct item *item);
/* A fetched one whose copy vanished, or was changed and may be replaced: to be fetched anew. Others
 * are left alone. */
void item_begin_again(struct item *item);
void item_verify(struct item *item); /* all of it, anew */
/* A partial file is not as we left it, says `error` (NULL: any of them). */
void item_partial_changed(struct item *item, const struct storage_error *error);
void item_tell_changed(const struct item *item, const struct storage_error *error);
void item_false_alarm(struct item *item); /* it was right all the same */
/* What was on disk may be so no more: after a restart of the machine all is verified. */
void item_forget_synced(struct item *item);
/* These pieces are on disk for sure. */
void item_set_synced(struct item *item, const uint8_t *have);
/* A sync failed: the system may have thrown away what it could not write. */
void item_sync_failed(struct item *item, enum status status, const struct storage_error *error);
/* What has the final name is it: shared from there. */
void item_adopt(struct item *item);
/* Every wanted piece is on disk under the final name, the files look like `stats` (taken). */
void item_complete(struct item *item, struct storage_stat *stats);

bool item_is_running(const struct item *item);  /* serves or fetches */
bool item_is_fetching(const struct item *item); /* wants peers */
bool item_is_private(const struct item *item);
size_t item_bitfield_bytes(const struct item *item);
