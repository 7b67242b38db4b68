/* Curves in a frame, with ticks and a legend, as SVG. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct svg {
    FILE *out;
    double x0, x1, y0, y1; /* of the frame's sides */
    bool log_x, percent_y;
    size_t rows, row; /* of the legend: in all, drawn so far */
};

enum svg_style { SVG_LINE, SVG_DASHES, SVG_DOTTED };

struct svg_line {
    size_t colour; /* lines of one colour belong together */
    enum svg_style style;
    bool dots; /* one at each point */
};

/* `top` or a little more: a whole number of ticks. */
double svg_round_up(double top);

/* Texts are taken as they are: without <, > and &. */
void svg_begin(const struct svg *svg, const char *title, const char *x_name, const char *y_name);
void svg_curve(const struct svg *svg, const struct svg_line *line, const double (*points)[2],
               size_t count);
void svg_legend(struct svg *svg, const struct svg_line *line, const char *name);
/* From top to bottom. */
void svg_mark(const struct svg *svg, const struct svg_line *line, double x);
void svg_end(const struct svg *svg);
