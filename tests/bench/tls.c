/* The bound of the cipher: one process reads a file and sends it through TLS 1.3 over loopback, the
 * other decrypts it and keeps nothing. OpenSSL on sockets, records of 16 KiB, the suite and key
 * exchange of a group's channel. Nothing that sends it so with one thread a side can be faster.
 *
 *   bench_tls SOURCE
 * prints: seconds, MiB/s, CPU seconds of the sender, CPU seconds of the receiver */
#include "loopback.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#define SUITE        "TLS_CHACHA20_POLY1305_SHA256"
#define RECORD_BYTES (16 * 1024)
#define READ_BYTES   (256 * 1024) /* of the file, at a time */

static void need_tls(bool ok, const char *what)
{
    if (!ok) {
        ERR_print_errors_fp(stderr);
        need(false, what);
    }
}

/* ---- a key that both have ---- */

static SSL_SESSION *session_of(SSL *ssl)
{
    static const unsigned char suite_id[] = {0x13, 0x03}, key[32] = {1};
    SSL_SESSION *session = SSL_SESSION_new();
    need_tls(session != NULL && SSL_SESSION_set1_master_key(session, key, sizeof key) &&
                 SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, suite_id)) &&
                 SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION),
             "session");
    return session;
}

static int use_psk(SSL *ssl, const EVP_MD *digest, const unsigned char **identity, size_t *len,
                   SSL_SESSION **session)
{
    (void)digest;
    *session = session_of(ssl);
    *identity = (const unsigned char *)"bench";
    *len = 5;
    return 1;
}

static int find_psk(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **session)
{
    (void)identity;
    (void)len;
    *session = session_of(ssl);
    return 1;
}

static SSL *open_tls(int fd, bool server)
{
    char groups[] = "X25519"; /* OpenSSL's macro casts const away */
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    need_tls(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
                 SSL_CTX_set_ciphersuites(context, SUITE) &&
                 SSL_CTX_set1_groups_list(context, groups) && SSL_CTX_set_num_tickets(context, 0),
             "context");
    if (server)
        SSL_CTX_set_psk_find_session_callback(context, find_psk);
    else
        SSL_CTX_set_psk_use_session_callback(context, use_psk);
    SSL *ssl = SSL_new(context);
    need_tls(ssl != NULL && SSL_set_fd(ssl, fd), "TLS");
    need_tls((server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1, "handshake");
    return ssl;
}

/* ---- the bytes ---- */

static void send_file(int listener, int source, uint64_t total)
{
    static uint8_t data[READ_BYTES];
    int fd = accept(listener, NULL, NULL);
    need(fd >= 0, "accept");
    SSL *ssl = open_tls(fd, true);
    for (uint64_t sent = 0; sent < total;) {
        ssize_t len = read(source, data, sizeof data);
        need(len > 0, "read");
        for (ssize_t at = 0; at < len;) {
            size_t put = 0, left = (size_t)(len - at);
            need_tls(SSL_write_ex(ssl, data + at, left < RECORD_BYTES ? left : RECORD_BYTES, &put),
                     "write");
            at += (ssize_t)put;
        }
        sent += (uint64_t)len;
    }
    exit(0);
}

static void receive(SSL *ssl, uint64_t total)
{
    static uint8_t data[RECORD_BYTES];
    for (uint64_t got = 0; got < total;) {
        size_t len = 0;
        need_tls(SSL_read_ex(ssl, data, sizeof data, &len), "read");
        got += len;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: bench_tls SOURCE\n", stderr);
        return 2;
    }
    struct stat st;
    int source = open(argv[1], O_RDONLY);
    need(source >= 0 && fstat(source, &st) == 0, argv[1]);
    uint64_t total = (uint64_t)st.st_size;

    struct sockaddr_in address;
    int listener = listen_on_loopback(&address);
    pid_t sender = fork();
    need(sender >= 0, "fork");
    if (sender == 0)
        send_file(listener, source, total);

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    double start = now_s();
    need(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    SSL *ssl = open_tls(fd, false);
    need(strcmp(SSL_get_cipher_name(ssl), SUITE) == 0, "another suite was agreed on");
    receive(ssl, total);
    print_transfer(sender, total, now_s() - start);
    return 0;
}
