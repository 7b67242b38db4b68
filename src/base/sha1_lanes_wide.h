/* SHA-1 in the 32-bit parts of a wide register, one lane a part: the one source of every width.
 * Who includes it defines
 *   LANES                the parts of a register
 *   NAME, TARGET         the function, and what the compiler may use in it
 *   wide                 the register as uint32_t[LANES], a vector type
 *   ROTATE(x, n)         each part to the left
 *   CHOOSE PARITY MAJORITY(x, y, z)  f of FIPS 180-4, 4.1.1
 *   load_words(words, data, offset)  the 16 words of a block: part i of words[t] is lane i's word t
 */
#include "base/sha1_lanes_private.h"

/* W of step t [FIPS 180-4, 6.1.2]; only the last 16 are kept. */
#define OLD_WORD(t) words[(t)&15]
#define WORD(t)                                                                                    \
    ((t) < 16                                                                                      \
         ? OLD_WORD(t)                                                                             \
         : (OLD_WORD(t) = ROTATE(                                                                  \
                PARITY(OLD_WORD((t)-3), OLD_WORD((t)-8), OLD_WORD((t)-14)) ^ OLD_WORD(t), 1)))

/* The new `a` is made in the place of `e`, so that nothing moves: the names do. What comes last is
 * what the next step waits for. */
#define STEP(F, t, a, b, c, d, e)                                                                  \
    do {                                                                                           \
        e += k + WORD(t);                                                                          \
        e += F(b, c, d);                                                                           \
        b = ROTATE(b, 30);                                                                         \
        e += ROTATE(a, 5);                                                                         \
    } while (0)

#define FIVE_STEPS(F, t)                                                                           \
    do {                                                                                           \
        STEP(F, t, a, b, c, d, e);                                                                 \
        STEP(F, (t) + 1, e, a, b, c, d);                                                           \
        STEP(F, (t) + 2, d, e, a, b, c);                                                           \
        STEP(F, (t) + 3, c, d, e, a, b);                                                           \
        STEP(F, (t) + 4, b, c, d, e, a);                                                           \
    } while (0)

#define TWENTY_STEPS(F, t, K)                                                                      \
    do {                                                                                           \
        const wide k = (wide){0} + (K);                                                            \
        FIVE_STEPS(F, t);                                                                          \
        FIVE_STEPS(F, (t) + 5);                                                                    \
        FIVE_STEPS(F, (t) + 10);                                                                   \
        FIVE_STEPS(F, (t) + 15);                                                                   \
    } while (0)

__attribute__((target(TARGET))) void NAME(struct sha1_columns *columns, const uint8_t *const data[],
                                          size_t blocks)
{
    wide *h[5];
    for (int i = 0; i < 5; i++)
        h[i] = (wide *)columns->h[i];
    wide a = *h[0], b = *h[1], c = *h[2], d = *h[3], e = *h[4];
    for (size_t i = 0; i < blocks; i++) {
        const wide a_before = a, b_before = b, c_before = c, d_before = d, e_before = e;
        wide words[16];
        load_words(words, data, i * SHA1_BLOCK_BYTES);
        TWENTY_STEPS(CHOOSE, 0, 0x5a827999u);
        TWENTY_STEPS(PARITY, 20, 0x6ed9eba1u);
        TWENTY_STEPS(MAJORITY, 40, 0x8f1bbcdcu);
        TWENTY_STEPS(PARITY, 60, 0xca62c1d6u);
        a += a_before;
        b += b_before;
        c += c_before;
        d += d_before;
        e += e_before;
    }
    *h[0] = a;
    *h[1] = b;
    *h[2] = c;
    *h[3] = d;
    *h[4] = e;
}
