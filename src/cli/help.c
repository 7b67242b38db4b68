#include "cli/help.h"

#include <ctype.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"

#define LINE_CELLS      78
#define FLAG_COLUMN     26
#define NAMES_COLUMN    12
#define GROUP_COLUMN    30
#define VALUE_NAME_SIZE 34

static const struct command *first_of_section(const struct command *command)
{
    const struct command *first = commands;
    while (strcmp(first->section, command->section) != 0)
        first++;
    return first;
}

/* "torrent create" and its like appear once, as "torrent". */
static void overview_name(const struct command *command, char out[32])
{
    size_t len = strcspn(command->name, " ");
    snprintf(out, 32, "%.*s", (int)len, command->name);
}

static bool same_group_before(const struct command *command)
{
    char name[32], before[32];
    if (command == commands)
        return false;
    overview_name(command, name);
    overview_name(command - 1, before);
    return strcmp(name, before) == 0;
}

static void print_section(const struct command *first, FILE *out)
{
    size_t used = (size_t)fprintf(out, "  %-*s", NAMES_COLUMN, first->section);
    for (const struct command *command = first; command->name != NULL; command++) {
        char name[32];
        if (strcmp(command->section, first->section) != 0 || same_group_before(command))
            continue;
        overview_name(command, name);
        if (used + 1 + strlen(name) > LINE_CELLS) {
            fprintf(out, "\n");
            used = (size_t)fprintf(out, "  %-*s", NAMES_COLUMN, "");
        }
        used += (size_t)fprintf(out, " %s", name);
    }
    fprintf(out, "\n");
}

void help_overview(FILE *out)
{
    fprintf(out, "kadpeer: hand files to each other; no server to run, none to trust\n\n"
                 "  kadpeer share FILE|FOLDER     prints a link\n"
                 "  kadpeer get 'LINK'            fetches it, on any machine\n\n");
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (first_of_section(command) == command)
            print_section(command, out);
    }
    fprintf(out, "\nEvery command takes:\n"
                 "  --json  -q  -v  --profile NAME  --socket PATH  --no-autostart\n"
                 "  --timeout D  --color auto|always|never  -y  -h\n\n"
                 "kadpeer CMD -h: one screen; kadpeer help CMD: all of it;\n"
                 "kadpeer help exit|folders|environment|flags: about the whole\n");
}

static void print_in_columns(const struct command *command, FILE *out)
{
    char left[80];
    snprintf(left, sizeof left, "%s %s", command->name, command->words);
    fprintf(out, "  %-*s %s\n", GROUP_COLUMN, left, command->summary);
}

void help_group(const char *group, FILE *out)
{
    size_t len = strlen(group);
    fprintf(out, "usage: kadpeer %s COMMAND\n\n", group);
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strncmp(command->name, group, len) == 0 && command->name[len] == ' ')
            print_in_columns(command, out);
    }
}

/* How a value is called: the choices while they are short, else the flag's name. */
static void value_name(const struct flag *flag, char out[VALUE_NAME_SIZE])
{
    if (flag->type == FLAG_SWITCH) {
        out[0] = 0;
    } else if (strlen(flag->value) < VALUE_NAME_SIZE) {
        strcpy(out, flag->value);
    } else {
        size_t i = 0;
        for (; flag->name[i] != 0 && i < VALUE_NAME_SIZE - 1; i++)
            out[i] = (char)toupper((unsigned char)flag->name[i]);
        out[i] = 0;
    }
}

static void print_flag(const struct flag *flag, FILE *out)
{
    char left[80], value[VALUE_NAME_SIZE];
    value_name(flag, value);
    snprintf(left, sizeof left, "%c%c%s--%s%s%s", flag->letter != 0 ? '-' : ' ',
             flag->letter != 0 ? flag->letter : ' ', flag->letter != 0 ? ", " : "  ", flag->name,
             value[0] != 0 ? " " : "", value);
    if (strlen(left) > FLAG_COLUMN)
        fprintf(out, "  %s\n  %-*s %s\n", left, FLAG_COLUMN, "", flag->about);
    else
        fprintf(out, "  %-*s %s\n", FLAG_COLUMN, left, flag->about);
}

void help_flags(const struct flag *flags, FILE *out)
{
    for (const struct flag *flag = flags; flag != NULL && flag->name != NULL; flag++) {
        if (flag->about != NULL)
            print_flag(flag, out);
    }
}

void help_short(const struct command *command, FILE *out)
{
    bool flags = command->flags != NULL && command->flags[0].name != NULL;
    fprintf(out, "usage: kadpeer %s%s%s%s\n%s\n", command->name, flags ? " [flags]" : "",
            command->words[0] != 0 ? " " : "", command->words, command->summary);
    if (flags)
        fprintf(out, "\n");
    help_flags(command->flags, out);
    fprintf(out, "\nmore: kadpeer help %s; flags of every command: kadpeer help flags\n",
            command->name);
}

void help_full(const struct command *command, FILE *out)
{
    help_short(command, out);
    if (command->detail != NULL)
        fprintf(out, "\n%s", command->detail);
    for (const struct alias *alias = aliases; alias->name != NULL; alias++) {
        if (strcmp(alias->command, command->name) == 0)
            fprintf(out, "\n'kadpeer %s' is short for 'kadpeer %s%s%s'.\n", alias->name,
                    command->name, alias->flag != NULL ? " --" : "",
                    alias->flag != NULL ? alias->flag : "");
    }
}
