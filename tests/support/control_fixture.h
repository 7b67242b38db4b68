/* A control server on a real loop, with methods of its own; the test is its client, on the other
 * end of a socket pair. */
#pragma once

#include "support/unit.h"

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/params.h"

struct fixture {
    struct daemon daemon; /* first: methods get it */
    uv_loop_t loop;
    struct control *control;
    int fd;
    struct buffer in;
    size_t taken; /* bytes of the message last handed out, which points into `in` */
    struct call *waiting[CONTROL_CALLS_MAX + 1];
    unsigned waiting_count, cancelled;
    char text[64]; /* what "echo" was told */
    int64_t number;
    void *kept; /* the request of "keep", and the bytes in it */
    struct bytes kept_bytes;
};

/* Methods: "echo" and "status" answer what they got, "count" notifies three times, "wait" never
 * ends by itself, "refuse" fails, "big" answers 6 MiB, "keep" takes its request. */
int control_set_up(void **state);
int control_tear_down(void **state);
#define control_test(f) cmocka_unit_test_setup_teardown(f, control_set_up, control_tear_down)

void new_client(struct fixture *f); /* in the place of the one there is */
void end_server(struct fixture *f); /* all it has to do in closing is done */
void turn(struct fixture *f);       /* of the loop; does not wait */
struct control_counts counts_of(const struct fixture *f);

/* ---- sending ---- */

void send_bytes(struct fixture *f, const void *data, size_t len);
/* [0, msgid, method, … of which params are still to come. */
void encode_request(msgpack_packer *packer, uint32_t msgid, const char *method);
void send_request(struct fixture *f, uint32_t msgid, const char *method); /* params: {} */

/* ---- receiving ---- */

/* Reads until the server has closed or a whole message is there. False: closed. */
bool receive(struct fixture *f, msgpack_unpacked *out);
/* Checks type and msgid of the response that comes next; *error and *result as they are. */
void receive_response(struct fixture *f, uint32_t msgid, msgpack_unpacked *unpacked,
                      const msgpack_object **error, const msgpack_object **result);
bool is_text(const msgpack_object *object, const char *text);
const msgpack_object *field(const msgpack_object *map, const char *key);

void assert_fails(struct fixture *f, uint32_t msgid, const char *code);
void assert_done(struct fixture *f, uint32_t msgid);
void assert_closed(struct fixture *f); /* by the server, which has no connection any more */
