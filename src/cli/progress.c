#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/params.h"
#include "cli/terminal.h"
#include "cli/text.h"

#define LINE_SIZE  1024 /* bytes of a line: names may be of wide letters */
#define TAIL_MAX   4
#define NAME_LEAST 12 /* cells a name keeps while there are other things to leave out */
#define BAR_LEAST  8

struct line {
    struct progress_facts facts;
    char *name, *text, *reason;
    bool shown, ended;
    int said_percent;
    uint64_t first_ms, said_ms;
};

struct progress {
    enum progress_style style;
    FILE *out;
    struct line *lines;
    size_t count;
    size_t drawn; /* lines on the screen now */
    uint64_t drawn_ms;
};

static void draw_bar(char *out, size_t cells, const struct progress_facts *facts)
{
    size_t full = 0;
    if (facts->size > 0 && facts->done > 0)
        full = (size_t)((double)cells * (double)facts->done / (double)facts->size);
    full = full > cells ? cells : full;
    memset(out, '#', full);
    memset(out + full, '.', cells - full);
    out[cells] = 0;
}

/* The fields behind the bar, the dearest first. Returns how many there are. */
static size_t tail_fields(const struct progress_facts *facts, char fields[TAIL_MAX][64])
{
    char text[TEXT_SIZE];
    size_t count = 0;
    snprintf(fields[count++], 64, "%s", text_rate(text, facts->rate_bps));
    snprintf(fields[count++], 64, "ETA %s", text_duration(text, facts->eta_s));
    if (facts->pieces_total > 0)
        snprintf(fields[count++], 64, "pieces %lld/%lld", (long long)facts->pieces_have,
                 (long long)facts->pieces_total);
    if (facts->peers >= 0)
        snprintf(fields[count++], 64, "peers %lld (%lld sending)", (long long)facts->peers,
                 (long long)facts->sending);
    return count;
}

static size_t tail_width(char fields[TAIL_MAX][64], size_t count)
{
    size_t width = 0;
    for (size_t i = 0; i < count; i++)
        width += 3 + strlen(fields[i]);
    return width;
}

/* The name in exactly `cells`. Allocates. */
static char *padded_name(const char *name, size_t cells)
{
    char *fit = text_fit(name, cells), *padded = NULL;
    size_t width = text_width(fit);
    if (asprintf(&padded, "%s%*s", fit, (int)(cells > width ? cells - width : 0), "") < 0)
        out_of_memory();
    free(fit);
    return padded;
}

static size_t cells_of_name(const struct progress_facts *facts)
{
    return facts->name_cells > 0 ? facts->name_cells : text_width(facts->name);
}

/* Words in place of the bar: nothing moves. */
static void format_text(const struct progress_facts *facts, size_t width, char *out, size_t size)
{
    char whole[LINE_SIZE], part[TEXT_SIZE], percent[TEXT_SIZE];
    char *name = padded_name(facts->name, cells_of_name(facts));
    text_part(part, (double)facts->done, (double)facts->size);
    text_percent(percent, (double)facts->done, (double)facts->size);
    if (facts->text != NULL)
        snprintf(whole, sizeof whole, "%.400s   %.400s", name, facts->text);
    else
        snprintf(whole, sizeof whole, "%.400s   %4s  %s   %.400s", name, percent, part,
                 facts->reason);
    char *fit = text_fit(whole, width);
    snprintf(out, size, "%s", fit);
    free(fit);
    free(name);
}

void progress_format(const struct progress_facts *facts, size_t width, char *out, size_t size)
{
    char part[TEXT_SIZE], percent[TEXT_SIZE], bar[PROGRESS_BAR_MAX + 1];
    char fields[TAIL_MAX][64];
    if (facts->text != NULL || facts->reason != NULL) {
        format_text(facts, width, out, size);
        return;
    }
    size_t count = tail_fields(facts, fields);
    text_part(part, (double)facts->done, (double)facts->size);
    text_percent(percent, (double)facts->done, (double)facts->size);
    /* name + 3 + percent + 2 + bar + 2 + part + tail */
    size_t name_cells = cells_of_name(facts);
    bool may_shrink = facts->name_cells == 0 && name_cells > NAME_LEAST;
    size_t name_least = may_shrink ? NAME_LEAST : name_cells;
    size_t fixed = 3 + 4 + 2 + 2 + strlen(part);
    while (count > 0 && name_least + fixed + BAR_LEAST + tail_width(fields, count) > width)
        count--;
    size_t taken = fixed + tail_width(fields, count);
    size_t room = width > taken ? width - taken : 0;
    size_t cells = room > name_cells + BAR_LEAST ? room - name_cells : BAR_LEAST;
    cells = cells > PROGRESS_BAR_MAX ? PROGRESS_BAR_MAX : cells;
    draw_bar(bar, cells, facts);
    size_t left = room > cells ? room - cells : 0;
    char *name = padded_name(facts->name, name_cells < left ? name_cells : left);
    int written = snprintf(out, size, "%s   %4s  %s  %s", name, percent, bar, part);
    free(name);
    for (size_t i = 0; i < count && written > 0 && (size_t)written < size; i++)
        written += snprintf(out + written, size - (size_t)written, "   %s", fields[i]);
}

struct progress *progress_new(enum progress_style style, FILE *out, size_t count)
{
    struct progress *progress = calloc(1, sizeof *progress);
    struct line *lines = calloc(count, sizeof *lines);
    if (progress == NULL || lines == NULL)
        out_of_memory();
    *progress = (struct progress){.style = style, .out = out, .lines = lines, .count = count};
    return progress;
}

void progress_free(struct progress *progress)
{
    progress_hide(progress);
    for (size_t i = 0; i < progress->count; i++) {
        free(progress->lines[i].name);
        free(progress->lines[i].text);
        free(progress->lines[i].reason);
    }
    free(progress->lines);
    free(progress);
}

static void erase(struct progress *progress)
{
    for (size_t i = 1; i < progress->drawn; i++)
        fputs("\r\x1b[K\x1b[A", progress->out);
    if (progress->drawn > 0)
        fputs("\r\x1b[K", progress->out);
    progress->drawn = 0;
}

void progress_hide(struct progress *progress)
{
    erase(progress);
    fflush(progress->out);
    progress->drawn_ms = 0;
}

static void draw_line(struct progress *progress, const char *text)
{
    fprintf(progress->out, "%s\r\x1b[K%s", progress->drawn > 0 ? "\n" : "", text);
    progress->drawn++;
}

static size_t lines_shown(const struct progress *progress)
{
    size_t shown = 0;
    for (size_t i = 0; i < progress->count; i++)
        shown += progress->lines[i].shown && !progress->lines[i].ended;
    return shown;
}

/* Of several lines all names take the same room: the longest's, at most a third of the screen. */
static size_t common_name_cells(const struct progress *progress, size_t width)
{
    size_t most = 0;
    for (size_t i = 0; i < progress->count && progress->count > 1; i++) {
        const struct line *line = &progress->lines[i];
        size_t cells = line->shown && !line->ended ? text_width(line->facts.name) : 0;
        most = cells > most ? cells : most;
    }
    return most < width / 3 ? most : width / 3;
}

static void draw_total(struct progress *progress, size_t width, size_t name_cells)
{
    struct progress_facts total = {
        .name = "total", .name_cells = name_cells, .eta_s = -1, .peers = -1};
    char text[LINE_SIZE];
    for (size_t i = 0; i < progress->count; i++) {
        const struct progress_facts *facts = &progress->lines[i].facts;
        if (!progress->lines[i].shown || facts->size < 0)
            continue;
        total.done += progress->lines[i].ended ? facts->size : facts->done;
        total.size += facts->size;
        total.rate_bps += progress->lines[i].ended ? 0 : facts->rate_bps;
    }
    if (total.size == 0)
        return;
    if (total.rate_bps >= 1)
        total.eta_s = (double)(total.size - total.done) / total.rate_bps;
    progress_format(&total, width, text, sizeof text);
    draw_line(progress, text);
}

static void redraw(struct progress *progress, uint64_t now_ms)
{
    char text[LINE_SIZE];
    size_t width = terminal_width(fileno(progress->out)) - 1;
    size_t height = terminal_height(fileno(progress->out));
    size_t shown = lines_shown(progress), most = height > 4 ? height - 3 : 1, drawn = 0;
    size_t name_cells = common_name_cells(progress, width);
    erase(progress);
    for (size_t i = 0; i < progress->count && drawn < most; i++) {
        if (!progress->lines[i].shown || progress->lines[i].ended)
            continue;
        progress->lines[i].facts.name_cells = name_cells;
        progress_format(&progress->lines[i].facts, width, text, sizeof text);
        draw_line(progress, text);
        drawn++;
    }
    if (shown > drawn) {
        snprintf(text, sizeof text, "+%zu queued", shown - drawn);
        draw_line(progress, text);
    }
    if (progress->count > 1 && shown > 0)
        draw_total(progress, width, name_cells);
    fflush(progress->out);
    progress->drawn_ms = now_ms;
}

static int percent_of(const struct progress_facts *facts)
{
    return facts->text != NULL || facts->size <= 0
               ? -1
               : (int)(100.0 * (double)facts->done / (double)facts->size);
}

/* A new step of 10 %, the first thing said about it, or half a minute. */
static void say_line(struct progress *progress, struct line *line, uint64_t now_ms)
{
    int percent = percent_of(&line->facts);
    bool step = percent >= 0 && percent / PROGRESS_LINE_PERCENT > line->said_percent &&
                now_ms - line->first_ms >= PROGRESS_FIRST_LINE_MS;
    if (!step && now_ms - line->said_ms < PROGRESS_LINE_MS)
        return;
    char text[LINE_SIZE];
    progress_format(&line->facts, 120, text, sizeof text);
    fprintf(progress->out, "%s\n", text);
    fflush(progress->out);
    line->said_percent = percent >= 0 ? percent / PROGRESS_LINE_PERCENT : line->said_percent;
    line->said_ms = now_ms;
}

static void set_text(char **slot, const char *text)
{
    free(*slot);
    *slot = text != NULL ? strdup(text) : NULL;
}

void progress_update(struct progress *progress, size_t index, const struct progress_facts *facts,
                     uint64_t now_ms)
{
    struct line *line = &progress->lines[index];
    if (progress->style == PROGRESS_NONE || line->ended)
        return;
    if (!line->shown) { /* a first wait is spoken of after 3 s [cli-design 1.4] */
        line->said_ms = now_ms - PROGRESS_LINE_MS + WAITING_NOTE_MS;
        line->said_percent = 0;
        line->first_ms = now_ms;
    }
    set_text(&line->name, facts->name);
    set_text(&line->text, facts->text);
    set_text(&line->reason, facts->reason);
    line->facts = *facts;
    line->facts.name = line->name;
    line->facts.text = line->text;
    line->facts.reason = line->reason;
    line->shown = true;
    if (progress->style == PROGRESS_LINES)
        say_line(progress, line, now_ms);
    else if (progress->drawn == 0 || now_ms - progress->drawn_ms >= PROGRESS_REDRAW_MS)
        redraw(progress, now_ms);
}

void progress_end(struct progress *progress, size_t index)
{
    progress->lines[index].ended = true;
    progress_hide(progress);
}
