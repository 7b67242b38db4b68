/* The control server: docs/control.md. A method gets a call, reads its params, and sooner or later
 * ends it with call_finish or call_fail, exactly once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "daemon/pack.h"
#include "kadpeer/status.h"

struct daemon;
struct call;

typedef void call_method(struct daemon *daemon, struct call *call);
typedef void call_cancelled(void *user);

struct control_method {
    const char *name; /* "transfer.add" */
    call_method *run;
};

/* One table per file of methods, ended by a NULL name; joined in daemon.c. */
extern const struct control_method
    methods_daemon[]; /* hello status stop logs.level config.get events */
extern const struct control_method methods_group[];    /* group.* */
extern const struct control_method methods_limit[];    /* limit */
extern const struct control_method methods_node[];     /* node.* */
extern const struct control_method methods_schedule[]; /* schedule.* */
extern const struct control_method methods_search[];   /* search */
extern const struct control_method methods_share[];    /* share.* */
extern const struct control_method methods_transfer[]; /* transfer.* */
extern const struct control_method methods_user[];     /* user.* login logout whoami */

/* ---- params: borrowed for the life of the call; a wrong type counts as absent ---- */
const msgpack_object *call_param(const struct call *call,
                                 const char *key); /* NULL: absent or nil */
/* A copy on the call's own memory, NUL-terminated; a text with a NUL inside counts as absent. */
const char *call_text(const struct call *call, const char *key, const char *otherwise);
bool call_bool(const struct call *call, const char *key, bool otherwise);
int64_t call_number(const struct call *call, const char *key, int64_t otherwise);
double call_double(const struct call *call, const char *key, double otherwise);
/* Seconds as milliseconds; what is negative or no number is 0, more than a year is a year. */
uint64_t call_ms(const struct call *call, const char *key, double otherwise_s);
/* Array of texts: writes up to `cap` pointers, returns how many. */
size_t call_texts(const struct call *call, const char *key, const char *out[], size_t cap);

/* The memory that long texts and bytes of the params lie in: they outlive the call, until the
 * caller frees it. Once per call. */
void *call_take_request(struct call *call);

/* ---- answers ---- */

/* The result map is open in the pack returned: add fields, then call_finish, which closes it, sends
 * and frees the call. */
struct pack *call_result(struct call *call);
void call_finish(struct call *call);

/* Ends the call with an error map. `exit` is the command line's status (cli-design section 5).
 * `hint` may be NULL. To add fields (candidates, …) use call_fail_begin … call_finish. */
void call_fail(struct call *call, const char *code, int exit, const char *hint, const char *message,
               ...) __attribute__((format(printf, 5, 6)));
struct pack *call_fail_begin(struct call *call, const char *code, int exit, const char *hint,
                             const char *message);
/* What was asked for cannot be kept, and was not done. `of`: a transfer's name, or NULL. */
void call_fail_unsaved(struct call *call, const char *of, enum status status);

/* A notification of a streaming call: its params map is open (msgid and v are in it already); then
 * call_notify_end sends. A client that does not read is cut off at 4 MiB of backlog. */
struct pack *call_notify(struct call *call, const char *event);
void call_notify_end(struct call *call);

/* When the client goes away or the daemon stops before the call has ended, `cancelled` is called
 * once and the call is freed right after; nothing may be sent any more. */
void call_on_cancel(struct call *call, call_cancelled *cancelled, void *user);

/* ---- the server ---- */

/* `tables` ends with NULL; borrowed. NULL: no memory. */
struct control *control_new(struct daemon *daemon, const struct control_method *const tables[]);
/* Listens at `path`, borrowed, which becomes a socket of mode 0600; one that a dead daemon left is
 * replaced, so hold the lock. */
enum status control_listen(struct control *control, const char *path);
/* One connection more; takes `fd`, a connected stream socket. For tests. */
enum status control_adopt(struct control *control, int fd);
/* Every call is cancelled before it returns; the socket's file goes; the loop frees the rest. NULL
 * is allowed. */
void control_free(struct control *control);

struct control_counts {
    size_t connections, calls; /* now */
    uint64_t requests;
    uint64_t malformed; /* connections closed: not msgpack, too big, or no request of ours */
    uint64_t refused;   /* connections or calls above the limits, or that there was no memory for */
    uint64_t too_slow;  /* connections closed: notifications were not read */
};
struct control_counts control_counts(const struct control *control);
