/* How long nodes stay, and stay away.
 *
 * Weibull fits of the KAD network, six months of crawls [Steiner et al. 2009]. A steady state is
 * entered at once: a session that is seen under way is longer than others, in proportion to its
 * length, and of what is left of it any part is as likely (renewal theory). */
#pragma once

#include <stdbool.h>

#include "sim/net.h"

struct weibull {
    double shape, scale_s;
};

struct churn_model {
    struct weibull on, off;
};

extern const struct churn_model churn_default; /* half stay 93 min or less, 21 % are there */
extern const struct churn_model churn_harsh;   /* shape 0.5, mean 1,000 s, as long away */

double weibull_mean_s(const struct weibull *weibull);
double weibull_draw_s(const struct weibull *weibull, struct rng *rng);
/* What is left of one that is under way. */
double weibull_residual_s(const struct weibull *weibull, struct rng *rng);

double churn_share_up(const struct churn_model *model); /* of all, in the steady state */

/* In the steady state: for how many ms more does one stay up, or away? And in its next session. */
uint64_t churn_left_ms(const struct churn_model *model, bool up, struct rng *rng);
uint64_t churn_next_ms(const struct churn_model *model, bool up, struct rng *rng);
