/* Settings: defaults, then config.ini, then environment, then flags; each value knows where it came
 * from. Keys are "section.name", all of them in one table: cli-design section 6. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

#define CONFIG_LINE_MAX   1000      /* bytes; longer lines are refused, not cut */
#define CONFIG_FILE_MAX   (1 << 20) /* bytes of a whole file */
#define CONFIG_LIST_MAX   1000      /* values of one list */
#define CONFIG_ERROR_SIZE 256

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_FLAG };
enum config_type {
    CONFIG_TEXT,
    CONFIG_NUMBER,
    CONFIG_BOOL,
    CONFIG_SIZE,
    CONFIG_DURATION,
    CONFIG_RATIO,
    CONFIG_LEVELS, /* a text: what log_set_levels takes */
    CONFIG_LIST
};

struct config_key {
    const char *name; /* "network.port" */
    enum config_type type;
    const char *fallback; /* the default, as text */
    const char *about;    /* one line for `config ls` and the manual */
    int64_t least, most;  /* of NUMBER, SIZE and DURATION */
};
extern const struct config_key config_keys[];
extern const size_t config_key_count;
const struct config_key *config_find_key(const char *name);
const char *config_nearest_key(const char *name); /* for "did you mean"; NULL: none near */

struct config;
struct config *config_new(void); /* all defaults */
void config_free(struct config *config);

/* A missing file is no error. MALFORMED: `error` says "FILE line N: unknown key …, did you mean …";
 * IO, PERMISSION, TOO_BIG: `error` names the file and why. */
enum status config_load(struct config *config, const char *path, char error[CONFIG_ERROR_SIZE]);
/* The same for a text in memory; `path` is for the messages alone. All or nothing. */
enum status config_load_text(struct config *config, const char *path, struct bytes text,
                             char error[CONFIG_ERROR_SIZE]);
/* KADPEER_PORT, KADPEER_LOG and the like. */
enum status config_load_environment(struct config *config, char error[CONFIG_ERROR_SIZE]);
/* Checks the value's type. For a CONFIG_LIST key: adds one more. */
enum status config_set(struct config *config, const char *name, const char *value,
                       enum config_source source, char error[CONFIG_ERROR_SIZE]);

const char *config_text(const struct config *config, const char *name);
int64_t config_number(const struct config *config,
                      const char *name); /* NUMBER, SIZE (bytes), DURATION (s) */
bool config_bool(const struct config *config, const char *name);
double config_ratio(const struct config *config, const char *name);
size_t config_list(const struct config *config, const char *name,
                   const char *const **out); /* borrowed */
enum config_source config_source_of(const struct config *config, const char *name);

/* "1.5M" = 1.5 MiB, bare number = bytes; "90s" "15m" "2h" "7d", bare number = seconds. */
bool config_parse_size(const char *text, uint64_t *bytes);
bool config_parse_duration(const char *text, double *seconds);
bool config_parse_ratio(const char *text, double *ratio); /* "2", "1.5" */
