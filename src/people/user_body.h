/* USER: what a user says of himself; salt "user", signed by pk_u, in the clear. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "people/group_records.h"
#include "people/keys.h"

struct user_body {
    char name[USER_NAME_MAX + 1];
    uint8_t box_public[X25519_BYTES]; /* xpk_u */
};

void user_body_encode(const struct user_body *body, struct buffer *out);
bool user_body_decode(struct bytes body, struct user_body *out);
