#include "io/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/tcp_private.h"
#include "io/work.h"
#include "support/tcp_pair.h"
#include "support/unit.h"

static void runs_arrive_in_order_where_the_owner_wants_them(void **state)
{
    struct tcp_pair *pair = *state;
    tcp_pair_dial(pair);
    static uint8_t block[100000];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 7 + i / 251);
    struct bytes runs[] = {bytes_of("head", 4), bytes_of(block, sizeof block), bytes_of("tail", 4)};
    tcp_pair_write(pair, runs, 3);
    assert_true(tcp_is_writing(pair->near.tcp));
    while (pair->far.got < sizeof block + 8 || pair->near.sent == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_memory_equal(pair->in, "head", 4);
    assert_memory_equal(pair->in + 4, block, sizeof block);
    assert_memory_equal(pair->in + 4 + sizeof block, "tail", 4);
    assert_false(tcp_is_writing(pair->near.tcp));
    assert_int_equal(tcp_backlog(pair->near.tcp), 0);
}

static void a_paused_end_reads_nothing_until_it_goes_on(void **state)
{
    struct tcp_pair *pair = *state;
    tcp_pair_dial(pair);
    tcp_pause(pair->far.tcp, true);
    struct bytes run = bytes_of("hello", 5);
    tcp_pair_write(pair, &run, 1);
    while (pair->near.sent == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    for (int i = 0; i < 20; i++)
        uv_run(&pair->loop, UV_RUN_NOWAIT);
    assert_int_equal(pair->far.got, 0);
    tcp_pause(pair->far.tcp, false);
    while (pair->far.got < 5)
        uv_run(&pair->loop, UV_RUN_ONCE);
}

static void an_end_without_room_reads_on_when_it_has_some(void **state)
{
    struct tcp_pair *pair = *state;
    tcp_pair_dial(pair);
    struct bytes run = bytes_of("hello", 5);
    pair->far.space_len = 3;
    tcp_pair_write(pair, &run, 1);
    while (pair->near.sent == 0 || pair->far.got < 3)
        uv_run(&pair->loop, UV_RUN_ONCE);
    for (int i = 0; i < 20; i++)
        uv_run(&pair->loop, UV_RUN_NOWAIT);
    assert_int_equal(pair->far.failed, 0);
    pair->far.space_len = 5;
    tcp_pause(pair->far.tcp, false);
    while (pair->far.got < 5)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_memory_equal(pair->in, "hello", 5);
}

/* The rest of a write that found no room for all of it comes in its place. */
static void little_goes_at_once_while_there_is_room(void **state)
{
    enum { RUN = 9000 };
    struct tcp_pair *pair = *state;
    int size = 4096;
    static uint8_t block[sizeof pair->in];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 7 + i / 251);
    tcp_pair_dial(pair);
    uv_send_buffer_size((uv_handle_t *)&pair->near.tcp->handle, &size);
    uv_recv_buffer_size((uv_handle_t *)&pair->far.tcp->handle, &size);
    tcp_pause(pair->far.tcp, true);
    size_t at = 0;
    bool gone = true;
    for (; gone && at + RUN <= sizeof block; at += RUN) {
        struct bytes runs[] = {bytes_of(block + at, 1000), bytes_of(block + at + 1000, RUN - 1000)};
        gone = tcp_write(pair->near.tcp, runs, 2);
        assert_int_equal(tcp_is_writing(pair->near.tcp), !gone);
    }
    assert_true(at > RUN && !gone);
    assert_int_equal(pair->near.sent, 0);
    tcp_pause(pair->far.tcp, false);
    while (pair->far.got < at || pair->near.sent == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_memory_equal(pair->in, block, at);
    assert_int_equal(pair->near.sent, 1);
}

static void a_closed_end_is_told_once(void **state)
{
    struct tcp_pair *pair = *state;
    tcp_pair_dial(pair);
    tcp_close(pair->near.tcp);
    pair->near.tcp = NULL;
    while (pair->far.failed == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_int_equal(pair->far.why, STATUS_CLOSED);
    assert_int_equal(pair->near.failed, 0);
    assert_int_equal(pair->near.connected, 1);
}

static void nobody_there_is_unreachable(void **state)
{
    struct tcp_pair *pair = *state;
    tcp_listener_close(pair->listener);
    pair->listener = NULL;
    uv_run(&pair->loop, UV_RUN_NOWAIT);
    pair->near.tcp =
        tcp_connect(&pair->loop, &pair->address, NULL, 10000, &tcp_pair_owner, &pair->near);
    assert_int_equal(pair->near.failed, 0);
    while (pair->near.failed == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_int_equal(pair->near.why, STATUS_UNREACHABLE);
    assert_int_equal(pair->near.connected, 0);
}

/* Its queue of connections nobody accepts is full: it lets whoever dials wait. */
static void who_never_answers_is_given_up(void **state)
{
    struct tcp_pair *pair = *state;
    struct endpoint deaf = tcp_pair_loopback();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    deaf.port = ntohs(at.sin_port);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&at, sizeof at);
    }
    pair->near.tcp = tcp_connect(&pair->loop, &deaf, NULL, 100, &tcp_pair_owner, &pair->near);
    while (pair->near.failed == 0 && pair->near.connected == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_int_equal(pair->near.connected, 0);
    assert_int_equal(pair->near.why, STATUS_TIMED_OUT);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void an_address_that_is_none_fails_from_the_loop(void **state)
{
    struct tcp_pair *pair = *state;
    struct endpoint none = {.family = ENDPOINT_NONE};
    pair->near.tcp = tcp_connect(&pair->loop, &none, NULL, 10000, &tcp_pair_owner, &pair->near);
    assert_non_null(pair->near.tcp);
    assert_int_equal(pair->near.failed, 0);
    while (pair->near.failed == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_int_equal(pair->near.failed, 1);
}

static void dials_from_the_address_it_is_told(void **state)
{
    struct tcp_pair *pair = *state;
    struct endpoint from = {.addr = {127, 0, 0, 77}, .port = 1, .family = ENDPOINT_IPV4};
    pair->near.tcp =
        tcp_connect(&pair->loop, &pair->address, &from, 10000, &tcp_pair_owner, &pair->near);
    while (!pair->near.connected || pair->far.tcp == NULL)
        uv_run(&pair->loop, UV_RUN_ONCE);
    struct endpoint seen = tcp_remote(pair->far.tcp), ours = tcp_local(pair->near.tcp);
    assert_true(endpoint_same_address(&seen, &from));
    assert_true(endpoint_equal(&seen, &ours));
}

static void a_taken_port_is_said(void **state)
{
    struct tcp_pair *pair = *state;
    struct tcp_listener *second = NULL;
    assert_int_equal(
        tcp_listen(&pair->loop, &pair->address, tcp_pair_incoming, pair, &second, NULL),
        STATUS_ADDRESS_IN_USE);
    assert_null(second);
}

/* ---- work ---- */

struct job {
    struct work work;
    int ran, done;
    bool cancelled;
};

static void run_job(void *user)
{
    ((struct job *)user)->ran++;
}

static void job_done(void *user, bool cancelled)
{
    struct job *job = user;
    job->done++;
    job->cancelled = cancelled;
}

static void work_runs_once_and_ends_on_the_loop(void **state)
{
    struct tcp_pair *pair = *state;
    struct job jobs[20] = {0};
    for (size_t i = 0; i < 20; i++)
        work_start(&jobs[i].work, &pair->loop, run_job, job_done, &jobs[i]);
    bool cancelled = work_cancel(&jobs[19].work);
    for (size_t i = 0; i < 20; i++)
        while (jobs[i].done == 0)
            uv_run(&pair->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].ran, jobs[i].cancelled ? 0 : 1);
        assert_int_equal(jobs[i].cancelled, i == 19 && cancelled);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tcp_pair_set_up, tcp_pair_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_arrive_in_order_where_the_owner_wants_them),
        TEST(a_paused_end_reads_nothing_until_it_goes_on),
        TEST(an_end_without_room_reads_on_when_it_has_some),
        TEST(little_goes_at_once_while_there_is_room),
        TEST(a_closed_end_is_told_once),
        TEST(nobody_there_is_unreachable),
        TEST(who_never_answers_is_given_up),
        TEST(an_address_that_is_none_fails_from_the_loop),
        TEST(dials_from_the_address_it_is_told),
        TEST(a_taken_port_is_said),
        TEST(work_runs_once_and_ends_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
