#include "swarm/allowed_fast.h"

#include <stdbool.h>

#include "kadpeer/bytes.h"
#include "kadpeer/sha1.h"

static bool is_in(const uint32_t set[], size_t count, uint32_t piece)
{
    for (size_t i = 0; i < count; i++)
        if (set[i] == piece)
            return true;
    return false;
}

size_t allowed_fast_set(const struct endpoint *peer, const struct id *infohash,
                        uint32_t piece_count, uint32_t out[], size_t count)
{
    if (peer->family != ENDPOINT_IPV4 || piece_count == 0)
        return 0;
    count = count < piece_count ? count : piece_count;
    const uint8_t network[4] = {peer->addr[0], peer->addr[1], peer->addr[2], 0};
    struct bytes seed[] = {bytes_of(network, sizeof network), bytes_of(infohash->bytes, ID_BYTES)};
    struct id x = sha1_of_parts(seed, 2);
    size_t chosen = 0;
    while (chosen < count) {
        for (size_t i = 0; i < ID_BYTES && chosen < count; i += 4) {
            uint32_t piece = read_u32(x.bytes + i) % piece_count;
            if (!is_in(out, chosen, piece))
                out[chosen++] = piece;
        }
        x = sha1_of(bytes_of(x.bytes, ID_BYTES));
    }
    return chosen;
}
