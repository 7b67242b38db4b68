/* The log: levels, one level per subsystem, a line per message to stderr or a file.
 * The cores (dht, swarm) do not log; they report events and the daemon logs them. */
#pragma once

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

#define LOG_SUBSYSTEM_MAX 16 /* bytes of a subsystem's name, with the final zero */

/* "info" or "info,dht=debug,engine=trace"; false and nothing changed when it cannot be read. */
bool log_set_levels(const char *spec);
bool log_level_from_name(const char *name, enum log_level *out);
const char *log_level_name(enum log_level level);

/* Appends to `path` from now on (created 0600), or to stderr for NULL. False: see errno. */
bool log_open(const char *path);
void log_with_time(bool yes); /* off under systemd, whose journal has times of its own */

bool log_enabled(const char *subsystem, enum log_level level);

/* Control characters in the text are written as '?': it may come from strangers. */
void log_write(const char *subsystem, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(subsystem, ...) log_write(subsystem, LOG_ERROR, __VA_ARGS__)
#define log_warn(subsystem, ...)  log_write(subsystem, LOG_WARN, __VA_ARGS__)
#define log_info(subsystem, ...)  log_write(subsystem, LOG_INFO, __VA_ARGS__)
#define log_debug(subsystem, ...)                                                                  \
    do {                                                                                           \
        if (log_enabled(subsystem, LOG_DEBUG))                                                     \
            log_write(subsystem, LOG_DEBUG, __VA_ARGS__);                                          \
    } while (0)
