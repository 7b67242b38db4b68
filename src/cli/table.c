#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/memory.h"
#include "cli/terminal.h"
#include "cli/text.h"

#define COLUMNS_MAX   16
#define REMARK_INDENT 4
#define LAST_LEAST    12 /* cells the last column gets however narrow the terminal is */

struct row {
    char *cells[COLUMNS_MAX];
    char *remark;
};

struct table {
    struct row heading;
    bool right[COLUMNS_MAX];
    size_t column_count;
    struct row *rows;
    size_t row_count, row_cap;
    size_t filled; /* cells of the last row */
};

static void *must(void *memory)
{
    if (memory == NULL)
        out_of_memory();
    return memory;
}

struct table *table_new(const char *columns)
{
    struct table *table = must(calloc(1, sizeof *table));
    while (table->column_count < COLUMNS_MAX) {
        size_t column = table->column_count++;
        size_t len = strcspn(columns, "|");
        table->right[column] = columns[0] == '>';
        size_t skip = table->right[column] ? 1 : 0;
        table->heading.cells[column] = must(strndup(columns + skip, len - skip));
        if (columns[len] == 0)
            break;
        columns += len + 1;
    }
    table->filled = table->column_count;
    return table;
}

static void row_dispose(struct row *row)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        free(row->cells[i]);
    free(row->remark);
}

void table_free(struct table *table)
{
    row_dispose(&table->heading);
    for (size_t i = 0; i < table->row_count; i++)
        row_dispose(&table->rows[i]);
    free(table->rows);
    free(table);
}

void table_cell(struct table *table, const char *text)
{
    if (table->filled == table->column_count) {
        if (table->row_count == table->row_cap) {
            table->row_cap = table->row_cap * 2 + 16;
            table->rows = must(realloc(table->rows, table->row_cap * sizeof table->rows[0]));
        }
        table->rows[table->row_count++] = (struct row){0};
        table->filled = 0;
    }
    table->rows[table->row_count - 1].cells[table->filled++] = text_printable(text);
}

void table_cell_format(struct table *table, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        out_of_memory();
    va_end(args);
    table_cell(table, text);
    free(text);
}

void table_remark(struct table *table, const char *text)
{
    if (table->row_count > 0)
        table->rows[table->row_count - 1].remark = text_printable(text);
}

size_t table_rows(const struct table *table)
{
    return table->row_count;
}

static void measure(const struct table *table, const struct row *row, size_t widths[])
{
    for (size_t i = 0; i < table->column_count; i++) {
        size_t width = row->cells[i] != NULL ? text_width(row->cells[i]) : 0;
        widths[i] = width > widths[i] ? width : widths[i];
    }
}

static void print_spaces(FILE *out, size_t count)
{
    fprintf(out, "%*s", (int)count, "");
}

static void print_last(const char *cell, size_t room, FILE *out)
{
    char *fit = text_fit(cell, room);
    fputs(fit, out);
    free(fit);
}

static void print_row(const struct table *table, const struct row *row, const size_t widths[],
                      size_t room, FILE *out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *cell = row->cells[i] != NULL ? row->cells[i] : "";
        size_t padding = widths[i] - text_width(cell);
        if (i + 1 == table->column_count && !table->right[i]) {
            print_last(cell, room, out);
            break;
        }
        bool last = i + 1 == table->column_count;
        if (table->right[i])
            print_spaces(out, padding);
        fputs(cell, out);
        if (!last)
            print_spaces(out, (table->right[i] ? 0 : padding) + 2);
    }
}

static bool has_heading(const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->heading.cells[i][0] != 0)
            return true;
    }
    return false;
}

/* On a terminal a long last cell is cut rather than wrapped. */
static size_t room_for_last(const struct table *table, const size_t widths[], FILE *out)
{
    size_t taken = 1;
    if (isatty(fileno(out)) != 1)
        return SIZE_MAX;
    for (size_t i = 0; i + 1 < table->column_count; i++)
        taken += widths[i] + 2;
    size_t width = terminal_width(fileno(out));
    return width > taken + LAST_LEAST ? width - taken : LAST_LEAST;
}

void table_print(const struct table *table, FILE *out, bool bold_heading)
{
    size_t widths[COLUMNS_MAX] = {0};
    measure(table, &table->heading, widths);
    for (size_t i = 0; i < table->row_count; i++)
        measure(table, &table->rows[i], widths);
    size_t room = room_for_last(table, widths, out);
    if (has_heading(table)) {
        fputs(bold_heading ? "\x1b[1m" : "", out);
        print_row(table, &table->heading, widths, SIZE_MAX, out);
        fputs(bold_heading ? "\x1b[0m\n" : "\n", out);
    }
    for (size_t i = 0; i < table->row_count; i++) {
        print_row(table, &table->rows[i], widths, room, out);
        fputc('\n', out);
        if (table->rows[i].remark != NULL)
            fprintf(out, "%*s%s\n", REMARK_INDENT, "", table->rows[i].remark);
    }
}
