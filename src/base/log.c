#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_OVERRIDES_MAX 16   /* subsystems with a level of their own */
#define LOG_LINE_MAX      2048 /* bytes; longer messages are cut */

struct override {
    char subsystem[LOG_SUBSYSTEM_MAX];
    enum log_level level;
};

/* The one process-wide state: a log is where everything meets, and it is no part of any core. */
static struct {
    enum log_level level;
    struct override overrides[LOG_OVERRIDES_MAX];
    unsigned override_count;
    int fd;
    bool without_time;
} the_log = {.level = LOG_INFO, .fd = STDERR_FILENO};

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_level_from_name(const char *name, enum log_level *out)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool parse_override(char *item, struct override *out)
{
    char *equals = strchr(item, '=');
    size_t len = (size_t)(equals - item);
    if (len == 0 || len >= sizeof out->subsystem)
        return false;
    memcpy(out->subsystem, item, len);
    out->subsystem[len] = 0;
    return log_level_from_name(equals + 1, &out->level);
}

bool log_set_levels(const char *spec)
{
    char copy[512];
    if (strlen(spec) >= sizeof copy)
        return false;
    strcpy(copy, spec);
    enum log_level level = LOG_INFO;
    struct override overrides[LOG_OVERRIDES_MAX];
    unsigned count = 0;
    char *rest = copy;
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        if (strchr(item, '=') == NULL) {
            if (!log_level_from_name(item, &level))
                return false;
        } else if (count == LOG_OVERRIDES_MAX || !parse_override(item, &overrides[count++])) {
            return false;
        }
    }
    the_log.level = level;
    memcpy(the_log.overrides, overrides, sizeof overrides[0] * count);
    the_log.override_count = count;
    return true;
}

bool log_open(const char *path)
{
    int fd = STDERR_FILENO;
    if (path != NULL) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
            return false;
    }
    if (the_log.fd != STDERR_FILENO)
        close(the_log.fd);
    the_log.fd = fd;
    return true;
}

void log_with_time(bool yes)
{
    the_log.without_time = !yes;
}

bool log_enabled(const char *subsystem, enum log_level level)
{
    for (unsigned i = 0; i < the_log.override_count; i++) {
        if (strcmp(the_log.overrides[i].subsystem, subsystem) == 0)
            return level <= the_log.overrides[i].level;
    }
    return level <= the_log.level;
}

static size_t write_prefix(char *line, size_t size, const char *subsystem, enum log_level level)
{
    char when[40] = "";
    if (!the_log.without_time) {
        struct timespec now;
        struct tm tm;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        size_t len = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(when + len, sizeof when - len, ".%03ldZ ", now.tv_nsec / 1000000);
    }
    int len = snprintf(line, size, "%s%-5s %s: ", when, log_level_name(level), subsystem);
    return len < 0 ? 0 : (size_t)len;
}

/* A log that cannot be written has nowhere to say so. */
static void write_whole(const char *line, size_t len)
{
    ssize_t written;
    for (; len > 0 && (written = write(the_log.fd, line, len)) > 0; len -= (size_t)written)
        line += written;
}

void log_write(const char *subsystem, enum log_level level, const char *format, ...)
{
    if (!log_enabled(subsystem, level))
        return;
    char line[LOG_LINE_MAX];
    size_t start = write_prefix(line, sizeof line, subsystem, level);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line + start, sizeof line - start, format, args);
    va_end(args);
    if (len < 0)
        return;
    size_t end = start + (size_t)len;
    if (end > sizeof line - 1)
        end = sizeof line - 1;
    for (size_t i = start; i < end; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    line[end++] = '\n';
    write_whole(line, end);
}
