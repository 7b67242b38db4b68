#include "people/channel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "people/fields.h"

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
    unsigned news;      /* HEAD and JOIN frames that came: each costs a signature's check */
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

/* A frame's head, to be filled in by `end`; the map is added to `out` in between. */
static size_t begin(struct channel *channel)
{
    static const uint8_t empty[FRAME_HEAD_BYTES];
    size_t start = channel->out.len;
    buffer_add(&channel->out, empty, sizeof empty);
    return start;
}

static void end(struct channel *channel, enum channel_frame type, size_t start)
{
    if (channel->out.failed)
        return;
    uint8_t *head = channel->out.data + start;
    write_u32(head, (uint32_t)(channel->out.len - start - FRAME_HEAD_BYTES));
    head[4] = (uint8_t)type;
}

/* {b: value} */
static void send_value(struct channel *channel, enum channel_frame type, struct bytes value)
{
    size_t start = begin(channel);
    struct msgpack_writer map = fields_begin(&channel->out, MAP_OVERHEAD + value.len, 2);
    fields_write_bin(&map, 'b', value.data, value.len);
    fields_end(&map, &channel->out);
    end(channel, type, start);
}

static void send_auth(struct channel *channel)
{
    struct channel_auth auth = {.member = channel->member.public_key};
    if (channel_auth_sign(&channel->member, channel->role, channel->exported, auth.signature) !=
        STATUS_OK) {
        channel->out.failed = true;
        return;
    }
    size_t start = begin(channel);
    channel_auth_encode(&auth, &channel->out);
    end(channel, FRAME_AUTH, start);
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
    send_value(channel, FRAME_PARTS_WANTED, bytes_of(keys, count * sizeof keys[0]));
}

void channel_want_blob(struct channel *channel, const uint8_t sha256[SHA256_BYTES], uint32_t at)
{
    size_t start = begin(channel);
    struct msgpack_writer map = fields_begin(&channel->out, MAP_OVERHEAD + SHA256_BYTES, 3);
    fields_write_bin(&map, 's', sha256, SHA256_BYTES);
    fields_write_uint(&map, 'a', at);
    fields_end(&map, &channel->out);
    end(channel, FRAME_BLOB_WANTED, start);
}

void channel_send_blob(struct channel *channel, const uint8_t sha256[SHA256_BYTES],
                       struct bytes bytes, uint32_t at, uint32_t total)
{
    assert(bytes.len <= CHANNEL_BLOB_BYTES);
    size_t start = begin(channel);
    struct msgpack_writer map =
        fields_begin(&channel->out, MAP_OVERHEAD + SHA256_BYTES + bytes.len, 5);
    fields_write_bin(&map, 's', sha256, SHA256_BYTES);
    fields_write_uint(&map, 'a', at);
    fields_write_uint(&map, 't', total);
    fields_write_bin(&map, 'b', bytes.data, bytes.len);
    fields_end(&map, &channel->out);
    end(channel, FRAME_BLOB, start);
}

void channel_send_transfer(struct channel *channel, const struct id *key)
{
    send_value(channel, FRAME_TRANSFER, bytes_of(key->bytes, ID_BYTES));
}

size_t channel_waiting(const struct channel *channel)
{
    return channel->out.len;
}

bool channel_is_broken(const struct channel *channel)
{
    return channel->out.failed;
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

static bool is_news(uint8_t type)
{
    return type == FRAME_HEAD || type == FRAME_JOIN;
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

/* ---- in: the maps ---- */

static enum status on_auth(struct channel *channel, struct bytes map)
{
    enum channel_role theirs = channel->role == CHANNEL_CLIENT ? CHANNEL_SERVER : CHANNEL_CLIENT;
    struct channel_auth auth;
    if (!channel_auth_decode(map, &auth))
        return STATUS_MALFORMED;
    if (public_key_equal(&auth.member, &channel->member.public_key) ||
        !channel_auth_verify(&auth.member, theirs, channel->exported, auth.signature))
        return STATUS_REFUSED;
    channel->event.peer = auth.member;
    channel->authenticated = true;
    return STATUS_OK;
}

static enum status on_value(struct channel *channel, struct bytes map)
{
    struct msgpack_reader reader = msgpack_reader_shortest(map);
    bool good = fields_read_begin(&reader, 2) &&
                fields_read_bin(&reader, 'b', CHANNEL_FRAME_MAX, &channel->event.value) &&
                msgpack_at_end(&reader);
    return good ? STATUS_OK : STATUS_MALFORMED;
}

static enum status on_parts_wanted(struct channel *channel, struct bytes map)
{
    struct bytes *keys = &channel->event.value;
    if (on_value(channel, map) != STATUS_OK || keys->len == 0 || keys->len % ID_BYTES != 0 ||
        keys->len > sizeof channel->keys)
        return STATUS_MALFORMED;
    memcpy(channel->keys, keys->data, keys->len);
    channel->event.keys = channel->keys;
    channel->event.key_count = keys->len / ID_BYTES;
    return count_request(channel);
}

static enum status on_blob_wanted(struct channel *channel, struct bytes map)
{
    struct channel_event *event = &channel->event;
    struct msgpack_reader reader = msgpack_reader_shortest(map);
    if (!fields_read_begin(&reader, 3) ||
        !fields_read_fixed(&reader, 's', event->sha256, SHA256_BYTES) ||
        !fields_read_u32(&reader, 'a', &event->at) || !msgpack_at_end(&reader))
        return STATUS_MALFORMED;
    return count_request(channel);
}

static enum status on_blob(struct channel *channel, struct bytes map)
{
    struct channel_event *event = &channel->event;
    struct msgpack_reader reader = msgpack_reader_shortest(map);
    bool good = fields_read_begin(&reader, 5) &&
                fields_read_fixed(&reader, 's', event->sha256, SHA256_BYTES) &&
                fields_read_u32(&reader, 'a', &event->at) &&
                fields_read_u32(&reader, 't', &event->total) &&
                fields_read_bin(&reader, 'b', CHANNEL_BLOB_BYTES, &event->value) &&
                msgpack_at_end(&reader) && event->at <= event->total &&
                event->value.len <= event->total - event->at;
    return good ? STATUS_OK : STATUS_MALFORMED;
}

static enum status on_transfer(struct channel *channel, struct bytes map)
{
    if (on_value(channel, map) != STATUS_OK || channel->event.value.len != ID_BYTES)
        return STATUS_MALFORMED;
    memcpy(channel->event.key.bytes, channel->event.value.data, ID_BYTES);
    channel->switched = true;
    return STATUS_OK;
}

static enum status read_frame(struct channel *channel, struct bytes map)
{
    switch (channel->event.type) {
    case FRAME_AUTH:
        return on_auth(channel, map);
    case FRAME_PARTS_WANTED:
        return on_parts_wanted(channel, map);
    case FRAME_BLOB_WANTED:
        return on_blob_wanted(channel, map);
    case FRAME_BLOB:
        return on_blob(channel, map);
    case FRAME_TRANSFER:
        return on_transfer(channel, map);
    case FRAME_HEAD:
    case FRAME_PART:
    case FRAME_JOIN:
        return on_value(channel, map);
    }
    return STATUS_MALFORMED;
}

static enum status on_frame(struct channel *channel)
{
    channel->event = (struct channel_event){.type = channel->head[4]};
    enum status status = read_frame(channel, bytes_of(channel->body, channel->body_len));
    channel->has_event = status == STATUS_OK;
    return status;
}

/* ---- in: frames ---- */

static enum status begin_body(struct channel *channel)
{
    size_t len = read_u32(channel->head);
    if (!is_allowed(channel, channel->head[4]))
        return STATUS_REFUSED;
    if (is_news(channel->head[4]) && ++channel->news > CHANNEL_NEWS_MAX)
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
