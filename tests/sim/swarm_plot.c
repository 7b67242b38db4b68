#include "sim/svg.h"
#include "sim/swarm_report.h"

enum { CURVE_POINTS = 600 };

static double share_complete(const struct scenario_outcome *outcome, size_t sample)
{
    return (double)outcome->samples[sample].complete / outcome->result.fetchers;
}

static double progress(const struct scenario_outcome *outcome, size_t sample)
{
    const struct scenario *scenario = &outcome->scenario;
    double pieces = (double)((scenario->total_length + scenario->piece_length - 1) /
                             scenario->piece_length * outcome->result.fetchers);
    return (double)outcome->samples[sample].pieces / pieces;
}

/* The last sample is always among the points. */
static void draw_curve(const struct svg *svg, const struct scenario_outcome *outcome,
                       double (*value)(const struct scenario_outcome *, size_t),
                       const struct svg_line *line)
{
    double points[CURVE_POINTS + 1][2];
    size_t samples = outcome->result.sample_count, step = samples / CURVE_POINTS + 1, count = 0;
    for (size_t i = 0; i < samples;
         i = i + step < samples || i + 1 == samples ? i + step : samples - 1) {
        points[count][0] = (double)outcome->samples[i].at_ms / 1000;
        points[count++][1] = value(outcome, i);
    }
    svg_curve(svg, line, (const double(*)[2])points, count);
}

/* Those of several runs are mostly the same: the first stands for all. */
static bool has_bound_of_its_own(const struct scenario_outcome outcomes[], size_t i)
{
    for (size_t before = 0; before < i; before++)
        if (outcomes[before].bound_s == outcomes[i].bound_s)
            return false;
    return outcomes[i].bound_s > 0;
}

static void draw_outcome(struct svg *svg, const struct scenario_outcome outcomes[], size_t i,
                         bool several_orders)
{
    const struct scenario_outcome *outcome = &outcomes[i];
    struct svg_line line = {.colour = i}, dashes = {i, SVG_DASHES, false},
                    dotted = {i, SVG_DOTTED, false};
    char name[48];
    draw_curve(svg, outcome, progress, &dashes);
    draw_curve(svg, outcome, share_complete, &line);
    snprintf(name, sizeof name, several_orders ? "%s, %s" : "%s",
             scenario_names[outcome->scenario.kind], swarm_order_names[outcome->scenario.order]);
    svg_legend(svg, &line, name);
    if (!has_bound_of_its_own(outcomes, i))
        return;
    svg_mark(svg, &dotted, outcome->bound_s);
    snprintf(name, sizeof name, "bound %.0f s", outcome->bound_s);
    svg_legend(svg, &dotted, name);
}

void swarm_report_svg(FILE *out, const struct scenario_outcome outcomes[], size_t count)
{
    struct svg svg = {.out = out, .x1 = 1, .y1 = 1, .percent_y = true, .rows = count};
    const struct scenario *first = &outcomes[0].scenario;
    char title[128];
    bool several_orders = false;
    for (size_t i = 0; i < count; i++) {
        double end_s = (double)outcomes[i].result.now_ms / 1000;
        svg.x1 = end_s > svg.x1 ? end_s : svg.x1;
        svg.rows += has_bound_of_its_own(outcomes, i);
        several_orders = several_orders || outcomes[i].scenario.order != first->order;
    }
    snprintf(
        title, sizeof title,
        "%u peers fetch %.0f MiB: share of them complete (lines), of all pieces there (dashes)",
        first->peers, (double)first->total_length / (1 << 20));
    svg_begin(&svg, title, "seconds", "share");
    for (size_t i = 0; i < count; i++)
        draw_outcome(&svg, outcomes, i, several_orders);
    svg_end(&svg);
}
