#include "io/udp.h"

#include <stdlib.h>
#include <string.h>

#include "io/address.h"
#include "io/errors.h"
#include "io/params.h"

struct udp {
    uv_udp_t handle;
    udp_on_datagram *on_datagram;
    void *user;
    char *space; /* of the batch under way */
    struct udp_counts counts;
    bool closing;
};

static void free_udp(uv_handle_t *handle)
{
    struct udp *udp = handle->data;
    free(udp->space);
    free(udp);
}

/* ---- binding ---- */

static int bind_to(struct udp *udp, const struct endpoint *address)
{
    struct sockaddr_storage at;
    if (!address_to_system(address, &at))
        return UV_EINVAL;
    unsigned flags = address->family == ENDPOINT_IPV6 ? UV_UDP_IPV6ONLY : 0;
    int code = uv_udp_bind(&udp->handle, (const struct sockaddr *)&at, flags);
    if (code != 0)
        return code;
    int bytes = UDP_SYSTEM_BUFFER_BYTES; /* best effort: the system caps it */
    uv_recv_buffer_size((uv_handle_t *)&udp->handle, &bytes);
    return 0;
}

static int ask_bound(const struct udp *udp, struct endpoint *bound)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    int code = uv_udp_getsockname(&udp->handle, (struct sockaddr *)&name, &len);
    if (code == 0)
        address_from_system((const struct sockaddr *)&name, bound);
    return code;
}

static int family_of(const struct endpoint *address)
{
    return address->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
}

enum status udp_open(uv_loop_t *loop, const struct endpoint *address, struct udp **out,
                     struct endpoint *bound)
{
    struct udp *udp = calloc(1, sizeof *udp);
    if (udp == NULL)
        return STATUS_NO_MEMORY;
    int code = uv_udp_init_ex(loop, &udp->handle, (unsigned)family_of(address) | UV_UDP_RECVMMSG);
    if (code != 0) {
        free(udp);
        return status_of_uv(code);
    }
    udp->handle.data = udp;
    code = bind_to(udp, address);
    if (code == 0)
        code = ask_bound(udp, bound);
    if (code != 0) {
        udp_close(udp);
        return status_of_uv(code);
    }
    *out = udp;
    return STATUS_OK;
}

/* ---- receiving ---- */

/* libuv cuts the space into one part per datagram of the batch; pages that no datagram reaches are
 * never touched. */
static void give_space(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct udp *udp = handle->data;
    (void)suggested;
    if (udp->space == NULL)
        udp->space = malloc(UDP_BATCH_BYTES);
    *out = uv_buf_init(udp->space, udp->space != NULL ? UDP_BATCH_BYTES : 0);
}

static void on_receive(uv_udp_t *handle, ssize_t len, const uv_buf_t *buf,
                       const struct sockaddr *address, unsigned flags)
{
    struct udp *udp = handle->data;
    struct endpoint from;
    if (len < 0 || address == NULL || (flags & UV_UDP_PARTIAL) != 0 || udp->closing)
        return;
    if (address_from_system(address, &from))
        udp->on_datagram(udp->user, udp, &from, bytes_of(buf->base, (size_t)len));
}

enum status udp_start(struct udp *udp, udp_on_datagram *on_datagram, void *user)
{
    udp->on_datagram = on_datagram;
    udp->user = user;
    return status_of_uv(uv_udp_recv_start(&udp->handle, give_space, on_receive));
}

/* ---- sending ---- */

struct queued {
    uv_udp_send_t request;
    struct udp *udp;
    uint8_t data[];
};

static void on_sent(uv_udp_send_t *request, int code)
{
    struct queued *queued = request->data;
    if (code != 0)
        queued->udp->counts.refused++;
    free(queued);
}

static bool enqueue(struct udp *udp, const struct sockaddr *to, struct bytes data)
{
    struct queued *queued = NULL;
    if (uv_udp_get_send_queue_size(&udp->handle) + data.len <= UDP_QUEUE_BYTES)
        queued = malloc(sizeof *queued + data.len);
    if (queued == NULL) {
        udp->counts.dropped++;
        return false;
    }
    queued->udp = udp;
    queued->request.data = queued;
    memcpy(queued->data, data.data, data.len);
    uv_buf_t buf = uv_buf_init((char *)queued->data, (unsigned)data.len);
    if (uv_udp_send(&queued->request, &udp->handle, &buf, 1, to, on_sent) != 0) {
        udp->counts.refused++;
        free(queued);
        return false;
    }
    udp->counts.queued++;
    return true;
}

bool udp_send(struct udp *udp, const struct endpoint *to, struct bytes data)
{
    struct sockaddr_storage at;
    if (udp->closing || !address_to_system(to, &at))
        return false;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data.data, (unsigned)data.len);
    int code = uv_udp_try_send(&udp->handle, &buf, 1, (const struct sockaddr *)&at);
    if (code >= 0)
        return true;
    if (code == UV_EAGAIN)
        return enqueue(udp, (const struct sockaddr *)&at, data);
    udp->counts.refused++;
    return false;
}

struct udp_counts udp_counts(const struct udp *udp)
{
    return udp->counts;
}

void udp_close(struct udp *udp)
{
    if (udp == NULL || udp->closing)
        return;
    udp->closing = true;
    uv_close((uv_handle_t *)&udp->handle, free_udp);
}
