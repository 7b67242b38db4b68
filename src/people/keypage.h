/* KEYPAGE: an epoch's secret, boxed to each member; salt "k" || u32 epoch || u16 page || mark,
 * signed by gpk. With the mark, two devices that make an epoch of one number at the same time do
 * not write over each other's: whichever HEAD stays, its pages are there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "people/group_records.h"
#include "people/hpke.h"
#include "people/keys.h"

struct keypage {
    uint8_t count;
    struct keypage_box {
        uint8_t tag[KEYPAGE_TAG_BYTES];
        uint8_t boxed[ROOT_BYTES + BOX_OVERHEAD]; /* of the epoch's secret */
    } boxes[KEYPAGE_BOXES];
};

void keypage_salt(uint32_t epoch, const uint8_t mark[EPOCH_MARK_BYTES], uint16_t page,
                  uint8_t out[KEYPAGE_SALT_BYTES]);
void keypage_encode(const struct keypage *page, struct buffer *out); /* <= 705 bytes */
bool keypage_decode(struct bytes body, struct keypage *out);
/* One member's box of an epoch's secret; `ephemeral` as in hpke.h. REFUSED: the member's mailbox
 * key is none, which join_verify tells beforehand. */
enum status keypage_box_make(const struct key_pairs *group, const struct public_key *member,
                             const uint8_t member_box_public[X25519_BYTES], uint32_t epoch,
                             const uint8_t secret[ROOT_BYTES],
                             const uint8_t ephemeral[X25519_BYTES], struct keypage_box *out);
/* NOT_FOUND: no box of this page has our tag. MISMATCH: it has, and does not open. REFUSED: the
 * group's mailbox key is none. */
enum status keypage_find(const struct keypage *page, const struct public_key *group,
                         const uint8_t group_box_public[X25519_BYTES],
                         const struct key_pairs *member, uint32_t epoch,
                         uint8_t secret[ROOT_BYTES]);
