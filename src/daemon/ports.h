/* The daemon's port: UDP and TCP of one number on every address asked for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/daemon.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"

struct ports {
    struct udp *udp[DAEMON_BOUND_MAX]; /* ports_close closes those that nobody took (NULL) */
    struct tcp_listener *tcp[DAEMON_BOUND_MAX];
    struct endpoint bound[DAEMON_BOUND_MAX];
    size_t count;
    uint16_t port;
};

struct ports_address {
    struct endpoint address; /* its port is ignored */
    bool optional;           /* left out where the machine has no such family */
};

struct ports_failure {
    enum status status;
    struct endpoint address;
    const char *protocol; /* "UDP" or "TCP" */
};

/* All or none. Port 0: the system chooses a number that is free for both. */
enum status ports_open(uv_loop_t *loop, const struct ports_address addresses[], size_t count,
                       uint16_t port, tcp_on_incoming *on_incoming, void *user, struct ports *out,
                       struct ports_failure *failure);
void ports_close_listeners(struct ports *ports);
void ports_close(struct ports *ports);

/* Who holds a port: "process 977 (kadpeer, profile default)", as far as we may look. */
struct port_holder {
    int pid; /* 0: not known */
    bool is_kadpeer;
    char profile[64];
    char text[160]; /* "another program" when not known */
};
void ports_find_holder(uint16_t port, bool udp, struct port_holder *out);
