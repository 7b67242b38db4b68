/* Bodies of entries: what a key stands for.
 *
 *   of a name or word   {h bin 20 infohash, n str name, z uint64 bytes, f uint32 files}
 *   of a file's SHA-1   {h, z}
 *   of a user           {u bin 32 the user's key}
 *   of a listed group   {g bin 32 the group's key, n str name, a str about}
 */
#include "kadpeer/records.h"

#include <string.h>

#include "dht/record_letters.h"

/* ---- files ---- */

static bool read_file_body(struct msgpack_reader *reader, char letter, void *into)
{
    struct entry_body *out = into;
    struct bytes name;
    switch (letter) {
    case 'h':
        return msgpack_read_fixed(reader, out->infohash.bytes, ID_BYTES);
    case 'z':
        return msgpack_read_uint(reader, UINT64_MAX, &out->size);
    case 'f':
        return letters_read_u32(reader, &out->files);
    default:
        if (!letters_read_text(reader, 1, ENTRY_NAME_MAX, &name))
            return false;
        memcpy(out->name, name.data, name.len);
        return true;
    }
}

bool entry_body_decode(struct bytes body, struct entry_body *out)
{
    *out = (struct entry_body){0};
    if (letters_read(body, "hnzf", read_file_body, out))
        return true;
    *out = (struct entry_body){0};
    return letters_read(body, "hz", read_file_body, out);
}

void entry_body_encode(const struct entry_body *body, struct buffer *out)
{
    uint8_t room[ENTRY_BODY_MAX];
    struct msgpack_writer writer;
    bool named = body->name[0] != 0;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, named ? 4 : 2);
    letters_write_key(&writer, 'h');
    msgpack_write_bin(&writer, bytes_of(body->infohash.bytes, ID_BYTES));
    if (named) {
        letters_write_key(&writer, 'n');
        msgpack_write_string(&writer, body->name);
    }
    letters_write_key(&writer, 'z');
    msgpack_write_uint(&writer, body->size);
    if (named) {
        letters_write_key(&writer, 'f');
        msgpack_write_uint(&writer, body->files);
    }
    letters_add_written(out, &writer);
}

/* ---- users and groups ---- */

static bool read_user(struct msgpack_reader *reader, char letter, void *into)
{
    struct user_entry_body *out = into;
    (void)letter;
    return msgpack_read_fixed(reader, out->user, sizeof out->user);
}

bool user_entry_body_decode(struct bytes body, struct user_entry_body *out)
{
    return letters_read(body, "u", read_user, out);
}

void user_entry_body_encode(const struct user_entry_body *body, struct buffer *out)
{
    uint8_t room[ENTRY_BODY_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 1);
    letters_write_key(&writer, 'u');
    msgpack_write_bin(&writer, bytes_of(body->user, sizeof body->user));
    letters_add_written(out, &writer);
}

/* A text into an array of `size` bytes, with its final zero. */
static bool read_string(struct msgpack_reader *reader, size_t min, char *out, size_t size)
{
    struct bytes text;
    if (!letters_read_text(reader, min, size - 1, &text))
        return false;
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return true;
}

static bool read_group(struct msgpack_reader *reader, char letter, void *into)
{
    struct group_entry_body *out = into;
    if (letter == 'n')
        return read_string(reader, 1, out->name, sizeof out->name);
    if (letter == 'a')
        return read_string(reader, 0, out->about, sizeof out->about);
    return msgpack_read_fixed(reader, out->group, sizeof out->group);
}

bool group_entry_body_decode(struct bytes body, struct group_entry_body *out)
{
    return letters_read(body, "gna", read_group, out);
}

void group_entry_body_encode(const struct group_entry_body *body, struct buffer *out)
{
    uint8_t room[ENTRY_BODY_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 3);
    letters_write_key(&writer, 'g');
    msgpack_write_bin(&writer, bytes_of(body->group, sizeof body->group));
    letters_write_key(&writer, 'n');
    msgpack_write_string(&writer, body->name);
    letters_write_key(&writer, 'a');
    msgpack_write_string(&writer, body->about);
    letters_add_written(out, &writer);
}

/* ---- subjects ---- */

bool entry_record_subject(const struct entry_record *record, uint8_t out[ENTRY_SUBJECT_MAX])
{
    struct entry_body file;
    struct user_entry_body user;
    struct group_entry_body group;
    memset(out, 0, ENTRY_SUBJECT_MAX);
    if (entry_body_decode(record->body, &file)) {
        memcpy(out, file.infohash.bytes, ID_BYTES);
        return true;
    }
    if (user_entry_body_decode(record->body, &user))
        memcpy(out, user.user, ED25519_PUBLIC_BYTES);
    else if (group_entry_body_decode(record->body, &group))
        memcpy(out, group.group, ED25519_PUBLIC_BYTES);
    else
        return false;
    return memcmp(out, record->public_key, ED25519_PUBLIC_BYTES) == 0;
}
