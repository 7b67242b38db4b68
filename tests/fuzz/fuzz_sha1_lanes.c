/* Lanes fed as the input says, each beside libcrypto's digest of the same bytes.
 *
 * The first byte: which kernels of this CPU are used. Then, again and again, two bytes: the lane in
 * the low four bits of the first, and how many 64 bytes (its high four bits) and bytes (the second)
 * it goes on with, of bytes that depend on both. 255 in the second: the parts named so far are
 * taken at once; 254: and all lanes end there. What is beyond INPUT_BYTES teaches nothing new. */
#include <stdint.h>
#include <stdlib.h>

#include "base/sha1_lanes.h"
#include "kadpeer/buffer.h"
#include "kadpeer/sha1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PART_BYTES  (15 * 64 + 255)
#define INPUT_BYTES 160

struct fed {
    struct sha1_lanes lanes;
    uint8_t pattern[PART_BYTES + 2 * 256];
    struct bytes parts[SHA1_LANES]; /* of the pattern */
    struct buffer all[SHA1_LANES];  /* what each lane took since it began */
};

static void take(struct fed *fed)
{
    sha1_lanes_update(&fed->lanes, fed->parts, SHA1_LANES);
    for (size_t i = 0; i < SHA1_LANES; i++) {
        buffer_add(&fed->all[i], fed->parts[i].data, fed->parts[i].len);
        fed->parts[i].len = 0;
    }
}

static void finish(struct fed *fed)
{
    struct id found[SHA1_LANES];
    sha1_lanes_finish(&fed->lanes, SHA1_LANES, found);
    for (size_t i = 0; i < SHA1_LANES; i++) {
        struct id wanted = sha1_of(buffer_bytes(&fed->all[i]));
        if (!fed->all[i].failed && !id_equal(&found[i], &wanted))
            abort();
        buffer_dispose(&fed->all[i]);
        buffer_init(&fed->all[i]);
    }
}

static void name_part(struct fed *fed, uint8_t lane, uint8_t len)
{
    fed->parts[lane & 15] =
        bytes_of(fed->pattern + lane + len, (lane >> 4) * SHA1_BLOCK_BYTES + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fed fed;
    if (size == 0)
        return 0;
    sha1_lanes_init(&fed.lanes);
    sha1_lanes_limit(&fed.lanes, data[0]);
    for (size_t i = 0; i < sizeof fed.pattern; i++)
        fed.pattern[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < SHA1_LANES; i++) {
        buffer_init(&fed.all[i]);
        fed.parts[i] = bytes_of(fed.pattern, 0);
    }
    for (size_t at = 1; at + 1 < size && at < INPUT_BYTES; at += 2) {
        if (data[at + 1] < 254) {
            name_part(&fed, data[at], data[at + 1]);
            continue;
        }
        take(&fed);
        if (data[at + 1] == 254)
            finish(&fed);
    }
    take(&fed);
    finish(&fed);
    for (size_t i = 0; i < SHA1_LANES; i++)
        buffer_dispose(&fed.all[i]);
    return 0;
}
