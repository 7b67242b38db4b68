#include "daemon/ports.h"

#include <string.h>

#include "daemon/params.h"

static enum status open_udp(uv_loop_t *loop, struct endpoint *at, struct ports *ports)
{
    size_t i = ports->count;
    enum status status = udp_open(loop, at, &ports->udp[i], &ports->bound[i]);
    if (status == STATUS_OK) {
        at->port = ports->bound[i].port;
        ports->count++;
    }
    return status;
}

/* One address, both protocols; the number is the first one bound. */
static enum status open_one(uv_loop_t *loop, const struct ports_address *address,
                            tcp_on_incoming *on_incoming, void *user, struct ports *ports,
                            struct ports_failure *failure)
{
    struct endpoint at = address->address;
    at.port = ports->port;
    failure->address = at;
    failure->protocol = "UDP";
    failure->status = open_udp(loop, &at, ports);
    if (failure->status != STATUS_OK)
        return failure->status;
    ports->port = at.port;
    failure->address = at;
    failure->protocol = "TCP";
    failure->status = tcp_listen(loop, &at, on_incoming, user, &ports->tcp[ports->count - 1], NULL);
    return failure->status;
}

static bool may_leave_out(const struct ports_address *address, enum status status)
{
    return address->optional && (status == STATUS_UNSUPPORTED || status == STATUS_UNREACHABLE);
}

static enum status open_all(uv_loop_t *loop, const struct ports_address addresses[], size_t count,
                            tcp_on_incoming *on_incoming, void *user, struct ports *ports,
                            struct ports_failure *failure)
{
    for (size_t i = 0; i < count && i < DAEMON_BOUND_MAX; i++) {
        enum status status = open_one(loop, &addresses[i], on_incoming, user, ports, failure);
        if (status != STATUS_OK && !may_leave_out(&addresses[i], status)) {
            ports_close(ports);
            return status;
        }
    }
    return ports->count > 0 ? STATUS_OK : failure->status;
}

enum status ports_open(uv_loop_t *loop, const struct ports_address addresses[], size_t count,
                       uint16_t port, tcp_on_incoming *on_incoming, void *user, struct ports *out,
                       struct ports_failure *failure)
{
    unsigned tries = port == 0 ? PORTS_FREE_TRIES : 1;
    enum status status = STATUS_ADDRESS_IN_USE;
    for (unsigned i = 0; i < tries && status == STATUS_ADDRESS_IN_USE; i++) {
        *out = (struct ports){.port = port};
        status = open_all(loop, addresses, count, on_incoming, user, out, failure);
    }
    return status;
}

void ports_close_listeners(struct ports *ports)
{
    for (size_t i = 0; i < DAEMON_BOUND_MAX; i++) {
        tcp_listener_close(ports->tcp[i]);
        ports->tcp[i] = NULL;
    }
}

void ports_close(struct ports *ports)
{
    ports_close_listeners(ports);
    for (size_t i = 0; i < DAEMON_BOUND_MAX; i++) {
        udp_close(ports->udp[i]);
        ports->udp[i] = NULL;
    }
    ports->count = 0;
}
