/* TCP on the loop: listening, dialling with a time-out, reading straight into the owner's memory,
 * writing runs of the owner's memory. Copies nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"

#define TCP_RUNS_MAX   64 /* runs of one tcp_write */
#define TCP_SPACES_MAX 33 /* runs filled by one read */

struct tcp;
struct tcp_listener;

/* ---- listening ---- */

/* `connection` has no owner yet and does not read: tcp_start or tcp_close it. NULL: there was no
 * memory for one, and it was closed. */
typedef void tcp_on_incoming(void *user, struct tcp *connection);

/* On one address; port 0: the system chooses; an IPv6 one takes no IPv4. `bound` (may be NULL) gets
 * the address with its port. ADDRESS_IN_USE, PERMISSION, UNREACHABLE (not an address of ours). */
enum status tcp_listen(uv_loop_t *loop, const struct endpoint *address,
                       tcp_on_incoming *on_incoming, void *user, struct tcp_listener **out,
                       struct endpoint *bound);
void tcp_listener_close(struct tcp_listener *listener); /* NULL is allowed; the loop frees it */

/* ---- a connection ---- */

/* Called from the loop, never from inside a call of this header, and never after tcp_close. Each of
 * them may call tcp_close. */
struct tcp_owner {
    void (*connected)(void *user); /* of a dialled one alone */
    /* Where the next bytes go. They are put there before anything else runs. No length: nothing is
     * to be read now, it is paused until tcp_pause says otherwise. */
    void (*space)(void *user, uint8_t **space, size_t *len);
    /* May be NULL. The same for several runs that one read fills in order; returns how many. */
    size_t (*spaces)(void *user, struct space out[TCP_SPACES_MAX]);
    void (*received)(void *user, size_t len);
    /* All runs of the last tcp_write are the system's now, which was not so when it returned. */
    void (*sent)(void *user);
    /* The other side closed (CLOSED), it can't be reached (UNREACHABLE, TIMED_OUT) or the
     * connection broke (IO). Nothing follows; call tcp_close. */
    void (*failed)(void *user, enum status why);
};

/* Dials. `from` (may be NULL) is the address of ours to use; its port is ignored. An error that
 * shows at once comes as `failed` all the same. NULL: no memory. */
struct tcp *tcp_connect(uv_loop_t *loop, const struct endpoint *to, const struct endpoint *from,
                        uint64_t timeout_ms, const struct tcp_owner *owner, void *user);

/* Gives an incoming connection its owner and begins to read. A dialled one reads once connected. */
void tcp_start(struct tcp *tcp, const struct tcp_owner *owner, void *user);
void tcp_set_owner(struct tcp *tcp, const struct tcp_owner *owner, void *user);

void tcp_pause(struct tcp *tcp, bool paused); /* stops reading: the sender will feel it */

/* One at a time: the runs' bytes are borrowed until `sent` or tcp_close. At most TCP_RUNS_MAX, none
 * of no length; the array itself is not kept. True: it was little, and all of it is the system's
 * already; then there is no `sent`. */
bool tcp_write(struct tcp *tcp, const struct bytes runs[], size_t count);
bool tcp_is_writing(const struct tcp *tcp);
size_t tcp_backlog(const struct tcp *tcp); /* bytes of the write under way that still wait */

struct endpoint tcp_remote(const struct tcp *tcp); /* family 0: not connected */
struct endpoint tcp_local(const struct tcp *tcp);

/* ---- TLS over it: tcp_tls.c ---- */

struct tls; /* io/tls.h */

/* From now on its bytes travel inside of `tls`, which is taken. `received` came already (the first
 * bytes of an incoming one). Its owner's `connected` is called once both sides hold the key, from
 * the loop; `failed` with REFUSED when they don't. NO_MEMORY: `tls` is taken all the same. Nothing
 * may be writing. */
enum status tcp_take_tls(struct tcp *tcp, struct tls *tls, struct bytes received);
struct tls *tcp_tls(const struct tcp *tcp); /* NULL: plain */

/* Ends it at once: what is not sent yet is lost. The loop frees it; NULL is allowed. */
void tcp_close(struct tcp *tcp);
