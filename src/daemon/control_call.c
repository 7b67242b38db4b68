#include "daemon/control_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "daemon/daemon.h"
#include "daemon/params.h"

enum message_type { REQUEST = 0, RESPONSE = 1, NOTIFICATION = 2 };

#define EXIT_FAILED     1 /* statuses of the command line: cli-design section 5 */
#define EXIT_NO_DAEMON  5
#define EXIT_VERSION    13
#define ERROR_TEXT_SIZE 1024
#define SCHEMA_VERSION  1 /* of docs/control.md: the `v` in notifications */

/* ---- a request becomes a call ---- */

/* [0, msgid, method, params]; params a map or nil. */
static bool is_request(const msgpack_object *object)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size != 4)
        return false;
    const msgpack_object *items = object->via.array.ptr;
    return items[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER && items[0].via.u64 == REQUEST &&
           items[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER && items[1].via.u64 <= UINT32_MAX &&
           items[2].type == MSGPACK_OBJECT_STR &&
           (items[3].type == MSGPACK_OBJECT_MAP || items[3].type == MSGPACK_OBJECT_NIL);
}

static bool parse(struct call *call, struct bytes message)
{
    size_t at = 0;
    call->message = malloc(message.len);
    if (call->message == NULL)
        return false;
    memcpy(call->message, message.data, message.len);
    call->message_len = message.len;
    if (msgpack_unpack_next(&call->unpacked, (const char *)call->message, message.len, &at) !=
            MSGPACK_UNPACK_SUCCESS ||
        !is_request(&call->unpacked.data))
        return false;
    const msgpack_object *items = call->unpacked.data.via.array.ptr;
    call->msgid = (uint32_t)items[1].via.u64;
    call->params = items[3].type == MSGPACK_OBJECT_MAP ? &items[3] : NULL;
    return true;
}

static void dispose(struct call *call)
{
    msgpack_unpacked_destroy(&call->unpacked);
    pack_dispose(&call->result);
    pack_dispose(&call->note);
    if (call->message != NULL)
        explicit_bzero(call->message, call->message_len); /* passwords come in them */
    free(call->message);
    free(call);
}

struct call *call_new(struct connection *connection, struct bytes message)
{
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    msgpack_unpacked_init(&call->unpacked);
    pack_init(&call->result);
    pack_init(&call->note);
    if (!parse(call, message)) {
        dispose(call);
        return NULL;
    }
    call->connection = connection;
    DL_APPEND(connection->calls, call);
    connection->call_count++;
    connection->control->counts.calls++;
    return call;
}

void call_free(struct call *call)
{
    struct connection *connection = call->connection;
    DL_DELETE(connection->calls, call);
    connection->call_count--;
    connection->control->counts.calls--;
    dispose(call);
}

void call_run(struct call *call)
{
    struct control *control = call->connection->control;
    const msgpack_object_str *name = &call->unpacked.data.via.array.ptr[2].via.str;
    const struct control_method *method = control_find(control, name->ptr, name->size);
    if (call->connection->call_count > CONTROL_CALLS_MAX) {
        control->counts.refused++;
        call_fail(call, "busy", EXIT_FAILED, NULL, "%d calls are under way on this connection",
                  CONTROL_CALLS_MAX);
    } else if (method == NULL) {
        call_fail(call, "unknown_method", EXIT_VERSION, NULL, "the daemon knows no method \"%.*s\"",
                  name->size < 64 ? (int)name->size : 64, name->ptr);
    } else {
        method->run(control->daemon, call);
    }
}

bool call_is_for_extra(const struct call *call)
{
    const msgpack_object_str *name = &call->unpacked.data.via.array.ptr[2].via.str;
    return control_serves_extra(name->ptr, name->size);
}

void call_on_cancel(struct call *call, call_cancelled *cancelled, void *user)
{
    call->cancelled = cancelled;
    call->user = user;
}

void *call_take_request(struct call *call)
{
    void *memory = call->message;
    call->message = NULL;
    return memory;
}

void call_cancel(struct call *call)
{
    if (call->cancelled != NULL)
        call->cancelled(call->user);
    call_free(call);
}

/* ---- responses ---- */

static struct pack *begin_response(struct call *call, bool failing)
{
    pack_dispose(&call->result); /* what was begun gives way to a failure */
    pack_init(&call->result);
    pack_begin_array(&call->result, NULL);
    pack_u64(&call->result, NULL, RESPONSE);
    pack_u64(&call->result, NULL, call->msgid);
    if (!failing)
        pack_nil(&call->result, NULL);
    pack_begin_map(&call->result, NULL);
    call->failing = failing;
    return &call->result;
}

struct pack *call_result(struct call *call)
{
    return begin_response(call, false);
}

struct pack *call_fail_begin(struct call *call, const char *code, int exit, const char *hint,
                             const char *message)
{
    struct pack *error = begin_response(call, true);
    pack_text(error, "code", code);
    pack_i64(error, "exit", exit);
    pack_text(error, "message", message);
    pack_text(error, "hint", hint);
    return error;
}

static void send_response(struct call *call)
{
    if (call->result.depth == 0)
        begin_response(call, false);
    pack_end(&call->result);
    if (call->failing)
        pack_nil(&call->result, NULL);
    pack_end(&call->result);
    connection_send(call->connection, &call->result.out, false);
}

void call_finish(struct call *call)
{
    send_response(call);
    call_free(call);
}

void call_fail(struct call *call, const char *code, int exit, const char *hint, const char *message,
               ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, message);
    vsnprintf(text, sizeof text, message, args);
    va_end(args);
    call_fail_begin(call, code, exit, hint, text);
    call_finish(call);
}

void call_fail_unsaved(struct call *call, const char *of, enum status status)
{
    const char *before = of != NULL ? of : "", *colon = of != NULL ? ": " : "";
    if (status == STATUS_NO_MEMORY) /* it may be ours, before anything was written */
        call_fail(call, "no_memory", 1, NULL, "%s%sout of memory", before, colon);
    else
        call_fail(call, status_name(status), 9, NULL, "%s%scannot write the database: %s", before,
                  colon, status_text(status));
}

void call_stop(struct call *call)
{
    if (call->cancelled != NULL)
        call->cancelled(call->user);
    call_fail(call, "stopping", EXIT_NO_DAEMON, NULL, "the daemon is stopping");
}

void call_refuse_all(struct connection *connection, const char *code, const char *message)
{
    struct call call = {.connection = connection};
    pack_init(&call.result);
    call_fail_begin(&call, code, EXIT_NO_DAEMON, NULL, message);
    send_response(&call);
    pack_dispose(&call.result);
}

/* ---- notifications ---- */

struct pack *call_notify(struct call *call, const char *event)
{
    struct pack *note = &call->note;
    note->depth = 0;
    buffer_clear(&note->out);
    pack_begin_array(note, NULL);
    pack_u64(note, NULL, NOTIFICATION);
    pack_text(note, NULL, event);
    pack_begin_map(note, NULL);
    pack_u64(note, "msgid", call->msgid);
    pack_u64(note, "v", SCHEMA_VERSION);
    return note;
}

void call_notify_end(struct call *call)
{
    pack_end(&call->note);
    pack_end(&call->note);
    connection_send(call->connection, &call->note.out, true);
}
