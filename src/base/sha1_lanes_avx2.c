/* SHA-1 in 8 lanes. */
#include <immintrin.h>

#include "base/sha1_lanes_private.h"

#define LANES  8
#define TARGET "avx2"
#define NAME   sha1_avx2_8

typedef uint32_t wide __attribute__((vector_size(4 * LANES), may_alias));

#define ROTATE(x, n)      ((x) << (n) | (x) >> (32 - (n)))
#define CHOOSE(x, y, z)   ((z) ^ ((x) & ((y) ^ (z))))
#define PARITY(x, y, z)   ((x) ^ (y) ^ (z))
#define MAJORITY(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))

#define INLINE __attribute__((always_inline, target(TARGET))) static inline

/* Half a block of one lane, its words from big endian. */
INLINE __m256i load_half(const uint8_t *data)
{
    const __m256i order = _mm256_set_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203,
                                           0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
    return _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i_u *)data), order);
}

/* rows[i], of four words by four inside each 128 bits, becomes column i. */
INLINE void turn_quarters(__m256i rows[4])
{
    const __m256i a = _mm256_unpacklo_epi32(rows[0], rows[1]);
    const __m256i b = _mm256_unpackhi_epi32(rows[0], rows[1]);
    const __m256i c = _mm256_unpacklo_epi32(rows[2], rows[3]);
    const __m256i d = _mm256_unpackhi_epi32(rows[2], rows[3]);
    rows[0] = _mm256_unpacklo_epi64(a, c);
    rows[1] = _mm256_unpackhi_epi64(a, c);
    rows[2] = _mm256_unpacklo_epi64(b, d);
    rows[3] = _mm256_unpackhi_epi64(b, d);
}

INLINE void load_words(wide words[16], const uint8_t *const data[], size_t offset)
{
#pragma GCC unroll 2
    for (size_t half = 0; half < 2; half++) {
        __m256i rows[LANES];
#pragma GCC unroll 8
        for (size_t i = 0; i < LANES; i++)
            rows[i] = load_half(data[i] + offset + 32 * half);
        turn_quarters(rows);
        turn_quarters(rows + 4);
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++) {
            words[8 * half + i] = (wide)_mm256_permute2x128_si256(rows[i], rows[4 + i], 0x20);
            words[8 * half + 4 + i] = (wide)_mm256_permute2x128_si256(rows[i], rows[4 + i], 0x31);
        }
    }
}

#include "base/sha1_lanes_wide.h"
