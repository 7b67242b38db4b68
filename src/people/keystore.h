/* A user's secrets, sealed by a password: scrypt (N = 32768, r = 8, p = 1), ChaCha20-Poly1305, the
 * file's header as AAD  [groups-design 1]. The layout is drawn in keystore.c and docs/security.md.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/rng.h"
#include "people/keys.h"

#define KEYSTORE_NAME_MAX   32                 /* bytes of a user's name, UTF-8 */
#define KEYSTORE_FILE_MAX   (64 * 1024 * 1024) /* bytes; more is refused before it is read */
#define KEYSTORE_GROUPS_MAX 256

/* The key that scrypt gave, with its salt: kept while logged in, so that saving needs no password.
 */
struct keystore_key {
    uint8_t salt[16];
    uint8_t key[32];
};

struct keystore_group {
    struct public_key group;
    uint8_t *state; /* what group_save gave; ours */
    size_t state_len;
};

struct keystore {
    char name[KEYSTORE_NAME_MAX + 1];
    uint8_t root[ROOT_BYTES]; /* R_u */
    uint64_t created_unix_s;
    uint64_t profile_seq; /* of the USER record published last */
    struct keystore_group *groups;
    size_t group_count;
};

void keystore_dispose(struct keystore *keystore); /* and wipes */
/* Copies; replaces the state of that group. FULL, NO_MEMORY. */
enum status keystore_set_group(struct keystore *keystore, const struct public_key *group,
                               struct bytes state);
void keystore_remove_group(struct keystore *keystore, const struct public_key *group);

/* Slow on purpose (about a tenth of a second, 32 MiB): for the pool. `key->salt` is read. A new
 * password needs a new salt. */
enum status keystore_key_derive(struct bytes password, struct keystore_key *key);

/* Appends the whole file, sealed; a nonce of its own each time. MALFORMED: a name that is no
 * printable UTF-8 or empty. TOO_BIG, NO_MEMORY. */
enum status keystore_encode(const struct keystore *keystore, const struct keystore_key *key,
                            struct rng *rng, struct buffer *out);
/* What is readable without the password. MALFORMED: no keystore, or truncated. UNSUPPORTED: of a
 * newer version. The name is printable UTF-8. */
enum status keystore_header(struct bytes file, char name[KEYSTORE_NAME_MAX + 1],
                            struct public_key *user, uint8_t salt[16]);
/* OK, or MISMATCH when the digest in the header does not fit the file: bytes have changed. Else as
 * above. Says nothing of the password, nor of who changed them. */
enum status keystore_check(struct bytes file);
/* REFUSED: wrong password, or changed by somebody who put the digest right. Else as above.
 * `out` is then empty. */
enum status keystore_decode(struct bytes file, const struct keystore_key *key,
                            struct keystore *out);

/* What is inside, unsealed; all but the name and the user's key, which the header has. MALFORMED,
 * NO_MEMORY, TOO_BIG. */
enum status keystore_encode_secrets(const struct keystore *keystore, struct buffer *out);
enum status keystore_decode_secrets(struct bytes plain, struct keystore *out);

/* ---- keystore_file.c: blocking, for the pool ---- */

/* Temporary file (0600), fsync, the old one kept as PATH.backup if it is a whole keystore, rename,
 * fsync of the folder: PATH is the old file or the new one whatever happens, and what failed leaves
 * nothing behind. One caller per path at a time. After a change of the password write twice, or the
 * backup still opens with the old one. PERMISSION, NO_SPACE, NOT_FOUND (the folder), IO. */
enum status keystore_write(const char *path, struct bytes file);
/* The same without a backup: of what must not be kept twice. */
enum status keystore_replace(const char *path, struct bytes file);
/* Appends. NOT_FOUND, TOO_BIG, IO (no regular file, too), PERMISSION, NO_MEMORY. */
enum status keystore_read(const char *path, struct buffer *out);
