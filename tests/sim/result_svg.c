#include <math.h>

#include "sim/result.h"
#include "sim/svg.h"

static struct svg frame_of(FILE *out, const struct plot *plot)
{
    struct svg svg = {.out = out,
                      .x0 = INFINITY,
                      .x1 = -INFINITY,
                      .log_x = plot->log_x,
                      .percent_y = plot->percent_y,
                      .rows = plot->series_count};
    for (size_t s = 0; s < plot->series_count; s++)
        for (size_t i = 0; i < plot->series[s].count; i++) {
            svg.x0 = fmin(svg.x0, plot->series[s].points[i][0]);
            svg.x1 = fmax(svg.x1, plot->series[s].points[i][0]);
            svg.y1 = fmax(svg.y1, plot->series[s].points[i][1]);
        }
    if (!svg.log_x && svg.x0 > 0)
        svg.x0 = 0;
    if (!(svg.x1 > svg.x0))
        svg.x1 = svg.x0 > 0 ? 2 * svg.x0 : 1;
    svg.y1 = plot->percent_y ? 1 : svg_round_up(svg.y1);
    return svg;
}

void result_svg(FILE *out, const struct result *result)
{
    const struct plot *plot = &result->plot;
    struct svg svg = frame_of(out, plot);
    svg_begin(&svg, plot->title, plot->x_name, plot->y_name);
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct series *series = &plot->series[i];
        struct svg_line line = {.colour = series->colour,
                                .style = series->dashed ? SVG_DASHES : SVG_LINE,
                                .dots = series->dots};
        svg_curve(&svg, &line, (const double(*)[2])series->points, series->count);
        svg_legend(&svg, &line, series->name);
    }
    svg_end(&svg);
}
