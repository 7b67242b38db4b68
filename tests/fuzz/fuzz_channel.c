/* Anything in a group's channel: as a stranger, as one who comes late, as a newcomer, and after an
 * AUTH that was right. The first byte chooses. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "people/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key_pairs keys_of(uint8_t who)
{
    const struct public_key group = {{7}};
    const uint8_t root[ROOT_BYTES] = {who};
    struct key_pairs keys;
    if (keys_of_member(root, &group, &keys) != STATUS_OK)
        abort();
    return keys;
}

static struct channel *make(enum channel_role role, enum channel_footing footing)
{
    struct key_pairs keys = keys_of((uint8_t)(1 + role));
    struct channel_config config = {
        .role = role, .footing = footing, .member = &keys, .exported = {9}};
    struct channel *channel = channel_new(&config);
    if (channel == NULL)
        abort();
    return channel;
}

static void feed(struct channel *channel, struct bytes bytes)
{
    enum status status = STATUS_OK;
    struct channel_event event;
    while (bytes.len > 0 && status == STATUS_OK) {
        uint8_t *space;
        size_t len;
        channel_space(channel, &space, &len);
        if (len == 0)
            return;
        len = len < bytes.len ? len : bytes.len;
        memcpy(space, bytes.data, len);
        bytes = bytes_of(bytes.data + len, bytes.len - len);
        status = channel_received(channel, len);
        if (channel_next_event(channel, &event) && event.value.len > CHANNEL_FRAME_MAX)
            abort();
    }
}

static void introduce(struct channel *channel)
{
    struct channel *other = make(CHANNEL_CLIENT, CHANNEL_MEMBERS);
    struct buffer auth;
    buffer_init(&auth);
    channel_take_out(other, &auth);
    feed(channel, buffer_bytes(&auth));
    if (!channel_is_authenticated(channel))
        abort();
    buffer_dispose(&auth);
    channel_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct channel *channel = make(CHANNEL_SERVER, (enum channel_footing)(data[0] % 3));
    if (data[0] % 3 == CHANNEL_MEMBERS && data[0] & 0x80)
        introduce(channel);
    feed(channel, bytes_of(data + 1, size - 1));
    channel_free(channel);
    return 0;
}
