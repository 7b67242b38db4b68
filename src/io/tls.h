/* TLS 1.3 between two that share a key, as a group's channel uses it  [groups-design 4; RFC 8446].
 * One suite (ChaCha20-Poly1305), one group (X25519), always with a fresh key exchange (psk_dhe_ke);
 * no certificates, tickets, resumption or early data. ALPN "grp1".
 *
 * Bytes go in and come out; tcp.c moves them. What fails fails without a word to the other side: an
 * unknown identity and a copied one look alike. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

#define TLS_PSK_BYTES    32
#define TLS_IDENTITY_MAX 64
#define TLS_RECORD_BYTES (16 * 1024) /* of payload, at most, in one record */

struct tls;

/* The key of an identity that somebody claims. False: of nobody. From inside tls_read. */
typedef bool tls_find_psk(void *user, struct bytes identity, uint8_t psk[TLS_PSK_BYTES]);

/* NULL: no memory. */
struct tls *tls_client_new(struct bytes identity, const uint8_t psk[TLS_PSK_BYTES]);
struct tls *tls_server_new(tls_find_psk *find, void *user);
void tls_free(struct tls *tls); /* and wipes; NULL is allowed */

/* What came: borrowed until tls_read says BUSY, and nothing else may be put before that. */
void tls_put(struct tls *tls, struct bytes received);
/* Goes on with the handshake; once that is done, decrypts up to `len` bytes into `space`.
 * OK: `*got` bytes (0: the handshake has just ended); BUSY: all that was put is used up; CLOSED:
 * the other side said so; REFUSED: the handshake failed; MALFORMED: what came later is broken. */
enum status tls_read(struct tls *tls, uint8_t *space, size_t len, size_t *got);
/* The handshake is done: both sides hold the key. */
bool tls_is_open(const struct tls *tls);

/* Encrypts into what is to be sent. Only when open. NO_MEMORY. */
enum status tls_write(struct tls *tls, struct bytes plain);
size_t tls_waiting(const struct tls *tls); /* bytes that are to be sent */
/* All of them, in place of what `out` held; its memory is used again. */
void tls_take_out(struct tls *tls, struct buffer *out);

/* 32 bytes of keying material that both sides of this session have, and nobody else [RFC 8446 7.5].
 */
enum status tls_export(struct tls *tls, const char *label, struct bytes context, uint8_t out[32]);
