/* Inside of tcp.h: the connection, as tcp.c and tcp_tls.c share it. */
#pragma once

#include "io/tcp.h"
#include "kadpeer/buffer.h"

struct tls;

/* A connection's bytes on their way through TLS. */
struct tcp_tls {
    struct tls *tls;
    struct bytes runs[TCP_RUNS_MAX]; /* of the tcp_write under way, not encrypted yet */
    size_t run, run_count;
    size_t plain_bytes;    /* of them */
    struct buffer sending; /* with the system, while is_sending */
    bool is_sending;
    bool stalled; /* what was put into `tls` may not be used up: nothing is read meanwhile */
    uint8_t *in;
    uint8_t *gathered; /* small runs, put together to one record */
};

struct tcp {
    uv_tcp_t handle;
    uv_timer_t timer; /* of the dialling; later: what is to be done outside of calls */
    unsigned open_handles;
    uv_connect_t connect;
    uv_write_t write;
    const struct tcp_owner *owner;
    void *user;
    int early_error; /* of libuv, that showed inside a call and is told from the loop; 0: none */
    bool connected, reading, writing, paused, failed, closing;
    struct tcp_tls *tls; /* NULL: plain */
};

/* ---- tcp.c ---- */

void tcp_fail(struct tcp *tcp, enum status why); /* from the loop */
void tcp_fail_soon(struct tcp *tcp, int code);   /* from inside a call; a code of libuv */
void tcp_pump_soon(struct tcp *tcp);
void tcp_read_or_not(struct tcp *tcp);
void tcp_send(struct tcp *tcp, const uv_buf_t bufs[], unsigned count);
void tcp_sent(struct tcp *tcp); /* all of a tcp_write */

/* ---- tcp_tls.c ---- */

void tcp_tls_space(struct tcp *tcp, uv_buf_t *out);
void tcp_tls_received(struct tcp *tcp, size_t len);
void tcp_tls_pump(struct tcp *tcp); /* uses up what was put, and goes on with the handshake */
void tcp_tls_write(struct tcp *tcp, const struct bytes runs[], size_t count);
void tcp_tls_written(struct tcp *tcp); /* what was sent is the system's now */
void tcp_tls_free(struct tcp *tcp);
