#include "sim/swarm_report.h"

/* The plot, in points. */
enum {
    WIDTH = 900,
    HEIGHT = 480,
    LEFT = 60,
    RIGHT = 220,
    TOP = 40,
    BOTTOM = 50,
    CURVE_POINTS = 600
};

struct axes {
    double end_s; /* at the right border */
};

static double x_of(const struct axes *axes, double at_s)
{
    return LEFT + at_s / axes->end_s * (WIDTH - LEFT - RIGHT);
}

static double y_of(double share)
{
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static const char *colour(size_t i)
{
    static const char *const colours[] = {"#1f6fb4", "#c8501e", "#2f8f4e", "#7d4fa8",
                                          "#9a7a12", "#c2457c", "#4c8c99", "#777777"};
    return colours[i % (sizeof colours / sizeof colours[0])];
}

/* 1, 2 or 5 times a power of ten, of which `range` has four to ten. */
static double tick_step(double range)
{
    static const double factors[] = {1, 2, 5};
    for (double power = 0.001;; power *= 10)
        for (int i = 0; i < 3; i++)
            if (range / (factors[i] * power) <= 10)
                return factors[i] * power;
}

static void draw_axes(FILE *out, const struct axes *axes)
{
    for (int percent = 0; percent <= 100; percent += 20) {
        double y = y_of(percent / 100.0);
        fprintf(out, "<path d='M%d %.1fH%d' stroke='#dddddd'/>\n", LEFT, y, WIDTH - RIGHT);
        fprintf(out, "<text x='%d' y='%.1f' text-anchor='end'>%d %%</text>\n", LEFT - 6, y + 4,
                percent);
    }
    double step = tick_step(axes->end_s);
    for (double at_s = 0; at_s <= axes->end_s; at_s += step)
        fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle'>%g s</text>\n", x_of(axes, at_s),
                HEIGHT - BOTTOM + 18, at_s);
    fprintf(out, "<path d='M%d %dV%dH%d' fill='none' stroke='black'/>\n", LEFT, TOP,
            HEIGHT - BOTTOM, WIDTH - RIGHT);
}

static double share_complete(const struct scenario_outcome *outcome, size_t sample)
{
    return (double)outcome->samples[sample].complete / outcome->result.fetchers;
}

static double progress(const struct scenario_outcome *outcome, size_t sample)
{
    const struct scenario *scenario = &outcome->scenario;
    double pieces = (double)(scenario->total_length + scenario->piece_length - 1) /
                    scenario->piece_length * outcome->result.fetchers;
    return (double)outcome->samples[sample].pieces / pieces;
}

static void draw_curve(FILE *out, const struct axes *axes, const struct scenario_outcome *outcome,
                       double (*value)(const struct scenario_outcome *, size_t), const char *stroke,
                       const char *style)
{
    size_t count = outcome->result.sample_count, step = count / CURVE_POINTS + 1;
    fprintf(out, "<polyline fill='none' stroke='%s' %s points='", stroke, style);
    for (size_t i = 0; i < count; i = i + step < count || i + 1 == count ? i + step : count - 1)
        fprintf(out, "%.1f,%.1f ", x_of(axes, (double)outcome->samples[i].at_ms / 1000),
                y_of(value(outcome, i)));
    fprintf(out, "'/>\n");
}

static void draw_legend(FILE *out, const struct scenario_outcome *outcome, size_t i)
{
    double y = TOP + 20.0 * (double)i;
    fprintf(out, "<path d='M%d %.1fh20' stroke='%s' stroke-width='2'/>\n", WIDTH - RIGHT + 15,
            y - 4, colour(i));
    fprintf(out, "<text x='%d' y='%.1f'>%s, %s</text>\n", WIDTH - RIGHT + 41, y,
            scenario_names[outcome->scenario.kind], swarm_order_names[outcome->scenario.order]);
}

static void draw_bound(FILE *out, const struct axes *axes, double bound_s)
{
    if (bound_s <= 0)
        return;
    double x = x_of(axes, bound_s);
    fprintf(out, "<path d='M%.1f %dV%d' stroke='black' stroke-dasharray='2 3'/>\n", x, TOP,
            HEIGHT - BOTTOM);
    fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle'>bound %.0f s</text>\n", x, TOP - 6,
            bound_s);
}

void swarm_report_svg(FILE *out, const struct scenario_outcome outcomes[], size_t count)
{
    struct axes axes = {.end_s = 1};
    const struct scenario *first = &outcomes[0].scenario;
    for (size_t i = 0; i < count; i++) {
        double end_s = (double)outcomes[i].result.now_ms / 1000;
        axes.end_s = end_s > axes.end_s ? end_s : axes.end_s;
    }
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='12'>\n<rect width='100%%' height='100%%' "
            "fill='white'/>\n",
            WIDTH, HEIGHT);
    draw_axes(out, &axes);
    for (size_t i = 0; i < count; i++) {
        draw_bound(out, &axes, outcomes[i].bound_s);
        draw_curve(out, &axes, &outcomes[i], progress, colour(i), "stroke-dasharray='5 4'");
        draw_curve(out, &axes, &outcomes[i], share_complete, colour(i), "stroke-width='2'");
        draw_legend(out, &outcomes[i], i);
    }
    fprintf(out,
            "<text x='%d' y='%d'>%u peers, %.0f MiB: who is complete (lines), what all have of it "
            "(dashes)</text>\n</svg>\n",
            LEFT, HEIGHT - 10, first->peers, (double)first->total_length / (1 << 20));
}
