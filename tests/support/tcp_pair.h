/* Two ends of one connection on one loop, and what came of them. A fixture of cmocka. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "io/tcp.h"
#include "support/unit.h"

enum { TCP_END_RUN = 5000 }; /* bytes offered in one run */

/* Both ends on one loop: `near` dials, `far` is accepted. */
struct tcp_end {
    struct tcp *tcp;
    uint8_t *space;
    size_t space_len, got;
    unsigned connected, sent, failed;
    enum status why;
};

struct tcp_pair {
    uv_loop_t loop;
    struct tcp_listener *listener;
    struct endpoint address;
    struct tcp_end near, far;
    unsigned refused; /* for want of memory */
    uint8_t in[1 << 20];
};

static inline void tcp_end_connected(void *user)
{
    ((struct tcp_end *)user)->connected++;
}

static inline void tcp_end_space(void *user, uint8_t **out, size_t *len)
{
    struct tcp_end *end = user;
    size_t left = end->space_len - end->got;
    *out = end->space + end->got;
    *len = left < TCP_END_RUN ? left : TCP_END_RUN;
}

static inline size_t tcp_end_spaces(void *user, struct space out[TCP_SPACES_MAX])
{
    struct tcp_end *end = user;
    size_t count = 0, at = end->got;
    for (; count < TCP_SPACES_MAX && at < end->space_len; count++) {
        size_t left = end->space_len - at;
        out[count] = (struct space){end->space + at, left < TCP_END_RUN ? left : TCP_END_RUN};
        at += out[count].len;
    }
    return count;
}

static inline void tcp_end_received(void *user, size_t len)
{
    ((struct tcp_end *)user)->got += len;
}

static inline void tcp_end_sent(void *user)
{
    ((struct tcp_end *)user)->sent++;
}

static inline void tcp_end_failed(void *user, enum status why)
{
    struct tcp_end *end = user;
    end->failed++;
    end->why = why;
    tcp_close(end->tcp);
    end->tcp = NULL;
}

static const struct tcp_owner tcp_pair_owner = {.connected = tcp_end_connected,
                                                .space = tcp_end_space,
                                                .spaces = tcp_end_spaces,
                                                .received = tcp_end_received,
                                                .sent = tcp_end_sent,
                                                .failed = tcp_end_failed};

static inline void tcp_pair_incoming(void *user, struct tcp *connection)
{
    struct tcp_pair *pair = user;
    if (connection == NULL) {
        pair->refused++;
        return;
    }
    assert_null(pair->far.tcp);
    pair->far.tcp = connection;
    tcp_start(connection, &tcp_pair_owner, &pair->far);
}

static inline struct endpoint tcp_pair_loopback(void)
{
    return (struct endpoint){.addr = {127, 0, 0, 1}, .family = ENDPOINT_IPV4};
}

static inline int tcp_pair_set_up(void **state)
{
    struct tcp_pair *pair = calloc(1, sizeof *pair);
    assert_int_equal(uv_loop_init(&pair->loop), 0);
    struct endpoint any_port = tcp_pair_loopback();
    assert_int_equal(tcp_listen(&pair->loop, &any_port, tcp_pair_incoming, pair, &pair->listener,
                                &pair->address),
                     STATUS_OK);
    assert_int_not_equal(pair->address.port, 0);
    pair->far.space = pair->in;
    pair->far.space_len = sizeof pair->in;
    *state = pair;
    return 0;
}

static inline int tcp_pair_tear_down(void **state)
{
    struct tcp_pair *pair = *state;
    tcp_close(pair->near.tcp);
    tcp_close(pair->far.tcp);
    tcp_listener_close(pair->listener);
    uv_run(&pair->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&pair->loop), 0);
    free(pair);
    return 0;
}

static inline void tcp_pair_dial(struct tcp_pair *pair)
{
    pair->near.tcp =
        tcp_connect(&pair->loop, &pair->address, NULL, 10000, &tcp_pair_owner, &pair->near);
    assert_non_null(pair->near.tcp);
    while (!pair->near.connected || pair->far.tcp == NULL)
        uv_run(&pair->loop, UV_RUN_ONCE);
}

/* Both ways in which it ends count. */
static inline void tcp_pair_write(struct tcp_pair *pair, const struct bytes runs[], size_t count)
{
    pair->near.sent += tcp_write(pair->near.tcp, runs, count);
}
