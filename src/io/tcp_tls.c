/* The bytes of a connection through TLS. Small runs are put together, so that records are full
 * ones; a bounded part is encrypted at a time, the next once the system has taken that. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "io/tcp_private.h"
#include "io/tls.h"

#define IN_BYTES  (64 * 1024)  /* read at a time */
#define OUT_BYTES (128 * 1024) /* encrypted at a time; the last record may pass it */

/* ---- out ---- */

static void drop_front(struct tcp_tls *tls, size_t len)
{
    struct bytes *run = &tls->runs[tls->run];
    *run = bytes_of(run->data + len, run->len - len);
    tls->run += run->len == 0;
    tls->plain_bytes -= len;
}

/* The payload of the next record: of one long run, or of the small ones ahead put together. */
static struct bytes next_record(struct tcp_tls *tls)
{
    struct bytes run = tls->runs[tls->run];
    size_t len = 0;
    if (run.len >= TLS_RECORD_BYTES) {
        drop_front(tls, TLS_RECORD_BYTES);
        return bytes_of(run.data, TLS_RECORD_BYTES);
    }
    while (tls->run < tls->run_count && len < TLS_RECORD_BYTES) {
        run = tls->runs[tls->run];
        size_t room = TLS_RECORD_BYTES - len, part = run.len < room ? run.len : room;
        memcpy(tls->gathered + len, run.data, part);
        drop_front(tls, part);
        len += part;
    }
    return bytes_of(tls->gathered, len);
}

static void encrypt_some(struct tcp *tcp)
{
    struct tcp_tls *tls = tcp->tls;
    while (tls->run < tls->run_count && tls_waiting(tls->tls) < OUT_BYTES)
        if (tls_write(tls->tls, next_record(tls)) != STATUS_OK) {
            tcp_fail_soon(tcp, UV_ENOMEM);
            return;
        }
}

static void send_some(struct tcp *tcp)
{
    struct tcp_tls *tls = tcp->tls;
    if (tls->is_sending || tcp->failed)
        return;
    encrypt_some(tcp);
    if (tls_waiting(tls->tls) == 0)
        return;
    tls_take_out(tls->tls, &tls->sending);
    tls->is_sending = true;
    uv_buf_t buf = uv_buf_init((char *)tls->sending.data, (unsigned)tls->sending.len);
    tcp_send(tcp, &buf, 1);
}

void tcp_tls_write(struct tcp *tcp, const struct bytes runs[], size_t count)
{
    struct tcp_tls *tls = tcp->tls;
    assert(tls_is_open(tls->tls));
    memcpy(tls->runs, runs, count * sizeof *runs);
    tls->run = 0;
    tls->run_count = count;
    for (size_t i = 0; i < count; i++)
        tls->plain_bytes += runs[i].len;
    send_some(tcp);
}

void tcp_tls_written(struct tcp *tcp)
{
    tcp->tls->is_sending = false;
    send_some(tcp);
    if (!tcp->tls->is_sending && tcp->writing)
        tcp_sent(tcp);
}

/* ---- in ---- */

void tcp_tls_space(struct tcp *tcp, uv_buf_t *out)
{
    *out = uv_buf_init((char *)tcp->tls->in, IN_BYTES);
}

static void on_open(struct tcp *tcp)
{
    send_some(tcp); /* the end of the handshake goes ahead of what is written now */
    tcp->owner->connected(tcp->user);
}

/* One read. False: nothing more to be read now. */
static bool read_some(struct tcp *tcp)
{
    struct tls *tls = tcp->tls->tls;
    bool was_open = tls_is_open(tls);
    uint8_t *space = NULL;
    size_t len = 0, got = 0;
    if (was_open) {
        tcp->owner->space(tcp->user, &space, &len);
        tcp->paused = tcp->paused || len == 0;
        if (len == 0)
            return true;
    }
    enum status status = tls_read(tls, space, len, &got);
    if (status == STATUS_OK && !was_open)
        on_open(tcp);
    else if (status == STATUS_OK)
        tcp->owner->received(tcp->user, got);
    else if (status != STATUS_BUSY)
        tcp_fail(tcp, status);
    return status == STATUS_OK;
}

static bool may_read(const struct tcp *tcp)
{
    return !tcp->closing && !tcp->failed && !tcp->paused && tcp->owner != NULL;
}

void tcp_tls_pump(struct tcp *tcp)
{
    bool more = true;
    while (more && may_read(tcp))
        more = read_some(tcp);
    if (tcp->closing || tcp->failed)
        return;
    tcp->tls->stalled = more;
    send_some(tcp);
    tcp_read_or_not(tcp);
}

void tcp_tls_received(struct tcp *tcp, size_t len)
{
    tls_put(tcp->tls->tls, bytes_of(tcp->tls->in, len));
    tcp_tls_pump(tcp);
}

/* ---- beginning and end ---- */

static struct tcp_tls *tcp_tls_new(struct tls *tls)
{
    struct tcp_tls *new = calloc(1, sizeof *new);
    if (new == NULL) {
        tls_free(tls);
        return NULL;
    }
    new->tls = tls;
    buffer_init(&new->sending);
    new->in = malloc(IN_BYTES);
    new->gathered = malloc(TLS_RECORD_BYTES);
    return new;
}

enum status tcp_take_tls(struct tcp *tcp, struct tls *tls, struct bytes received)
{
    assert(tcp->tls == NULL && !tcp->writing && tcp->connected);
    tcp->tls = tcp_tls_new(tls);
    if (tcp->tls == NULL)
        return STATUS_NO_MEMORY;
    tcp->tls->stalled = true; /* until the pump has run */
    tcp_read_or_not(tcp);
    if (tcp->tls->in == NULL || tcp->tls->gathered == NULL)
        return STATUS_NO_MEMORY;
    if (received.len > IN_BYTES)
        return STATUS_TOO_BIG;
    if (received.len > 0)
        memcpy(tcp->tls->in, received.data, received.len);
    tls_put(tls, bytes_of(tcp->tls->in, received.len));
    tcp_pump_soon(tcp);
    return STATUS_OK;
}

struct tls *tcp_tls(const struct tcp *tcp)
{
    return tcp->tls != NULL ? tcp->tls->tls : NULL;
}

void tcp_tls_free(struct tcp *tcp)
{
    struct tcp_tls *tls = tcp->tls;
    if (tls == NULL)
        return;
    tls_free(tls->tls);
    buffer_dispose(&tls->sending);
    free(tls->in);
    free(tls->gathered);
    free(tls);
}
