/* Two TLS sessions with nothing between them: a client, and a server that knows keys. */
#pragma once

#include <string.h>

#include "io/tls.h"
#include "support/unit.h"

struct tls_sessions {
    struct tls *client, *server;
    struct buffer wire[2]; /* from the client, from the server */
};

static inline void tls_sessions_begin(struct tls_sessions *s, struct bytes identity,
                                      const uint8_t psk[TLS_PSK_BYTES], tls_find_psk *find,
                                      void *user)
{
    memset(s, 0, sizeof *s);
    s->client = tls_client_new(identity, psk);
    s->server = tls_server_new(find, user);
    assert_non_null(s->client);
    assert_non_null(s->server);
}

static inline void tls_sessions_end(struct tls_sessions *s)
{
    tls_free(s->client);
    tls_free(s->server);
    buffer_dispose(&s->wire[0]);
    buffer_dispose(&s->wire[1]);
}

static inline enum status tls_sessions_step(struct tls *tls, const struct buffer *in,
                                            struct buffer *out)
{
    uint8_t space[64];
    size_t got;
    enum status status;
    tls_put(tls, buffer_bytes(in));
    do
        status = tls_read(tls, space, sizeof space, &got);
    while (status == STATUS_OK);
    tls_take_out(tls, out);
    return status;
}

/* Messages to and fro until nobody has any more to say. Their last words are in *client, *server.
 */
static inline void tls_sessions_shake_hands(struct tls_sessions *s, enum status *client,
                                            enum status *server)
{
    *client = tls_sessions_step(s->client, &s->wire[1], &s->wire[0]);
    *server = STATUS_BUSY;
    for (int i = 0; i < 4 && *client == STATUS_BUSY && *server == STATUS_BUSY; i++) {
        *server = tls_sessions_step(s->server, &s->wire[0], &s->wire[1]);
        if (*server == STATUS_BUSY)
            *client = tls_sessions_step(s->client, &s->wire[1], &s->wire[0]);
    }
}
