#include <math.h>

#include "sim/result.h"

/* The plot, in points. */
enum { WIDTH = 900, HEIGHT = 480, LEFT = 70, RIGHT = 210, TOP = 40, BOTTOM = 60 };

struct axes {
    double x0, x1, y0, y1;
    bool log_x;
};

static double x_of(const struct axes *axes, double x)
{
    double share = axes->log_x ? log(x / axes->x0) / log(axes->x1 / axes->x0)
                               : (x - axes->x0) / (axes->x1 - axes->x0);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct axes *axes, double y)
{
    return HEIGHT - BOTTOM - (y - axes->y0) / (axes->y1 - axes->y0) * (HEIGHT - TOP - BOTTOM);
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
    for (double power = 1e-6;; power *= 10)
        for (int i = 0; i < 3; i++)
            if (range / (factors[i] * power) <= 10)
                return factors[i] * power;
}

static struct axes axes_of(const struct plot *plot)
{
    struct axes axes = {.x0 = INFINITY, .x1 = -INFINITY, .log_x = plot->log_x};
    for (size_t s = 0; s < plot->series_count; s++)
        for (size_t i = 0; i < plot->series[s].count; i++) {
            axes.x0 = fmin(axes.x0, plot->series[s].points[i][0]);
            axes.x1 = fmax(axes.x1, plot->series[s].points[i][0]);
            axes.y1 = fmax(axes.y1, plot->series[s].points[i][1]);
        }
    if (!axes.log_x && axes.x0 > 0)
        axes.x0 = 0;
    if (!(axes.x1 > axes.x0))
        axes.x1 = axes.x0 > 0 ? 2 * axes.x0 : 1;
    double step = tick_step(axes.y1 > 0 ? axes.y1 : 1);
    axes.y1 = plot->percent_y ? 1 : step * ceil(axes.y1 / step + 1e-9);
    return axes;
}

static void draw_y(FILE *out, const struct axes *axes, bool percent)
{
    double step = tick_step(axes->y1);
    for (double y = 0; y <= axes->y1 * 1.0001; y += step) {
        fprintf(out, "<path d='M%d %.1fH%d' stroke='#dddddd'/>\n", LEFT, y_of(axes, y),
                WIDTH - RIGHT);
        fprintf(out, "<text x='%d' y='%.1f' text-anchor='end'>%g%s</text>\n", LEFT - 6,
                y_of(axes, y) + 4, percent ? 100 * y : y, percent ? " %" : "");
    }
}

static void draw_x_tick(FILE *out, const struct axes *axes, double x)
{
    fprintf(out, "<path d='M%.1f %dv5' stroke='black'/>\n", x_of(axes, x), HEIGHT - BOTTOM);
    fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle'>%g</text>\n", x_of(axes, x),
            HEIGHT - BOTTOM + 18, x);
}

static void draw_x(FILE *out, const struct axes *axes)
{
    if (!axes->log_x) {
        double step = tick_step(axes->x1 - axes->x0);
        for (double x = ceil(axes->x0 / step) * step; x <= axes->x1 * 1.0001; x += step)
            draw_x_tick(out, axes, x);
        return;
    }
    for (double power = pow(10, floor(log10(axes->x0))); power <= axes->x1; power *= 10)
        for (int factor = 1; factor <= 5; factor += factor == 1 ? 1 : 3)
            if (factor * power >= axes->x0 * 0.999 && factor * power <= axes->x1 * 1.001)
                draw_x_tick(out, axes, factor * power);
}

static void draw_series(FILE *out, const struct axes *axes, const struct series *series, size_t row)
{
    const char *stroke = colour(series->colour);
    const char *style = series->dashed ? " stroke-dasharray='6 4'" : "";
    fprintf(out, "<polyline fill='none' stroke='%s' stroke-width='2'%s points='", stroke, style);
    for (size_t i = 0; i < series->count; i++)
        fprintf(out, "%.1f,%.1f ", x_of(axes, series->points[i][0]),
                y_of(axes, series->points[i][1]));
    fprintf(out, "'/>\n");
    for (size_t i = 0; series->dots && i < series->count; i++)
        fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3.5' fill='%s'/>\n",
                x_of(axes, series->points[i][0]), y_of(axes, series->points[i][1]), stroke);
    double y = TOP + 20.0 * (double)row;
    fprintf(out, "<path d='M%d %.1fh24' stroke='%s' stroke-width='2'%s/>\n", WIDTH - RIGHT + 15,
            y - 4, stroke, style);
    fprintf(out, "<text x='%d' y='%.1f'>%s</text>\n", WIDTH - RIGHT + 45, y, series->name);
}

void result_svg(FILE *out, const struct result *result)
{
    const struct plot *plot = &result->plot;
    struct axes axes = axes_of(plot);
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='12'>\n<rect width='100%%' height='100%%' "
            "fill='white'/>\n",
            WIDTH, HEIGHT);
    draw_y(out, &axes, plot->percent_y);
    draw_x(out, &axes);
    fprintf(out, "<path d='M%d %dV%dH%d' fill='none' stroke='black'/>\n", LEFT, TOP,
            HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (size_t i = 0; i < plot->series_count; i++)
        draw_series(out, &axes, &plot->series[i], i);
    fprintf(out, "<text x='%d' y='%d' font-size='14'>%s</text>\n", LEFT, TOP - 16, plot->title);
    fprintf(out, "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 18, plot->x_name);
    fprintf(out,
            "<text transform='translate(16 %d) rotate(-90)' text-anchor='middle'>%s</text>\n"
            "</svg>\n",
            (TOP + HEIGHT - BOTTOM) / 2, plot->y_name);
}
