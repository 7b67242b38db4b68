/* UDP on the loop: received in batches where the system can; what is sent meanwhile leaves in one
 * batch too, all else at once. What the system has no room for waits in a bounded queue. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"

struct udp;

/* Called from the loop; `data` is borrowed for the call. May call udp_close. */
typedef void udp_on_datagram(void *user, struct udp *udp, const struct endpoint *from,
                             struct bytes data);

/* Binds, does not receive yet; port 0: the system chooses; an IPv6 one takes no IPv4. `bound` gets
 * the address with its port. ADDRESS_IN_USE, PERMISSION, UNREACHABLE (not an address of ours),
 * UNSUPPORTED (no such family here). */
enum status udp_open(uv_loop_t *loop, const struct endpoint *address, struct udp **out,
                     struct endpoint *bound);
enum status udp_start(struct udp *udp, udp_on_datagram *on_datagram, void *user);

/* False: dropped, because the queue is full or the system refused it; of what leaves in a batch,
 * only udp_counts tells. The bytes are copied. */
bool udp_send(struct udp *udp, const struct endpoint *to, struct bytes data);

struct udp_counts {
    uint64_t queued;  /* had to wait for the system */
    uint64_t dropped; /* found the queue full */
    uint64_t refused; /* by the system: no route, too long, … */
};
struct udp_counts udp_counts(const struct udp *udp);

void udp_close(struct udp *udp); /* what still waits is lost; the loop frees it; NULL is allowed */
