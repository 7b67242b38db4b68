#include "people/user_body.h"

#include "people/fields.h"

/*   v uint 1   n str 1 to 32 name   x bin 32 mailbox key */

enum { BODY_BOUND = 1 + 3 + 2 + 2 + USER_NAME_MAX + 2 + 2 + X25519_BYTES };

void user_body_encode(const struct user_body *body, struct buffer *out)
{
    struct msgpack_writer writer = fields_begin(out, BODY_BOUND, 3);
    fields_write_text(&writer, 'n', body->name);
    fields_write_bin(&writer, 'x', body->box_public, sizeof body->box_public);
    fields_end(&writer, out);
}

bool user_body_decode(struct bytes body, struct user_body *out)
{
    struct msgpack_reader reader = msgpack_reader_shortest(body);
    *out = (struct user_body){0};
    return fields_read_begin(&reader, 3) &&
           fields_read_text(&reader, 'n', 1, USER_NAME_MAX, out->name) &&
           fields_read_fixed(&reader, 'x', out->box_public, sizeof out->box_public) &&
           msgpack_at_end(&reader);
}
