#include "dht/token.h"

#include "kadpeer/siphash.h"

/* Hashed: "token", 0, the number of the five minutes, the family, the address. */
static uint64_t token_of(const uint8_t secret[16], const struct endpoint *asker, uint64_t epoch)
{
    uint8_t text[6 + 8 + 1 + 16] = "token";
    write_u64(text + 6, epoch);
    text[14] = asker->family;
    memcpy(text + 15, asker->addr, 16);
    return siphash(secret, bytes_of(text, sizeof text));
}

void token_make(const uint8_t secret[16], const struct endpoint *asker, uint64_t now_ms,
                uint8_t out[TOKEN_BYTES])
{
    write_u64(out, token_of(secret, asker, now_ms / TOKEN_EPOCH_MS));
}

bool token_valid(const uint8_t secret[16], const struct endpoint *asker, struct bytes token,
                 uint64_t now_ms)
{
    if (token.len != TOKEN_BYTES)
        return false;
    uint64_t epoch = now_ms / TOKEN_EPOCH_MS, given = read_u64(token.data);
    if (given == token_of(secret, asker, epoch))
        return true;
    return epoch > 0 && given == token_of(secret, asker, epoch - 1);
}
