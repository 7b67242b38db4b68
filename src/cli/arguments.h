/* What was typed, checked against the command table. Flags may stand anywhere; "--" ends them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"
#include "kadpeer/status.h"

#define USAGE_ERROR_SIZE 256

struct given {
    const struct flag *flag;
    const char *text; /* of a switch: "" */
    double number;    /* NUMBER; SIZE: bytes; DURATION: seconds; RATIO */
};

struct arguments {
    const struct command *command; /* NULL: none was named */
    const char *group;             /* "torrent" alone, where "torrent create" is meant; else NULL */
    const char **words;            /* borrowed from argv, NULL at the end */
    size_t word_count;
    struct given *given;
    size_t given_count;
};

struct usage_error {
    char message[USAGE_ERROR_SIZE];
    char hint[USAGE_ERROR_SIZE]; /* empty: none */
};

/* `argv` without the program's name. REFUSED, with *error: wrong usage. Whatever it returns,
 * dispose of *out. --help and --version keep a wrong number of words from being an error. */
enum status arguments_parse(size_t argc, const char *const argv[], struct arguments *out,
                            struct usage_error *error);
/* What each of them is, as far as it can be told: for completion, and for what has another order.
 */
enum argument_kind {
    ARGUMENT_UNKNOWN, /* behind something wrong */
    ARGUMENT_COMMAND,
    ARGUMENT_FLAG,
    ARGUMENT_VALUE, /* of `flag` */
    ARGUMENT_WORD,
};
struct argument_place {
    enum argument_kind kind;
    const struct flag *flag;
};
/* `places` has `argc` of them. Returns the command, NULL: none, and then perhaps *group of
 * commands. */
const struct command *arguments_places(size_t argc, const char *const argv[],
                                       struct argument_place places[], const char **group);
void arguments_dispose(struct arguments *arguments);

bool arguments_has(const struct arguments *arguments, const char *flag);
size_t arguments_count(const struct arguments *arguments, const char *flag); /* "-vv" is 2 */
/* The last one given counts. */
const char *arguments_text(const struct arguments *arguments, const char *flag,
                           const char *otherwise);
double arguments_number(const struct arguments *arguments, const char *flag, double otherwise);
/* Every value of a flag that may come many times: up to `cap`; returns how many. */
size_t arguments_texts(const struct arguments *arguments, const char *flag, const char *out[],
                       size_t cap);
