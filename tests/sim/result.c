#include "sim/result.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct table *result_add_table(struct result *result, const char *name,
                               const struct column columns[])
{
    assert(result->table_count < RESULT_TABLES_MAX);
    struct table *table = &result->tables[result->table_count++];
    *table = (struct table){.name = name};
    while (columns[table->column_count].name != NULL) {
        assert(table->column_count < RESULT_COLUMNS_MAX);
        table->columns[table->column_count] = columns[table->column_count];
        table->column_count++;
    }
    return table;
}

static struct cell *next_cell(struct table *table)
{
    if (table->cell_count == table->cell_cap) {
        table->cell_cap = table->cell_cap > 0 ? 2 * table->cell_cap : 64;
        table->cells = realloc(table->cells, table->cell_cap * sizeof *table->cells);
        assert(table->cells != NULL);
    }
    struct cell *cell = &table->cells[table->cell_count++];
    *cell = (struct cell){0};
    table->row_count = table->cell_count / table->column_count;
    return cell;
}

void table_add(struct table *table, double number)
{
    next_cell(table)->number = number;
}

void table_add_text(struct table *table, const char *text)
{
    snprintf(next_cell(table)->text, RESULT_TEXT_MAX, "%s", text);
}

struct series *plot_add(struct plot *plot, const char *name, size_t colour)
{
    assert(plot->series_count < RESULT_SERIES_MAX);
    struct series *series = &plot->series[plot->series_count++];
    *series = (struct series){.colour = colour};
    snprintf(series->name, sizeof series->name, "%s", name);
    return series;
}

void series_add(struct series *series, double x, double y)
{
    if (series->count == series->cap) {
        series->cap = series->cap > 0 ? 2 * series->cap : 64;
        series->points = realloc(series->points, series->cap * sizeof *series->points);
        assert(series->points != NULL);
    }
    series->points[series->count][0] = x;
    series->points[series->count++][1] = y;
}

void result_dispose(struct result *result)
{
    for (size_t i = 0; i < result->table_count; i++)
        free(result->tables[i].cells);
    for (size_t i = 0; i < result->plot.series_count; i++)
        free(result->plot.series[i].points);
    *result = (struct result){0};
}

/* ---- text ---- */

static void format(const struct cell *cell, const struct column *column, const char *unknown,
                   char out[RESULT_TEXT_MAX])
{
    if (column->decimals < 0)
        snprintf(out, RESULT_TEXT_MAX, "%s", cell->text);
    else if (isnan(cell->number))
        snprintf(out, RESULT_TEXT_MAX, "%s", unknown);
    else
        snprintf(out, RESULT_TEXT_MAX, "%.*f", column->decimals, cell->number);
}

static const struct cell *cell_at(const struct table *table, size_t row, size_t column)
{
    return &table->cells[row * table->column_count + column];
}

static int width_of(const struct table *table, size_t column)
{
    size_t width = strlen(table->columns[column].name);
    char text[RESULT_TEXT_MAX];
    for (size_t row = 0; row < table->row_count; row++) {
        format(cell_at(table, row, column), &table->columns[column], "-", text);
        width = strlen(text) > width ? strlen(text) : width;
    }
    return (int)width;
}

static void print_table(FILE *out, const struct table *table)
{
    int widths[RESULT_COLUMNS_MAX];
    char text[RESULT_TEXT_MAX];
    fprintf(out, "\n%s\n", table->name);
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = table->columns[i].decimals < 0 ? -width_of(table, i) : width_of(table, i);
        fprintf(out, "  %*s", widths[i], table->columns[i].name);
    }
    fprintf(out, "\n");
    for (size_t row = 0; row < table->row_count; row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            format(cell_at(table, row, i), &table->columns[i], "-", text);
            fprintf(out, "  %*s", widths[i], text);
        }
        fprintf(out, "\n");
    }
    if (table->text != NULL)
        fprintf(out, "  %s\n", table->text);
}

void result_print(FILE *out, const struct result *result)
{
    for (size_t i = 0; i < result->table_count; i++)
        if (result->tables[i].row_count > 0)
            print_table(out, &result->tables[i]);
    if (result->cut_short)
        fprintf(out, "\ninterrupted: this is what there was until then\n");
}

/* ---- CSV ---- */

static void csv_name(FILE *out, const char *name)
{
    for (; *name != '\0'; name++)
        fputc(*name == ' ' ? '_' : *name, out);
}

void result_csv(FILE *out, const struct result *result)
{
    char text[RESULT_TEXT_MAX];
    for (size_t t = 0; t < result->table_count; t++) {
        const struct table *table = &result->tables[t];
        for (size_t i = 0; i < table->column_count; i++) {
            fputs(i > 0 ? "," : t > 0 ? "\ntable," : "table,", out);
            csv_name(out, table->columns[i].name);
        }
        fputc('\n', out);
        for (size_t row = 0; row < table->row_count; row++) {
            fprintf(out, "\"%s\"", table->name);
            for (size_t i = 0; i < table->column_count; i++) {
                format(cell_at(table, row, i), &table->columns[i], "", text);
                fprintf(out, table->columns[i].decimals < 0 ? ",\"%s\"" : ",%s", text);
            }
            fputc('\n', out);
        }
    }
}

/* ---- JSON ---- */

static void json_row(FILE *out, const struct table *table, size_t row)
{
    char text[RESULT_TEXT_MAX];
    fputs("    {", out);
    for (size_t i = 0; i < table->column_count; i++) {
        fputs(i > 0 ? ", \"" : "\"", out);
        csv_name(out, table->columns[i].name);
        format(cell_at(table, row, i), &table->columns[i], "null", text);
        fprintf(out, table->columns[i].decimals < 0 ? "\": \"%s\"" : "\": %s", text);
    }
    fputs(row + 1 < table->row_count ? "},\n" : "}\n", out);
}

void result_json(FILE *out, const struct result *result, const char *trial, unsigned long long seed)
{
    fprintf(out, "{\"trial\": \"%s\", \"seed\": %llu, \"cut_short\": %s, \"tables\": [\n", trial,
            seed, result->cut_short ? "true" : "false");
    for (size_t t = 0; t < result->table_count; t++) {
        const struct table *table = &result->tables[t];
        fprintf(out, "  {\"name\": \"%s\", \"rows\": [\n", table->name);
        for (size_t row = 0; row < table->row_count; row++)
            json_row(out, table, row);
        fprintf(out, "  ]}%s\n", t + 1 < result->table_count ? "," : "");
    }
    fprintf(out, "]}\n");
}
