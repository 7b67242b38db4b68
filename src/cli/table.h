/* Rows of text in columns that line up by what a terminal shows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table;

/* `columns`: headings separated by '|', a leading '>' sets a column right: ">ID|STATE|>DONE". An
 * empty heading is allowed; with none at all no heading line is printed. */
struct table *table_new(const char *columns);
void table_free(struct table *table);

/* Cells left to right, row after row; the text is copied and made safe for a terminal. */
void table_cell(struct table *table, const char *text);
void table_cell_format(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of its own below the row just filled, indented. */
void table_remark(struct table *table, const char *text);

size_t table_rows(const struct table *table);
/* Two spaces between columns, none behind the last. */
void table_print(const struct table *table, FILE *out, bool bold_heading);
