#include "people/invite.h"

/* The bytes that the text spells:
 *
 *   32   group's key
 *   16   token
 *    …   up to 4 addresses: u8 length 6 or 18, then address and port (compact form)
 *    4   first bytes of SHA-256 of all before
 *
 * base32 [RFC 4648 6] in lower case without padding; the bits of the last letter that are left over
 * are zero. */

enum {
    FIXED_BYTES = PUBLIC_BYTES + INVITE_TOKEN_BYTES,
    SUM_BYTES = 4,
    LEAST_BYTES = FIXED_BYTES + SUM_BYTES,
    MOST_BYTES = LEAST_BYTES + INVITE_ADDRESSES_MAX * (1 + ENDPOINT_COMPACT_MAX),
    MOST_LETTERS = (MOST_BYTES * 8 + 4) / 5,
    CUT_LETTERS = 53, /* with fewer it is no part of an invite: a key alone has 52 */
};

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* ---- writing ---- */

static void add_sum(uint8_t *data, size_t len)
{
    uint8_t digest[SHA256_BYTES];
    struct bytes all = bytes_of(data, len);
    sha256_of_parts(&all, 1, digest);
    memcpy(data + len, digest, SUM_BYTES);
}

static size_t encode(const struct invite *invite, uint8_t out[MOST_BYTES])
{
    uint8_t *at = out;
    memcpy(at, invite->group.bytes, PUBLIC_BYTES);
    memcpy(at + PUBLIC_BYTES, invite->token, INVITE_TOKEN_BYTES);
    at += FIXED_BYTES;
    for (size_t i = 0; i < invite->address_count && i < INVITE_ADDRESSES_MAX; i++) {
        size_t size = endpoint_to_compact(&invite->addresses[i], at + 1);
        *at = (uint8_t)size;
        at += size > 0 ? 1 + size : 0;
    }
    add_sum(out, (size_t)(at - out));
    return (size_t)(at - out) + SUM_BYTES;
}

void invite_format(const struct invite *invite, struct buffer *out)
{
    uint8_t data[MOST_BYTES];
    size_t len = encode(invite, data);
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        for (held += 8; held >= 5; held -= 5)
            buffer_add_byte(out, (uint8_t)alphabet[bits >> (held - 5) & 31]);
    }
    if (held > 0)
        buffer_add_byte(out, (uint8_t)alphabet[bits << (5 - held) & 31]);
    buffer_add_byte(out, 0);
}

/* ---- reading ---- */

static bool is_overlooked(char c)
{
    return c == ' ' || c == '-' || c == '\n' || c == '\r' || c == '\t';
}

/* What the letters spell; -1: what no invite has in it, -2: digits it does not have. */
enum { LETTER_STRANGE = -1, LETTER_MISTYPED = -2 };

static int value_of(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return c >= '0' && c <= '9' ? LETTER_MISTYPED : LETTER_STRANGE;
}

/* The values of its letters. MALFORMED, MISMATCH. */
static enum status read_letters(const char *text, uint8_t out[MOST_LETTERS], size_t *count)
{
    bool mistyped = false;
    *count = 0;
    for (; *text != 0; text++) {
        if (is_overlooked(*text))
            continue;
        int value = value_of(*text);
        if (value == LETTER_STRANGE || *count == MOST_LETTERS)
            return STATUS_MALFORMED;
        mistyped = mistyped || value == LETTER_MISTYPED;
        out[(*count)++] = (uint8_t)value;
    }
    if (*count < CUT_LETTERS)
        return STATUS_MALFORMED;
    return mistyped ? STATUS_MISMATCH : STATUS_OK;
}

/* False: a number of letters that no bytes give, or bits left over that are not zero. */
static bool join_letters(const uint8_t *letters, size_t count, uint8_t out[MOST_BYTES], size_t *len)
{
    uint32_t bits = 0;
    unsigned held = 0;
    *len = 0;
    for (size_t i = 0; i < count; i++) {
        bits = bits << 5 | letters[i];
        held += 5;
        if (held >= 8) {
            held -= 8;
            out[(*len)++] = (uint8_t)(bits >> held);
        }
    }
    return held < 5 && (bits & ((1u << held) - 1)) == 0;
}

static bool has_good_sum(const uint8_t *data, size_t len)
{
    uint8_t again[MOST_BYTES];
    if (len < LEAST_BYTES)
        return false;
    memcpy(again, data, len - SUM_BYTES);
    add_sum(again, len - SUM_BYTES);
    return memcmp(again, data, len) == 0;
}

static bool read_addresses(struct bytes data, struct invite *out)
{
    while (data.len > 0) {
        size_t size = data.data[0];
        if (out->address_count == INVITE_ADDRESSES_MAX || size > data.len - 1)
            return false;
        struct endpoint *address = &out->addresses[out->address_count++];
        if (!endpoint_from_compact(bytes_of(data.data + 1, size), address) ||
            !endpoint_is_usable(address))
            return false;
        data = bytes_of(data.data + 1 + size, data.len - 1 - size);
    }
    return true;
}

enum status invite_parse(const char *text, struct invite *out)
{
    uint8_t letters[MOST_LETTERS], data[MOST_BYTES];
    size_t count, len;
    *out = (struct invite){0};
    enum status status = read_letters(text, letters, &count);
    if (status != STATUS_OK)
        return status;
    if (!join_letters(letters, count, data, &len) || !has_good_sum(data, len))
        return STATUS_MISMATCH;
    memcpy(out->group.bytes, data, PUBLIC_BYTES);
    memcpy(out->token, data + PUBLIC_BYTES, INVITE_TOKEN_BYTES);
    if (!public_key_is_valid(&out->group) ||
        !read_addresses(bytes_of(data + FIXED_BYTES, len - LEAST_BYTES), out))
        return STATUS_MALFORMED;
    return STATUS_OK;
}
