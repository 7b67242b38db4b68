#include "daemon/ports.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/lock.h"
#include "support/unit.h"

struct fixture {
    uv_loop_t loop;
    struct ports first, second;
    struct ports_failure failure;
    char folder[64], path[80];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    strcpy(f->folder, "/tmp/kadpeer-ports-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/lock", f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ports_close(&f->first);
    ports_close(&f->second);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    unlink(f->path);
    rmdir(f->folder);
    free(f);
    return 0;
}

static void on_incoming(void *user, struct tcp *connection)
{
    (void)user;
    tcp_close(connection);
}

static struct ports_address address_of(const char *text)
{
    struct ports_address address = {.optional = false};
    assert_true(endpoint_parse(text, &address.address));
    return address;
}

static enum status open_ports(struct fixture *f, struct ports *out, uint16_t port,
                              const struct ports_address addresses[], size_t count)
{
    return ports_open(&f->loop, addresses, count, port, on_incoming, f, out, &f->failure);
}

static void udp_and_tcp_of_all_addresses_have_one_number(void **state)
{
    struct fixture *f = *state;
    const struct ports_address addresses[] = {address_of("127.0.0.1:1"), address_of("127.0.0.2:1"),
                                              address_of("[::1]:1")};
    assert_int_equal(open_ports(f, &f->first, 0, addresses, 3), STATUS_OK);
    assert_int_equal(f->first.count, 3);
    assert_int_not_equal(f->first.port, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->first.bound[i].port, f->first.port);
        assert_true(endpoint_same_address(&f->first.bound[i], &addresses[i].address));
        assert_non_null(f->first.udp[i]);
        assert_non_null(f->first.tcp[i]);
    }
}

static void a_taken_port_says_which_and_leaves_nothing_open(void **state)
{
    struct fixture *f = *state;
    const struct ports_address one[] = {address_of("127.0.0.1:1")};
    const struct ports_address two[] = {address_of("127.0.0.2:1"), address_of("127.0.0.1:1")};
    assert_int_equal(open_ports(f, &f->first, 0, one, 1), STATUS_OK);
    assert_int_equal(open_ports(f, &f->second, f->first.port, two, 2), STATUS_ADDRESS_IN_USE);
    assert_int_equal(f->failure.status, STATUS_ADDRESS_IN_USE);
    assert_string_equal(f->failure.protocol, "UDP");
    assert_int_equal(f->failure.address.port, f->first.port);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    ports_close(&f->first);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(open_ports(f, &f->second, f->failure.address.port, two, 2), STATUS_OK);
}

static void a_port_taken_for_tcp_alone_is_no_port(void **state)
{
    struct fixture *f = *state;
    const struct ports_address one[] = {address_of("127.0.0.1:1")};
    assert_int_equal(open_ports(f, &f->first, 0, one, 1), STATUS_OK);
    udp_close(f->first.udp[0]);
    f->first.udp[0] = NULL;
    assert_int_equal(open_ports(f, &f->second, f->first.port, one, 1), STATUS_ADDRESS_IN_USE);
    assert_string_equal(f->failure.protocol, "TCP");
}

static void a_foreign_address_is_an_error_unless_it_may_be_left_out(void **state)
{
    struct fixture *f = *state;
    struct ports_address addresses[] = {address_of("127.0.0.1:1"), address_of("192.0.2.1:1")};
    assert_int_equal(open_ports(f, &f->first, 0, addresses, 2), STATUS_UNREACHABLE);
    addresses[1].optional = true;
    assert_int_equal(open_ports(f, &f->first, 0, addresses, 2), STATUS_OK);
    assert_int_equal(f->first.count, 1);
}

static void the_holder_of_a_port_is_named(void **state)
{
    struct fixture *f = *state;
    struct port_holder holder;
    char text[64];
    const struct ports_address one[] = {address_of("127.0.0.1:1")};
    assert_int_equal(open_ports(f, &f->first, 0, one, 1), STATUS_OK);
    for (int udp = 0; udp <= 1; udp++) {
        ports_find_holder(f->first.port, udp, &holder);
        assert_int_equal(holder.pid, getpid());
        assert_false(holder.is_kadpeer);
        snprintf(text, sizeof text, "process %d (test_ports)", (int)getpid());
        assert_string_equal(holder.text, text);
    }
    uint16_t port = f->first.port;
    ports_close(&f->first);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    ports_find_holder(port, true, &holder);
    assert_int_equal(holder.pid, 0);
    assert_string_equal(holder.text, "another program");
}

static void a_lock_names_its_owner_and_ends_with_it(void **state)
{
    struct fixture *f = *state;
    struct lock_owner owner;
    int fd, other;
    assert_int_equal(lock_take(f->path, &fd, &owner), STATUS_OK);
    assert_int_equal(lock_take(f->path, &other, &owner), STATUS_BUSY);
    assert_int_equal(owner.pid, getpid());
    assert_true(llabs(owner.started_unix_s - time(NULL)) <= 2);
    pid_t child = fork();
    if (child == 0)
        _exit(lock_take(f->path, &other, &owner) == STATUS_BUSY ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
    assert_int_equal(lock_take(f->path, &fd, &owner), STATUS_OK);
    close(fd);
}

static void a_lock_in_a_folder_that_is_not_there_fails(void **state)
{
    (void)state;
    struct lock_owner owner;
    int fd;
    assert_int_equal(lock_take("/tmp/kadpeer-no-such-folder/lock", &fd, &owner), STATUS_IO);
    assert_int_equal(fd, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(udp_and_tcp_of_all_addresses_have_one_number),
        TEST(a_taken_port_says_which_and_leaves_nothing_open),
        TEST(a_port_taken_for_tcp_alone_is_no_port),
        TEST(a_foreign_address_is_an_error_unless_it_may_be_left_out),
        TEST(the_holder_of_a_port_is_named),
        TEST(a_lock_names_its_owner_and_ends_with_it),
        TEST(a_lock_in_a_folder_that_is_not_there_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
