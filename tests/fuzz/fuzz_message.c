/* Any datagram; what decodes must encode, within bounds, and decode to the same once more. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dht/codec_msgpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message first, second;
    uint8_t a[DHT_DATAGRAM_MAX], b[DHT_DATAGRAM_MAX];
    enum decode_result result = codec_msgpack.decode(bytes_of(data, size), &first);
    if (result == DECODE_REFUSED)
        require(first.error_code != 0 && first.error_text.len <= MESSAGE_ERROR_MAX);
    if (result != DECODE_OK)
        return 0;
    struct message_fit fit = codec_msgpack.encode(&first, a, sizeof a);
    require(fit.len > 0 && fit.len <= sizeof a);
    require(codec_msgpack.decode(bytes_of(a, fit.len), &second) == DECODE_OK);
    require(second.type == first.type && second.method == first.method &&
            second.node_count == fit.nodes && second.value_count == fit.values &&
            second.record_count == fit.records && message_txid(&second) == message_txid(&first));
    require(codec_msgpack.encode(&second, b, sizeof b).len <= sizeof b);
    return 0;
}
