/* SHA-1 of 1 to 16 pieces on one core: libcrypto one piece after the other beside each kind of
 * lanes, in turn, so that the ratios hold on a noisy machine. CPU time; the best of the rounds.
 *
 *   bench_hash [SECONDS [PIECE_BYTES]]
 * prints a line per number of pieces: the number, MiB/s of libcrypto, of lanes as they are chosen,
 * and with each of the kernels alone (0: this CPU has it not): SHA instructions, AVX2, AVX-512 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/sha1_lanes.h"
#include "kadpeer/sha1.h"

#define WAYS 5 /* libcrypto, chosen, and the three kernels */

static const unsigned kernels_of[WAYS] = {0, ~0u, SHA1_KERNEL_NI, SHA1_KERNEL_AVX2,
                                          SHA1_KERNEL_AVX512};

static double cpu_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hash(size_t way, const struct bytes pieces[], size_t count, struct id out[])
{
    struct sha1_lanes lanes;
    if (way == 0) {
        for (size_t i = 0; i < count; i++)
            out[i] = sha1_of(pieces[i]);
        return;
    }
    sha1_lanes_init(&lanes);
    sha1_lanes_limit(&lanes, kernels_of[way]);
    sha1_lanes_update(&lanes, pieces, count);
    sha1_lanes_finish(&lanes, count, out);
}

/* MiB/s of one round of about `seconds`. */
static double measure(size_t way, const struct bytes pieces[], size_t count, double seconds)
{
    struct id out[SHA1_LANES];
    double start = cpu_now_s(), spent;
    size_t bytes = 0;
    do {
        hash(way, pieces, count, out);
        bytes += count * pieces[0].len;
        spent = cpu_now_s() - start;
    } while (spent < seconds);
    return (double)bytes / (1 << 20) / spent;
}

static void measure_count(const struct bytes pieces[], size_t count, double seconds)
{
    enum { ROUNDS = 5 };
    double best[WAYS] = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t way = 0; way < WAYS; way++) {
            unsigned kernels = kernels_of[way] & sha1_lanes_kernels();
            double rate =
                way > 1 && kernels == 0 ? 0 : measure(way, pieces, count, seconds / ROUNDS / WAYS);
            best[way] = rate > best[way] ? rate : best[way];
        }
    }
    printf("%zu", count);
    for (size_t way = 0; way < WAYS; way++)
        printf(" %.0f", best[way]);
    printf("\n");
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 8;
    size_t piece_bytes = argc > 2 ? strtoull(argv[2], NULL, 0) : 1 << 20;
    struct bytes pieces[SHA1_LANES];
    uint8_t *data = malloc(SHA1_LANES * piece_bytes);
    if (data == NULL || piece_bytes == 0) {
        fputs("usage: bench_hash [SECONDS [PIECE_BYTES]]\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < SHA1_LANES * piece_bytes; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < SHA1_LANES; i++)
        pieces[i] = bytes_of(data + i * piece_bytes, piece_bytes);
    for (size_t count = 1; count <= SHA1_LANES; count++)
        measure_count(pieces, count, seconds / SHA1_LANES);
    free(data);
    return 0;
}
