#include "sim/churn.h"

#include "sim/sim_math.h"

const struct churn_model churn_default = {.on = {0.61511, 169.5385 * 60},
                                          .off = {0.47648, 413.6765 * 60}};
const struct churn_model churn_harsh = {.on = {0.5, 500}, .off = {0.5, 500}};

double weibull_mean_s(const struct weibull *weibull)
{
    return weibull->scale_s * sim_gamma(1 + 1 / weibull->shape);
}

double weibull_draw_s(const struct weibull *weibull, struct rng *rng)
{
    return weibull->scale_s * sim_pow(sim_exponential(rng, 1), 1 / weibull->shape);
}

/* Gamma distributed, of a shape of at least 1 [Marsaglia & Tsang 2000]. */
static double draw_gamma(double shape, struct rng *rng)
{
    double d = shape - 1.0 / 3, c = 1 / __builtin_sqrt(9 * d);
    for (;;) {
        double x = sim_normal(rng), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (sim_ln(1 - rng_unit(rng)) < x * x / 2 + d - d * v + d * sim_ln(v))
            return d * v;
    }
}

/* Where lengths are (scale) E^(1/shape), E exponential, those weighted by length are so of a gamma
 * variable of 1 + 1/shape. */
double weibull_residual_s(const struct weibull *weibull, struct rng *rng)
{
    double whole = draw_gamma(1 + 1 / weibull->shape, rng);
    return rng_unit(rng) * weibull->scale_s * sim_pow(whole, 1 / weibull->shape);
}

double churn_share_up(const struct churn_model *model)
{
    double on_s = weibull_mean_s(&model->on);
    return on_s / (on_s + weibull_mean_s(&model->off));
}

static uint64_t to_ms(double seconds)
{
    return 1 + (uint64_t)(seconds * 1000);
}

uint64_t churn_left_ms(const struct churn_model *model, bool up, struct rng *rng)
{
    return to_ms(weibull_residual_s(up ? &model->on : &model->off, rng));
}

uint64_t churn_next_ms(const struct churn_model *model, bool up, struct rng *rng)
{
    return to_ms(weibull_draw_s(up ? &model->on : &model->off, rng));
}
