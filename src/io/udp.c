#include "io/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/address.h"
#include "io/errors.h"
#include "io/params.h"

/* What is sent while a batch of datagrams is being received: it leaves in one call, after them. */
struct outgoing {
    struct mmsghdr headers[UDP_BATCH];
    struct iovec parts[UDP_BATCH];
    struct sockaddr_storage to[UDP_BATCH];
    uint8_t data[UDP_BATCH][UDP_TOGETHER_BYTES];
    unsigned count;
};

struct udp {
    uv_udp_t handle;
    udp_on_datagram *on_datagram;
    void *user;
    char *space; /* of the batch under way */
    struct outgoing *outgoing;
    struct udp_counts counts;
    bool in_batch, closing;
};

static void free_udp(uv_handle_t *handle)
{
    struct udp *udp = handle->data;
    free(udp->space);
    free(udp->outgoing);
    free(udp);
}

/* ---- binding ---- */

/* Datagrams fit into any path, so they are never cut into fragments, and no router's word (which
 * anybody may forge) makes us do so. Best effort. */
static void never_fragment(struct udp *udp, uint8_t family)
{
    uv_os_fd_t fd;
    int ipv4 = IP_PMTUDISC_PROBE, ipv6 = IPV6_PMTUDISC_PROBE;
    if (uv_fileno((const uv_handle_t *)&udp->handle, &fd) != 0)
        return;
    if (family == ENDPOINT_IPV6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &ipv6, sizeof ipv6);
    else
        setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &ipv4, sizeof ipv4);
}

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
    never_fragment(udp, address->family);
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

static socklen_t address_size(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

static bool is_full(int code)
{
    return code == EAGAIN || code == EWOULDBLOCK || code == ENOBUFS;
}

/* Sends what was gathered. Whom the system refuses is left out, and who comes once it has no room
 * waits in the queue. */
static void flush(struct udp *udp)
{
    struct outgoing *out = udp->outgoing;
    uv_os_fd_t fd;
    if (out == NULL || out->count == 0)
        return;
    bool full = uv_udp_get_send_queue_count(&udp->handle) > 0 ||
                uv_fileno((const uv_handle_t *)&udp->handle, &fd) != 0;
    for (unsigned i = 0; i < out->count;) {
        int sent = full ? 0 : sendmmsg(fd, &out->headers[i], out->count - i, 0);
        if (sent > 0) {
            i += (unsigned)sent;
        } else if (full) {
            enqueue(udp, (const struct sockaddr *)&out->to[i],
                    bytes_of(out->data[i], out->parts[i].iov_len));
            i++;
        } else if (is_full(errno)) {
            full = true;
        } else if (errno != EINTR) {
            udp->counts.refused++;
            i++;
        }
    }
    out->count = 0;
}

/* False: it has to leave alone. */
static bool gather(struct udp *udp, const struct sockaddr_storage *to, struct bytes data)
{
    if (!udp->in_batch || data.len > UDP_TOGETHER_BYTES)
        return false;
    if (udp->outgoing == NULL && (udp->outgoing = calloc(1, sizeof *udp->outgoing)) == NULL)
        return false;
    struct outgoing *out = udp->outgoing;
    if (out->count == UDP_BATCH)
        flush(udp);
    unsigned i = out->count++;
    memcpy(out->data[i], data.data, data.len);
    out->to[i] = *to;
    out->parts[i] = (struct iovec){out->data[i], data.len};
    out->headers[i].msg_hdr = (struct msghdr){.msg_name = &out->to[i],
                                              .msg_namelen = address_size(to),
                                              .msg_iov = &out->parts[i],
                                              .msg_iovlen = 1};
    return true;
}

bool udp_send(struct udp *udp, const struct endpoint *to, struct bytes data)
{
    struct sockaddr_storage at;
    if (udp->closing || !address_to_system(to, &at))
        return false;
    if (gather(udp, &at, data))
        return true;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data.data, (unsigned)data.len);
    int code = uv_udp_try_send(&udp->handle, &buf, 1, (const struct sockaddr *)&at);
    if (code >= 0)
        return true;
    if (code == UV_EAGAIN)
        return enqueue(udp, (const struct sockaddr *)&at, data);
    udp->counts.refused++;
    return false;
}

/* ---- receiving ---- */

/* libuv cuts the space into one part per datagram of the batch; pages that no datagram reaches are
 * never touched. */
static void give_space(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct udp *udp = handle->data;
    (void)suggested;
    if (udp->space == NULL)
        udp->space = malloc(UDP_BATCH * UDP_SLOT_BYTES);
    *out = uv_buf_init(udp->space, udp->space != NULL ? UDP_BATCH * UDP_SLOT_BYTES : 0);
}

static void on_receive(uv_udp_t *handle, ssize_t len, const uv_buf_t *buf,
                       const struct sockaddr *address, unsigned flags)
{
    struct udp *udp = handle->data;
    struct endpoint from;
    udp->in_batch = (flags & UV_UDP_MMSG_CHUNK) != 0;
    if (!udp->in_batch)
        flush(udp); /* its end, if it was one */
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

struct udp_counts udp_counts(const struct udp *udp)
{
    return udp->counts;
}

void udp_close(struct udp *udp)
{
    if (udp == NULL || udp->closing)
        return;
    flush(udp);
    udp->closing = true;
    uv_close((uv_handle_t *)&udp->handle, free_udp);
}
