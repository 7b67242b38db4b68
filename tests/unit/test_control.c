#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/params.h"
#include "support/unit.h"

/* A server on a real loop; the test is its client, on the other end of a socket pair. */
struct fixture {
    struct daemon daemon; /* first: methods get it */
    uv_loop_t loop;
    struct control *control;
    int fd;
    struct buffer in;
    size_t taken; /* bytes of the message last handed out, which points into `in` */
    struct call *waiting[CONTROL_CALLS_MAX + 1];
    unsigned waiting_count, cancelled;
    char text[64];
    int64_t number;
};

static struct fixture *fixture_of(struct daemon *daemon)
{
    return (struct fixture *)daemon;
}

/* ---- the methods of this server ---- */

static void echo(struct daemon *daemon, struct call *call)
{
    const char *texts[4];
    struct fixture *f = fixture_of(daemon);
    snprintf(f->text, sizeof f->text, "%s", call_text(call, "text", "none"));
    f->number = call_number(call, "number", -1);
    struct pack *out = call_result(call);
    pack_text(out, "text", f->text);
    pack_i64(out, "number", f->number);
    pack_double(out, "double", call_double(call, "double", 0.5));
    pack_bool(out, "bool", call_bool(call, "bool", false));
    pack_u64(out, "texts", call_texts(call, "texts", texts, 4));
    call_finish(call);
}

static void on_cancel(void *user)
{
    ((struct fixture *)user)->cancelled++;
}

static void wait_for_ever(struct daemon *daemon, struct call *call)
{
    struct fixture *f = fixture_of(daemon);
    f->waiting[f->waiting_count++] = call;
    call_on_cancel(call, on_cancel, f);
}

static void count_to_three(struct daemon *daemon, struct call *call)
{
    (void)daemon;
    for (unsigned i = 1; i <= 3; i++) {
        struct pack *note = call_notify(call, "count");
        pack_u64(note, "i", i);
        call_notify_end(call);
    }
    call_finish(call);
}

static void refuse(struct daemon *daemon, struct call *call)
{
    (void)daemon;
    call_result(call); /* begun, then it goes wrong */
    call_fail(call, "bad_link", 12, "a hint", "cannot read \"%s\"", call_text(call, "link", ""));
}

static void big(struct daemon *daemon, struct call *call)
{
    (void)daemon;
    static char block[1 << 20];
    struct pack *out = call_result(call);
    pack_begin_array(out, "blocks");
    for (unsigned i = 0; i < 6; i++)
        pack_bin(out, NULL, block, sizeof block);
    pack_end(out);
    call_finish(call);
}

static const struct control_method some[] = {
    {"echo", echo}, {"wait", wait_for_ever}, {"count", count_to_three}, {NULL, NULL}};
static const struct control_method others[] = {{"refuse", refuse}, {"big", big}, {NULL, NULL}};
static const struct control_method *const tables[] = {some, others, NULL};

/* ---- the client ---- */

static int new_client(struct fixture *f)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(control_adopt(f->control, ends[1]), STATUS_OK);
    return ends[0];
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->daemon.loop = &f->loop;
    f->control = control_new(&f->daemon, tables);
    f->fd = new_client(f);
    buffer_init(&f->in);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close(f->fd);
    control_free(f->control);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    buffer_dispose(&f->in);
    free(f);
    return 0;
}

static void send_bytes(struct fixture *f, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t sent = send(f->fd, at, len, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        }
        uv_run(&f->loop, UV_RUN_NOWAIT);
        if (sent < 0 && errno != EAGAIN)
            return;
    }
}

/* [0, msgid, method, {key: text, …}] ; keys end with NULL. */
static void encode_request(msgpack_packer *packer, uint32_t msgid, const char *method)
{
    msgpack_pack_array(packer, 4);
    msgpack_pack_int(packer, 0);
    msgpack_pack_uint32(packer, msgid);
    msgpack_pack_str_with_body(packer, method, strlen(method));
}

static void send_request(struct fixture *f, uint32_t msgid, const char *method)
{
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    encode_request(&packer, msgid, method);
    msgpack_pack_map(&packer, 0);
    send_bytes(f, out.data, out.size);
    msgpack_sbuffer_destroy(&out);
}

/* Reads until the server has closed or a whole message is there. False: closed. */
static bool receive(struct fixture *f, msgpack_unpacked *out)
{
    buffer_drop_front(&f->in, f->taken);
    f->taken = 0;
    for (;;) {
        size_t at = 0;
        msgpack_unpacked_init(out);
        if (f->in.len > 0 && msgpack_unpack_next(out, (const char *)f->in.data, f->in.len, &at) ==
                                 MSGPACK_UNPACK_SUCCESS) {
            f->taken = at;
            return true;
        }
        msgpack_unpacked_destroy(out);
        char block[65536];
        ssize_t got = recv(f->fd, block, sizeof block, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        if (got > 0)
            buffer_add(&f->in, block, (size_t)got);
        else
            uv_run(&f->loop, UV_RUN_NOWAIT);
    }
}

static bool is_text(const msgpack_object *object, const char *text)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(text) &&
           memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

static const msgpack_object *field(const msgpack_object *map, const char *key)
{
    assert_int_equal(map->type, MSGPACK_OBJECT_MAP);
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (is_text(&map->via.map.ptr[i].key, key))
            return &map->via.map.ptr[i].val;
    fail_msg("no field %s", key);
    return NULL;
}

/* Checks type and msgid of the response that comes next; *error and *result as they are. */
static void receive_response(struct fixture *f, uint32_t msgid, msgpack_unpacked *unpacked,
                             const msgpack_object **error, const msgpack_object **result)
{
    assert_true(receive(f, unpacked));
    const msgpack_object_array *array = &unpacked->data.via.array;
    assert_int_equal(unpacked->data.type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(array->size, 4);
    assert_int_equal(array->ptr[0].via.u64, 1);
    assert_int_equal(array->ptr[1].via.u64, msgid);
    *error = &array->ptr[2];
    *result = &array->ptr[3];
}

static void assert_fails(struct fixture *f, uint32_t msgid, const char *code)
{
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    receive_response(f, msgid, &unpacked, &error, &result);
    assert_true(is_text(field(error, "code"), code));
    assert_int_equal(result->type, MSGPACK_OBJECT_NIL);
    msgpack_unpacked_destroy(&unpacked);
}

static void assert_done(struct fixture *f, uint32_t msgid)
{
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    receive_response(f, msgid, &unpacked, &error, &result);
    assert_int_equal(error->type, MSGPACK_OBJECT_NIL);
    assert_int_equal(result->type, MSGPACK_OBJECT_MAP);
    msgpack_unpacked_destroy(&unpacked);
}

static void assert_closed(struct fixture *f)
{
    msgpack_unpacked unpacked;
    assert_false(receive(f, &unpacked));
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(control_counts(f->control).connections, 0);
}

/* ---- tests ---- */

static void encode_echo(msgpack_packer *packer)
{
    encode_request(packer, 4000000000u, "echo");
    msgpack_pack_map(packer, 5);
    msgpack_pack_str_with_body(packer, "text", 4);
    msgpack_pack_str_with_body(packer, "good day", 8);
    msgpack_pack_str_with_body(packer, "number", 6);
    msgpack_pack_double(packer, 60.0);
    msgpack_pack_str_with_body(packer, "double", 6);
    msgpack_pack_int(packer, -3);
    msgpack_pack_str_with_body(packer, "bool", 4);
    msgpack_pack_true(packer);
    msgpack_pack_str_with_body(packer, "texts", 5);
    msgpack_pack_array(packer, 3);
    msgpack_pack_str_with_body(packer, "a", 1);
    msgpack_pack_int(packer, 7);
    msgpack_pack_str_with_body(packer, "b", 1);
}

static void a_request_in_any_split_is_answered(void **state)
{
    struct fixture *f = *state;
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    encode_echo(&packer);
    for (size_t split = 1; split <= out.size; split++) {
        msgpack_unpacked unpacked;
        const msgpack_object *error, *result;
        send_bytes(f, out.data, split);
        uv_run(&f->loop, UV_RUN_NOWAIT);
        send_bytes(f, out.data + split, out.size - split);
        receive_response(f, 4000000000u, &unpacked, &error, &result);
        assert_int_equal(error->type, MSGPACK_OBJECT_NIL);
        assert_true(is_text(field(result, "text"), "good day"));
        assert_int_equal(field(result, "number")->via.u64, 60);
        assert_true(field(result, "double")->via.f64 == -3.0);
        assert_true(field(result, "bool")->via.boolean);
        assert_int_equal(field(result, "texts")->via.u64, 2); /* the 7 is no text */
        msgpack_unpacked_destroy(&unpacked);
    }
    msgpack_sbuffer_destroy(&out);
}

static void absent_mistyped_and_zero_ridden_params_count_as_absent(void **state)
{
    struct fixture *f = *state;
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    encode_request(&packer, 1, "echo");
    msgpack_pack_map(&packer, 2);
    msgpack_pack_str_with_body(&packer, "text", 4);
    msgpack_pack_str_with_body(&packer, "a\0b", 3);
    msgpack_pack_str_with_body(&packer, "number", 6);
    msgpack_pack_str_with_body(&packer, "12", 2);
    send_bytes(f, out.data, out.size);
    assert_done(f, 1);
    assert_string_equal(f->text, "none");
    assert_int_equal(f->number, -1);
    msgpack_sbuffer_destroy(&out);
}

static void params_may_be_nil_and_requests_come_in_a_row(void **state)
{
    struct fixture *f = *state;
    static const char row[] = "\x94\x00\x01\xa4"
                              "echo"
                              "\xc0"
                              "\x94\x00\x02\xa4"
                              "echo"
                              "\x80";
    send_bytes(f, row, sizeof row - 1);
    assert_done(f, 1);
    assert_done(f, 2);
}

static void an_unknown_method_is_an_error_of_that_call(void **state)
{
    struct fixture *f = *state;
    send_request(f, 5, "ech");
    assert_fails(f, 5, "unknown_method");
    send_request(f, 6, "echo");
    assert_done(f, 6);
}

static void a_failure_has_code_exit_message_and_hint(void **state)
{
    struct fixture *f = *state;
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    send_request(f, 9, "refuse");
    receive_response(f, 9, &unpacked, &error, &result);
    assert_true(is_text(field(error, "code"), "bad_link"));
    assert_int_equal(field(error, "exit")->via.u64, 12);
    assert_true(is_text(field(error, "message"), "cannot read \"\""));
    assert_true(is_text(field(error, "hint"), "a hint"));
    assert_int_equal(result->type, MSGPACK_OBJECT_NIL);
    msgpack_unpacked_destroy(&unpacked);
}

static void notifications_come_before_the_one_response(void **state)
{
    struct fixture *f = *state;
    send_request(f, 3, "count");
    for (unsigned i = 1; i <= 3; i++) {
        msgpack_unpacked unpacked;
        assert_true(receive(f, &unpacked));
        const msgpack_object_array *array = &unpacked.data.via.array;
        assert_int_equal(array->size, 3);
        assert_int_equal(array->ptr[0].via.u64, 2);
        assert_true(is_text(&array->ptr[1], "count"));
        assert_int_equal(field(&array->ptr[2], "msgid")->via.u64, 3);
        assert_int_equal(field(&array->ptr[2], "v")->via.u64, 1);
        assert_int_equal(field(&array->ptr[2], "i")->via.u64, i);
        msgpack_unpacked_destroy(&unpacked);
    }
    assert_done(f, 3);
}

static void what_is_no_request_closes_the_connection_and_is_counted(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {
        {"\xc1", 1},                    /* no msgpack */
        {"GET / HTTP/1.0\r\n\r\n", 18}, /* 0x47: the number 71 */
        {"\x94\x01\x01\xc0\xc0", 5},    /* a response */
        {"\x93\x00\x01\xa4"
         "echo",
         8}, /* no params */
        {"\x94\x00\xa1"
         "a\xa4"
         "echo\x80",
         10},                        /* msgid a text */
        {"\x94\x00\x01\x02\x80", 5}, /* method a number */
        {"\x94\x00\x01\xa4"
         "echo\x90",
         9}, /* params an array */
        {"\x94\x00\xcf\0\0\0\1\0\0\0\0\xa4"
         "echo\x80",
         17}, /* msgid over 32 bits */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        send_bytes(f, bad[i].data, bad[i].len);
        assert_closed(f);
        assert_int_equal(control_counts(f->control).malformed, i + 1);
        close(f->fd);
        f->fd = new_client(f);
    }
}

static void lengths_that_promise_too_much_are_refused_at_once(void **state)
{
    struct fixture *f = *state;
    static const char *const heads[] = {
        "\xdd\xff\xff\xff\xff",             /* an array of 4 G */
        "\x94\x00\x01\xdb\x7f\xff\xff\xff", /* a method's name of 2 GiB */
        "\x94\x00\x01\xa4"
        "echo\xdf\x40\xff\xff\xff", /* a map of 1 G */
        "\x94\x00\x01\xa4"
        "echo\xc6\x03\x10\xff\xff", /* 49 MiB of bytes */
    };
    static const size_t sizes[] = {5, 8, 13, 13};
    for (size_t i = 0; i < 4; i++) {
        send_bytes(f, heads[i], sizes[i]);
        assert_closed(f);
        assert_int_equal(control_counts(f->control).malformed, i + 1);
        close(f->fd);
        f->fd = new_client(f);
    }
}

static void nesting_beyond_bounds_is_refused(void **state)
{
    struct fixture *f = *state;
    char deep[1000];
    memset(deep, '\x91', sizeof deep);
    deep[sizeof deep - 1] = '\x00';
    send_bytes(f,
               "\x94\x00\x01\xa4"
               "echo",
               8);
    send_bytes(f, deep, sizeof deep);
    assert_closed(f);
    assert_int_equal(control_counts(f->control).malformed, 1);
}

static void a_client_that_goes_away_cancels_its_calls(void **state)
{
    struct fixture *f = *state;
    send_request(f, 1, "wait");
    send_request(f, 2, "wait");
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(control_counts(f->control).calls, 2);
    shutdown(f->fd, SHUT_RDWR);
    while (control_counts(f->control).connections > 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->cancelled, 2);
    assert_int_equal(control_counts(f->control).calls, 0);
}

static void the_end_of_the_server_cancels_calls_at_once(void **state)
{
    struct fixture *f = *state;
    send_request(f, 1, "wait");
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->waiting_count, 1);
    control_free(f->control);
    assert_int_equal(f->cancelled, 1);
    f->control = NULL;
}

static void a_call_above_the_limit_is_refused_the_others_go_on(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i <= CONTROL_CALLS_MAX; i++)
        send_request(f, i, "wait");
    assert_fails(f, CONTROL_CALLS_MAX, "busy");
    assert_int_equal(f->waiting_count, CONTROL_CALLS_MAX);
    call_finish(f->waiting[3]);
    assert_done(f, 3);
    send_request(f, 77, "echo");
    assert_done(f, 77);
}

static void who_does_not_read_notifications_is_cut_off(void **state)
{
    struct fixture *f = *state;
    static char block[1 << 18];
    send_request(f, 1, "wait");
    uv_run(&f->loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < 100; i++) {
        struct pack *note = call_notify(f->waiting[0], "block");
        pack_bin(note, "block", block, sizeof block);
        call_notify_end(f->waiting[0]);
    }
    assert_int_equal(control_counts(f->control).too_slow, 1);
    assert_int_equal(f->cancelled, 0); /* not from inside call_notify_end */
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->cancelled, 1);
}

static void an_answer_may_be_bigger_than_the_backlog(void **state)
{
    struct fixture *f = *state;
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    send_request(f, 1, "big");
    receive_response(f, 1, &unpacked, &error, &result);
    assert_int_equal(field(result, "blocks")->via.array.size, 6);
    msgpack_unpacked_destroy(&unpacked);
    send_request(f, 2, "echo");
    assert_done(f, 2);
}

static void questions_wait_until_the_answers_are_read(void **state)
{
    struct fixture *f = *state;
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    for (uint32_t i = 1; i <= 6; i++)
        send_request(f, i, "big");
    uv_run(&f->loop, UV_RUN_NOWAIT);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(control_counts(f->control).requests, 1);
    for (uint32_t i = 1; i <= 6; i++) {
        receive_response(f, i, &unpacked, &error, &result);
        msgpack_unpacked_destroy(&unpacked);
    }
}

/* ---- the socket's file ---- */

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void the_socket_is_ours_alone_and_replaces_a_stale_one(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/kadpeer-control-XXXXXX", path[64];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat info;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    strcpy(address.sun_path, path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    close(stale);
    assert_int_equal(control_listen(f->control, path), STATUS_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    close(f->fd);
    f->fd = dial(path);
    send_request(f, 1, "echo");
    assert_done(f, 1);
    control_free(f->control);
    f->control = NULL;
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(rmdir(folder), 0); /* the file is gone */
}

static void connections_above_the_limit_are_closed(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/kadpeer-control-XXXXXX", path[64];
    int fds[CONTROL_CONNECTIONS_MAX];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    assert_int_equal(control_listen(f->control, path), STATUS_OK);
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        fds[i] = dial(path);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    while (control_counts(f->control).refused == 0)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(control_counts(f->control).connections, CONTROL_CONNECTIONS_MAX);
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        close(fds[i]);
    control_free(f->control);
    f->control = NULL;
    uv_run(&f->loop, UV_RUN_DEFAULT);
    rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_in_any_split_is_answered),
        TEST(absent_mistyped_and_zero_ridden_params_count_as_absent),
        TEST(params_may_be_nil_and_requests_come_in_a_row),
        TEST(an_unknown_method_is_an_error_of_that_call),
        TEST(a_failure_has_code_exit_message_and_hint),
        TEST(notifications_come_before_the_one_response),
        TEST(what_is_no_request_closes_the_connection_and_is_counted),
        TEST(lengths_that_promise_too_much_are_refused_at_once),
        TEST(nesting_beyond_bounds_is_refused),
        TEST(a_client_that_goes_away_cancels_its_calls),
        TEST(the_end_of_the_server_cancels_calls_at_once),
        TEST(a_call_above_the_limit_is_refused_the_others_go_on),
        TEST(who_does_not_read_notifications_is_cut_off),
        TEST(an_answer_may_be_bigger_than_the_backlog),
        TEST(questions_wait_until_the_answers_are_read),
        TEST(the_socket_is_ours_alone_and_replaces_a_stale_one),
        TEST(connections_above_the_limit_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
