/* Outcomes of simulated swarms as table, JSON, CSV and SVG. */
#pragma once

#include <stdio.h>

#include "sim/swarm_scenario.h"

/* Who is complete when, for each outcome, against the bound. */
void swarm_report_svg(FILE *out, const struct scenario_outcome outcomes[], size_t count);
void swarm_report_table(FILE *out, const struct scenario_outcome outcomes[], size_t count);
void swarm_report_json(FILE *out, const struct scenario_outcome outcomes[], size_t count);
void swarm_report_csv(FILE *out, const struct scenario_outcome outcomes[], size_t count);
/* The first of them that is clean and of the same order; NULL: none. */
const struct scenario_outcome *swarm_report_clean(const struct scenario_outcome outcomes[],
                                                  size_t count, const struct scenario_outcome *of);
