#include "daemon/torrent_add.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/info_store.h"
#include "io/work.h"

struct torrent_add {
    struct work work;
    struct add_request *request;
    struct call *call; /* NULL: who asked is gone */
    void *memory;      /* of the call's request, where `data` lies */
    struct bytes data;
    enum status status;
    struct torrent_file torrent;
    char error[METAINFO_ERROR_SIZE];
};

static void free_torrent_add(struct torrent_add *adding)
{
    torrent_file_dispose(&adding->torrent);
    add_request_free(adding->request);
    free(adding->memory);
    free(adding);
}

static void on_cancel(void *user)
{
    ((struct torrent_add *)user)->call = NULL;
}

/* ---- in the pool ---- */

static void run(void *user)
{
    struct torrent_add *adding = user;
    adding->status = torrent_file_parse(adding->data, &adding->torrent, adding->error);
    if (adding->status == STATUS_OK)
        adding->status = torrent_edit_around(adding->data, &adding->request->around);
    const struct metainfo *metainfo = adding->torrent.metainfo;
    if (adding->status == STATUS_OK)
        info_store(adding->request->engine->daemon, &metainfo->infohash,
                   bytes_of(metainfo->info, metainfo->info_len));
}

/* ---- back on the loop ---- */

static void fill_request(struct add_request *request, struct torrent_file *torrent)
{
    char host[ENDPOINT_TEXT_SIZE];
    request->metainfo = torrent->metainfo;
    torrent->metainfo = NULL;
    request->infohash = request->metainfo->infohash;
    request->size = request->metainfo->total_length;
    snprintf(request->name, sizeof request->name, "%s", request->metainfo->name);
    for (size_t i = 0; i < torrent->node_count; i++) {
        endpoint_format_address(&torrent->nodes[i], host);
        add_request_peer(request, host, torrent->nodes[i].port);
    }
}

static void finish(struct torrent_add *adding)
{
    if (adding->request->engine->stopping) {
        call_fail(adding->call, "stopping", 5, NULL, "the daemon is stopping");
    } else if (adding->status != STATUS_OK) {
        call_fail(adding->call, "bad_torrent", 12, NULL, "cannot read the torrent file: %s",
                  adding->error[0] != 0 ? adding->error : status_text(adding->status));
    } else {
        fill_request(adding->request, &adding->torrent);
        add_request_do(adding->request, adding->call);
    }
}

static void done(void *user, bool cancelled)
{
    struct torrent_add *adding = user;
    struct engine *engine = adding->request->engine;
    if (cancelled)
        adding->status = STATUS_CANCELLED;
    if (adding->call != NULL)
        finish(adding);
    free_torrent_add(adding);
    engine_job_ends(engine);
}

void torrent_add_start(struct add_request *request, struct call *call, struct bytes data)
{
    struct torrent_add *adding = calloc(1, sizeof *adding);
    if (adding == NULL) {
        add_request_free(request);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    adding->request = request;
    adding->call = call;
    adding->memory = call_take_request(call);
    adding->data = data;
    call_on_cancel(call, on_cancel, adding);
    engine_job_begins(request->engine);
    work_start(&adding->work, request->engine->daemon->loop, run, done, adding);
}
