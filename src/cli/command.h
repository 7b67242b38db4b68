/* The one table of what can be typed. From it come parsing, help and suggestions; the manual and
 * completions can come from it too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cli;
struct arguments;

enum flag_type {
    FLAG_SWITCH, /* no value */
    FLAG_TEXT,
    FLAG_PATH,
    FLAG_ADDRESS,
    FLAG_NUMBER,
    FLAG_SIZE,
    FLAG_DURATION,
    FLAG_RATIO,
    FLAG_CHOICE, /* `value` holds the choices: "auto|bar|lines|none" */
};

struct flag {
    const char *name; /* without "--"; NULL ends a list */
    char letter;      /* 0: none */
    enum flag_type type;
    const char *value; /* how the value is called: "DIR|FILE" */
    const char *about; /* NULL: not shown */
};
extern const struct flag global_flags[];

#define WORDS_ANY 1000000u

struct command {
    const char *name;     /* "get", "torrent create"; NULL ends the table */
    const char *section;  /* heading in the overview */
    const char *words;    /* "LINK|HASH..." */
    unsigned least, most; /* how many of them */
    const char *summary;  /* one line */
    const struct flag *flags;
    const char *detail; /* `help CMD`: paragraphs of at most 80 columns; NULL: none */
    int (*run)(struct cli *cli, const struct arguments *arguments);
};
extern const struct command commands[];

struct alias {
    const char *name;
    const char *command;
    const char *flag; /* given with it; NULL: none */
};
extern const struct alias aliases[];

const struct command *command_find(const char *name);
const struct alias *alias_find(const char *name);
/* Is it the first word of commands of two words: "torrent", "node". */
bool command_is_group(const char *word);
const char *command_nearest(const char *word); /* NULL: none near */
