/* transfer.add: a magnet link, a hash, a .torrent or a name becomes a transfer, or is found to be
 * one already. Names are looked up first, for as long as the call says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/magnet.h"
#include "content/names.h"
#include "content/torrent_edit.h"
#include "daemon/add_request.h"
#include "daemon/finder_names.h"
#include "daemon/group_add.h"
#include "daemon/methods_transfer.h"
#include "daemon/torrent_add.h"
#include "io/timer.h"

#define NAME_SEARCH_WAIT_MS  10000 /* one search; a node that has just started joins first */
#define NAME_SEARCH_AGAIN_MS 3000
#define NAME_WAIT_S          60 /* where the call does not say */
#define LINK_TRACKERS_MAX    64 /* what is read of a .torrent, too */

/* ---- by name ---- */

struct name_add {
    struct add_request *request;
    struct daemon *daemon;
    struct call *call;
    struct timer *timer;
    struct name_search *search;
    char *name;
    uint64_t deadline_ms;
    bool counting; /* several match: the second search, which counts their peers */
};

static void free_name_add(struct name_add *adding)
{
    if (adding->search != NULL)
        name_search_cancel(adding->search);
    timer_free(adding->timer);
    add_request_free(adding->request);
    free(adding->name);
    free(adding);
}

static void on_cancel(void *user)
{
    free_name_add(user);
}

static void fail_ambiguous(struct name_add *adding, const struct name_match *best, size_t count)
{
    struct pack *pack = call_fail_begin(adding->call, "ambiguous", 8, "get one of them by its hash",
                                        "several files have this name");
    pack_begin_array(pack, "candidates");
    for (size_t i = 0; i < count; i++) {
        pack_begin_map(pack, NULL);
        pack_id(pack, "hash", &best[i].infohash);
        pack_text(pack, "name", best[i].name);
        pack_u64(pack, "size", best[i].size);
        pack_u64(pack, "files", best[i].files);
        if (best[i].counted)
            pack_u64(pack, "sources", best[i].peers);
        else
            pack_nil(pack, "sources");
        pack_u64(pack, "publishers", best[i].publishers);
        if (best[i].counted)
            pack_u64(pack, "networks", best[i].networks);
        else
            pack_nil(pack, "networks");
        pack_time(pack, "first_seen", best[i].first_seen_unix_s);
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(adding->call);
}

static void fail_unknown(struct name_add *adding, const struct name_search_end *end)
{
    if (end->status == STATUS_MALFORMED)
        call_fail(adding->call, "bad_name", 12, NULL, "\"%s\" is no name", adding->name);
    else if (end->answered == 0)
        call_fail(adding->call, "no_nodes", 6, "kadpeer join HOST:PORT",
                  "no node answered when asked for \"%s\"", adding->name);
    else
        call_fail(adding->call, "no_source", 3, NULL, "%u node%s answered, none knows \"%s\"",
                  end->answered, end->answered == 1 ? "" : "s", adding->name);
}

static void search(struct name_add *adding);

static void on_end(void *user, const struct name_search_end *end, const struct name_match *best,
                   size_t count)
{
    struct name_add *adding = user;
    uint64_t now_ms = daemon_now_ms(adding->daemon);
    adding->search = NULL;
    if (count > 1 && !adding->counting) {
        adding->counting = true;
        search(adding);
        return;
    }
    if (count == 0 && end->status != STATUS_MALFORMED &&
        now_ms + NAME_SEARCH_AGAIN_MS < adding->deadline_ms) {
        timer_set(adding->timer, now_ms + NAME_SEARCH_AGAIN_MS);
        return;
    }
    if (count > 1) {
        fail_ambiguous(adding, best, count);
    } else if (count == 0) {
        fail_unknown(adding, end);
    } else {
        adding->request->infohash = best[0].infohash;
        snprintf(adding->request->name, sizeof adding->request->name, "%s", best[0].name);
        adding->request->size = best[0].size;
        add_request_do(adding->request, adding->call);
    }
    free_name_add(adding);
}

static void search(struct name_add *adding)
{
    uint64_t now_ms = daemon_now_ms(adding->daemon);
    uint64_t left_ms = adding->deadline_ms > now_ms ? adding->deadline_ms - now_ms : 1;
    struct name_query query = {
        .exact_name = adding->name,
        .wait_ms = left_ms < NAME_SEARCH_WAIT_MS ? left_ms : NAME_SEARCH_WAIT_MS,
        .count_peers = adding->counting,
    };
    adding->search = name_search_start(adding->daemon, &query, NULL, on_end, adding);
    if (adding->search != NULL)
        return;
    call_fail(adding->call, "no_memory", 1, NULL, "out of memory");
    free_name_add(adding);
}

static void search_again(void *user)
{
    search(user);
}

static void add_by_name(struct daemon *daemon, struct call *call, struct add_request *request,
                        const char *name)
{
    struct name_add *adding = calloc(1, sizeof *adding);
    uint64_t wait_ms = call_ms(call, "wait", NAME_WAIT_S);
    if (adding == NULL) {
        add_request_free(request);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    adding->request = request;
    adding->daemon = daemon;
    adding->call = call;
    adding->name = strdup(name);
    adding->timer = timer_new(daemon->loop, search_again, adding);
    adding->deadline_ms = daemon_now_ms(daemon) + wait_ms;
    if (adding->name == NULL || adding->timer == NULL) {
        free_name_add(adding);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    call_on_cancel(call, on_cancel, adding);
    search(adding);
}

/* ---- by link or hash: false, and the call is failed ---- */

/* Nobody asks them here: they are for the .torrent that is made of the transfer. */
static enum status read_trackers(struct add_request *request, const char *link)
{
    char *trackers[LINK_TRACKERS_MAX];
    size_t count;
    enum status status = magnet_trackers(link, trackers, LINK_TRACKERS_MAX, &count);
    const struct torrent_edit edit = {.add = (const char *const *)trackers, .add_count = count};
    if (status == STATUS_OK && count > 0)
        status = torrent_edit_apply(bytes_of(NULL, 0), bytes_of(NULL, 0), &edit, &request->around);
    request->around_of_link = true;
    for (size_t i = 0; i < count; i++)
        free(trackers[i]);
    return status;
}

static bool read_link(struct add_request *request, struct call *call, const char *link)
{
    char error[MAGNET_ERROR_SIZE];
    struct magnet *magnet = malloc(sizeof *magnet);
    enum status status = magnet != NULL ? magnet_parse(link, magnet, error) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = read_trackers(request, link);
    if (status == STATUS_OK) {
        request->infohash = magnet->infohash;
        request->size = magnet->length;
        snprintf(request->name, sizeof request->name, "%s", magnet->name);
        for (size_t i = 0; i < magnet->peer_count; i++)
            add_request_peer(request, magnet->peers[i].host, magnet->peers[i].port);
    } else if (status == STATUS_NO_MEMORY) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
    } else {
        call_fail(call, "bad_link", 12, NULL, "cannot read \"%s\": %s", link, error);
    }
    free(magnet);
    return status == STATUS_OK;
}

static bool read_bytes(const msgpack_object *object, struct bytes *out)
{
    if (object == NULL || object->type != MSGPACK_OBJECT_BIN)
        return false;
    *out = bytes_of(object->via.bin.ptr, object->via.bin.size);
    return true;
}

static void add(struct daemon *daemon, struct call *call, bool metadata_only)
{
    const char *link = call_text(call, "link", NULL), *name = call_text(call, "name", NULL);
    struct bytes torrent;
    if (daemon->stopping) {
        call_fail(call, "stopping", 5, NULL, "the daemon is stopping");
        return;
    }
    struct add_request *request = add_request_new(daemon->engine, call);
    if (request == NULL)
        return;
    request->options.metadata_only = metadata_only;
    request->wait_ms = call_ms(call, "wait", 0);
    bool good = false;
    const char *group = call_text(call, "group", NULL);
    const char *file = call_text(call, "file", NULL);
    if (group != NULL && file != NULL) {
        group_add_start(request, call, group, file);
        return;
    } else if (group != NULL) {
        call_fail(call, "usage", 2, NULL, "which file of the group?");
    } else if (link != NULL) {
        good = read_link(request, call, link);
    } else if (read_bytes(call_param(call, "torrent"), &torrent)) {
        torrent_add_start(request, call, torrent);
        return;
    } else if (name != NULL) {
        add_by_name(daemon, call, request, name);
        return;
    } else {
        call_fail(call, "usage", 2, NULL, "nothing was given to fetch");
    }
    if (good)
        add_request_do(request, call);
    add_request_free(request);
}

void transfer_add(struct daemon *daemon, struct call *call)
{
    add(daemon, call, false);
}

void transfer_metadata(struct daemon *daemon, struct call *call)
{
    add(daemon, call, true);
}
