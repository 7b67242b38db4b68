#include "sim/sim_math.h"

#include <string.h>

#define LN2   0x1.62e42fefa39efp-1
#define SQRT2 0x1.6a09e667f3bcdp+0

/* x = m 2^e with m in [1, 2). */
static double split(double x, int *e)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    *e = (int)(bits >> 52 & 0x7ff) - 1023;
    bits = (bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double power_of_2(int e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2 artanh((m - 1) / (m + 1)), by its series; the argument is at most 0.172. */
double sim_ln(double x)
{
    int e;
    double m = split(x, &e);
    if (m > SQRT2) {
        m /= 2;
        e++;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int i = 21; i >= 1; i -= 2)
        sum = sum * square + 1.0 / i;
    return 2 * s * sum + e * LN2;
}

double sim_exp(double x)
{
    if (x < -700)
        return 0;
    if (x > 700)
        x = 700;
    int e = (int)(x / LN2 + (x < 0 ? -0.5 : 0.5));
    double rest = x - e * LN2, sum = 1;
    for (int i = 16; i >= 1; i--)
        sum = 1 + sum * rest / i;
    return sum * power_of_2(e);
}

double sim_pow(double x, double y)
{
    return x > 0 ? sim_exp(y * sim_ln(x)) : 0;
}

double sim_log2(double x)
{
    return sim_ln(x) / LN2;
}

double sim_exponential(struct rng *rng, double mean)
{
    return -sim_ln(1 - rng_unit(rng)) * mean;
}

/* Marsaglia's polar method; the second of the pair is thrown away, to keep no state. */
double sim_normal(struct rng *rng)
{
    for (;;) {
        double x = 2 * rng_unit(rng) - 1, y = 2 * rng_unit(rng) - 1, square = x * x + y * y;
        if (square > 0 && square < 1)
            return x * __builtin_sqrt(-2 * sim_ln(square) / square);
    }
}

/* Stirling's series far out, and back by x! = x (x-1)!. */
double sim_gamma(double x)
{
    double divided = 1;
    for (; x < 15; x++)
        divided *= x;
    double y = 1 / (x * x);
    double series = (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260 - y / 1680))) / x;
    double ln = (x - 0.5) * sim_ln(x) - x + 0.91893853320467274178 + series;
    return sim_exp(ln) / divided;
}
