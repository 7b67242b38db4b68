/* The text of an invitation: base32(gpk || token || owner's addresses || first 4 bytes of SHA-256
 * of all)  [groups-design 5; layout in invite.c]. */
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

/* Lower case letters and digits 2 to 7; ends with a zero byte. At most 206 bytes. */
void invite_format(const struct invite *invite, struct buffer *out);
/* Case, spaces, dashes and line ends inside are overlooked. MALFORMED: no invite (other characters
 * than letters and digits, too short or too long to be one); MISMATCH: a mistyped or cut one. */
enum status invite_parse(const char *text, struct invite *out);
