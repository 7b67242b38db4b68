#include "support/control_fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/frame.h"

/* What a client of the control socket cannot do: send nonsense, ask too much, read too little. */

/* ---- what is no request ---- */

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
        assert_int_equal(counts_of(f).malformed, i + 1);
        new_client(f);
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
        assert_int_equal(counts_of(f).malformed, i + 1);
        new_client(f);
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
    assert_int_equal(counts_of(f).malformed, 1);
}

static void nesting_is_refused_before_the_message_is_whole(void **state)
{
    struct fixture *f = *state;
    char deep[FRAME_DEPTH_MAX + 1];
    memset(deep, '\x92', sizeof deep);
    send_bytes(f, deep, sizeof deep);
    assert_closed(f);
    assert_int_equal(counts_of(f).malformed, 1);
}

/* ---- how much ---- */

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
    turn(f);
    for (unsigned i = 0; i < 100; i++) {
        struct pack *note = call_notify(f->waiting[0], "block");
        pack_bin(note, "block", block, sizeof block);
        call_notify_end(f->waiting[0]);
    }
    assert_int_equal(counts_of(f).too_slow, 1);
    assert_int_equal(f->cancelled, 0); /* not from inside call_notify_end */
    turn(f);
    assert_int_equal(f->cancelled, 1);
}

static void questions_wait_until_the_answers_are_read(void **state)
{
    struct fixture *f = *state;
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    for (uint32_t i = 1; i <= 6; i++)
        send_request(f, i, "big");
    turn(f);
    turn(f);
    assert_int_equal(counts_of(f).requests, 1);
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
    end_server(f);
    assert_int_equal(rmdir(folder), 0); /* the file is gone */
}

/* ---- more clients than there may be ---- */

#define CLIENTS_MAX (CONTROL_CONNECTIONS_MAX + 2 * CONTROL_EXTRA_MAX)

struct crowd {
    char folder[32], path[48];
    int fds[CLIENTS_MAX];
    size_t count;
    int first; /* of the fixture */
};

static void join_crowd(struct fixture *f, struct crowd *crowd)
{
    crowd->fds[crowd->count++] = f->fd = dial(crowd->path);
    turn(f);
}

/* As many as may be connected; the fixture's is one of them. */
static void gather(struct fixture *f, struct crowd *crowd)
{
    *crowd = (struct crowd){.folder = "/tmp/kadpeer-control-XXXXXX", .first = f->fd};
    assert_non_null(mkdtemp(crowd->folder));
    snprintf(crowd->path, sizeof crowd->path, "%s/s", crowd->folder);
    assert_int_equal(control_listen(f->control, crowd->path), STATUS_OK);
    while (crowd->count < CONTROL_CONNECTIONS_MAX - 1)
        join_crowd(f, crowd);
    assert_int_equal(counts_of(f).connections, CONTROL_CONNECTIONS_MAX);
}

static void disperse(struct fixture *f, struct crowd *crowd)
{
    f->fd = crowd->first;
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->fds[i] >= 0)
            close(crowd->fds[i]);
    end_server(f);
    assert_int_equal(rmdir(crowd->folder), 0);
}

static void assert_refused(struct fixture *f)
{
    msgpack_unpacked unpacked;
    assert_fails(f, 0, "busy");
    assert_false(receive(f, &unpacked));
}

static void a_client_above_the_limit_hears_why_and_is_closed(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    gather(f, &crowd);
    join_crowd(f, &crowd);
    send_request(f, 1, "echo");
    assert_refused(f);
    assert_int_equal(f->waiting_count, 0);
    f->fd = crowd.first;
    send_request(f, 1, "echo");
    assert_done(f, 1);
    assert_int_equal(counts_of(f).refused, 1);
    assert_int_equal(counts_of(f).connections, CONTROL_CONNECTIONS_MAX);
    disperse(f, &crowd);
}

static void whoever_is_connected_the_daemon_can_be_asked_how_it_is(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    gather(f, &crowd);
    join_crowd(f, &crowd);
    for (uint32_t i = 1; i <= 3; i++) {
        send_request(f, i, "status");
        assert_done(f, i);
    }
    send_request(f, 4, "wait");
    assert_refused(f);
    disperse(f, &crowd);
}

static void long_requests_of_one_too_many_are_refused_before_they_are_there(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    gather(f, &crowd);
    join_crowd(f, &crowd);
    send_bytes(f, "\x94\x00\x01\xa6status\xc6\x01\x00\x00\x00", 15); /* 16 MiB follow */
    assert_refused(f);
    assert_int_equal(counts_of(f).malformed, 0);
    disperse(f, &crowd);
}

static void silent_ones_do_not_keep_the_last_to_come_out(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    gather(f, &crowd);
    while (crowd.count < CLIENTS_MAX) {
        join_crowd(f, &crowd);
        assert_true(counts_of(f).connections <= CONTROL_CONNECTIONS_MAX + CONTROL_EXTRA_MAX + 1);
    }
    send_request(f, 1, "status");
    assert_done(f, 1);
    f->fd = crowd.fds[CONTROL_CONNECTIONS_MAX - 1]; /* the first that was too many */
    assert_refused(f);
    f->fd = crowd.fds[CONTROL_CONNECTIONS_MAX - 2]; /* the last that was not */
    send_request(f, 1, "echo");
    assert_done(f, 1);
    disperse(f, &crowd);
}

static void one_too_many_is_like_any_other_once_others_have_gone(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd;
    gather(f, &crowd);
    join_crowd(f, &crowd);
    close(crowd.fds[0]);
    crowd.fds[0] = -1;
    while (counts_of(f).connections > CONTROL_CONNECTIONS_MAX)
        turn(f);
    send_request(f, 1, "echo");
    assert_done(f, 1);
    disperse(f, &crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        control_test(what_is_no_request_closes_the_connection_and_is_counted),
        control_test(lengths_that_promise_too_much_are_refused_at_once),
        control_test(nesting_beyond_bounds_is_refused),
        control_test(nesting_is_refused_before_the_message_is_whole),
        control_test(a_call_above_the_limit_is_refused_the_others_go_on),
        control_test(who_does_not_read_notifications_is_cut_off),
        control_test(questions_wait_until_the_answers_are_read),
        control_test(the_socket_is_ours_alone_and_replaces_a_stale_one),
        control_test(a_client_above_the_limit_hears_why_and_is_closed),
        control_test(whoever_is_connected_the_daemon_can_be_asked_how_it_is),
        control_test(long_requests_of_one_too_many_are_refused_before_they_are_there),
        control_test(silent_ones_do_not_keep_the_last_to_come_out),
        control_test(one_too_many_is_like_any_other_once_others_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
