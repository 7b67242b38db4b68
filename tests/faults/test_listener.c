/* Listeners without memory or descriptors: who comes then is turned away, who comes later gets in.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/control_fixture.h"
#include "support/tcp_pair.h"
#include "sweep.h"

enum { CALLERS_AT_ONCE = 5 };

/* ---- TCP ---- */

static void dial(struct tcp_pair *pair, struct tcp_end *end)
{
    static uint8_t space[16]; /* who reads nothing does not see that he was turned away */
    end->space = space;
    end->space_len = sizeof space;
    end->tcp = tcp_connect(&pair->loop, &pair->address, NULL, 60000, &tcp_pair_owner, end);
    assert_non_null(end->tcp);
}

static void peers_without_memory_are_refused_one_by_one(void **state)
{
    struct tcp_pair *pair = *state;
    struct tcp_end ends[CALLERS_AT_ONCE] = {0};
    for (unsigned i = 0; i < CALLERS_AT_ONCE; i++)
        dial(pair, &ends[i]);
    faults_arm(BY_US, CALL_ALLOCATE, 1, UINT64_MAX, ENOMEM);
    while (pair->refused < CALLERS_AT_ONCE)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_true(faults_disarm() >= CALLERS_AT_ONCE);
    for (unsigned i = 0; i < CALLERS_AT_ONCE; i++)
        while (ends[i].failed == 0)
            uv_run(&pair->loop, UV_RUN_ONCE);
    assert_null(pair->far.tcp);
    tcp_pair_dial(pair);
    assert_int_equal(pair->refused, CALLERS_AT_ONCE);
}

static void one_allocation_that_fails_costs_one_peer(void **state)
{
    struct tcp_pair *pair = *state;
    struct tcp_end unlucky = {0};
    dial(pair, &unlucky);
    faults_arm(BY_US, CALL_ALLOCATE, 1, 1, ENOMEM);
    while (unlucky.failed == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    faults_disarm();
    assert_int_equal(pair->refused, 1);
    tcp_pair_dial(pair);
}

/* The loop goes round, or this would never end. */
static void a_port_without_descriptors_is_back_when_there_are_some(void **state)
{
    struct tcp_pair *pair = *state;
    struct tcp_end unlucky = {0};
    dial(pair, &unlucky);
    faults_arm(BY_LIBUV, CALL_ACCEPT, 1, UINT64_MAX, EMFILE);
    while (unlucky.failed == 0)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_true(faults_disarm() > 0);
    while (pair->far.tcp == NULL) {
        if (pair->near.tcp == NULL) /* at rest still */
            dial(pair, &pair->near);
        uv_run(&pair->loop, UV_RUN_ONCE);
    }
    assert_int_equal(pair->refused, 0);
}

/* ---- the control socket ---- */

struct place {
    char folder[32], path[48];
};

static void listen_somewhere(struct fixture *f, struct place *place)
{
    *place = (struct place){.folder = "/tmp/kadpeer-listener-XXXXXX"};
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/s", place->folder);
    assert_int_equal(control_listen(f->control, place->path), STATUS_OK);
}

static int try_connect(const struct place *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, place->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_client(const struct place *place)
{
    int fd = try_connect(place);
    assert_true(fd >= 0);
    return fd;
}

static bool was_closed(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void assert_is_served(struct fixture *f)
{
    send_request(f, 1, "echo");
    assert_done(f, 1);
}

static void leave(struct fixture *f, const struct place *place, int first)
{
    close(f->fd);
    f->fd = first;
    end_server(f);
    assert_int_equal(rmdir(place->folder), 0);
}

static void clients_without_memory_are_refused_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct place place;
    int fds[CALLERS_AT_ONCE], first = f->fd;
    listen_somewhere(f, &place);
    for (unsigned i = 0; i < CALLERS_AT_ONCE; i++)
        fds[i] = connect_client(&place);
    faults_arm(BY_US, CALL_ALLOCATE, 1, UINT64_MAX, ENOMEM);
    while (counts_of(f).refused < CALLERS_AT_ONCE)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_true(faults_disarm() >= CALLERS_AT_ONCE);
    for (unsigned i = 0; i < CALLERS_AT_ONCE; i++) {
        while (!was_closed(fds[i]))
            turn(f);
        close(fds[i]);
    }
    f->fd = connect_client(&place);
    assert_is_served(f);
    leave(f, &place, first);
}

static void a_control_socket_without_descriptors_is_back_when_there_are_some(void **state)
{
    struct fixture *f = *state;
    struct place place;
    int first = f->fd;
    listen_somewhere(f, &place);
    int unlucky = connect_client(&place);
    faults_arm(BY_LIBUV, CALL_ACCEPT, 1, UINT64_MAX, EMFILE);
    while (faults_page()->rules[BY_LIBUV][CALL_ACCEPT].failed == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    faults_disarm();
    while ((f->fd = try_connect(&place)) < 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_is_served(f);
    close(unlucky);
    leave(f, &place, first);
}

#define TCP_TEST(f) cmocka_unit_test_setup_teardown(f, tcp_pair_set_up, tcp_pair_tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TCP_TEST(peers_without_memory_are_refused_one_by_one),
        TCP_TEST(one_allocation_that_fails_costs_one_peer),
        TCP_TEST(a_port_without_descriptors_is_back_when_there_are_some),
        control_test(clients_without_memory_are_refused_one_by_one),
        control_test(a_control_socket_without_descriptors_is_back_when_there_are_some),
    };
    (void)argc;
    sweep_load(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
