#include "people/keystore.h"

#include <stdlib.h>

#include "kadpeer/msgpack_reader.h"
#include "kadpeer/msgpack_writer.h"
#include "kadpeer/utf8.h"
#include "people/aead.h"

/*  at   size
 *    0     8  "KADPKEYS"
 *    8     1  version, 1
 *    9    16  salt of scrypt(password), n = 32768, r = 8, p = 1
 *   25    12  nonce
 *   37    32  the user's public key
 *   69    32  the user's name, UTF-8, zeroes to the end
 *  101     4  u32 length of the ciphertext with its tag
 *  105    32  SHA-256 of all other bytes of the file: tells damage from a wrong password
 *  137        ciphertext; AAD is everything above the digest
 *
 * The plaintext is msgpack, keys in this order, all in its shortest form:
 *  {"r": R_u 32, "c": created, Unix s, "q": seq of the profile published last,
 *   "g": [[gpk 32, state], …]} */

#define MAGIC "KADPKEYS"

enum {
    MAGIC_BYTES = 8,
    VERSION = 1,
    VERSION_AT = MAGIC_BYTES,
    SALT_AT = VERSION_AT + 1,
    NONCE_AT = SALT_AT + 16,
    USER_AT = NONCE_AT + AEAD_NONCE_BYTES,
    NAME_AT = USER_AT + PUBLIC_BYTES,
    LENGTH_AT = NAME_AT + KEYSTORE_NAME_MAX,
    DIGEST_AT = LENGTH_AT + 4,
    HEADER_BYTES = DIGEST_AT + SHA256_BYTES,
};

#define SCRYPT_N 32768
#define SCRYPT_R 8
#define SCRYPT_P 1

#define SECRETS_PAIRS    4
#define SECRETS_HEAD_MAX 128 /* bytes around the groups, at most */
#define GROUP_HEAD_MAX   64  /* bytes around a group's state, at most */

/* ---- the struct ---- */

static void wipe_state(struct keystore_group *group)
{
    if (group->state != NULL)
        keys_wipe(group->state, group->state_len);
    free(group->state);
}

void keystore_dispose(struct keystore *keystore)
{
    for (size_t i = 0; i < keystore->group_count; i++)
        wipe_state(&keystore->groups[i]);
    free(keystore->groups);
    keys_wipe(keystore, sizeof *keystore);
}

static struct keystore_group *find(const struct keystore *keystore, const struct public_key *group)
{
    for (size_t i = 0; i < keystore->group_count; i++) {
        if (public_key_equal(&keystore->groups[i].group, group))
            return &keystore->groups[i];
    }
    return NULL;
}

/* NULL: no memory. */
static struct keystore_group *append(struct keystore *keystore, const struct public_key *group)
{
    size_t count = keystore->group_count + 1;
    struct keystore_group *grown = realloc(keystore->groups, count * sizeof *grown);
    if (grown == NULL)
        return NULL;
    keystore->groups = grown;
    keystore->group_count = count;
    grown[count - 1] = (struct keystore_group){.group = *group};
    return &grown[count - 1];
}

enum status keystore_set_group(struct keystore *keystore, const struct public_key *group,
                               struct bytes state)
{
    struct keystore_group *found = find(keystore, group);
    if (found == NULL && keystore->group_count == KEYSTORE_GROUPS_MAX)
        return STATUS_FULL;
    uint8_t *copy = malloc(state.len > 0 ? state.len : 1);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    if (found == NULL)
        found = append(keystore, group);
    if (found == NULL) {
        free(copy);
        return STATUS_NO_MEMORY;
    }
    if (state.len > 0)
        memcpy(copy, state.data, state.len);
    wipe_state(found);
    found->state = copy;
    found->state_len = state.len;
    return STATUS_OK;
}

void keystore_remove_group(struct keystore *keystore, const struct public_key *group)
{
    struct keystore_group *found = find(keystore, group);
    if (found == NULL)
        return;
    wipe_state(found);
    *found = keystore->groups[--keystore->group_count];
}

/* ---- the plaintext ---- */

/* Enough for all of it, so that no half of a secret stays behind in memory outgrown. */
static size_t secrets_size_max(const struct keystore *keystore)
{
    size_t size = SECRETS_HEAD_MAX;
    for (size_t i = 0; i < keystore->group_count; i++) {
        size_t more = keystore->groups[i].state_len + GROUP_HEAD_MAX;
        if (more > KEYSTORE_FILE_MAX || size + more > KEYSTORE_FILE_MAX)
            return SIZE_MAX;
        size += more;
    }
    return size;
}

static void write_secrets(const struct keystore *keystore, struct msgpack_writer *writer)
{
    msgpack_write_map(writer, SECRETS_PAIRS);
    msgpack_write_string(writer, "r");
    msgpack_write_bin(writer, bytes_of(keystore->root, ROOT_BYTES));
    msgpack_write_string(writer, "c");
    msgpack_write_uint(writer, keystore->created_unix_s);
    msgpack_write_string(writer, "q");
    msgpack_write_uint(writer, keystore->profile_seq);
    msgpack_write_string(writer, "g");
    msgpack_write_array(writer, keystore->group_count);
    for (size_t i = 0; i < keystore->group_count; i++) {
        const struct keystore_group *group = &keystore->groups[i];
        msgpack_write_array(writer, 2);
        msgpack_write_bin(writer, bytes_of(group->group.bytes, PUBLIC_BYTES));
        msgpack_write_bin(writer, bytes_of(group->state, group->state_len));
    }
}

enum status keystore_encode_secrets(const struct keystore *keystore, struct buffer *out)
{
    size_t room = secrets_size_max(keystore);
    struct msgpack_writer writer;
    if (room == SIZE_MAX)
        return STATUS_TOO_BIG;
    if (!buffer_reserve(out, room))
        return STATUS_NO_MEMORY;
    msgpack_writer_init(&writer, out->data + out->len, room);
    write_secrets(keystore, &writer);
    if (writer.failed)
        return STATUS_INTERNAL;
    out->len += writer.len;
    return STATUS_OK;
}

static bool read_key(struct msgpack_reader *reader, const char *name)
{
    struct bytes key;
    return msgpack_read_str(reader, &key) && bytes_equal(key, bytes_of_string(name));
}

static enum status read_group(struct msgpack_reader *reader, struct keystore *out)
{
    uint32_t parts;
    struct public_key group;
    struct bytes state;
    if (!msgpack_read_array(reader, &parts) || parts != 2 ||
        !msgpack_read_fixed(reader, group.bytes, PUBLIC_BYTES) || find(out, &group) != NULL ||
        !msgpack_read_bin(reader, &state))
        return STATUS_MALFORMED;
    return keystore_set_group(out, &group, state);
}

static enum status read_secrets(struct msgpack_reader *reader, struct keystore *out)
{
    uint32_t pairs, groups;
    if (!msgpack_read_map(reader, &pairs) || pairs != SECRETS_PAIRS || !read_key(reader, "r") ||
        !msgpack_read_fixed(reader, out->root, ROOT_BYTES) || !read_key(reader, "c") ||
        !msgpack_read_uint(reader, UINT64_MAX, &out->created_unix_s) || !read_key(reader, "q") ||
        !msgpack_read_uint(reader, UINT64_MAX, &out->profile_seq) || !read_key(reader, "g") ||
        !msgpack_read_array(reader, &groups) || groups > KEYSTORE_GROUPS_MAX)
        return STATUS_MALFORMED;
    for (uint32_t i = 0; i < groups; i++) {
        enum status status = read_group(reader, out);
        if (status != STATUS_OK)
            return status;
    }
    return msgpack_at_end(reader) ? STATUS_OK : STATUS_MALFORMED;
}

enum status keystore_decode_secrets(struct bytes plain, struct keystore *out)
{
    struct msgpack_reader reader = msgpack_reader_shortest(plain);
    memset(out, 0, sizeof *out);
    enum status status = read_secrets(&reader, out);
    if (status != STATUS_OK)
        keystore_dispose(out);
    return status;
}

/* ---- the file ---- */

enum status keystore_key_derive(struct bytes password, struct keystore_key *key)
{
    return scrypt(password, bytes_of(key->salt, sizeof key->salt), SCRYPT_N, SCRYPT_R, SCRYPT_P,
                  key->key);
}

/* Of a file that is at least a header long. */
static void digest_of(struct bytes file, uint8_t out[SHA256_BYTES])
{
    struct bytes parts[] = {bytes_of(file.data, DIGEST_AT),
                            bytes_of(file.data + HEADER_BYTES, file.len - HEADER_BYTES)};
    sha256_of_parts(parts, 2, out);
}

static bool is_name(const char *name)
{
    size_t len = strnlen(name, KEYSTORE_NAME_MAX + 1);
    return len > 0 && len <= KEYSTORE_NAME_MAX && utf8_is_printable(bytes_of(name, len));
}

static struct aead_key message_key(const struct keystore_key *key, const uint8_t *header)
{
    struct aead_key message;
    memcpy(message.key, key->key, AEAD_KEY_BYTES);
    memcpy(message.nonce, header + NONCE_AT, AEAD_NONCE_BYTES);
    return message;
}

static enum status make_header(const struct keystore *keystore, const struct keystore_key *key,
                               struct rng *rng, uint32_t sealed_len, uint8_t out[HEADER_BYTES])
{
    struct key_pairs keys;
    enum status status = keys_of_user(keystore->root, &keys);
    if (status != STATUS_OK)
        return status;
    memset(out, 0, HEADER_BYTES);
    memcpy(out, MAGIC, MAGIC_BYTES);
    out[VERSION_AT] = VERSION;
    memcpy(out + SALT_AT, key->salt, sizeof key->salt);
    rng_fill(rng, out + NONCE_AT, AEAD_NONCE_BYTES);
    memcpy(out + USER_AT, keys.public_key.bytes, PUBLIC_BYTES);
    memcpy(out + NAME_AT, keystore->name, strnlen(keystore->name, KEYSTORE_NAME_MAX));
    write_u32(out + LENGTH_AT, sealed_len);
    keys_wipe(&keys, sizeof keys);
    return STATUS_OK;
}

/* Appends header, ciphertext and digest of the plaintext. */
static enum status seal_file(const struct keystore *keystore, const struct keystore_key *key,
                             struct rng *rng, struct bytes plain, struct buffer *out)
{
    uint8_t header[HEADER_BYTES];
    size_t before = out->len, sealed_len = plain.len + AEAD_TAG_BYTES;
    if (sealed_len > KEYSTORE_FILE_MAX - HEADER_BYTES)
        return STATUS_TOO_BIG;
    enum status status = make_header(keystore, key, rng, (uint32_t)sealed_len, header);
    if (status != STATUS_OK)
        return status;
    struct bytes aad = bytes_of(header, DIGEST_AT);
    struct aead_key message = message_key(key, header);
    buffer_add(out, header, sizeof header);
    status = aead_seal(&message, &aad, 1, plain, out);
    keys_wipe(&message, sizeof message);
    if (status == STATUS_OK)
        digest_of(bytes_of(out->data + before, out->len - before), out->data + before + DIGEST_AT);
    else
        out->len = before;
    return status;
}

enum status keystore_encode(const struct keystore *keystore, const struct keystore_key *key,
                            struct rng *rng, struct buffer *out)
{
    struct buffer plain;
    if (!is_name(keystore->name))
        return STATUS_MALFORMED; /* it would never open again */
    buffer_init(&plain);
    enum status status = keystore_encode_secrets(keystore, &plain);
    if (status == STATUS_OK)
        status = seal_file(keystore, key, rng, buffer_bytes(&plain), out);
    if (plain.data != NULL)
        keys_wipe(plain.data, plain.cap);
    buffer_dispose(&plain);
    return status;
}

/* One to 32 bytes that can be printed, and zeroes behind them. */
static bool read_name(const uint8_t *at, char out[KEYSTORE_NAME_MAX + 1])
{
    memcpy(out, at, KEYSTORE_NAME_MAX);
    out[KEYSTORE_NAME_MAX] = 0;
    for (size_t i = strlen(out); i < KEYSTORE_NAME_MAX; i++) {
        if (at[i] != 0)
            return false;
    }
    return is_name(out);
}

enum status keystore_header(struct bytes file, char name[KEYSTORE_NAME_MAX + 1],
                            struct public_key *user, uint8_t salt[16])
{
    if (file.len < SALT_AT || memcmp(file.data, MAGIC, MAGIC_BYTES) != 0)
        return STATUS_MALFORMED;
    if (file.data[VERSION_AT] != VERSION)
        return file.data[VERSION_AT] > VERSION ? STATUS_UNSUPPORTED : STATUS_MALFORMED;
    if (file.len < HEADER_BYTES + AEAD_TAG_BYTES || file.len > KEYSTORE_FILE_MAX ||
        read_u32(file.data + LENGTH_AT) != file.len - HEADER_BYTES ||
        !read_name(file.data + NAME_AT, name))
        return STATUS_MALFORMED;
    memcpy(user->bytes, file.data + USER_AT, PUBLIC_BYTES);
    memcpy(salt, file.data + SALT_AT, 16);
    return public_key_is_valid(user) ? STATUS_OK : STATUS_MALFORMED;
}

enum status keystore_check(struct bytes file)
{
    char name[KEYSTORE_NAME_MAX + 1];
    struct public_key user;
    uint8_t salt[16], digest[SHA256_BYTES];
    enum status status = keystore_header(file, name, &user, salt);
    if (status != STATUS_OK)
        return status;
    digest_of(file, digest);
    return memcmp(digest, file.data + DIGEST_AT, SHA256_BYTES) == 0 ? STATUS_OK : STATUS_MISMATCH;
}

/* Appends the plaintext of a file that keystore_check took. */
static enum status open_file(struct bytes file, const struct keystore_key *key, struct buffer *out)
{
    struct bytes aad = bytes_of(file.data, DIGEST_AT);
    struct aead_key message = message_key(key, file.data);
    enum status status = aead_open(
        &message, &aad, 1, bytes_of(file.data + HEADER_BYTES, file.len - HEADER_BYTES), out);
    keys_wipe(&message, sizeof message);
    return status == STATUS_MISMATCH ? STATUS_REFUSED : status;
}

/* Takes the name over; the header's key has to be that of the secret. */
static enum status adopt_header(struct bytes file, struct keystore *out)
{
    struct public_key user;
    uint8_t salt[16];
    struct key_pairs keys;
    enum status status = keystore_header(file, out->name, &user, salt);
    if (status == STATUS_OK)
        status = keys_of_user(out->root, &keys);
    if (status != STATUS_OK)
        return status;
    bool same = public_key_equal(&keys.public_key, &user);
    keys_wipe(&keys, sizeof keys);
    return same ? STATUS_OK : STATUS_MALFORMED;
}

enum status keystore_decode(struct bytes file, const struct keystore_key *key, struct keystore *out)
{
    struct buffer plain;
    memset(out, 0, sizeof *out);
    enum status status = keystore_check(file);
    if (status != STATUS_OK)
        return status;
    buffer_init(&plain);
    status = open_file(file, key, &plain);
    if (status == STATUS_OK)
        status = keystore_decode_secrets(buffer_bytes(&plain), out);
    if (plain.data != NULL)
        keys_wipe(plain.data, plain.cap);
    buffer_dispose(&plain);
    if (status == STATUS_OK)
        status = adopt_header(file, out);
    if (status != STATUS_OK)
        keystore_dispose(out);
    return status;
}
