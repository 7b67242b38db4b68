#include "daemon/add_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "base/log.h"
#include "content/names.h"
#include "daemon/follow.h"
#include "daemon/group_engine.h"
#include "daemon/item.h"
#include "daemon/item_facts.h"
#include "daemon/item_peers.h"
#include "daemon/reselect.h"
#include "daemon/selection.h"

/* ---- reading ---- */

void add_request_free(struct add_request *request)
{
    if (request == NULL)
        return;
    metainfo_free(request->metainfo);
    buffer_dispose(&request->around);
    item_options_dispose(&request->options);
    free(request->dir);
    free(request->out);
    free(request->peers);
    free(request);
}

void add_request_peer(struct add_request *request, const char *host, uint16_t port)
{
    if (request->peer_count >= ADD_PEERS_MAX || strlen(host) >= sizeof request->peers[0].host)
        return;
    struct magnet_peer *peer = &request->peers[request->peer_count++];
    snprintf(peer->host, sizeof peer->host, "%s", host);
    peer->port = port;
}

/* "host:port", "[v6]:port" */
static bool add_from(struct add_request *request, const char *text)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text)
        return false;
    char *rest;
    unsigned long port = strtoul(colon + 1, &rest, 10);
    size_t len = (size_t)(colon - text);
    bool bracketed = text[0] == '[' && text[len - 1] == ']';
    if (*rest != 0 || port == 0 || port > UINT16_MAX || len >= sizeof host ||
        (bracketed && len < 3))
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? len - 2 : len), text + bracketed);
    add_request_peer(request, host, (uint16_t)port);
    return true;
}

static bool read_from(struct add_request *request, struct call *call)
{
    const char *from[ADD_PEERS_MAX];
    size_t count = call_texts(call, "from", from, ADD_PEERS_MAX);
    for (size_t i = 0; i < count && i < ADD_PEERS_MAX; i++) {
        if (add_from(request, from[i]))
            continue;
        call_fail(call, "bad_address", 12, NULL, "\"%s\" is no HOST:PORT", from[i]);
        return false;
    }
    return true;
}

/* Numbers are the same as their text. False: no list of them. */
static bool join_numbers(const msgpack_object_array *array, struct buffer *out)
{
    for (uint32_t i = 0; i < array->size; i++) {
        if (array->ptr[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return false;
        buffer_add_format(out, "%s%" PRIu64, i > 0 ? "," : "", array->ptr[i].via.u64);
    }
    buffer_add_byte(out, 0);
    return true;
}

static bool read_selection(struct add_request *request, struct call *call)
{
    const msgpack_object *select = call_param(call, "select");
    const char *text = call_text(call, "select", NULL);
    struct buffer numbers;
    buffer_init(&numbers);
    bool good = true;
    if (select != NULL && select->type == MSGPACK_OBJECT_ARRAY && select->via.array.size > 0) {
        good = join_numbers(&select->via.array, &numbers) && !numbers.failed;
        text = good ? (const char *)numbers.data : NULL;
    }
    if (good && text != NULL) {
        good = text[0] != 0 && strlen(text) <= SELECTION_BYTES_MAX;
        request->options.choice = good ? strdup(text) : NULL;
        request->selects = good = request->options.choice != NULL;
    }
    buffer_dispose(&numbers);
    if (!good)
        call_fail(call, "usage", 2, NULL,
                  "files are selected by their numbers, ranges of them and globs: 0,3-5,*.flac");
    return good;
}

static bool read_ratio(struct add_request *request, struct call *call)
{
    if (call_param(call, "ratio") == NULL ||
        item_options_set_ratio(&request->options, call_double(call, "ratio", -1)))
        return true;
    call_fail(call, "usage", 2, NULL,
              "a ratio is a number like 1.5; 0: sharing does not end by it");
    return false;
}

static bool read_place(struct add_request *request, struct call *call)
{
    char expanded[PATHS_SIZE];
    const char *dir = call_text(call, "dir", NULL), *out = call_text(call, "out", NULL);
    const char *usual = config_text(request->engine->daemon->config, "transfer.dir");
    if (dir == NULL && paths_expand(usual, expanded))
        dir = expanded;
    if (dir == NULL || dir[0] != '/') {
        call_fail(call, "usage", 2, NULL, "the folder for what is fetched must be a whole path");
        return false;
    }
    if (out != NULL && !names_is_safe_part(out, strlen(out))) {
        call_fail(call, "usage", 2, NULL, "\"%s\" cannot be the name of a file", out);
        return false;
    }
    request->place_given = dir != expanded || out != NULL;
    request->dir = strdup(dir);
    request->out = out != NULL ? strdup(out) : NULL;
    if (request->dir != NULL && (out == NULL || request->out != NULL))
        return true;
    call_fail(call, "no_memory", 1, NULL, "out of memory");
    return false;
}

struct add_request *add_request_new(struct engine *engine, struct call *call)
{
    struct add_request *request = calloc(1, sizeof *request);
    if (request != NULL)
        request->peers = calloc(ADD_PEERS_MAX, sizeof *request->peers);
    if (request == NULL || request->peers == NULL) {
        free(request);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return NULL;
    }
    request->engine = engine;
    request->force = call_bool(call, "force", false);
    request->no_seed = call_bool(call, "no_seed", false);
    request->paused = call_bool(call, "paused", false);
    request->options.sequential = call_bool(call, "sequential", false);
    request->options.one_file = call_bool(call, "one_file", false);
    request->options.sha1_too = call_bool(call, "sha1_too", false);
    if (read_place(request, call) && read_from(request, call) && read_selection(request, call) &&
        read_ratio(request, call) && item_limits_read(&request->limits, call)) {
        item_limits_change(&request->options.limits, &request->limits);
        return request;
    }
    add_request_free(request);
    return NULL;
}

/* ---- doing ---- */

enum attached { ATTACHED_NEW, ATTACHED, ATTACHED_ELSEWHERE };

static bool asks_for_other_place(const struct add_request *request, const struct item *item)
{
    if (!request->place_given || request->dir == NULL)
        return false;
    const char *own_name = item->metainfo != NULL ? item->metainfo->name : item->row.target;
    return strcmp(request->dir, item->row.dir) != 0 ||
           strcmp(request->out != NULL ? request->out : own_name, item->row.target) != 0;
}

static void answer(const struct add_request *request, struct call *call, const struct item *item,
                   enum attached attached)
{
    struct pack *pack = call_result(call);
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_text(pack, "name", item->row.name);
    pack_bool(pack, "attached", attached != ATTACHED_NEW);
    pack_bool(pack, "moved", attached == ATTACHED_ELSEWHERE);
    pack_bool(pack, "elsewhere", attached == ATTACHED && asks_for_other_place(request, item));
    call_finish(call);
}

static void give_peers(const struct add_request *request, struct item *item)
{
    for (size_t i = 0; i < request->peer_count; i++)
        item_peers_add(item, request->peers[i].host, request->peers[i].port);
}

/* Something was in its way before it had begun: another place may be said. */
static bool may_go_elsewhere(const struct item *item)
{
    bool in_the_way = item->trouble == TROUBLE_CONFLICT || item->trouble == TROUBLE_DISK ||
                      item->trouble == TROUBLE_SELECTION;
    return in_the_way && !item->row.complete && !item->options.prepared && item_is_idle(item);
}

static bool go_elsewhere(struct add_request *request, struct item *item)
{
    bool other = strcmp(request->dir, item->row.dir) != 0 || request->out != NULL;
    if (!request->place_given || !other || !may_go_elsewhere(item))
        return false;
    const char *own_name = item->metainfo != NULL ? item->metainfo->name : "";
    char *target = strdup(request->out != NULL ? request->out : own_name);
    if (target == NULL)
        return false;
    free(item->row.target);
    free(item->row.dir);
    item->row.target = target;
    item->row.dir = request->dir;
    request->dir = NULL;
    return item->metainfo == NULL || item_open_storage(item, true) == STATUS_OK;
}

/* It was there for its metadata alone, and is wanted now. */
static bool become_whole(struct add_request *request, struct item *item)
{
    char *target = strdup(request->out != NULL     ? request->out
                          : item->metainfo != NULL ? item->metainfo->name
                                                   : "");
    if (target == NULL)
        return false;
    free(item->row.target);
    free(item->row.dir);
    item->row.target = target;
    item->row.dir = request->dir;
    request->dir = NULL;
    item_options_dispose(&item->options);
    item->options = request->options;
    request->options = (struct item_options){.sha1_too = item->options.sha1_too};
    if (item->metainfo == NULL)
        return true;
    item_apply_selection(item);
    return item_open_storage(item, true) == STATUS_OK;
}

/* The group's list may name others by now, and for the right ones. */
static void take_digests(const struct add_request *request, struct item *item)
{
    memcpy(item->row.sha256, request->sha256, sizeof item->row.sha256);
    item->row.has_file_sha1 = request->has_sha1;
    item->row.file_sha1 = request->sha1;
    item_find_discovery(item);
}

static void be_sequential(struct item *item)
{
    item->options.sequential = true;
    if (item->transfer != NULL)
        transfer_set_sequential(item->transfer, true);
}

/* What is asked for again goes on, with what is new about the asking. */
static enum attached attach(struct add_request *request, struct item *item)
{
    bool one_file = request->options.one_file && !request->selects;
    bool is_new = item->options.metadata_only && become_whole(request, item);
    bool moved = !is_new && go_elsewhere(request, item);
    if (request->metainfo != NULL && item->metainfo == NULL) {
        item_set_metainfo(item, request->metainfo);
        request->metainfo = NULL;
    }
    if (!request->options.sha1_too && !request->has_group) /* named by its infohash: it is wanted */
        item->row.has_expected_sha1 = false;
    if (request->has_group && !item->row.complete)
        take_digests(request, item);
    item->row.force = item->row.force || request->force;
    item->row.no_seed = item->row.no_seed || request->no_seed;
    if (request->options.has_ratio)
        item_options_set_ratio(&item->options, request->options.ratio);
    if (item_limits_change(&item->options.limits, &request->limits))
        engine_limits_apply(item);
    if (request->options.sequential)
        be_sequential(item);
    item->options.one_file = one_file && item->options.one_file;
    if (request->selects && !is_new)
        reselect(item, &request->options);
    give_peers(request, item);
    item_begin_again(item);
    if (item->row.complete && !request->paused) { /* its files may be gone, or altered, since */
        item->look = LOOK_ASKED;
        item->look_forces = item->look_forces || request->force;
    }
    item_save(item);
    bool rests = item->row.complete && item->row.no_seed && !item->options.reselects;
    if (rests && request->no_seed && item->row.origin == ORIGIN_FETCH)
        item_set_wish(item, WISH_STOP);
    bool refused = item->options.one_file && item->trouble == TROUBLE_SELECTION;
    if (!request->paused && !rests && !refused &&
        (item->row.wish != WISH_RUN || item->trouble != TROUBLE_NONE))
        item_set_wish(item, WISH_RUN);
    peer_list_forget_failures(item->peers, engine_now(item->engine));
    finder_again(&item->finder);
    item_mark(item);
    return is_new ? ATTACHED_NEW : moved ? ATTACHED_ELSEWHERE : ATTACHED;
}

static char *first_name(const struct add_request *request)
{
    char hex[ID_HEX_SIZE];
    if (request->name[0] != 0)
        return names_printable(request->name, strlen(request->name));
    id_to_hex(&request->infohash, hex);
    return strdup(hex);
}

static bool fill_row(const struct add_request *request, struct catalog_transfer *row)
{
    struct buffer options;
    buffer_init(&options);
    item_options_format(&request->options, &options);
    *row = (struct catalog_transfer){
        .infohash = request->infohash,
        .origin = ORIGIN_FETCH,
        .wish = request->paused ? WISH_PAUSE : WISH_RUN,
        .name = first_name(request),
        .dir = strdup(request->dir),
        .target = strdup(request->out != NULL ? request->out : ""),
        .peers = strdup(""),
        .options = (char *)buffer_take(&options),
        .no_seed = request->no_seed,
        .force = request->force,
        .size = request->size,
        .added_unix_s = (int64_t)time(NULL),
        .has_group = request->has_group,
        .has_sha256 = request->has_group,
        .has_file_sha1 = request->has_sha1,
        .file_sha1 = request->sha1,
    };
    memcpy(row->group, request->group.bytes, sizeof row->group);
    memcpy(row->sha256, request->sha256, sizeof row->sha256);
    return row->name != NULL && row->dir != NULL && row->target != NULL && row->peers != NULL &&
           row->options != NULL;
}

static void free_row(struct catalog_transfer *row)
{
    free(row->name);
    free(row->dir);
    free(row->target);
    free(row->peers);
    free(row->options);
}

static void tell_added(const struct item *item)
{
    struct pack *event = daemon_event(item->engine->daemon, "added");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_text(event, "name", item->row.name);
    daemon_event_end(item->engine->daemon);
}

static struct item *add_new(struct add_request *request, enum status *status)
{
    struct engine *engine = request->engine;
    struct catalog_transfer row;
    *status = fill_row(request, &row) ? catalog_add_transfer(engine->daemon->catalog, &row)
                                      : STATUS_NO_MEMORY;
    struct item *item = *status == STATUS_OK ? item_new(engine, &row) : NULL;
    if (item == NULL && *status == STATUS_OK) { /* or it would be in the way of the next try */
        catalog_remove_transfer(engine->daemon->catalog, row.id);
        *status = STATUS_NO_MEMORY;
    }
    if (item == NULL) {
        free_row(&row);
        return NULL;
    }
    if (request->metainfo != NULL) {
        item_set_metainfo(item, request->metainfo);
        request->metainfo = NULL;
    }
    item->is_fresh = true;
    item_enter(item);
    give_peers(request, item);
    item_save(item);
    tell_added(item);
    return item;
}

static bool has_around(const struct item *item)
{
    uint8_t *around;
    size_t len;
    bool has =
        catalog_get_around(item->engine->daemon->catalog, item->row.id, &around, &len) == STATUS_OK;
    if (has)
        free(around);
    return has;
}

/* The last .torrent of it counts, and without one the first link that names trackers. */
static enum status keep_around(const struct add_request *request, const struct item *item)
{
    if (request->around.len == 0 || (request->around_of_link && has_around(item)))
        return STATUS_OK;
    return catalog_set_around(request->engine->daemon->catalog, item->row.id,
                              buffer_bytes(&request->around));
}

/* One transfer is public, or of one group. */
static bool is_for_others(const struct add_request *request, const struct item *item)
{
    return item->row.has_group != request->has_group ||
           memcmp(item->row.group, request->group.bytes, sizeof item->row.group) != 0;
}

/* As far as it is known which files there are. False: the call has been failed. */
static bool resolve_selection(struct add_request *request, const struct item *item,
                              struct call *call)
{
    char error[SELECTION_ERROR_SIZE], hint[64];
    const struct metainfo *metainfo =
        item != NULL && item->metainfo != NULL ? item->metainfo : request->metainfo;
    if (!request->selects || metainfo == NULL)
        return true;
    if (item != NULL && item->row.origin == ORIGIN_SHARE) {
        call_fail(call, "usage", 2, NULL, "%s is shared from here: all of its files are here",
                  item->row.name);
        return false;
    }
    bool by_sha1 = item != NULL && !id_equal(&item->row.infohash, &request->infohash);
    enum status status = STATUS_REFUSED;
    if (by_sha1 && selection_is_blind(metainfo))
        snprintf(error, sizeof error, "%s", SELECTION_BLIND);
    else
        status = selection_resolve(&request->options, metainfo, request->options.choice, error);
    if (status == STATUS_OK)
        return true;
    snprintf(hint, sizeof hint, "kadpeer files %lld", item != NULL ? (long long)item->row.id : 0LL);
    call_fail(call, "no_file", 3, item != NULL ? hint : NULL, "cannot select \"%.100s\": %s",
              request->options.choice, error);
    return false;
}

/* Whether it is known to have the SHA-1 that is asked for, or is being fetched for having it. */
static bool has_sha1(const struct item *item, const struct id *sha1)
{
    const struct catalog_transfer *row = &item->row;
    bool fetched = row->has_expected_sha1 && id_equal(&row->expected_sha1, sha1);
    bool known = row->complete && row->has_file_sha1 && id_equal(&row->file_sha1, sha1);
    return !row->has_group && !item->removing && (fetched || known);
}

/* By its infohash, or, where the 40 digits may be a file's SHA-1, by that. */
static struct item *find_here(const struct add_request *request)
{
    struct item *item = engine_find(request->engine, &request->infohash);
    if (item != NULL || !request->options.sha1_too || request->has_group)
        return item;
    DL_FOREACH(request->engine->items, item)
    if (has_sha1(item, &request->infohash))
        return item;
    return NULL;
}

/* A .torrent says so at once, and then nothing is begun. */
static bool is_one_file(const struct add_request *request, struct call *call)
{
    if (!request->options.one_file || request->metainfo == NULL ||
        !selection_has_several(&request->options, request->metainfo))
        return true;
    call_fail(call, "several_files", 2, "--select N; kadpeer torrent show lists them",
              "%s has several files", request->metainfo->name);
    return false;
}

void add_request_do(struct add_request *request, struct call *call)
{
    struct item *item = find_here(request);
    enum status status = STATUS_NO_MEMORY;
    enum attached attached = ATTACHED_NEW;
    if (item != NULL && item->removing) {
        call_fail(call, "busy", 1, NULL, "%s is being removed", item->row.name);
        return;
    }
    if (item != NULL && is_for_others(request, item)) {
        call_fail(call, "conflict", 8, NULL,
                  item->row.has_group ? "%s is here as a file of a group already (transfer %lld)"
                                      : "%s is here as a public file already (transfer %lld)",
                  item->row.name, (long long)item->row.id);
        return;
    }
    if (!resolve_selection(request, item, call) || (item == NULL && !is_one_file(request, call)))
        return;
    if (item == NULL)
        item = add_new(request, &status);
    else if (!request->options.metadata_only)
        attached = attach(request, item);
    if (item != NULL && (status = keep_around(request, item)) != STATUS_OK)
        item = NULL;
    if (item != NULL && request->options.metadata_only)
        follow_metadata(item, call, request->wait_ms);
    else if (item != NULL)
        answer(request, call, item, attached);
    else
        call_fail_unsaved(call, NULL, status);
}
