#include "cli/shell_command.h"
#include "cli/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct old_word old_words[] = {
    {"create_user", "user create", "NAME"},
    {"create_group", "group create", "NAME"},
    {"join_group", "group join", "G|INVITE"},
    {"leave_group", "group leave", "G"},
    {"list_groups", "group ls", ""},
    {"list_requests", "group requests", "[G]"},
    {"accept_request", "group accept", "G USER"},
    {"list_files", "group files", "G"},
    {"upload_file", "upload", "PATH G"},
    {"download_file", "download", "G FILE DIR"},
    {"show_downloads", "ls --downloads", ""},
    {"stop_share", "unshare", "G FILE"},
    {NULL, NULL, NULL},
};

const struct old_word *old_word_find(const char *name)
{
    for (const struct old_word *old = old_words; old->name != NULL; old++) {
        if (strcmp(old->name, name) == 0)
            return old;
    }
    return NULL;
}

static void *must(void *memory)
{
    if (memory == NULL)
        out_of_memory();
    return memory;
}

static void append(struct shell_command *command, char *text)
{
    command->argv = must(realloc(command->argv, (command->argc + 2) * sizeof command->argv[0]));
    command->argv[command->argc++] = must(text);
    command->argv[command->argc] = NULL;
}

/* Takes the argument at `at` out; it is the caller's. */
static char *take(struct shell_command *command, size_t at)
{
    char *taken = command->argv[at];
    command->argc--;
    memmove(command->argv + at, command->argv + at + 1,
            (command->argc - at + 1) * sizeof command->argv[0]);
    return taken;
}

static void append_words(struct shell_command *command, const char *text)
{
    for (size_t len; *text != 0; text += len + (text[len] == ' ')) {
        len = strcspn(text, " ");
        append(command, strndup(text, len));
    }
}

/* Where the words that are no flags stand; returns how many, and what they follow. */
static size_t find_words(const struct shell_command *command, size_t places_of[],
                         const struct command **out)
{
    const char *group;
    size_t count = 0;
    struct argument_place *places = must(calloc(command->argc + 1, sizeof *places));
    *out = arguments_places(command->argc, (const char *const *)command->argv, places, &group);
    for (size_t i = 0; i < command->argc; i++) {
        if (places[i].kind == ARGUMENT_WORD)
            places_of[count++] = i;
    }
    free(places);
    return count;
}

static void append_flag(struct shell_command *command, const char *flag, char *value)
{
    append(command, strdup(flag));
    append(command, value);
}

/* "got" as a folder, whether it is there or not. */
static char *as_folder(char *path)
{
    size_t len = strlen(path);
    if (len > 0 && path[len - 1] == '/')
        return path;
    path = must(realloc(path, len + 2));
    memcpy(path + len, "/", 2);
    return path;
}

/* What stands in another place than where the table wants it. */
static void rearrange(struct shell_command *command, const struct old_word *old)
{
    const struct command *known;
    size_t *at = must(calloc(command->argc + 1, sizeof *at));
    size_t count = find_words(command, at, &known);
    const char *name = known != NULL ? known->name : "";
    if (count == 2 && (strcmp(name, "login") == 0 || strcmp(name, "user create") == 0))
        command->password = take(command, at[1]);
    else if (old != NULL && strcmp(old->name, "download_file") == 0 && count == 3)
        append_flag(command, "-o", as_folder(take(command, at[2])));
    else if (old != NULL && strcmp(old->name, "stop_share") == 0 && count == 2)
        append_flag(command, "--group", take(command, at[0]));
    free(at);
}

static bool is_quit(const char *word)
{
    return strcmp(word, "quit") == 0 || strcmp(word, "exit") == 0;
}

/* Returns what the first word is in the other spelling; NULL: it is not in that. */
static const struct old_word *copy(const struct shell_line *line, size_t from, size_t count,
                                   struct shell_command *out)
{
    *out = (struct shell_command){0};
    size_t at = from, end = from + count;
    if (count > 1 && strcmp(line->words[at].text, "kadpeer") == 0)
        at++; /* pasted from elsewhere */
    const struct old_word *old = at < end ? old_word_find(line->words[at].text) : NULL;
    out->quit = at + 1 == end && is_quit(line->words[at].text);
    if (old != NULL) {
        append_words(out, old->command);
        at++;
    }
    for (; at < end; at++)
        append(out, shell_word_expand(&line->words[at]));
    return old;
}

void shell_command_keep(const struct shell_line *line, size_t from, size_t count,
                        struct shell_command *out)
{
    copy(line, from, count, out);
}

void shell_command_make(const struct shell_line *line, size_t from, size_t count,
                        struct shell_command *out)
{
    rearrange(out, copy(line, from, count, out));
}

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

void shell_command_dispose(struct shell_command *command)
{
    for (size_t i = 0; i < command->argc; i++)
        wipe(command->argv[i]);
    free(command->argv);
    wipe(command->password);
    *command = (struct shell_command){0};
}
