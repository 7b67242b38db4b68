/* What a trial has found: tables, and curves to draw. Printed as text, CSV, JSON and SVG. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define RESULT_COLUMNS_MAX 20
#define RESULT_TABLES_MAX  6
#define RESULT_SERIES_MAX  16
#define RESULT_TEXT_MAX    48

struct cell {
    char text[RESULT_TEXT_MAX]; /* empty: a number */
    double number;              /* NAN: not known */
};

struct column {
    const char *name; /* static; also the key in CSV and JSON */
    int decimals;     /* -1: texts */
};

struct table {
    const char *name; /* static */
    const char *text; /* below it, static; NULL: nothing */
    struct column columns[RESULT_COLUMNS_MAX];
    size_t column_count;
    struct cell *cells; /* row by row */
    size_t row_count, cell_count, cell_cap;
};

struct series {
    char name[RESULT_TEXT_MAX];
    bool dashed, dots;
    size_t colour; /* series of one colour belong together */
    double (*points)[2];
    size_t count, cap;
};

struct plot {
    const char *title, *x_name, *y_name; /* static */
    bool log_x, percent_y;
    struct series series[RESULT_SERIES_MAX];
    size_t series_count;
};

struct result {
    struct table tables[RESULT_TABLES_MAX];
    size_t table_count;
    struct plot plot;
    bool cut_short;
};

/* `columns` ends with a name of NULL. Borrowed until the result is disposed of. */
struct table *result_add_table(struct result *result, const char *name,
                               const struct column columns[]);
/* The next cell: rows fill up from the left. */
void table_add(struct table *table, double number);
void table_add_text(struct table *table, const char *text);

struct series *plot_add(struct plot *plot, const char *name, size_t colour);
void series_add(struct series *series, double x, double y);

void result_print(FILE *out, const struct result *result);
void result_csv(FILE *out, const struct result *result);
void result_json(FILE *out, const struct result *result, const char *trial,
                 unsigned long long seed);
void result_svg(FILE *out, const struct result *result);
void result_dispose(struct result *result);
