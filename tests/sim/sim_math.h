/* Logarithms and powers that are the same bits on every machine and with every compiler: nothing
 * but the operations that IEEE 754 rounds exactly. (libm picks another routine where the processor
 * has fused multiply-add.) Good to 1e-14, on ordinary numbers. */
#pragma once

#include "kadpeer/rng.h"

double sim_ln(double x); /* x > 0 */
double sim_exp(double x);
double sim_pow(double x, double y); /* x >= 0 */
double sim_log2(double x);

double sim_exponential(struct rng *rng, double mean);
double sim_normal(struct rng *rng); /* mean 0, deviation 1 */
double sim_gamma(double x);         /* the function, for 1 <= x <= 20 */
