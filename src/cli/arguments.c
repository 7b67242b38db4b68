#include "cli/arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/suggest.h"
#include "cli/memory.h"

struct parsing {
    size_t argc;
    const char *const *argv;
    size_t at;
    struct arguments *out;
    struct usage_error *error;
    bool flags_ended;
    struct argument_place *places; /* NULL: not wanted */
};

static void mark(struct parsing *parsing, enum argument_kind kind, const struct flag *flag)
{
    if (parsing->places != NULL)
        parsing->places[parsing->at] = (struct argument_place){kind, flag};
}

static enum status refuse(struct parsing *parsing, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum status refuse(struct parsing *parsing, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(parsing->error->message, USAGE_ERROR_SIZE, format, args);
    va_end(args);
    snprintf(parsing->error->hint, USAGE_ERROR_SIZE, "%s", hint);
    return STATUS_REFUSED;
}

/* "kadpeer get -h", or without a command "kadpeer help". */
static const char *help_hint(const struct parsing *parsing, char out[USAGE_ERROR_SIZE])
{
    const struct command *command = parsing->out->command;
    snprintf(out, USAGE_ERROR_SIZE, "kadpeer %s%s", command != NULL ? command->name : "help",
             command != NULL ? " -h" : "");
    return out;
}

static const struct flag *find_in(const struct flag *flags, const char *name, size_t len,
                                  char letter)
{
    for (const struct flag *flag = flags; flag != NULL && flag->name != NULL; flag++) {
        if (letter != 0 ? flag->letter == letter
                        : strlen(flag->name) == len && memcmp(flag->name, name, len) == 0)
            return flag;
    }
    return NULL;
}

/* A command's own flags come before the global ones. */
static const struct flag *find_flag(const struct parsing *parsing, const char *name, size_t len,
                                    char letter)
{
    const struct command *command = parsing->out->command;
    const struct flag *flag = NULL;
    if (command != NULL)
        flag = find_in(command->flags, name, len, letter);
    return flag != NULL ? flag : find_in(global_flags, name, len, letter);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = choices; len > 0 && at != NULL; at = strchr(at, '|')) {
        at += at[0] == '|';
        if (strncmp(at, text, len) == 0 && (at[len] == '|' || at[len] == 0))
            return true;
    }
    return false;
}

static bool read_value(struct given *given)
{
    uint64_t bytes;
    char *end;
    switch (given->flag->type) {
    case FLAG_SIZE:
        if (!config_parse_size(given->text, &bytes))
            return false;
        given->number = (double)bytes;
        return true;
    case FLAG_DURATION:
        return config_parse_duration(given->text, &given->number);
    case FLAG_RATIO:
        return config_parse_ratio(given->text, &given->number);
    case FLAG_NUMBER:
        if (given->text[0] == 0 || strspn(given->text, "0123456789") != strlen(given->text) ||
            strlen(given->text) > 15)
            return false;
        given->number = (double)strtoll(given->text, &end, 10);
        return true;
    case FLAG_CHOICE:
        return is_choice(given->flag->value, given->text);
    case FLAG_SWITCH:
    case FLAG_TEXT:
    case FLAG_PATH:
    case FLAG_ADDRESS:
        break;
    }
    return true;
}

static const char *wanted_of(const struct flag *flag)
{
    switch (flag->type) {
    case FLAG_SIZE:
        return "a size like 1.5M, 200K or 4096";
    case FLAG_DURATION:
        return "a time like 90s, 15m, 2h or 7d";
    case FLAG_RATIO:
        return "a number like 1.5";
    case FLAG_NUMBER:
        return "a whole number";
    default:
        return flag->value;
    }
}

static enum status add_flag(struct parsing *parsing, const struct flag *flag, const char *text)
{
    char hint[USAGE_ERROR_SIZE];
    struct given *given = &parsing->out->given[parsing->out->given_count];
    *given = (struct given){.flag = flag, .text = text};
    if (!read_value(given))
        return refuse(parsing, help_hint(parsing, hint), "--%s %.80s: %s is wanted", flag->name,
                      text, wanted_of(flag));
    parsing->out->given_count++;
    return STATUS_OK;
}

/* The value behind "=" or in the next argument. */
static enum status take_value(struct parsing *parsing, const struct flag *flag,
                              const char *attached)
{
    char hint[USAGE_ERROR_SIZE];
    if (attached != NULL)
        return add_flag(parsing, flag, attached);
    if (parsing->at + 1 >= parsing->argc)
        return refuse(parsing, help_hint(parsing, hint), "--%s wants a value: %s", flag->name,
                      flag->value);
    parsing->at++;
    mark(parsing, ARGUMENT_VALUE, flag);
    return add_flag(parsing, flag, parsing->argv[parsing->at]);
}

static enum status unknown_flag(struct parsing *parsing, const char *name, size_t len)
{
    char word[64], hint[USAGE_ERROR_SIZE];
    snprintf(word, sizeof word, "%.*s", (int)len, name);
    struct suggestion nearest = suggestion_for(word);
    const struct command *command = parsing->out->command;
    for (const struct flag *flag = command != NULL ? command->flags : NULL;
         flag != NULL && flag->name != NULL; flag++)
        suggestion_try(&nearest, flag->name);
    for (const struct flag *flag = global_flags; flag->name != NULL; flag++)
        suggestion_try(&nearest, flag->name);
    if (nearest.best != NULL)
        snprintf(hint, sizeof hint, "did you mean --%s?", nearest.best);
    else
        help_hint(parsing, hint);
    return refuse(parsing, hint, "%s%sthere is no flag --%s", command != NULL ? command->name : "",
                  command != NULL ? ": " : "", word);
}

static enum status take_long(struct parsing *parsing, const char *name)
{
    char hint[USAGE_ERROR_SIZE];
    size_t len = strcspn(name, "=");
    const char *attached = name[len] == '=' ? name + len + 1 : NULL;
    const struct flag *flag = find_flag(parsing, name, len, 0);
    if (flag == NULL)
        return unknown_flag(parsing, name, len);
    if (flag->type != FLAG_SWITCH)
        return take_value(parsing, flag, attached);
    if (attached != NULL)
        return refuse(parsing, help_hint(parsing, hint), "--%s takes no value", flag->name);
    return add_flag(parsing, flag, "");
}

/* "-vv", "-dq", "-o DIR", "-oDIR". */
static enum status take_letters(struct parsing *parsing, const char *letters)
{
    char hint[USAGE_ERROR_SIZE];
    enum status status = STATUS_OK;
    for (; *letters != 0 && status == STATUS_OK; letters++) {
        const struct flag *flag = find_flag(parsing, NULL, 0, *letters);
        if (flag == NULL)
            return refuse(parsing, help_hint(parsing, hint), "there is no flag -%c", *letters);
        if (flag->type != FLAG_SWITCH)
            return take_value(parsing, flag, letters[1] != 0 ? letters + 1 : NULL);
        status = add_flag(parsing, flag, "");
    }
    return status;
}

static enum status unknown_command(struct parsing *parsing, const char *name)
{
    char hint[USAGE_ERROR_SIZE];
    const char *nearest = command_nearest(name);
    if (nearest != NULL)
        snprintf(hint, sizeof hint, "did you mean: kadpeer %s", nearest);
    else
        snprintf(hint, sizeof hint, "kadpeer help");
    return refuse(parsing, hint, "there is no command \"%.80s\"", name);
}

static enum status take_command(struct parsing *parsing, const char *word)
{
    struct arguments *out = parsing->out;
    char name[128];
    if (out->group != NULL) {
        snprintf(name, sizeof name, "%s %.80s", out->group, word);
        out->command = command_find(name);
        return out->command != NULL ? STATUS_OK : unknown_command(parsing, name);
    }
    const struct alias *alias = alias_find(word);
    out->command = command_find(alias != NULL ? alias->command : word);
    if (alias != NULL && alias->flag != NULL)
        return add_flag(parsing, find_in(out->command->flags, alias->flag, strlen(alias->flag), 0),
                        "");
    if (out->command != NULL)
        return STATUS_OK;
    if (!command_is_group(word))
        return unknown_command(parsing, word);
    out->group = word;
    return STATUS_OK;
}

static enum status take_argument(struct parsing *parsing, const char *text)
{
    if (!parsing->flags_ended && text[0] == '-' && text[1] != 0) {
        if (strcmp(text, "--") == 0) {
            parsing->flags_ended = true;
            return STATUS_OK;
        }
        mark(parsing, ARGUMENT_FLAG, NULL);
        return text[1] == '-' ? take_long(parsing, text + 2) : take_letters(parsing, text + 1);
    }
    mark(parsing, parsing->out->command == NULL ? ARGUMENT_COMMAND : ARGUMENT_WORD, NULL);
    if (parsing->out->command == NULL)
        return take_command(parsing, text);
    parsing->out->words[parsing->out->word_count++] = text;
    return STATUS_OK;
}

static enum status check_words(struct parsing *parsing)
{
    const struct arguments *out = parsing->out;
    const struct command *command = out->command;
    char hint[USAGE_ERROR_SIZE];
    if (command == NULL || arguments_has(out, "help") || arguments_has(out, "version"))
        return STATUS_OK;
    if (out->word_count < command->least)
        return refuse(parsing, help_hint(parsing, hint), "%s wants %s", command->name,
                      command->words);
    if (out->word_count > command->most)
        return refuse(parsing, help_hint(parsing, hint), "%s takes no \"%.80s\"", command->name,
                      out->words[command->most]);
    return STATUS_OK;
}

/* Most flags that can come of these arguments: each letter could be one. */
static size_t most_flags(size_t argc, const char *const argv[])
{
    size_t most = 1;
    for (size_t i = 0; i < argc; i++)
        most += 1 + strlen(argv[i]);
    return most;
}

static enum status take_all(struct parsing *parsing)
{
    struct arguments *out = parsing->out;
    *parsing->error = (struct usage_error){0};
    *out = (struct arguments){
        .words = calloc(parsing->argc + 1, sizeof out->words[0]),
        .given = calloc(most_flags(parsing->argc, parsing->argv), sizeof out->given[0]),
    };
    if (out->words == NULL || out->given == NULL)
        out_of_memory();
    for (; parsing->at < parsing->argc; parsing->at++) {
        enum status status = take_argument(parsing, parsing->argv[parsing->at]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status arguments_parse(size_t argc, const char *const argv[], struct arguments *out,
                            struct usage_error *error)
{
    struct parsing parsing = {.argc = argc, .argv = argv, .out = out, .error = error};
    enum status status = take_all(&parsing);
    return status == STATUS_OK ? check_words(&parsing) : status;
}

const struct command *arguments_places(size_t argc, const char *const argv[],
                                       struct argument_place places[], const char **group)
{
    struct arguments arguments;
    struct usage_error error;
    struct parsing parsing = {
        .argc = argc, .argv = argv, .out = &arguments, .error = &error, .places = places};
    for (size_t i = 0; i < argc; i++)
        places[i] = (struct argument_place){ARGUMENT_UNKNOWN, NULL};
    take_all(&parsing);
    const struct command *command = arguments.command;
    *group = arguments.group;
    arguments_dispose(&arguments);
    return command;
}

void arguments_dispose(struct arguments *arguments)
{
    free(arguments->words);
    free(arguments->given);
}

static const struct given *last_given(const struct arguments *arguments, const char *flag)
{
    for (size_t i = arguments->given_count; i-- > 0;) {
        if (strcmp(arguments->given[i].flag->name, flag) == 0)
            return &arguments->given[i];
    }
    return NULL;
}

bool arguments_has(const struct arguments *arguments, const char *flag)
{
    return last_given(arguments, flag) != NULL;
}

size_t arguments_count(const struct arguments *arguments, const char *flag)
{
    return arguments_texts(arguments, flag, NULL, 0);
}

const char *arguments_text(const struct arguments *arguments, const char *flag,
                           const char *otherwise)
{
    const struct given *given = last_given(arguments, flag);
    return given != NULL ? given->text : otherwise;
}

double arguments_number(const struct arguments *arguments, const char *flag, double otherwise)
{
    const struct given *given = last_given(arguments, flag);
    return given != NULL ? given->number : otherwise;
}

size_t arguments_texts(const struct arguments *arguments, const char *flag, const char *out[],
                       size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].flag->name, flag) != 0)
            continue;
        if (count < cap)
            out[count] = arguments->given[i].text;
        count++;
    }
    return count;
}
