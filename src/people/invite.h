/* The text of an invitation: base32(gpk || token || owner's compact addresses || first 4 bytes of
 * SHA-256 of all)  [groups-design 5]. */
#pragma once

#include <stdbool.h>

#include "kadpeer/buffer.h"
#include "kadpeer/endpoint.h"
#include "people/drops.h"
#include "people/keys.h"

#define INVITE_ADDRESSES_MAX 4

struct invite {
    struct public_key group;
    uint8_t token[INVITE_TOKEN_BYTES];
    struct endpoint addresses[INVITE_ADDRESSES_MAX];
    size_t address_count;
};

/* Lower case letters and digits 2 to 7; ends with a zero byte. */
void invite_format(const struct invite *invite, struct buffer *out);
/* Case, spaces, dashes and line ends inside are overlooked. MALFORMED: no invite; MISMATCH: a
 * mistyped or cut one. */
enum status invite_parse(const char *text, struct invite *out);
