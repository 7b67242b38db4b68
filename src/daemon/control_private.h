/* What the files of the control server share: connections and the calls on them. */
#pragma once

#include <uv.h>

#include "base/frame.h"
#include "daemon/control.h"
#include "io/listener.h"
#include "kadpeer/buffer.h"

struct connection;

struct call {
    struct connection *connection;
    struct call *prev, *next; /* on the connection */
    uint32_t msgid;
    uint8_t *message; /* the request; what follows points into it */
    size_t message_len;
    msgpack_unpacked unpacked;
    const msgpack_object *params; /* a map, or NULL */
    struct pack result;           /* the response under way; empty: none yet */
    bool failing;                 /* the map open in `result` is the error's */
    struct pack note;             /* the notification under way */
    call_cancelled *cancelled;
    void *user;
};

struct connection {
    struct control *control;
    struct connection *prev, *next;
    uv_pipe_t pipe;
    struct buffer in;
    struct frame frame; /* of the message at the front of `in` */
    struct call *calls;
    unsigned call_count;
    bool extra; /* one too many: served as far as control_serves_extra says */
    bool reading, closing;
};

struct control {
    struct daemon *daemon;
    const struct control_method *const *tables;
    struct listener listener;
    const char *path; /* it listens there; NULL: nowhere */
    bool closed;
    unsigned open_handles;          /* the listener's and the connections; 0 after closing: freed */
    struct connection *connections; /* utlist, in the order they came */
    unsigned extras;                /* of these */
    struct control_counts counts;
};

/* ---- control.c ---- */
const struct control_method *control_find(const struct control *control, const char *name,
                                          size_t len);
/* Has it to be answered, whoever else is connected? */
bool control_serves_extra(const char *name, size_t len);
void control_handle_closed(struct control *control);

/* ---- control_connection.c ---- */
struct connection *connection_new(struct control *control); /* NULL: no memory */
void connection_start(struct connection *connection);
void connection_start_extra(struct connection *connection); /* there are too many already */
void connection_refuse(struct connection *connection); /* there are too many: said, and closed */
void connection_close(struct connection *connection);  /* cancels its calls from the loop */
void connection_stop(struct connection *connection);   /* the daemon stops: said, and closed */
/* Takes what is in `message`. `droppable`: the connection closes when too much waits already. */
void connection_send(struct connection *connection, struct buffer *message, bool droppable);

/* ---- control_call.c ---- */
/* Takes one whole message. NULL: it is no request of ours, or no memory. */
struct call *call_new(struct connection *connection, struct bytes message);
void call_run(struct call *call);
bool call_is_for_extra(const struct call *call); /* an extra connection may ask this */
void call_free(struct call *call);
void call_cancel(struct call *call); /* tells its owner and frees it */
void call_stop(struct call *call);   /* likewise, and says so: the daemon stops */
/* A response to whatever was or will be asked: its msgid is 0. */
void call_refuse_all(struct connection *connection, const char *code, const char *message);
