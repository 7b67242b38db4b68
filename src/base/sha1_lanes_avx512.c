/* SHA-1 in 16 lanes. */
#include <immintrin.h>

#include "base/sha1_lanes_private.h"

#define LANES  16
#define TARGET "avx512f,avx512bw"
#define NAME   sha1_avx512_16

typedef uint32_t wide __attribute__((vector_size(4 * LANES), may_alias));

/* Any function of three bits in one instruction: the number is its table of truth. */
#define OF_THREE(x, y, z, table)                                                                   \
    ((wide)_mm512_ternarylogic_epi32((__m512i)(x), (__m512i)(y), (__m512i)(z), table))

#define ROTATE(x, n)      ((wide)_mm512_rol_epi32((__m512i)(x), n))
#define CHOOSE(x, y, z)   OF_THREE(x, y, z, 0xca)
#define PARITY(x, y, z)   OF_THREE(x, y, z, 0x96)
#define MAJORITY(x, y, z) OF_THREE(x, y, z, 0xe8)

#define INLINE __attribute__((always_inline, target(TARGET))) static inline

/* A block of one lane, its words from big endian. */
INLINE __m512i load_block(const uint8_t *data)
{
    const __m512i order = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
    return _mm512_shuffle_epi8(_mm512_loadu_si512(data), order);
}

/* rows[i], of four words by four inside each 128 bits, becomes column i. */
INLINE void turn_quarters(__m512i rows[4])
{
    const __m512i a = _mm512_unpacklo_epi32(rows[0], rows[1]);
    const __m512i b = _mm512_unpackhi_epi32(rows[0], rows[1]);
    const __m512i c = _mm512_unpacklo_epi32(rows[2], rows[3]);
    const __m512i d = _mm512_unpackhi_epi32(rows[2], rows[3]);
    rows[0] = _mm512_unpacklo_epi64(a, c);
    rows[1] = _mm512_unpackhi_epi64(a, c);
    rows[2] = _mm512_unpacklo_epi64(b, d);
    rows[3] = _mm512_unpackhi_epi64(b, d);
}

/* Behind turn_quarters, quarter q of rows[4 * g + i] holds word 4 * q + i of lanes 4 * g … + 3. */
INLINE void load_words(wide words[16], const uint8_t *const data[], size_t offset)
{
    enum { EVEN = 0x88, ODD = 0xdd }; /* quarters of either source */
    __m512i rows[LANES];
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        rows[i] = load_block(data[i] + offset);
#pragma GCC unroll 4
    for (size_t i = 0; i < LANES; i += 4)
        turn_quarters(rows + i);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        const __m512i low_even = _mm512_shuffle_i32x4(rows[i], rows[4 + i], EVEN);
        const __m512i low_odd = _mm512_shuffle_i32x4(rows[i], rows[4 + i], ODD);
        const __m512i high_even = _mm512_shuffle_i32x4(rows[8 + i], rows[12 + i], EVEN);
        const __m512i high_odd = _mm512_shuffle_i32x4(rows[8 + i], rows[12 + i], ODD);
        words[i] = (wide)_mm512_shuffle_i32x4(low_even, high_even, EVEN);
        words[4 + i] = (wide)_mm512_shuffle_i32x4(low_odd, high_odd, EVEN);
        words[8 + i] = (wide)_mm512_shuffle_i32x4(low_even, high_even, ODD);
        words[12 + i] = (wide)_mm512_shuffle_i32x4(low_odd, high_odd, ODD);
    }
}

#include "base/sha1_lanes_wide.h"
