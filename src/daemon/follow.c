#include "daemon/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "daemon/bootstrap.h"
#include "daemon/control.h"
#include "daemon/item_facts.h"
#include "daemon/node.h"
#include "daemon/remover.h"
#include "daemon/transfer_map.h"

struct follower {
    struct follower *prev, *next; /* item->followers */
    struct item *item;
    struct call *call;
    uint64_t started_ms, wait_ms;
    uint64_t received;     /* bytes, by the items it followed before */
    uint64_t base;         /* what this one had received by then */
    uint64_t told_ms;      /* last progress or search */
    bool metadata;         /* that is all it waits for */
    uint64_t source_ms;    /* it had one last, or did not look for any */
    enum item_state state; /* told last; ITEM_STATES: none yet */
    char reason[ITEM_REASON_SIZE];
    uint32_t metadata_have, metadata_total;
};

static void forget(struct follower *follower)
{
    DL_DELETE(follower->item->followers, follower);
    free(follower);
}

static void on_cancel(void *user)
{
    struct follower *follower = user;
    item_mark(follower->item);
    forget(follower);
}

static uint64_t received_by(const struct item *item)
{
    struct transfer_stats stats = {.peers = 0};
    if (item->transfer != NULL)
        transfer_stats(item->transfer, engine_now(item->engine), &stats);
    return item->row.downloaded + stats.bytes_down - item->saved_down;
}

/* ---- how it ends ---- */

static void finish(struct follower *follower)
{
    struct item *item = follower->item;
    struct pack *pack = call_result(follower->call);
    char *path = storage_path(item->storage);
    transfer_map_pack(pack, "transfer", item);
    pack_double(pack, "seconds",
                (double)(engine_now(item->engine) - follower->started_ms) / 1000.0);
    pack_u64(pack, "received", follower->received + received_by(item) - follower->base);
    pack_u64(pack, "sources", item_source_count(item));
    pack_text(pack, "path", path);
    free(path);
    call_finish(follower->call);
    forget(follower);
}

/* Where it lies, or would. */
static char *content_path(const struct item *item)
{
    char *path = NULL;
    if (item->storage != NULL && !item->options.metadata_only)
        return storage_path(item->storage);
    return asprintf(&path, "%s/%s", item->row.dir, item->row.target) < 0 ? NULL : path;
}

static void finish_metadata(struct follower *follower)
{
    const struct item *item = follower->item;
    struct pack *pack = call_result(follower->call);
    char *path = content_path(item);
    pack_id(pack, "hash", &item->row.infohash);
    pack_text(pack, "name", item->metainfo->name);
    pack_u64(pack, "size", item->metainfo->total_length);
    pack_text(pack, "path", path);
    pack_double(pack, "seconds",
                (double)(engine_now(item->engine) - follower->started_ms) / 1000.0);
    pack_bin(pack, "info", item->metainfo->info, item->metainfo->info_len);
    free(path);
    call_finish(follower->call);
    forget(follower);
}

static const struct {
    const char *code;
    int exit;
    const char *hint;
} endings[] = {
    [TROUBLE_NO_SPACE] = {"no_space", 9, NULL},
    [TROUBLE_MISSING_FILES] = {"missing_files", 9, NULL},
    [TROUBLE_CHANGED] = {"mismatch", 10, NULL},
    [TROUBLE_CONFLICT] = {"conflict", 8, "-o DIR for another place, --force to replace"},
    [TROUBLE_MISMATCH] = {"mismatch", 10, NULL},
    [TROUBLE_DISK] = {"disk", 9, NULL},
    [TROUBLE_METADATA] = {"bad_torrent", 12, NULL},
    [TROUBLE_SELECTION] = {"no_file", 3, "kadpeer files ID lists them, get ID --select chooses"},
};

void follow_fail_several(const struct item *item, struct call *call)
{
    char hint[96];
    snprintf(hint, sizeof hint, "get %lld --select N; kadpeer files %lld lists them",
             (long long)item->row.id, (long long)item->row.id);
    call_fail(call, "several_files", 2, hint, "%s has several files", item->row.name);
}

void follow_fail(const struct item *item, struct call *call)
{
    enum item_trouble trouble = item->trouble;
    char needed[32], available[32];
    if (trouble == TROUBLE_SELECTION && item->trouble_status == STATUS_FULL) {
        follow_fail_several(item, call);
        return;
    }
    if (trouble != TROUBLE_NO_SPACE) {
        const char *hint = trouble == TROUBLE_CONFLICT && item->row.force
                               ? "-o DIR for another place" /* it was forced already */
                               : endings[trouble].hint;
        call_fail(call, endings[trouble].code, endings[trouble].exit, hint, "%s",
                  item->trouble_text);
        return;
    }
    item_format_size(item->space_needed, needed, sizeof needed);
    item_format_size(item->space_free, available, sizeof available);
    call_fail(call, "no_space", 9, NULL,
              "%lld %s paused: %s more needed, %s free; goes on by itself when there is room",
              (long long)item->row.id, item->row.name, needed, available);
}

/* Row 4 of the error table. */
static void fail_without_nodes(struct follower *follower, unsigned seconds)
{
    const struct daemon *daemon = follower->item->engine->daemon;
    struct bootstrap_counts counts = bootstrap_counts(daemon->bootstrap);
    size_t saved = node_saved_count(daemon->node), configured = counts.configured + counts.listed;
    call_fail(follower->call, "no_nodes", 6, "kadpeer join HOST:PORT",
              "this node knows no other node: %zu saved, %zu configured, none answered in %us",
              saved, configured, seconds);
}

/* They run, and end every connection before their handshake. */
static void fail_hung_up(struct follower *follower, size_t known, const char *hash,
                         unsigned seconds)
{
    call_fail(follower->call, "timed_out", 4,
              "has it room for another peer (max_connections), and does it still share this? "
              "kadpeer makes no encrypted connections: other programs must not require them",
              "%zu peer%s known for %.4s...%s, hung up on us, in %us", known, known == 1 ? "" : "s",
              hash, hash + 36, seconds);
}

static void fail_without_source(struct follower *follower)
{
    const struct item *item = follower->item;
    const struct finder *finder = &item->finder;
    char hash[ID_HEX_SIZE], hint[96];
    unsigned seconds = (unsigned)(follower->wait_ms / 1000);
    size_t known = peer_list_count(item->peers);
    id_to_hex(&item->row.infohash, hash);
    snprintf(hint, sizeof hint,
             "is the sharing node running? it stays listed; kadpeer resume %lld tries again",
             (long long)item->row.id);
    if (item->by_peer != NULL)
        call_fail(follower->call, "no_source", 3, hint,
                  "no source for what is missing of %.4s...%s in %us: no connected peer has it",
                  hash, hash + 36, seconds);
    else if (known > 0 && peer_list_count_hung_up(item->peers) == known)
        fail_hung_up(follower, known, hash, seconds);
    else if (known > 0)
        call_fail(follower->call, "timed_out", 4, hint,
                  "%zu peer%s known for %.4s...%s, none of them answers, in %us", known,
                  known == 1 ? "" : "s", hash, hash + 36, seconds);
    else if (item_is_private(item))
        call_fail(follower->call, "no_source", 3, "--from HOST:PORT names a peer that has it",
                  "no source for %.4s...%s in %us: a private transfer is not searched for", hash,
                  hash + 36, seconds);
    else if (!node_joined(item->engine->daemon->node))
        fail_without_nodes(follower, seconds);
    else if (finder->answered == 0)
        call_fail(follower->call, "no_source", 3, hint,
                  "no source for %.4s...%s: no node answered, in %us", hash, hash + 36, seconds);
    else
        call_fail(follower->call, "no_source", 3, hint,
                  "no source for %.4s...%s: %u node%s answered, none knows it, in %us", hash,
                  hash + 36, finder->answered, finder->answered == 1 ? "" : "s", seconds);
}

static bool is_done(const struct item *item)
{
    return item->row.complete && item->trouble == TROUBLE_NONE && item->to_verify == NULL &&
           !item_is_looked_into(item) && !item->options.reselects &&
           (item->placed || item->row.wish != WISH_RUN);
}

/* Somebody connected has some of what we lack, or may yet tell what there is; or all has come and
 * is being checked. */
static bool has_source(const struct item *item)
{
    struct transfer_stats stats;
    if (item->transfer == NULL || !item->transfer_has_metainfo)
        return item->by_peer != NULL;
    transfer_stats(item->transfer, engine_now(item->engine), &stats);
    return stats.pieces_wanted_missing == 0 ||
           (item->by_peer != NULL && stats.pieces_unavailable < stats.pieces_wanted_missing);
}

/* True: it has ended and is gone. */
static bool end_if_over(struct follower *follower)
{
    struct item *item = follower->item;
    if (follower->metadata && item->metainfo != NULL) {
        finish_metadata(follower);
        return true;
    }
    if (is_done(item)) {
        finish(follower);
        return true;
    }
    if (item->trouble != TROUBLE_NONE && item->verifier == NULL && !item_begins_again(item)) {
        follow_fail(item, follower->call);
        forget(follower);
        return true;
    }
    uint64_t now_ms = engine_now(item->engine);
    bool searches = item_is_fetching(item) || (follower->metadata && item->metainfo == NULL);
    if (!searches || has_source(item))
        follower->source_ms = now_ms;
    if (follower->wait_ms == 0 || now_ms < follower->source_ms + follower->wait_ms)
        return false;
    fail_without_source(follower);
    forget(follower);
    return true;
}

/* ---- what is told on the way ---- */

static void tell_state(struct follower *follower, enum item_state state)
{
    char reason[ITEM_REASON_SIZE];
    item_reason(follower->item, reason, sizeof reason);
    if (state == follower->state && strcmp(reason, follower->reason) == 0)
        return;
    follower->state = state;
    memcpy(follower->reason, reason, sizeof reason);
    struct pack *pack = call_notify(follower->call, "state");
    pack_i64(pack, "id", follower->item->row.id);
    pack_id(pack, "hash", &follower->item->row.infohash);
    pack_text(pack, "name", follower->item->row.name);
    pack_text(pack, "state", item_state_name(state));
    pack_text(pack, "reason", reason[0] != 0 ? reason : NULL);
    call_notify_end(follower->call);
}

static void tell_search(struct follower *follower)
{
    const struct item *item = follower->item;
    char text[ITEM_REASON_SIZE];
    item_describe_search(item, text, sizeof text);
    struct pack *pack = call_notify(follower->call, "searching");
    pack_u64(pack, "asked", item->finder.asked);
    pack_u64(pack, "answered", item->finder.answered);
    pack_u64(pack, "sources", peer_list_count(item->peers));
    pack_double(pack, "elapsed",
                (double)(engine_now(item->engine) - follower->started_ms) / 1000.0);
    pack_text(pack, "text", text);
    call_notify_end(follower->call);
}

static void tell_metadata(struct follower *follower)
{
    struct transfer_stats stats;
    transfer_stats(follower->item->transfer, engine_now(follower->item->engine), &stats);
    if (stats.metadata_have == follower->metadata_have &&
        stats.metadata_total == follower->metadata_total)
        return;
    follower->metadata_have = stats.metadata_have;
    follower->metadata_total = stats.metadata_total;
    struct pack *pack = call_notify(follower->call, "metadata");
    pack_u64(pack, "have", stats.metadata_have);
    pack_u64(pack, "total", stats.metadata_total);
    pack_u64(pack, "peers", stats.peers);
    call_notify_end(follower->call);
}

static void tell_progress(struct follower *follower)
{
    const struct item *item = follower->item;
    struct transfer_stats stats = {.peers = 0};
    if (item->transfer != NULL)
        transfer_stats(item->transfer, engine_now(item->engine), &stats);
    struct pack *pack = call_notify(follower->call, "progress");
    pack_i64(pack, "id", item->row.id);
    pack_u64(pack, "done", item_done_bytes(item));
    pack_u64(pack, "size", item_wanted_bytes(item));
    pack_u64(pack, "rate_down", stats.rate_down_bps);
    pack_u64(pack, "rate_up", stats.rate_up_bps);
    if (stats.rate_down_bps > 0)
        pack_u64(pack, "eta", item->missing_bytes / stats.rate_down_bps);
    else
        pack_nil(pack, "eta");
    pack_u64(pack, "peers", stats.peers);
    pack_u64(pack, "sending", stats.sending);
    pack_begin_map(pack, "pieces");
    pack_u64(pack, "have", item->have_count);
    pack_u64(pack, "total", item->metainfo->piece_count);
    pack_end(pack);
    pack_text(pack, "reason", follower->reason[0] != 0 ? follower->reason : NULL);
    call_notify_end(follower->call);
}

static void tell(struct follower *follower)
{
    struct item *item = follower->item;
    uint64_t now_ms = engine_now(item->engine);
    enum item_state state = item_state(item);
    if (state == follower->state && now_ms < follower->told_ms + PROGRESS_EVERY_MS)
        return;
    follower->told_ms = now_ms;
    tell_state(follower, state);
    if (state == ITEM_METADATA && item->transfer != NULL)
        tell_metadata(follower);
    else if (item->metainfo != NULL)
        tell_progress(follower);
    if (item_is_fetching(item) && item->by_peer == NULL)
        tell_search(follower);
}

/* Also after a restart, when whoever had asked is gone. */
static void drop_if_unwanted(struct item *item)
{
    const struct follower *follower;
    if (!item->options.metadata_only || item->removing || item->engine->stopping ||
        item->reshare != NULL)
        return;
    DL_FOREACH(item->followers, follower)
    if (follower->metadata)
        return;
    remover_start(item, false, NULL);
}

/* Something was in its way before anything was made, and whoever asked for it has been told: it
 * leaves no trace. Nobody has been told of what nobody waits for, which stays to be read in `ls`;
 * so does what may go on by itself, and what was asked for before. */
static void drop_if_refused(struct item *item)
{
    bool refused = item->trouble == TROUBLE_CONFLICT ||
                   (item->trouble == TROUBLE_DISK && !item_trouble_passes(item));
    bool made = item->options.prepared || item->row.complete;
    if (refused && item->is_fresh && !made && !item->removing && !item->engine->stopping)
        remover_start(item, false, NULL);
}

void followers_turn(struct item *item)
{
    struct follower *follower, *next;
    bool followed = item->followers != NULL;
    DL_FOREACH_SAFE(item->followers, follower, next)
    if (!end_if_over(follower))
        tell(follower);
    if (followed && item->followers == NULL)
        drop_if_refused(item);
    drop_if_unwanted(item);
}

uint64_t followers_due(const struct item *item)
{
    return item->followers != NULL ? engine_now(item->engine) + PROGRESS_EVERY_MS : UINT64_MAX;
}

static void start(struct item *item, struct call *call, uint64_t wait_ms, bool metadata)
{
    struct follower *follower = calloc(1, sizeof *follower);
    if (follower == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    follower->item = item;
    follower->call = call;
    follower->started_ms = follower->source_ms = engine_now(item->engine);
    follower->base = received_by(item);
    follower->wait_ms = wait_ms;
    follower->metadata = metadata;
    follower->state = ITEM_STATES;
    DL_APPEND(item->followers, follower);
    call_on_cancel(call, on_cancel, follower);
    item_mark(item);
}

void follow_start(struct item *item, struct call *call, uint64_t wait_ms)
{
    start(item, call, wait_ms, false);
}

void follow_metadata(struct item *item, struct call *call, uint64_t wait_ms)
{
    bool rests = item->row.wish != WISH_RUN || item->trouble == TROUBLE_METADATA;
    if (item->metainfo == NULL && rests)
        call_fail(call, "paused", 1, "kadpeer resume goes on with it",
                  "what %s is made of is not known yet, and transfer %lld rests", item->row.name,
                  (long long)item->row.id);
    else
        start(item, call, wait_ms, true);
}

void followers_move(struct item *from, struct item *to)
{
    struct follower *follower, *next;
    DL_FOREACH_SAFE(from->followers, follower, next)
    {
        DL_DELETE(from->followers, follower);
        follower->received += received_by(from) - follower->base;
        follower->base = received_by(to);
        follower->item = to;
        follower->state = ITEM_STATES;
        follower->metadata_have = follower->metadata_total = 0;
        DL_APPEND(to->followers, follower);
    }
    item_mark(to);
}

void followers_end(struct item *item)
{
    struct follower *follower, *next;
    DL_FOREACH_SAFE(item->followers, follower, next)
    {
        call_fail(follower->call, "removed", 3, NULL, "%s was removed", item->row.name);
        forget(follower);
    }
}
