#include "people/keys.h"

#include "kadpeer/sha1.h"

/* Every derivation has a label of its own, so that no key serves two purposes; docs/security.md has
 * them in one table. */

#define FINGERPRINT_BYTES 20
#define EPOCH_SALT_PREFIX "grp1"

static struct bytes bytes_of_key(const struct public_key *key)
{
    return bytes_of(key->bytes, PUBLIC_BYTES);
}

/* ---- public keys ---- */

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    return memcmp(a->bytes, b->bytes, PUBLIC_BYTES) == 0;
}

bool public_key_is_valid(const struct public_key *key)
{
    return ed25519_key_is_valid(key->bytes);
}

/* The `index`th run of 5 bits, from the top. */
static unsigned five_bits(const uint8_t *data, unsigned index)
{
    unsigned bit = index * 5, byte = bit / 8, shift = bit % 8;
    unsigned pair = (unsigned)data[byte] << 8 | (shift > 3 ? data[byte + 1] : 0u);
    return pair >> (11 - shift) & 31;
}

void public_key_fingerprint(const struct public_key *key, char out[FINGERPRINT_SIZE])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct bytes parts[] = {bytes_of_string("grp1/fp"), bytes_of_key(key)};
    uint8_t digest[SHA256_BYTES];
    sha256_of_parts(parts, 2, digest);
    for (unsigned i = 0; i < FINGERPRINT_BYTES * 8 / 5; i++) {
        if (i > 0 && i % 4 == 0)
            *out++ = ' ';
        *out++ = digits[five_bits(digest, i)];
    }
    *out = 0;
}

/* ---- key pairs ---- */

static enum status pairs_of(const uint8_t root[ROOT_BYTES], struct bytes salt,
                            const char *sign_label, const char *box_label, struct key_pairs *out)
{
    struct bytes ikm = bytes_of(root, ROOT_BYTES);
    enum status status = hkdf(ikm, salt, bytes_of_string(sign_label), out->seed);
    if (status == STATUS_OK)
        status = hkdf(ikm, salt, bytes_of_string(box_label), out->box);
    if (status == STATUS_OK)
        status = ed25519_public_of(out->seed, out->public_key.bytes);
    if (status == STATUS_OK)
        status = x25519_public_of(out->box, out->box_public);
    if (status != STATUS_OK)
        keys_wipe(out, sizeof *out);
    return status;
}

enum status keys_of_user(const uint8_t root[ROOT_BYTES], struct key_pairs *out)
{
    return pairs_of(root, (struct bytes){0}, "grp1/user-ed25519", "grp1/user-x25519", out);
}

enum status keys_of_group(const uint8_t root[ROOT_BYTES], struct key_pairs *out)
{
    return pairs_of(root, (struct bytes){0}, "grp1/group-ed25519", "grp1/group-x25519", out);
}

enum status keys_of_member(const uint8_t user_root[ROOT_BYTES], const struct public_key *group,
                           struct key_pairs *out)
{
    return pairs_of(user_root, bytes_of_key(group), "grp1/member-ed25519", "grp1/member-x25519",
                    out);
}

/* ---- epochs ---- */

static const char *const use_labels[EPOCH_USES] = {
    [USE_ROSTER] = "roster", [USE_SHELF] = "shelf", [USE_DISC] = "disc",
    [USE_PSK] = "psk",       [USE_PSKID] = "pskid", [USE_MARK] = "mark",
};

/* SHA-256("grp1" || gpk || u32 epoch) */
static void epoch_salt(const struct public_key *group, uint32_t epoch, uint8_t out[SHA256_BYTES])
{
    uint8_t number[4];
    write_u32(number, epoch);
    struct bytes parts[] = {bytes_of_string(EPOCH_SALT_PREFIX), bytes_of_key(group),
                            bytes_of(number, sizeof number)};
    sha256_of_parts(parts, 3, out);
}

enum status epoch_keys_derive(const struct public_key *group, uint32_t epoch,
                              const uint8_t secret[ROOT_BYTES], struct epoch_keys *out)
{
    uint8_t salt[SHA256_BYTES];
    epoch_salt(group, epoch, salt);
    out->epoch = epoch;
    memmove(out->secret, secret, ROOT_BYTES); /* it may be there already */
    for (int use = 0; use < EPOCH_USES; use++) {
        enum status status = hkdf(bytes_of(out->secret, ROOT_BYTES), bytes_of(salt, sizeof salt),
                                  bytes_of_string(use_labels[use]), out->key[use]);
        if (status != STATUS_OK) {
            keys_wipe(out, sizeof *out);
            return status;
        }
    }
    return STATUS_OK;
}

void epoch_mark(const struct epoch_keys *keys, uint8_t out[EPOCH_MARK_BYTES])
{
    memcpy(out, keys->key[USE_MARK], EPOCH_MARK_BYTES);
}

static struct id blinded(const struct epoch_keys *keys, const char *label, struct bytes what)
{
    struct bytes parts[] = {bytes_of_string(label), what};
    uint8_t digest[SHA256_BYTES];
    hmac_sha256(keys->key[USE_DISC], parts, 2, digest);
    struct id id;
    memcpy(id.bytes, digest, ID_BYTES);
    return id;
}

struct id epoch_file_key(const struct epoch_keys *keys, const uint8_t sha256[SHA256_BYTES])
{
    return blinded(keys, "file", bytes_of(sha256, SHA256_BYTES));
}

struct id epoch_presence_key(const struct epoch_keys *keys, uint32_t day)
{
    uint8_t number[4];
    write_u32(number, day);
    return blinded(keys, "peers", bytes_of(number, sizeof number));
}

enum status keypage_tag(const uint8_t private_key[X25519_BYTES],
                        const uint8_t their_public[X25519_BYTES], const struct public_key *group,
                        uint32_t epoch, uint8_t out[KEYPAGE_TAG_BYTES])
{
    uint8_t shared[32], key[32], number[4], digest[SHA256_BYTES];
    struct bytes part = bytes_of(number, sizeof number);
    write_u32(number, epoch);
    enum status status = x25519_shared(private_key, their_public, shared);
    if (status == STATUS_OK)
        status = hkdf(bytes_of(shared, sizeof shared), bytes_of_key(group),
                      bytes_of_string("grp1/tag"), key);
    if (status == STATUS_OK) {
        hmac_sha256(key, &part, 1, digest);
        memcpy(out, digest, KEYPAGE_TAG_BYTES);
    }
    keys_wipe(shared, sizeof shared);
    keys_wipe(key, sizeof key);
    return status;
}

enum status invite_psk(const uint8_t token[16], const struct public_key *group, uint8_t out[32])
{
    return hkdf(bytes_of(token, 16), bytes_of_key(group), bytes_of_string("grp1/join"), out);
}

enum status invite_pskid(const uint8_t token[16], const struct public_key *group, uint8_t out[32])
{
    return hkdf(bytes_of(token, 16), bytes_of_key(group), bytes_of_string("grp1/join-id"), out);
}

/* ---- mailboxes ---- */

struct id mailbox_of_user(const struct public_key *user)
{
    struct bytes parts[] = {bytes_of_string("grp1/ubox"), bytes_of_key(user)};
    return sha1_of_parts(parts, 2);
}

struct id mailbox_of_group(const struct public_key *group)
{
    struct bytes parts[] = {bytes_of_string("grp1/gbox"), bytes_of_key(group)};
    return sha1_of_parts(parts, 2);
}

struct id mailbox_of_invite(const struct public_key *group, const uint8_t token[16])
{
    struct bytes parts[] = {bytes_of_string("grp1/ibox"), bytes_of_key(group), bytes_of(token, 16)};
    return sha1_of_parts(parts, 3);
}
