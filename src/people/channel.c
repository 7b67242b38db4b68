#include "people/channel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kadpeer/msgpack_reader.h"
#include "kadpeer/msgpack_writer.h"

#define FRAME_HEAD_BYTES 5  /* u32 length of the map, u8 type */
#define MAP_OVERHEAD     64 /* bytes of a map's keys, numbers and lengths: fewer */

struct channel {
    enum channel_role role;
    enum channel_footing footing;
    struct key_pairs member;
    uint8_t exported[CHANNEL_EXPORT_BYTES];
    bool authenticated; /* the other side */
    bool switched;      /* its FRAME_TRANSFER has come */
    unsigned requests;  /* of parts and blobs, that came */
    uint8_t head[FRAME_HEAD_BYTES];
    size_t head_got;
    uint8_t *body; /* of the frame under way */
    size_t body_len, body_got, body_cap;
    bool has_event;
    struct channel_event event;
    struct id keys[CHANNEL_KEYS_MAX]; /* what event.keys points to */
    struct buffer out;
};

static void send_auth(struct channel *channel);

struct channel *channel_new(const struct channel_config *config)
{
    struct channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->role = config->role;
    channel->footing = config->footing;
    memcpy(channel->exported, config->exported, sizeof channel->exported);
    buffer_init(&channel->out);
    if (config->footing == CHANNEL_MEMBERS) {
        channel->member = *config->member;
        send_auth(channel);
    }
    return channel;
}

void channel_free(struct channel *channel)
{
    if (channel == NULL)
        return;
    buffer_dispose(&channel->out);
    free(channel->body);
    keys_wipe(channel, sizeof *channel);
    free(channel);
}

bool channel_is_authenticated(const struct channel *channel)
{
    return channel->authenticated;
}

/* ---- out ---- */

/* A map of `pairs` whose values have `bytes` in all, to be written straight into `out`. */
static struct msgpack_writer begin(struct channel *channel, size_t pairs, size_t bytes)
{
    struct msgpack_writer map;
    bool room = buffer_reserve(&channel->out, FRAME_HEAD_BYTES + MAP_OVERHEAD + bytes);
    msgpack_writer_init(&map, room ? channel->out.data + channel->out.len + FRAME_HEAD_BYTES : NULL,
                        room ? MAP_OVERHEAD + bytes : 0);
    msgpack_write_map(&map, pairs);
    return map;
}

static void end(struct channel *channel, enum channel_frame type, const struct msgpack_writer *map)
{
    if (map->failed) {
        channel->out.failed = true;
        return;
    }
    uint8_t *head = channel->out.data + channel->out.len;
    write_u32(head, (uint32_t)map->len);
    head[4] = (uint8_t)type;
    channel->out.len += FRAME_HEAD_BYTES + map->len;
}

static void add_bin(struct msgpack_writer *map, const char *key, struct bytes value)
{
    msgpack_write_string(map, key);
    msgpack_write_bin(map, value);
}

static void add_uint(struct msgpack_writer *map, const char *key, uint64_t value)
{
    msgpack_write_string(map, key);
    msgpack_write_uint(map, value);
}

/* {v: value} */
static void send_value(struct channel *channel, enum channel_frame type, struct bytes value)
{
    struct msgpack_writer map = begin(channel, 1, value.len);
    add_bin(&map, "v", value);
    end(channel, type, &map);
}

static void send_auth(struct channel *channel)
{
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    if (channel_auth_sign(&channel->member, channel->role, channel->exported, signature) !=
        STATUS_OK) {
        channel->out.failed = true;
        return;
    }
    struct msgpack_writer map = begin(channel, 2, PUBLIC_BYTES + sizeof signature);
    add_bin(&map, "k", bytes_of(channel->member.public_key.bytes, PUBLIC_BYTES));
    add_bin(&map, "g", bytes_of(signature, sizeof signature));
    end(channel, FRAME_AUTH, &map);
}

void channel_send_head(struct channel *channel, struct bytes item)
{
    send_value(channel, FRAME_HEAD, item);
}

void channel_send_part(struct channel *channel, struct bytes part)
{
    send_value(channel, FRAME_PART, part);
}

void channel_send_join(struct channel *channel, struct bytes request)
{
    send_value(channel, FRAME_JOIN, request);
}

void channel_want_parts(struct channel *channel, const struct id keys[], size_t count)
{
    assert(count > 0 && count <= CHANNEL_KEYS_MAX);
    struct msgpack_writer map = begin(channel, 1, count * ID_BYTES);
    msgpack_write_string(&map, "k");
    msgpack_write_bin_head(&map, count * ID_BYTES);
    for (size_t i = 0; i < count; i++)
        msgpack_write_raw(&map, keys[i].bytes, ID_BYTES);
    end(channel, FRAME_PARTS_WANTED, &map);
}

void channel_want_blob(struct channel *channel, const uint8_t sha256[SHA256_BYTES], uint32_t at)
{
    struct msgpack_writer map = begin(channel, 2, SHA256_BYTES);
    add_bin(&map, "s", bytes_of(sha256, SHA256_BYTES));
    add_uint(&map, "a", at);
    end(channel, FRAME_BLOB_WANTED, &map);
}

void channel_send_blob(struct channel *channel, const uint8_t sha256[SHA256_BYTES],
                       struct bytes bytes, uint32_t at, uint32_t total)
{
    assert(bytes.len <= CHANNEL_BLOB_BYTES);
    struct msgpack_writer map = begin(channel, 4, SHA256_BYTES + bytes.len);
    add_bin(&map, "s", bytes_of(sha256, SHA256_BYTES));
    add_uint(&map, "a", at);
    add_uint(&map, "t", total);
    add_bin(&map, "v", bytes);
    end(channel, FRAME_BLOB, &map);
}

void channel_send_transfer(struct channel *channel, const struct id *key)
{
    struct msgpack_writer map = begin(channel, 1, ID_BYTES);
    add_bin(&map, "k", bytes_of(key->bytes, ID_BYTES));
    end(channel, FRAME_TRANSFER, &map);
}

size_t channel_waiting(const struct channel *channel)
{
    return channel->out.len;
}

void channel_take_out(struct channel *channel, struct buffer *out)
{
    struct buffer taken = channel->out;
    channel->out = *out;
    buffer_clear(&channel->out);
    *out = taken;
}

/* ---- in: what may be said ---- */

static bool is_allowed(const struct channel *channel, uint8_t type)
{
    if (channel->switched)
        return false;
    switch (channel->footing) {
    case CHANNEL_MEMBERS:
        if (type == FRAME_AUTH)
            return !channel->authenticated;
        if (type == FRAME_HEAD) /* it may bring news of an epoch that we don't know yet */
            return true;
        return channel->authenticated && type != FRAME_JOIN && type <= FRAME_TRANSFER && type != 0;
    case CHANNEL_LATE:
        return type == FRAME_HEAD || (type == FRAME_AUTH && !channel->authenticated);
    case CHANNEL_NEWCOMER:
        return type == FRAME_HEAD || (type == FRAME_JOIN && channel->role == CHANNEL_SERVER);
    }
    return false;
}

static size_t longest(uint8_t type)
{
    switch (type) {
    case FRAME_AUTH:
    case FRAME_BLOB_WANTED:
    case FRAME_TRANSFER:
        return 256;
    case FRAME_PARTS_WANTED:
    case FRAME_HEAD:
    case FRAME_PART:
    case FRAME_JOIN:
        return 2048;
    default:
        return CHANNEL_FRAME_MAX;
    }
}

static enum status count_request(struct channel *channel)
{
    bool too_many =
        ++channel->requests > CHANNEL_REQUESTS_MAX || channel->out.len > CHANNEL_OUT_MAX;
    return too_many ? STATUS_REFUSED : STATUS_OK;
}

/* ---- in: the maps; one form each, keys in this order ---- */

static bool is_key(struct msgpack_reader *reader, const char *key)
{
    struct bytes text;
    return msgpack_read_str(reader, &text) && bytes_equal(text, bytes_of_string(key));
}

static bool read_map(struct msgpack_reader *reader, uint32_t pairs)
{
    uint32_t count;
    return msgpack_read_map(reader, &count) && count == pairs;
}

static bool read_fixed(struct msgpack_reader *reader, const char *key, void *out, size_t len)
{
    return is_key(reader, key) && msgpack_read_fixed(reader, out, len);
}

static bool read_u32_of(struct msgpack_reader *reader, const char *key, uint32_t *out)
{
    uint64_t number;
    if (!is_key(reader, key) || !msgpack_read_uint(reader, UINT32_MAX, &number))
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool read_value(struct msgpack_reader *reader, struct bytes *out)
{
    return is_key(reader, "v") && msgpack_read_bin(reader, out);
}

static enum status on_auth(struct channel *channel, struct msgpack_reader *reader)
{
    struct public_key *peer = &channel->event.peer;
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    enum channel_role theirs = channel->role == CHANNEL_CLIENT ? CHANNEL_SERVER : CHANNEL_CLIENT;
    if (!read_map(reader, 2) || !read_fixed(reader, "k", peer->bytes, PUBLIC_BYTES) ||
        !read_fixed(reader, "g", signature, sizeof signature))
        return STATUS_MALFORMED;
    if (public_key_equal(peer, &channel->member.public_key) ||
        !channel_auth_verify(peer, theirs, channel->exported, signature))
        return STATUS_REFUSED;
    channel->authenticated = true;
    return STATUS_OK;
}

static enum status on_parts_wanted(struct channel *channel, struct msgpack_reader *reader)
{
    struct bytes keys;
    if (!read_map(reader, 1) || !is_key(reader, "k") || !msgpack_read_bin(reader, &keys) ||
        keys.len == 0 || keys.len % ID_BYTES != 0 || keys.len > sizeof channel->keys)
        return STATUS_MALFORMED;
    memcpy(channel->keys, keys.data, keys.len);
    channel->event.keys = channel->keys;
    channel->event.key_count = keys.len / ID_BYTES;
    return count_request(channel);
}

static enum status on_blob_wanted(struct channel *channel, struct msgpack_reader *reader)
{
    if (!read_map(reader, 2) || !read_fixed(reader, "s", channel->event.sha256, SHA256_BYTES) ||
        !read_u32_of(reader, "a", &channel->event.at))
        return STATUS_MALFORMED;
    return count_request(channel);
}

static bool read_blob(struct channel_event *event, struct msgpack_reader *reader)
{
    return read_map(reader, 4) && read_fixed(reader, "s", event->sha256, SHA256_BYTES) &&
           read_u32_of(reader, "a", &event->at) && read_u32_of(reader, "t", &event->total) &&
           read_value(reader, &event->value) && event->value.len <= CHANNEL_BLOB_BYTES &&
           event->at <= event->total && event->value.len <= event->total - event->at;
}

static enum status on_transfer(struct channel *channel, struct msgpack_reader *reader)
{
    if (!read_map(reader, 1) || !read_fixed(reader, "k", channel->event.key.bytes, ID_BYTES))
        return STATUS_MALFORMED;
    channel->switched = true;
    return STATUS_OK;
}

static enum status on_frame(struct channel *channel)
{
    struct bytes map = bytes_of(channel->body, channel->body_len);
    struct msgpack_reader reader = msgpack_reader_shortest(map);
    channel->event = (struct channel_event){.type = channel->head[4]};
    enum status status = STATUS_MALFORMED;
    switch (channel->event.type) {
    case FRAME_AUTH:
        status = on_auth(channel, &reader);
        break;
    case FRAME_PARTS_WANTED:
        status = on_parts_wanted(channel, &reader);
        break;
    case FRAME_BLOB_WANTED:
        status = on_blob_wanted(channel, &reader);
        break;
    case FRAME_BLOB:
        status = read_blob(&channel->event, &reader) ? STATUS_OK : STATUS_MALFORMED;
        break;
    case FRAME_TRANSFER:
        status = on_transfer(channel, &reader);
        break;
    case FRAME_HEAD:
    case FRAME_PART:
    case FRAME_JOIN:
        if (read_map(&reader, 1) && read_value(&reader, &channel->event.value))
            status = STATUS_OK;
        break;
    }
    if (status == STATUS_OK && !msgpack_at_end(&reader))
        status = STATUS_MALFORMED;
    channel->has_event = status == STATUS_OK;
    return status;
}

/* ---- in: frames ---- */

static enum status begin_body(struct channel *channel)
{
    size_t len = read_u32(channel->head);
    if (!is_allowed(channel, channel->head[4]))
        return STATUS_REFUSED;
    if (len == 0 || len > longest(channel->head[4]))
        return STATUS_TOO_BIG;
    if (len > channel->body_cap) {
        uint8_t *body = realloc(channel->body, len);
        if (body == NULL)
            return STATUS_NO_MEMORY;
        channel->body = body;
        channel->body_cap = len;
    }
    channel->body_len = len;
    channel->body_got = 0;
    return STATUS_OK;
}

void channel_space(struct channel *channel, uint8_t **space, size_t *len)
{
    if (channel->head_got < FRAME_HEAD_BYTES) {
        *space = channel->head + channel->head_got;
        *len = FRAME_HEAD_BYTES - channel->head_got;
    } else {
        *space = channel->body + channel->body_got;
        *len = channel->body_len - channel->body_got;
    }
    if (channel->switched)
        *len = 0;
}

enum status channel_received(struct channel *channel, size_t len)
{
    channel->has_event = false;
    if (channel->head_got < FRAME_HEAD_BYTES) {
        channel->head_got += len;
        return channel->head_got < FRAME_HEAD_BYTES ? STATUS_OK : begin_body(channel);
    }
    channel->body_got += len;
    if (channel->body_got < channel->body_len)
        return STATUS_OK;
    channel->head_got = 0;
    return on_frame(channel);
}

bool channel_next_event(struct channel *channel, struct channel_event *out)
{
    if (!channel->has_event)
        return false;
    channel->has_event = false;
    *out = channel->event;
    return true;
}
