#define OPENSSL_SUPPRESS_DEPRECATED /* SHA_CTX: EVP has no way in for a digest begun elsewhere */

#include "base/sha1_lanes.h"

#include <openssl/sha.h>
#include <stdatomic.h>
#include <string.h>

#include "base/sha1_lanes_private.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

/* ---- what there is ---- */

#ifdef __x86_64__

static bool has_sha_instructions(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

/* That the system keeps the registers is asked for, too. */
static unsigned ask_cpu(void)
{
    unsigned kernels = 0;
    __builtin_cpu_init();
    if (has_sha_instructions() && __builtin_cpu_supports("sse4.1"))
        kernels |= SHA1_KERNEL_NI;
    if (__builtin_cpu_supports("avx2"))
        kernels |= SHA1_KERNEL_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        kernels |= SHA1_KERNEL_AVX512;
    return kernels;
}

/* Asked once: in a virtual machine the question costs as much as some KiB of SHA-1. */
unsigned sha1_lanes_kernels(void)
{
    enum { ASKED = 1 << 30 };
    static atomic_uint known;
    if (known == 0)
        known = ask_cpu() | ASKED;
    return known & ~ASKED;
}

#else

unsigned sha1_lanes_kernels(void)
{
    return 0;
}

#endif

/* libcrypto, from any state on. */
static void one_lane(struct sha1_columns *columns, const uint8_t *const data[], size_t blocks)
{
    SHA_CTX context;
    SHA1_Init(&context);
    SHA_LONG *h[] = {&context.h0, &context.h1, &context.h2, &context.h3, &context.h4};
    for (size_t i = 0; i < 5; i++)
        *h[i] = columns->h[i][0];
    SHA1_Update(&context, data[0], blocks * SHA1_BLOCK_BYTES);
    for (size_t i = 0; i < 5; i++)
        columns->h[i][0] = *h[i];
}

struct kernel {
    unsigned needs, unless; /* enum sha1_kernels */
    size_t from;            /* lanes: with fewer, something below is faster */
    size_t lanes;           /* as many as it takes */
    sha1_kernel *run;
};

/* The first that fits is taken. Where there are SHA instructions, libcrypto uses them, too: beside
 * its time for one lane they need 1.7 times that for 4, and AVX-512 five times for 16. Without them
 * libcrypto needs 1.6 times as long; beside that AVX2 needs 2.4 times as long for 8 lanes, AVX-512
 * 3.6 times for 16 (AMD Zen 4, OpenSSL 3.0; what is unused of a register costs the same). */
static const struct kernel kernels_by_speed[] = {
#ifdef __x86_64__
    {SHA1_KERNEL_AVX512 | SHA1_KERNEL_NI, 0, 12, 16, sha1_avx512_16},
    {SHA1_KERNEL_NI, 0, 4, 4, sha1_ni_4},
    {SHA1_KERNEL_NI, 0, 3, 3, sha1_ni_3},
    {SHA1_KERNEL_NI, 0, 2, 2, sha1_ni_2},
    {SHA1_KERNEL_AVX512, SHA1_KERNEL_NI, 9, 16, sha1_avx512_16},
    {SHA1_KERNEL_AVX2, SHA1_KERNEL_NI, 3, 8, sha1_avx2_8},
    {SHA1_KERNEL_AVX512, SHA1_KERNEL_NI, 4, 16, sha1_avx512_16},
#endif
    {0, 0, 1, 1, one_lane},
};

static const struct kernel *kernel_for(unsigned kernels, size_t lanes)
{
    const struct kernel *kernel = kernels_by_speed;
    while ((kernel->needs & ~kernels) != 0 || (kernel->unless & kernels) != 0 ||
           lanes < kernel->from)
        kernel++;
    return kernel;
}

size_t sha1_lanes_wanted(void)
{
    return kernel_for(sha1_lanes_kernels(), SHA1_LANES)->lanes;
}

/* ---- whole blocks ---- */

struct stream {
    struct sha1_lane *lane;
    const uint8_t *data;
    size_t blocks; /* that are left */
};

/* The longest first, without those that are done. Returns how many are left. */
static size_t sort(struct stream streams[], size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        struct stream stream = streams[i];
        if (stream.blocks == 0)
            continue;
        size_t at = left++;
        for (; at > 0 && streams[at - 1].blocks < stream.blocks; at--)
            streams[at] = streams[at - 1];
        streams[at] = stream;
    }
    return left;
}

/* Unused lanes compute what the first one does, for nothing. */
static void run(const struct kernel *kernel, struct stream streams[], size_t count, size_t blocks)
{
    struct sha1_columns columns;
    const uint8_t *data[SHA1_LANES];
    for (size_t i = 0; i < kernel->lanes; i++) {
        const struct stream *stream = &streams[i < count ? i : 0];
        data[i] = stream->data;
        for (size_t j = 0; j < 5; j++)
            columns.h[j][i] = stream->lane->h[j];
    }
    kernel->run(&columns, data, blocks);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < 5; j++)
            streams[i].lane->h[j] = columns.h[j][i];
        streams[i].data += blocks * SHA1_BLOCK_BYTES;
        streams[i].blocks -= blocks;
    }
}

/* As far as the shortest of those that fit, again and again. */
static void take_blocks(unsigned kernels, struct stream streams[], size_t count)
{
    while ((count = sort(streams, count)) > 0) {
        const struct kernel *kernel = kernel_for(kernels, count);
        size_t lanes = count < kernel->lanes ? count : kernel->lanes;
        run(kernel, streams, lanes, streams[lanes - 1].blocks);
    }
}

/* ---- bit by bit ---- */

static void start_anew(struct sha1_lane *lane)
{
    static const uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memcpy(lane->h, h, sizeof h);
    lane->len = 0;
}

void sha1_lanes_init(struct sha1_lanes *lanes)
{
    lanes->kernels = sha1_lanes_kernels();
    for (size_t i = 0; i < SHA1_LANES; i++)
        start_anew(&lanes->lane[i]);
}

void sha1_lanes_limit(struct sha1_lanes *lanes, unsigned kernels)
{
    lanes->kernels &= kernels;
}

static size_t rest_len(const struct sha1_lane *lane)
{
    return lane->len % SHA1_BLOCK_BYTES;
}

/* Moves bytes from `part` to the rest, until that is a block or the part is empty. */
static void fill_rest(struct sha1_lane *lane, struct bytes *part)
{
    size_t have = rest_len(lane), room = SHA1_BLOCK_BYTES - have;
    size_t n = part->len < room ? part->len : room;
    if (n == 0)
        return;
    memcpy(lane->rest + have, part->data, n);
    lane->len += n;
    *part = bytes_of(part->data + n, part->len - n);
}

/* Begun rests to their end, then what lies in whole blocks in the parts, then the new rests. */
void sha1_lanes_update(struct sha1_lanes *lanes, const struct bytes parts[], size_t count)
{
    struct bytes left[SHA1_LANES];
    struct stream streams[SHA1_LANES];
    for (size_t i = 0; i < count; i++) {
        struct sha1_lane *lane = &lanes->lane[i];
        left[i] = parts[i];
        streams[i] = (struct stream){.lane = lane, .data = lane->rest};
        if (rest_len(lane) == 0)
            continue;
        fill_rest(lane, &left[i]);
        streams[i].blocks = rest_len(lane) == 0;
    }
    take_blocks(lanes->kernels, streams, count);
    for (size_t i = 0; i < count; i++) {
        size_t blocks = left[i].len / SHA1_BLOCK_BYTES, len = blocks * SHA1_BLOCK_BYTES;
        streams[i] = (struct stream){&lanes->lane[i], left[i].data, blocks};
        if (len == 0)
            continue;
        lanes->lane[i].len += len;
        left[i] = bytes_of(left[i].data + len, left[i].len - len);
    }
    take_blocks(lanes->kernels, streams, count);
    for (size_t i = 0; i < count; i++)
        fill_rest(&lanes->lane[i], &left[i]);
}

/* The rest, a one, zeros and the length in bits [FIPS 180-4, 5.1.1]: one block or two. */
static size_t pad(const struct sha1_lane *lane, uint8_t out[2 * SHA1_BLOCK_BYTES])
{
    size_t have = rest_len(lane);
    size_t len = have < SHA1_BLOCK_BYTES - 8 ? SHA1_BLOCK_BYTES : 2 * SHA1_BLOCK_BYTES;
    memset(out, 0, len);
    memcpy(out, lane->rest, have);
    out[have] = 0x80;
    write_u64(out + len - 8, lane->len * 8);
    return len / SHA1_BLOCK_BYTES;
}

void sha1_lanes_finish(struct sha1_lanes *lanes, size_t count, struct id out[])
{
    uint8_t ends[SHA1_LANES][2 * SHA1_BLOCK_BYTES];
    struct stream streams[SHA1_LANES];
    for (size_t i = 0; i < count; i++)
        streams[i] = (struct stream){&lanes->lane[i], ends[i], pad(&lanes->lane[i], ends[i])};
    take_blocks(lanes->kernels, streams, count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < 5; j++)
            write_u32(out[i].bytes + 4 * j, lanes->lane[i].h[j]);
        start_anew(&lanes->lane[i]);
    }
}

/* ---- all at once ---- */

void sha1_of_each(const struct bytes runs[], size_t count, struct id out[])
{
    struct sha1_lanes lanes;
    sha1_lanes_init(&lanes);
    for (size_t done = 0; done < count; done += SHA1_LANES) {
        size_t n = count - done < SHA1_LANES ? count - done : SHA1_LANES;
        sha1_lanes_update(&lanes, runs + done, n);
        sha1_lanes_finish(&lanes, n, out + done);
    }
}
