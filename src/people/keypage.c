#include "people/keypage.h"

#include <assert.h>
#include <openssl/crypto.h>

/*   version u8 1, then 1 to 8 times: tag 8, boxed 80 */

enum {
    KEYPAGE_VERSION = 1,
    BOX_BYTES = KEYPAGE_TAG_BYTES + ROOT_BYTES + BOX_OVERHEAD,
};

static const char box_domain[] = "grp1/box";
enum { BOX_INFO_BYTES = sizeof box_domain - 1 + PUBLIC_BYTES + 4 + PUBLIC_BYTES };

void keypage_salt(uint32_t epoch, const uint8_t mark[EPOCH_MARK_BYTES], uint16_t page,
                  uint8_t out[KEYPAGE_SALT_BYTES])
{
    out[0] = 'k';
    write_u32(out + 1, epoch);
    write_u16(out + 5, page);
    memcpy(out + 7, mark, EPOCH_MARK_BYTES);
}

void keypage_encode(const struct keypage *page, struct buffer *out)
{
    assert(page->count > 0 && page->count <= KEYPAGE_BOXES);
    buffer_add_byte(out, KEYPAGE_VERSION);
    for (size_t i = 0; i < page->count; i++) {
        buffer_add(out, page->boxes[i].tag, sizeof page->boxes[i].tag);
        buffer_add(out, page->boxes[i].boxed, sizeof page->boxes[i].boxed);
    }
}

bool keypage_decode(struct bytes body, struct keypage *out)
{
    *out = (struct keypage){0};
    if (body.len < 1 + BOX_BYTES || body.data[0] != KEYPAGE_VERSION ||
        (body.len - 1) % BOX_BYTES != 0 || (body.len - 1) / BOX_BYTES > KEYPAGE_BOXES)
        return false;
    out->count = (uint8_t)((body.len - 1) / BOX_BYTES);
    const uint8_t *at = body.data + 1;
    for (size_t i = 0; i < out->count; i++, at += BOX_BYTES) {
        memcpy(out->boxes[i].tag, at, KEYPAGE_TAG_BYTES);
        memcpy(out->boxes[i].boxed, at + KEYPAGE_TAG_BYTES, sizeof out->boxes[i].boxed);
    }
    return true;
}

/* "grp1/box" || gpk || u32 epoch || mpk */
static struct bytes box_info(const struct public_key *group, uint32_t epoch,
                             const struct public_key *member, uint8_t out[BOX_INFO_BYTES])
{
    uint8_t *at = out;
    memcpy(at, box_domain, sizeof box_domain - 1);
    at += sizeof box_domain - 1;
    memcpy(at, group->bytes, PUBLIC_BYTES);
    at += PUBLIC_BYTES;
    write_u32(at, epoch);
    memcpy(at + 4, member->bytes, PUBLIC_BYTES);
    return bytes_of(out, BOX_INFO_BYTES);
}

enum status keypage_box_make(const struct key_pairs *group, const struct public_key *member,
                             const uint8_t member_box_public[X25519_BYTES], uint32_t epoch,
                             const uint8_t secret[ROOT_BYTES],
                             const uint8_t ephemeral[X25519_BYTES], struct keypage_box *out)
{
    uint8_t room[BOX_INFO_BYTES];
    struct bytes info = box_info(&group->public_key, epoch, member, room);
    enum status status =
        keypage_tag(group->box, member_box_public, &group->public_key, epoch, out->tag);
    if (status != STATUS_OK)
        return status;
    struct buffer boxed;
    buffer_init(&boxed);
    status = box(member_box_public, info, bytes_of(secret, ROOT_BYTES), ephemeral, &boxed);
    if (status == STATUS_OK && boxed.len != sizeof out->boxed)
        status = boxed.failed ? STATUS_NO_MEMORY : STATUS_INTERNAL;
    if (status == STATUS_OK)
        memcpy(out->boxed, boxed.data, sizeof out->boxed);
    buffer_dispose(&boxed);
    return status;
}

/* NO_MEMORY, MISMATCH. */
static enum status open_box(const struct keypage_box *boxed, struct bytes info,
                            const struct key_pairs *member, uint8_t secret[ROOT_BYTES])
{
    struct buffer plain;
    buffer_init(&plain);
    if (!buffer_reserve(&plain, ROOT_BYTES))
        return STATUS_NO_MEMORY;
    enum status status =
        box_open(member->box, info, bytes_of(boxed->boxed, sizeof boxed->boxed), &plain);
    if (status == STATUS_OK && plain.len != ROOT_BYTES)
        status = plain.failed ? STATUS_NO_MEMORY : STATUS_MISMATCH;
    if (status == STATUS_OK)
        memcpy(secret, plain.data, ROOT_BYTES);
    keys_wipe(plain.data, plain.cap);
    buffer_dispose(&plain);
    return status;
}

enum status keypage_find(const struct keypage *page, const struct public_key *group,
                         const uint8_t group_box_public[X25519_BYTES],
                         const struct key_pairs *member, uint32_t epoch, uint8_t secret[ROOT_BYTES])
{
    uint8_t tag[KEYPAGE_TAG_BYTES], room[BOX_INFO_BYTES];
    struct bytes info = box_info(group, epoch, &member->public_key, room);
    enum status result = keypage_tag(member->box, group_box_public, group, epoch, tag);
    if (result != STATUS_OK)
        return result;
    result = STATUS_NOT_FOUND;
    for (size_t i = 0; i < page->count && result != STATUS_OK; i++)
        if (CRYPTO_memcmp(page->boxes[i].tag, tag, sizeof tag) == 0)
            result = open_box(&page->boxes[i], info, member, secret);
    return result;
}
