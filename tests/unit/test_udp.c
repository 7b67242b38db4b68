#include "io/udp.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/resolve.h"
#include "io/signals.h"
#include "support/unit.h"

struct end {
    struct udp *udp;
    struct endpoint address;
    unsigned received;
    size_t bytes;
    struct endpoint from;
    bool close_at_first, answers;
    const struct endpoint *beside; /* answers: one more goes there each time */
};

struct fixture {
    uv_loop_t loop;
    struct end a, b;
    /* of a resolver */
    unsigned resolved;
    enum status status;
    struct endpoint endpoints[16];
    size_t endpoint_count;
    int signal;
};

/* In the place of the system's: after so many datagrams it has no room for more. */
static unsigned room = UINT_MAX;

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (room == 0) {
        errno = EAGAIN;
        return -1;
    }
    unsigned most = count < room ? count : room;
    int sent = (int)syscall(SYS_sendmmsg, fd, messages, most, flags);
    if (sent > 0 && room != UINT_MAX)
        room -= (unsigned)sent;
    return sent;
}

static void on_datagram(void *user, struct udp *udp, const struct endpoint *from, struct bytes data)
{
    struct end *end = user;
    assert_ptr_equal(udp, end->udp);
    end->received++;
    end->bytes += data.len;
    end->from = *from;
    for (size_t i = 0; i < data.len; i++)
        assert_int_equal(data.data[i], (uint8_t)(data.len + i));
    if (end->answers && end->beside != NULL)
        udp_send(udp, end->beside, data);
    if (end->answers)
        assert_true(udp_send(udp, from, data));
    if (end->close_at_first) {
        udp_close(end->udp);
        end->udp = NULL;
    }
}

static struct endpoint loopback(uint8_t family)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(family == ENDPOINT_IPV6 ? "[::1]:1" : "127.0.0.1:1", &endpoint));
    endpoint.port = 0;
    return endpoint;
}

static void open_end(struct fixture *f, struct end *end, uint8_t family)
{
    struct endpoint at = loopback(family);
    assert_int_equal(udp_open(&f->loop, &at, &end->udp, &end->address), STATUS_OK);
    assert_int_not_equal(end->address.port, 0);
    assert_int_equal(udp_start(end->udp, on_datagram, end), STATUS_OK);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    room = UINT_MAX;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    open_end(f, &f->a, ENDPOINT_IPV4);
    open_end(f, &f->b, ENDPOINT_IPV4);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    udp_close(f->a.udp);
    udp_close(f->b.udp);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static bool send_len(struct end *from, const struct end *to, size_t len)
{
    static uint8_t data[70000];
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(len + i);
    return udp_send(from->udp, &to->address, bytes_of(data, len));
}

static void datagrams_arrive_whole_with_their_sender(void **state)
{
    struct fixture *f = *state;
    size_t bytes = 0;
    for (size_t len = 1; len <= 1200; len += 37) { /* more than one batch */
        assert_true(send_len(&f->a, &f->b, len));
        bytes += len;
    }
    while (f->b.bytes < bytes)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->b.received, 33);
    assert_true(endpoint_equal(&f->b.from, &f->a.address));
}

static void an_empty_datagram_is_one_too(void **state)
{
    struct fixture *f = *state;
    send_len(&f->a, &f->b, 0);
    send_len(&f->a, &f->b, 5);
    while (f->b.bytes < 5)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->b.received, 2);
}

static void what_the_system_refuses_is_counted(void **state)
{
    struct fixture *f = *state;
    struct endpoint nowhere = f->b.address;
    assert_false(send_len(&f->a, &f->b, 69000)); /* no datagram is so long */
    assert_int_equal(udp_counts(f->a.udp).refused, 1);
    nowhere.family = ENDPOINT_NONE;
    assert_false(udp_send(f->a.udp, &nowhere, bytes_of("x", 1)));
}

static void a_socket_may_be_closed_by_its_own_datagram(void **state)
{
    struct fixture *f = *state;
    f->b.close_at_first = true;
    for (unsigned i = 0; i < 5; i++)
        send_len(&f->a, &f->b, 10);
    while (f->b.received == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->b.received, 1);
}

/* Asks with datagrams of many sizes, before the other end reads any. Returns how many. */
static unsigned ask(struct fixture *f)
{
    unsigned count = 0;
    for (size_t len = 1; len <= 1200; len += 37, count++)
        assert_true(send_len(&f->a, &f->b, len));
    return count;
}

static void answers_to_a_batch_arrive_whole(void **state)
{
    struct fixture *f = *state;
    f->b.answers = true;
    unsigned count = ask(f);
    while (f->a.received < count)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->a.bytes, f->b.bytes);
    assert_true(endpoint_equal(&f->a.from, &f->b.address));
    assert_int_equal(udp_counts(f->b.udp).queued + udp_counts(f->b.udp).refused, 0);
}

static void one_refused_answer_of_a_batch_takes_no_other_with_it(void **state)
{
    struct fixture *f = *state;
    struct endpoint everybody; /* takes a right that the socket has not */
    assert_true(endpoint_parse("255.255.255.255:9", &everybody));
    f->b.answers = true;
    f->b.beside = &everybody;
    unsigned count = ask(f);
    while (f->a.received < count)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(udp_counts(f->b.udp).refused, count);
}

static void answers_that_find_no_room_wait(void **state)
{
    struct fixture *f = *state;
    f->b.answers = true;
    unsigned count = ask(f);
    room = 3;
    while (f->a.received < count)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->a.bytes, f->b.bytes);
    assert_true(udp_counts(f->b.udp).queued > 0);
    assert_int_equal(udp_counts(f->b.udp).dropped, 0);
}

static void what_was_answered_before_a_socket_closes_is_sent(void **state)
{
    struct fixture *f = *state;
    f->b.answers = f->b.close_at_first = true;
    ask(f);
    while (f->a.received == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->a.received, 1);
}

static void a_taken_port_and_a_foreign_address_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct endpoint at = f->a.address, bound;
    struct udp *udp;
    assert_int_equal(udp_open(&f->loop, &at, &udp, &bound), STATUS_ADDRESS_IN_USE);
    assert_true(endpoint_parse("192.0.2.1:1", &at));
    at.port = 0;
    assert_int_equal(udp_open(&f->loop, &at, &udp, &bound), STATUS_UNREACHABLE);
}

/* ---- resolve ---- */

static void on_resolved(void *user, enum status status, const struct endpoint endpoints[],
                        size_t count)
{
    struct fixture *f = user;
    f->resolved++;
    f->status = status;
    f->endpoint_count = count;
    for (size_t i = 0; i < count; i++)
        f->endpoints[i] = endpoints[i];
    uv_stop(&f->loop);
}

static void resolve(struct fixture *f, const char *host)
{
    f->resolved = 0;
    assert_non_null(resolve_start(&f->loop, host, 61881, on_resolved, f));
    assert_int_equal(f->resolved, 0);
    while (f->resolved == 0)
        uv_run(&f->loop, UV_RUN_DEFAULT);
}

static void addresses_of_both_families_need_no_resolver(void **state)
{
    struct fixture *f = *state;
    static const char *const hosts[] = {"192.0.2.7", "2001:db8::7"};
    static const char *const texts[] = {"192.0.2.7:61881", "[2001:db8::7]:61881"};
    for (size_t i = 0; i < 2; i++) {
        struct endpoint wanted;
        assert_true(endpoint_parse(texts[i], &wanted));
        resolve(f, hosts[i]);
        assert_int_equal(f->status, STATUS_OK);
        assert_int_equal(f->endpoint_count, 1);
        assert_true(endpoint_equal(&f->endpoints[0], &wanted));
    }
}

static void a_name_becomes_addresses_without_repeats(void **state)
{
    struct fixture *f = *state;
    resolve(f, "localhost");
    assert_int_equal(f->status, STATUS_OK);
    assert_true(f->endpoint_count >= 1);
    for (size_t i = 0; i < f->endpoint_count; i++) {
        assert_true(endpoint_is_loopback(&f->endpoints[i]));
        assert_int_equal(f->endpoints[i].port, 61881);
        for (size_t j = 0; j < i; j++)
            assert_false(endpoint_equal(&f->endpoints[i], &f->endpoints[j]));
    }
}

static void what_is_cancelled_is_not_told(void **state)
{
    struct fixture *f = *state;
    static const char *const hosts[] = {"localhost", "192.0.2.7"};
    for (size_t i = 0; i < 2; i++)
        resolve_cancel(resolve_start(&f->loop, hosts[i], 1, on_resolved, f));
    resolve(f, "127.0.0.1");
    assert_int_equal(f->resolved, 1);
}

/* ---- signals ---- */

static void on_signal(void *user, int number)
{
    struct fixture *f = user;
    f->signal = number;
}

static void a_signal_becomes_a_call(void **state)
{
    struct fixture *f = *state;
    static const int numbers[] = {SIGUSR1, SIGUSR2};
    struct signals *signals = signals_new(&f->loop, numbers, 2, on_signal, f);
    assert_non_null(signals);
    raise(SIGUSR2);
    while (f->signal == 0)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->signal, SIGUSR2);
    signals_free(signals);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(datagrams_arrive_whole_with_their_sender),
        TEST(an_empty_datagram_is_one_too),
        TEST(what_the_system_refuses_is_counted),
        TEST(a_socket_may_be_closed_by_its_own_datagram),
        TEST(answers_to_a_batch_arrive_whole),
        TEST(one_refused_answer_of_a_batch_takes_no_other_with_it),
        TEST(answers_that_find_no_room_wait),
        TEST(what_was_answered_before_a_socket_closes_is_sent),
        TEST(a_taken_port_and_a_foreign_address_are_told_apart),
        TEST(addresses_of_both_families_need_no_resolver),
        TEST(a_name_becomes_addresses_without_repeats),
        TEST(what_is_cancelled_is_not_told),
        TEST(a_signal_becomes_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
