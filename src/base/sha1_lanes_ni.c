/* SHA-1 by the CPU's SHA instructions, of two to four lanes. Each instruction waits for the one
 * before it several times as long as it works; lanes that take turns fill the gaps. More than four
 * have no room in 16 registers. */
#include <immintrin.h>

#include "base/sha1_lanes_private.h"

#define INLINE __attribute__((always_inline, target("sha,sse4.1"))) static inline
#define EACH_LANE(i)                                                                               \
    _Pragma("GCC unroll 4") /* or the arrays below are memory */                                   \
        for (size_t i = 0; i < lanes; i++)

struct ni_state {
    __m128i abcd[4], e[4]; /* by lane; a and e in the topmost 32 bits */
    __m128i next[4];       /* by lane: e and four words, or before them their sum */
    __m128i words[4][4];   /* the last 16, by four and by lane */
};

/* Words 4 * four … + 3, out of the 16 before them but for the first block's own. */
INLINE __m128i next_words(struct ni_state *state, int four, size_t i)
{
    __m128i *words = &state->words[four & 3][i];
    if (four >= 4)
        *words = _mm_sha1msg2_epu32(
            _mm_xor_si128(_mm_sha1msg1_epu32(*words, state->words[(four + 1) & 3][i]),
                          state->words[(four + 2) & 3][i]),
            state->words[(four + 3) & 3][i]);
    return *words;
}

/* Steps 4 * four … + 3, with the function of the `third` twenty; then what the next four begin
 * with. */
#define FOUR_STEPS(four, third)                                                                    \
    EACH_LANE(i)                                                                                   \
    {                                                                                              \
        const __m128i before = state.abcd[i];                                                      \
        state.abcd[i] = _mm_sha1rnds4_epu32(before, state.next[i], third);                         \
        state.next[i] = _mm_sha1nexte_epu32(                                                       \
            before, (four) < 19 ? next_words(&state, (four) + 1, i) : state.e[i]);                 \
    }

#define TWENTY_STEPS(third)                                                                        \
    do {                                                                                           \
        FOUR_STEPS(5 * (third), third)                                                             \
        FOUR_STEPS(5 * (third) + 1, third)                                                         \
        FOUR_STEPS(5 * (third) + 2, third)                                                         \
        FOUR_STEPS(5 * (third) + 3, third)                                                         \
        FOUR_STEPS(5 * (third) + 4, third)                                                         \
    } while (0)

INLINE void run(struct sha1_columns *columns, const uint8_t *const data[], size_t blocks,
                const size_t lanes)
{
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    struct ni_state state;
    EACH_LANE(i)
    {
        state.abcd[i] = _mm_set_epi32((int)columns->h[0][i], (int)columns->h[1][i],
                                      (int)columns->h[2][i], (int)columns->h[3][i]);
        state.e[i] = _mm_set_epi32((int)columns->h[4][i], 0, 0, 0);
    }
    for (size_t block = 0; block < blocks; block++) {
        __m128i abcd_before[4];
        EACH_LANE(i)
        {
            const __m128i_u *from = (const __m128i_u *)(data[i] + block * SHA1_BLOCK_BYTES);
            for (size_t four = 0; four < 4; four++)
                state.words[four][i] = _mm_shuffle_epi8(_mm_loadu_si128(from + four), order);
            abcd_before[i] = state.abcd[i];
            state.next[i] = _mm_add_epi32(state.e[i], state.words[0][i]);
        }
        TWENTY_STEPS(0);
        TWENTY_STEPS(1);
        TWENTY_STEPS(2);
        TWENTY_STEPS(3);
        EACH_LANE(i)
        {
            state.e[i] = state.next[i];
            state.abcd[i] = _mm_add_epi32(state.abcd[i], abcd_before[i]);
        }
    }
    EACH_LANE(i)
    {
        columns->h[0][i] = (uint32_t)_mm_extract_epi32(state.abcd[i], 3);
        columns->h[1][i] = (uint32_t)_mm_extract_epi32(state.abcd[i], 2);
        columns->h[2][i] = (uint32_t)_mm_extract_epi32(state.abcd[i], 1);
        columns->h[3][i] = (uint32_t)_mm_extract_epi32(state.abcd[i], 0);
        columns->h[4][i] = (uint32_t)_mm_extract_epi32(state.e[i], 3);
    }
}

#define KERNEL(count)                                                                              \
    __attribute__((target("sha,sse4.1"))) void sha1_ni_##count(                                    \
        struct sha1_columns *columns, const uint8_t *const data[], size_t blocks)                  \
    {                                                                                              \
        run(columns, data, blocks, count);                                                         \
    }

KERNEL(2)
KERNEL(3)
KERNEL(4)
