#include "cli/shell_complete.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/paths.h"
#include "cli/memory.h"
#include "cli/shell_command.h"

void shell_names_add(struct shell_names *names, const char *name)
{
    if (names->count >= SHELL_NAMES_MAX)
        return;
    names->items = realloc(names->items, (names->count + 1) * sizeof names->items[0]);
    if (names->items == NULL || (names->items[names->count] = strdup(name)) == NULL)
        out_of_memory();
    names->count++;
}

void shell_names_dispose(struct shell_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct shell_names){0};
}

/* ---- what kind of word is wanted ---- */

struct wish {
    enum shell_kind kind;
    const char *group;       /* that was named before it */
    const struct flag *flag; /* whose choices */
};

struct context {
    const struct shell_line *line;
    const char **argv; /* of the command at the cursor, whose word is the last one */
    struct argument_place *places;
    size_t argc;
    const struct command *command;
    const struct old_word *old;
    const char *group_of_commands; /* "torrent", without what follows */
};

static const struct {
    const char *word;
    enum shell_kind kind;
} placeholders[] = {
    {"PATH", SHELL_PATHS},       {"F", SHELL_PATHS},          {"DIR", SHELL_PATHS},
    {"LINK", SHELL_PATHS},       {"ID", SHELL_TRANSFERS},     {"G", SHELL_GROUPS},
    {"USER", SHELL_MEMBERS},     {"FILE", SHELL_GROUP_FILES}, {"NAME", SHELL_USERS},
    {"COMMAND", SHELL_COMMANDS},
};

/* The placeholder of word number `at`: of "G FILE..." the last one stands for all that follow. */
static bool placeholder_at(const char *words, size_t at, char out[32])
{
    const char *last = NULL;
    size_t last_len = 0;
    for (size_t len; *words != 0; words += len + (words[len] == ' ')) {
        len = strcspn(words, " ");
        last = words;
        last_len = len;
        if (at-- == 0)
            break;
    }
    bool repeats = last != NULL && memmem(last, last_len, "...", 3) != NULL;
    if (last == NULL || (at != (size_t)-1 && !repeats))
        return false;
    last += last[0] == '[';
    snprintf(out, 32, "%.*s", (int)strcspn(last, "|.] "), last);
    return true;
}

static const char *words_of(const struct context *context)
{
    return context->old != NULL       ? context->old->words
           : context->command != NULL ? context->command->words
                                      : "";
}

/* The n-th word before the one at the cursor; NULL: there is none. */
static const char *word_at(const struct context *context, size_t n)
{
    for (size_t i = 0; i + 1 < context->argc; i++) {
        if (context->places[i].kind == ARGUMENT_WORD && n-- == 0)
            return context->argv[i];
    }
    return NULL;
}

static const char *group_before(const struct context *context)
{
    char name[32];
    for (size_t i = 0; placeholder_at(words_of(context), i, name) && i < 4; i++) {
        if (strcmp(name, "G") == 0)
            return word_at(context, i);
    }
    return NULL;
}

static const char *flag_group(const struct context *context)
{
    for (size_t i = 0; i + 1 < context->argc; i++) {
        if (context->places[i].kind == ARGUMENT_VALUE && context->places[i].flag != NULL &&
            strcmp(context->places[i].flag->name, "group") == 0)
            return context->argv[i];
    }
    return NULL;
}

static struct wish wish_of_word(const struct context *context)
{
    struct wish wish = {.group = group_before(context)};
    const char *name = context->command->name;
    char placeholder[32];
    size_t at = 0;
    while (word_at(context, at) != NULL)
        at++;
    if (!placeholder_at(words_of(context), at, placeholder))
        return wish;
    for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++) {
        if (strcmp(placeholders[i].word, placeholder) == 0)
            wish.kind = placeholders[i].kind;
    }
    if (wish.kind == SHELL_USERS && strcmp(name, "login") != 0 && strcmp(name, "user passwd") != 0)
        wish.kind = SHELL_NOTHING; /* a new name */
    if (wish.kind == SHELL_MEMBERS && strcmp(name, "group remove") != 0)
        wish.kind = SHELL_APPLICANTS;
    if (wish.kind == SHELL_TRANSFERS && (wish.group = flag_group(context)) != NULL)
        wish.kind = SHELL_GROUP_FILES;
    return wish;
}

static struct wish wish_of_value(const struct context *context, const struct flag *flag)
{
    struct wish wish = {.flag = flag, .group = group_before(context)};
    if (flag->type == FLAG_PATH)
        wish.kind = SHELL_PATHS;
    else if (flag->type == FLAG_CHOICE)
        wish.kind = SHELL_CHOICES;
    else if (strcmp(flag->name, "group") == 0)
        wish.kind = SHELL_GROUPS;
    else if (strcmp(flag->name, "transfer") == 0)
        wish.kind = SHELL_MEMBERS;
    else if (strcmp(flag->name, "user") == 0)
        wish.kind = SHELL_USERS;
    return wish;
}

/* ---- candidates ---- */

static void add_if(struct shell_names *out, const char *prefix, const char *name)
{
    if (strncmp(name, prefix, strlen(prefix)) == 0)
        shell_names_add(out, name);
}

/* First words; or what may follow one that has several: "group" -> "create". */
static void add_commands(struct shell_names *out, const char *prefix, const char *group)
{
    size_t group_len = group != NULL ? strlen(group) : 0;
    for (const struct command *command = commands; command->name != NULL; command++) {
        char word[32];
        bool inside = group != NULL && strncmp(command->name, group, group_len) == 0 &&
                      command->name[group_len] == ' ';
        if (group != NULL && !inside)
            continue;
        snprintf(word, sizeof word, "%s", command->name + (inside ? group_len + 1 : 0));
        word[strcspn(word, " ")] = 0;
        if (strcmp(word, "shell") != 0)
            add_if(out, prefix, word);
    }
    if (group != NULL)
        return;
    for (const struct alias *alias = aliases; alias->name != NULL; alias++)
        add_if(out, prefix, alias->name);
    for (const struct old_word *old = old_words; old->name != NULL; old++)
        add_if(out, prefix, old->name);
    add_if(out, prefix, "quit");
}

static void add_flags(struct shell_names *out, const char *prefix, const struct flag *flags)
{
    for (const struct flag *flag = flags; flag != NULL && flag->name != NULL; flag++) {
        char text[64];
        snprintf(text, sizeof text, "--%s", flag->name);
        if (flag->about != NULL)
            add_if(out, prefix, text);
    }
}

static void add_choices(struct shell_names *out, const char *prefix, const char *choices)
{
    for (size_t len; *choices != 0; choices += len + (choices[len] == '|')) {
        char text[64];
        len = strcspn(choices, "|");
        snprintf(text, sizeof text, "%.*s", (int)len, choices);
        add_if(out, prefix, text);
    }
}

static bool is_folder(const char *folder, const struct dirent *entry)
{
    char path[PATHS_SIZE];
    struct stat info;
    return entry->d_type == DT_DIR || (paths_join(path, folder, entry->d_name) &&
                                       stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* As typed: "~/no" gives "~/notes.pdf". Folders end in '/'; hidden ones want their dot. */
static void add_paths(struct shell_names *out, const char *prefix, bool tilde)
{
    char folder[PATHS_SIZE], candidate[2 * PATHS_SIZE];
    const char *slash = strrchr(prefix, '/');
    const char *name = slash != NULL ? slash + 1 : prefix;
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - prefix) + 1, prefix);
    char expanded[PATHS_SIZE];
    if (tilde && paths_expand(folder, expanded))
        snprintf(folder, sizeof folder, "%s", expanded);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (dots || (entry->d_name[0] == '.' && name[0] != '.') ||
            strncmp(entry->d_name, name, strlen(name)) != 0)
            continue;
        snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)(name - prefix), prefix,
                 entry->d_name, is_folder(folder, entry) ? "/" : "");
        shell_names_add(out, candidate);
    }
    if (dir != NULL)
        closedir(dir);
}

static void add_named(struct shell_names *out, const char *prefix, const struct wish *wish,
                      const struct shell_source *source)
{
    struct shell_names names = {0};
    if (source->names != NULL)
        source->names(source->user, wish->kind, wish->group, &names);
    for (size_t i = 0; i < names.count; i++)
        add_if(out, prefix, names.items[i]);
    shell_names_dispose(&names);
}

static void add_wished(struct shell_names *out, const char *prefix, bool tilde,
                       const struct wish *wish, const struct shell_source *source)
{
    switch (wish->kind) {
    case SHELL_NOTHING:
        break;
    case SHELL_PATHS:
        add_paths(out, prefix, tilde);
        break;
    case SHELL_CHOICES:
        add_choices(out, prefix, wish->flag->value);
        break;
    case SHELL_COMMANDS:
        add_commands(out, prefix, NULL);
        break;
    case SHELL_TRANSFERS:
    case SHELL_GROUPS:
    case SHELL_MEMBERS:
    case SHELL_APPLICANTS:
    case SHELL_GROUP_FILES:
    case SHELL_USERS:
        add_named(out, prefix, wish, source);
        break;
    }
}

static void add_candidates(const struct context *context, const char *prefix, bool tilde,
                           const struct shell_source *source, struct shell_names *out)
{
    const struct argument_place *place = &context->places[context->argc - 1];
    struct wish wish = {0};
    if (prefix[0] == '-' && place->kind != ARGUMENT_VALUE) {
        add_flags(out, prefix, context->command != NULL ? context->command->flags : NULL);
        add_flags(out, prefix, global_flags);
    } else if (place->kind == ARGUMENT_COMMAND) {
        add_commands(out, prefix, context->group_of_commands);
    } else if (place->kind == ARGUMENT_VALUE) {
        wish = wish_of_value(context, place->flag);
    } else if (context->command != NULL) {
        wish = wish_of_word(context);
    }
    add_wished(out, prefix, tilde, &wish, source);
}

/* ---- what the word becomes ---- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct shell_names *names)
{
    size_t kept = 0;
    if (names->count > 0)
        qsort(names->items, names->count, sizeof names->items[0], compare);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->items[kept - 1], names->items[i]) == 0)
            free(names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
}

/* What all begin with, whole characters. */
static size_t common_len(const struct shell_names *names)
{
    size_t len = strlen(names->items[0]);
    for (size_t i = 1; i < names->count; i++) {
        size_t same = 0;
        while (same < len && names->items[i][same] == names->items[0][same])
            same++;
        len = same;
    }
    while (len > 0 && ((uint8_t)names->items[0][len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void write_text(struct shell_completion *out, char quote, bool tilde)
{
    char *common = strndup(out->choices.items[0], common_len(&out->choices));
    if (common == NULL)
        out_of_memory();
    size_t len = strlen(common);
    bool whole = out->choices.count == 1 && (len == 0 || common[len - 1] != '/');
    if (quote != 0)
        buffer_add_byte(&out->text, (uint8_t)quote);
    if (tilde && common[0] == '~')
        buffer_add_byte(&out->text, '~');
    shell_escape(common + (tilde && common[0] == '~'), quote, &out->text);
    if (whole && quote != 0)
        buffer_add_byte(&out->text, (uint8_t)quote);
    if (whole)
        buffer_add_byte(&out->text, ' ');
    buffer_add_byte(&out->text, 0);
    free(common);
}

/* The command at the line's end as the parser would see it, with the word at the cursor last. */
static void make_context(const struct shell_line *line, const char *word, struct context *out,
                         struct shell_command *made)
{
    size_t from = 0, to = line->count - (line->blank ? 0 : 1);
    while (from < to && line->words[from].command != line->command)
        from++;
    out->old = from < to ? old_word_find(line->words[from].text) : NULL;
    *made = (struct shell_command){0};
    if (from < to)
        shell_command_keep(line, from, to - from, made);
    out->argc = made->argc + 1;
    out->argv = calloc(out->argc + 1, sizeof out->argv[0]);
    out->places = calloc(out->argc, sizeof out->places[0]);
    if (out->argv == NULL || out->places == NULL)
        out_of_memory();
    for (size_t i = 0; i < made->argc; i++)
        out->argv[i] = made->argv[i];
    out->argv[made->argc] = word[0] == '-' ? "" : word; /* may become any flag */
    out->command = arguments_places(out->argc, out->argv, out->places, &out->group_of_commands);
}

/* "tor" is no command and "torrent" is one of several: what is before the cursor has to be known
 * without it. */
static void find_command(struct context *context)
{
    struct argument_place *places = calloc(context->argc, sizeof *places);
    if (places == NULL)
        out_of_memory();
    context->command =
        arguments_places(context->argc - 1, context->argv, places, &context->group_of_commands);
    free(places);
}

void shell_complete(const char *text, size_t len, const struct shell_source *source,
                    struct shell_completion *out)
{
    struct shell_line line;
    struct context context = {0};
    struct shell_command made;
    *out = (struct shell_completion){.start = len};
    buffer_init(&out->text);
    shell_line_split(text, len, &line);
    if (!line.comment) {
        const struct shell_word *word = line.blank ? NULL : &line.words[line.count - 1];
        const char *prefix = word != NULL ? word->text : "";
        bool tilde = word != NULL && (word->tilde || strcmp(prefix, "~") == 0);
        context.line = &line;
        make_context(&line, prefix, &context, &made);
        find_command(&context);
        out->start = word != NULL ? word->start : len;
        add_candidates(&context, prefix, tilde, source, &out->choices);
        sort(&out->choices);
        if (out->choices.count > 0)
            write_text(out, line.open_quote, tilde);
        free(context.argv);
        free(context.places);
        shell_command_dispose(&made);
    }
    shell_line_dispose(&line);
}

void shell_completion_dispose(struct shell_completion *completion)
{
    shell_names_dispose(&completion->choices);
    buffer_dispose(&completion->text);
}
