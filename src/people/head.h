/* HEAD: where a group stands; salt "h", signed by gpk, in the clear. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/id.h"
#include "people/group_records.h"
#include "people/keys.h"

enum join_policy { JOIN_INVITE_ONLY = 0, JOIN_ON_REQUEST = 1 };

/* The sealed roster is cut into parts of PART_BYTES_MAX bytes, the last one shorter. Up to
 * HEAD_PARTS_MAX of them HEAD names itself; of more it names index parts, each the keys of
 * INDEX_PARTS_MAX parts one after another, the last one shorter. */
struct head_body {
    uint32_t epoch;
    uint8_t roster_sha256[SHA256_BYTES]; /* of the sealed bytes, all parts together */
    uint32_t roster_len;
    bool index; /* `parts` name index parts */
    uint8_t part_count;
    struct id parts[HEAD_PARTS_MAX];
    uint8_t box_public[X25519_BYTES]; /* gxp */
    enum join_policy policy;
    uint16_t keypages;
    uint8_t mark[EPOCH_MARK_BYTES]; /* of the epoch's secret: its key pages go by it */
};

void head_body_encode(const struct head_body *body, struct buffer *out); /* <= 740 bytes */
/* False also where the count of parts is not what the roster's length asks for. */
bool head_body_decode(struct bytes body, struct head_body *out);

/* How many parts a sealed roster of that length has; and keys in HEAD: of these or of their index.
 */
uint32_t head_roster_parts(uint32_t roster_len);
uint32_t head_keys_needed(uint32_t roster_len);
