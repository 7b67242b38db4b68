#include "io/tls.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "kadpeer/buffer.h"

#define SUITE      "TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS     "X25519"
#define ALPN_WIRE  "\x04grp1" /* a list of one: its length, its name */
#define ALPN_BYTES 5

struct tls {
    SSL *ssl;
    struct bytes in;   /* not read yet */
    struct buffer out; /* not sent yet */
    bool open;
    uint8_t psk[TLS_PSK_BYTES]; /* of a client */
    uint8_t identity[TLS_IDENTITY_MAX];
    size_t identity_len;
    tls_find_psk *find; /* of a server */
    bool asked, known;  /* for an identity, which was somebody's */
    void *user;
};

/* ---- the two ends of the pipe, as OpenSSL wants to see them ---- */

static int bio_read(BIO *bio, char *space, size_t len, size_t *got)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *got = len < tls->in.len ? len : tls->in.len;
    if (*got == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(space, tls->in.data, *got);
    tls->in = bytes_of(tls->in.data + *got, tls->in.len - *got);
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *put)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buffer_add(&tls->out, data, len);
    *put = len;
    return tls->out.failed ? 0 : 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "tls");
    if (method != NULL) {
        BIO_meth_set_read_ex(method, bio_read);
        BIO_meth_set_write_ex(method, bio_write);
        BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

/* ---- the shared key ---- */

static SSL_SESSION *session_of(SSL *ssl, const uint8_t psk[TLS_PSK_BYTES])
{
    static const uint8_t suite_id[] = {0x13, 0x03};
    const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, suite_id);
    SSL_SESSION *session = SSL_SESSION_new();
    if (session == NULL || suite == NULL ||
        !SSL_SESSION_set1_master_key(session, psk, TLS_PSK_BYTES) ||
        !SSL_SESSION_set_cipher(session, suite) ||
        !SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION)) {
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

static int use_psk(SSL *ssl, const EVP_MD *digest, const unsigned char **identity, size_t *len,
                   SSL_SESSION **session)
{
    struct tls *tls = SSL_get_app_data(ssl);
    (void)digest; /* of the suite; there is but one */
    *session = session_of(ssl, tls->psk);
    *identity = tls->identity;
    *len = tls->identity_len;
    return *session != NULL;
}

/* Without a session the handshake goes on, and ends for want of a certificate. */
static int find_psk(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **session)
{
    struct tls *tls = SSL_get_app_data(ssl);
    uint8_t psk[TLS_PSK_BYTES];
    *session = NULL;
    if (tls->asked || len > TLS_IDENTITY_MAX) /* ours come with one identity */
        return 1;
    tls->asked = true;
    if (!tls->find(tls->user, bytes_of(identity, len), psk))
        return 1;
    tls->known = true;
    *session = session_of(ssl, psk);
    OPENSSL_cleanse(psk, sizeof psk);
    return *session != NULL;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned offered_len, void *user)
{
    (void)ssl;
    (void)user;
    unsigned char *selected = NULL;
    if (SSL_select_next_proto(&selected, out_len, (const unsigned char *)ALPN_WIRE, ALPN_BYTES,
                              offered, offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- contexts: one for each side, made at first use and kept ---- */

static SSL_CTX *context_new(bool server)
{
    char groups[] = GROUPS; /* OpenSSL's macro casts const away */
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context == NULL)
        return NULL;
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_clear_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT | SSL_OP_ALLOW_NO_DHE_KEX);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(context, 0);
    bool good = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
                SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) &&
                SSL_CTX_set_ciphersuites(context, SUITE) &&
                SSL_CTX_set1_groups_list(context, groups) && SSL_CTX_set_num_tickets(context, 0) &&
                SSL_CTX_set_alpn_protos(context, (const unsigned char *)ALPN_WIRE, ALPN_BYTES) == 0;
    if (!good) {
        SSL_CTX_free(context);
        return NULL;
    }
    if (server) {
        SSL_CTX_set_psk_find_session_callback(context, find_psk);
        SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
    } else {
        SSL_CTX_set_psk_use_session_callback(context, use_psk);
    }
    return context;
}

static struct tls_shared {
    SSL_CTX *contexts[2]; /* client, server */
    BIO_METHOD *method;
} shared;
static CRYPTO_ONCE shared_once = CRYPTO_ONCE_STATIC_INIT;

static void make_shared(void)
{
    shared = (struct tls_shared){{context_new(false), context_new(true)}, make_method()};
}

/* ---- a session ---- */

static bool set_up(struct tls *tls, bool server)
{
    if (!CRYPTO_THREAD_run_once(&shared_once, make_shared) || shared.contexts[server] == NULL ||
        shared.method == NULL)
        return false;
    BIO *bio = BIO_new(shared.method);
    tls->ssl = SSL_new(shared.contexts[server]);
    if (bio == NULL || tls->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    if (server)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    return true;
}

static struct tls *tls_new(bool server)
{
    struct tls *tls = OPENSSL_zalloc(sizeof *tls);
    if (tls == NULL)
        return NULL;
    buffer_init(&tls->out);
    if (!set_up(tls, server)) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

struct tls *tls_client_new(struct bytes identity, const uint8_t psk[TLS_PSK_BYTES])
{
    struct tls *tls = identity.len <= TLS_IDENTITY_MAX ? tls_new(false) : NULL;
    if (tls == NULL)
        return NULL;
    memcpy(tls->identity, identity.data, identity.len);
    tls->identity_len = identity.len;
    memcpy(tls->psk, psk, TLS_PSK_BYTES);
    return tls;
}

struct tls *tls_server_new(tls_find_psk *find, void *user)
{
    struct tls *tls = tls_new(true);
    if (tls != NULL) {
        tls->find = find;
        tls->user = user;
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    buffer_dispose(&tls->out);
    OPENSSL_clear_free(tls, sizeof *tls);
}

bool tls_is_open(const struct tls *tls)
{
    return tls->open;
}

/* ---- in ---- */

void tls_put(struct tls *tls, struct bytes received)
{
    tls->in = received;
}

/* What OpenSSL would tell the other side of a failure stays here. */
static enum status fail(struct tls *tls, enum status status)
{
    buffer_clear(&tls->out);
    ERR_clear_error();
    return status;
}

static enum status shake_hands(struct tls *tls)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        const unsigned char *protocol;
        unsigned len;
        SSL_get0_alpn_selected(tls->ssl, &protocol, &len);
        tls->open = len == ALPN_BYTES - 1;
        OPENSSL_cleanse(tls->psk, sizeof tls->psk);
        return tls->open ? STATUS_OK : fail(tls, STATUS_REFUSED);
    }
    bool to_a_stranger = tls->find != NULL && !tls->known && tls->out.len > 0;
    if (SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ && !to_a_stranger)
        return STATUS_BUSY;
    return fail(tls, STATUS_REFUSED);
}

enum status tls_read(struct tls *tls, uint8_t *space, size_t len, size_t *got)
{
    *got = 0;
    if (!tls->open)
        return shake_hands(tls);
    ERR_clear_error();
    int result = SSL_read_ex(tls->ssl, space, len, got);
    if (result == 1)
        return STATUS_OK;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return STATUS_BUSY;
    case SSL_ERROR_ZERO_RETURN:
        return STATUS_CLOSED;
    default:
        return fail(tls, STATUS_MALFORMED);
    }
}

/* ---- out ---- */

enum status tls_write(struct tls *tls, struct bytes plain)
{
    size_t put;
    if (!tls->open)
        return STATUS_REFUSED;
    if (plain.len == 0)
        return STATUS_OK;
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, plain.data, plain.len, &put) == 1)
        return STATUS_OK;
    return fail(tls, STATUS_NO_MEMORY);
}

size_t tls_waiting(const struct tls *tls)
{
    return tls->out.len;
}

void tls_take_out(struct tls *tls, struct buffer *out)
{
    struct buffer taken = tls->out;
    tls->out = *out;
    buffer_clear(&tls->out);
    *out = taken;
}

enum status tls_export(struct tls *tls, const char *label, struct bytes context, uint8_t out[32])
{
    if (!tls->open || SSL_export_keying_material(tls->ssl, out, 32, label, strlen(label),
                                                 context.data, context.len, 1) != 1)
        return STATUS_INTERNAL;
    return STATUS_OK;
}
