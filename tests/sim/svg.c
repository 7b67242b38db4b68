#include "sim/svg.h"

#include <math.h>

/* In points. */
enum {
    WIDTH = 900,
    HEIGHT = 480,
    LEFT = 70,
    RIGHT = 210,
    TOP = 40,
    BOTTOM = 60,
    ROW = 20, /* of the legend, less when there are many */
};

static double x_of(const struct svg *svg, double x)
{
    double share = svg->log_x ? log(x / svg->x0) / log(svg->x1 / svg->x0)
                              : (x - svg->x0) / (svg->x1 - svg->x0);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct svg *svg, double y)
{
    return HEIGHT - BOTTOM - (y - svg->y0) / (svg->y1 - svg->y0) * (HEIGHT - TOP - BOTTOM);
}

static const char *colour_of(const struct svg_line *line)
{
    static const char *const colours[] = {"#1f6fb4", "#c8501e", "#2f8f4e", "#7d4fa8", "#9a7a12",
                                          "#c2457c", "#4c8c99", "#777777", "#5c3b1e", "#d79a00"};
    return colours[line->colour % (sizeof colours / sizeof colours[0])];
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, of which `range` has four to ten. */
static double tick_step(double range)
{
    static const double factors[] = {1, 2, 5};
    for (double power = 1e-6;; power *= 10)
        for (int i = 0; i < 3; i++)
            if (range / (factors[i] * power) <= 10)
                return factors[i] * power;
}

double svg_round_up(double top)
{
    double step = tick_step(top > 0 ? top : 1);
    return step * ceil(top / step + 1e-9);
}

static void draw_y(const struct svg *svg)
{
    double step = tick_step(svg->y1);
    for (double y = 0; y <= svg->y1 * 1.0001; y += step) {
        fprintf(svg->out, "<path d='M%d %.1fH%d' stroke='#dddddd'/>\n", LEFT, y_of(svg, y),
                WIDTH - RIGHT);
        fprintf(svg->out, "<text x='%d' y='%.1f' text-anchor='end'>%g%s</text>\n", LEFT - 6,
                y_of(svg, y) + 4, svg->percent_y ? 100 * y : y, svg->percent_y ? " %" : "");
    }
}

static void draw_x_tick(const struct svg *svg, double x)
{
    fprintf(svg->out, "<path d='M%.1f %dv5' stroke='black'/>\n", x_of(svg, x), HEIGHT - BOTTOM);
    fprintf(svg->out, "<text x='%.1f' y='%d' text-anchor='middle'>%g</text>\n", x_of(svg, x),
            HEIGHT - BOTTOM + 18, x);
}

static void draw_x(const struct svg *svg)
{
    if (!svg->log_x) {
        double step = tick_step(svg->x1 - svg->x0);
        for (double x = ceil(svg->x0 / step) * step; x <= svg->x1 * 1.0001; x += step)
            draw_x_tick(svg, x);
        return;
    }
    for (double power = pow(10, floor(log10(svg->x0))); power <= svg->x1; power *= 10)
        for (int factor = 1; factor <= 5; factor += factor == 1 ? 1 : 3)
            if (factor * power >= svg->x0 * 0.999 && factor * power <= svg->x1 * 1.001)
                draw_x_tick(svg, factor * power);
}

void svg_begin(const struct svg *svg, const char *title, const char *x_name, const char *y_name)
{
    fprintf(svg->out,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='12'>\n<rect width='100%%' height='100%%' "
            "fill='white'/>\n",
            WIDTH, HEIGHT);
    draw_y(svg);
    draw_x(svg);
    fprintf(svg->out, "<path d='M%d %dV%dH%d' fill='none' stroke='black'/>\n", LEFT, TOP,
            HEIGHT - BOTTOM, WIDTH - RIGHT);
    fprintf(svg->out, "<text x='%d' y='%d' font-size='14'>%s</text>\n", LEFT, TOP - 16, title);
    fprintf(svg->out, "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x_name);
    fprintf(svg->out,
            "<text transform='translate(16 %d) rotate(-90)' text-anchor='middle'>%s</text>\n",
            (TOP + HEIGHT - BOTTOM) / 2, y_name);
}

void svg_end(const struct svg *svg)
{
    fprintf(svg->out, "</svg>\n");
}

/* ---- what is in it ---- */

static void put_stroke(const struct svg *svg, const struct svg_line *line)
{
    static const char *const styles[] = {"", " stroke-dasharray='6 4'", " stroke-dasharray='2 3'"};
    fprintf(svg->out, " fill='none' stroke='%s' stroke-width='2'%s", colour_of(line),
            styles[line->style]);
}

void svg_curve(const struct svg *svg, const struct svg_line *line, const double (*points)[2],
               size_t count)
{
    fprintf(svg->out, "<polyline");
    put_stroke(svg, line);
    fprintf(svg->out, " points='");
    for (size_t i = 0; i < count; i++)
        fprintf(svg->out, "%.1f,%.1f ", x_of(svg, points[i][0]), y_of(svg, points[i][1]));
    fprintf(svg->out, "'/>\n");
    for (size_t i = 0; line->dots && i < count; i++)
        fprintf(svg->out, "<circle cx='%.1f' cy='%.1f' r='3.5' fill='%s'/>\n",
                x_of(svg, points[i][0]), y_of(svg, points[i][1]), colour_of(line));
}

void svg_legend(struct svg *svg, const struct svg_line *line, const char *name)
{
    double step = fmin(ROW, (double)(HEIGHT - TOP - ROW) / (double)svg->rows);
    double y = TOP + step * (double)svg->row++;
    fprintf(svg->out, "<path d='M%d %.1fh24'", WIDTH - RIGHT + 15, y - 4);
    put_stroke(svg, line);
    fprintf(svg->out, "/>\n<text x='%d' y='%.1f'>%s</text>\n", WIDTH - RIGHT + 45, y, name);
}

void svg_mark(const struct svg *svg, const struct svg_line *line, double x)
{
    fprintf(svg->out, "<path d='M%.1f %dV%d'", x_of(svg, x), TOP, HEIGHT - BOTTOM);
    put_stroke(svg, line);
    fprintf(svg->out, "/>\n");
}
