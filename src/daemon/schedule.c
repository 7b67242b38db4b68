#include "daemon/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAYS        7u
#define ALL_DAYS    0x7fu
#define DAY_MINUTES 1440u

static const char names[DAYS][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* ---- as people type it ---- */

/* DAYS: it is none. */
static unsigned day_of(const char *text, size_t len)
{
    unsigned day = 0;
    while (day < DAYS && (len != 3 || strncasecmp(text, names[day], 3) != 0))
        day++;
    return day;
}

/* "mon" or "mon-fri"; "fri-mon" goes over the week's end. */
static bool parse_range(const char *text, size_t len, uint8_t *days)
{
    const char *dash = memchr(text, '-', len);
    size_t first_len = dash != NULL ? (size_t)(dash - text) : len;
    unsigned first = day_of(text, first_len), last = first;
    if (dash != NULL)
        last = day_of(dash + 1, len - first_len - 1);
    if (first == DAYS || last == DAYS)
        return false;
    for (unsigned day = first;; day = (day + 1) % DAYS) {
        *days |= (uint8_t)(1u << day);
        if (day == last)
            return true;
    }
}

bool schedule_parse_days(const char *text, uint8_t *days)
{
    *days = 0;
    if (strcasecmp(text, "daily") == 0) {
        *days = ALL_DAYS;
        return true;
    }
    for (;;) {
        size_t len = strcspn(text, ",");
        if (!parse_range(text, len, days))
            return false;
        if (text[len] == 0)
            return true;
        text += len + 1;
    }
}

/* Digits alone: scanf would take blanks and signs. */
static const char *parse_number(const char *text, unsigned *out)
{
    size_t digits = strspn(text, "0123456789");
    *out = 0;
    for (size_t i = 0; i < digits && i < 3; i++)
        *out = *out * 10 + (unsigned)(text[i] - '0');
    return digits == 1 || digits == 2 ? text + digits : NULL;
}

static const char *parse_minute(const char *text, uint16_t *out)
{
    unsigned hour, minute;
    text = parse_number(text, &hour);
    if (text == NULL || *text != ':' || (text = parse_number(text + 1, &minute)) == NULL)
        return NULL;
    unsigned of_day = hour * 60 + minute;
    *out = (uint16_t)of_day;
    return minute < 60 && of_day <= DAY_MINUTES ? text : NULL;
}

bool schedule_parse_time(const char *text, uint16_t *from, uint16_t *to)
{
    text = parse_minute(text, from);
    if (text == NULL || *text != '-' || (text = parse_minute(text + 1, to)) == NULL)
        return false;
    return *text == 0 && *from<DAY_MINUTES && * to> 0 && *from != *to;
}

static bool has_day(uint8_t days, unsigned day)
{
    return (days >> day & 1) != 0;
}

/* Runs of days as ranges. */
void schedule_format_days(uint8_t days, char out[SCHEDULE_TEXT_SIZE])
{
    size_t used = 0;
    out[0] = 0;
    if (days == ALL_DAYS) {
        snprintf(out, SCHEDULE_TEXT_SIZE, "daily");
        return;
    }
    for (unsigned day = 0; day < DAYS; day++) {
        if (!has_day(days, day))
            continue;
        unsigned last = day;
        while (last + 1 < DAYS && has_day(days, last + 1))
            last++;
        used += (size_t)snprintf(out + used, SCHEDULE_TEXT_SIZE - used, "%s%s", used > 0 ? "," : "",
                                 names[day]);
        if (last > day)
            used += (size_t)snprintf(out + used, SCHEDULE_TEXT_SIZE - used, "%s%s",
                                     last > day + 1 ? "-" : ",", names[last]);
        day = last;
    }
}

void schedule_format_time(const struct schedule_entry *entry, char out[SCHEDULE_TEXT_SIZE])
{
    snprintf(out, SCHEDULE_TEXT_SIZE, "%02u:%02u-%02u:%02u", entry->from / 60u, entry->from % 60u,
             entry->to / 60u, entry->to % 60u);
}

/* ---- entries ---- */

enum status schedule_add(struct schedule *schedule, struct schedule_entry *entry)
{
    size_t count = schedule->count;
    if (count == SCHEDULE_MAX)
        return STATUS_TOO_BIG;
    entry->number = count > 0 ? schedule->entries[count - 1].number + 1 : 1;
    schedule->entries[schedule->count++] = *entry;
    return STATUS_OK;
}

bool schedule_remove(struct schedule *schedule, unsigned number)
{
    for (size_t i = 0; i < schedule->count; i++) {
        if (schedule->entries[i].number != number)
            continue;
        schedule->count--;
        memmove(&schedule->entries[i], &schedule->entries[i + 1],
                (schedule->count - i) * sizeof schedule->entries[0]);
        return true;
    }
    return false;
}

bool schedule_holds(const struct schedule_entry *entry, unsigned day, unsigned minute)
{
    if (entry->from < entry->to)
        return has_day(entry->days, day) && minute >= entry->from && minute < entry->to;
    unsigned yesterday = (day + DAYS - 1) % DAYS;
    return (has_day(entry->days, day) && minute >= entry->from) ||
           (has_day(entry->days, yesterday) && minute < entry->to);
}

void schedule_apply(const struct schedule *schedule, unsigned day, unsigned minute,
                    struct item_limits *limits)
{
    for (size_t i = 0; i < schedule->count; i++)
        if (schedule_holds(&schedule->entries[i], day, minute))
            item_limits_change(limits, &schedule->entries[i].limits);
}

/* ---- on disk: "number days from to down up peers", LIMIT_UNSAID as it is ---- */

void schedule_format(const struct schedule *schedule, struct buffer *out)
{
    for (size_t i = 0; i < schedule->count; i++) {
        const struct schedule_entry *entry = &schedule->entries[i];
        buffer_add_format(out, "%u %u %u %u", entry->number, entry->days, entry->from, entry->to);
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
            buffer_add_format(out, " %" PRIu64, entry->limits.of[kind]);
        buffer_add_byte(out, '\n');
    }
}

static bool parse_line(const char *line, struct schedule_entry *out)
{
    unsigned days;
    struct schedule_entry entry;
    if (sscanf(line, "%u %u %" SCNu16 " %" SCNu16 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &entry.number, &days, &entry.from, &entry.to, &entry.limits.of[LIMIT_DOWN],
               &entry.limits.of[LIMIT_UP], &entry.limits.of[LIMIT_PEERS]) != 7)
        return false;
    entry.days = (uint8_t)(days & ALL_DAYS);
    *out = entry;
    return entry.from < DAY_MINUTES && entry.to <= DAY_MINUTES;
}

void schedule_parse(struct schedule *schedule, char *text)
{
    char *rest = NULL;
    schedule->count = 0;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL && schedule->count < SCHEDULE_MAX;
         line = strtok_r(NULL, "\n", &rest))
        schedule->count += parse_line(line, &schedule->entries[schedule->count]);
}
