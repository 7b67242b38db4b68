#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

const struct command *command_find(const char *name)
{
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

const struct alias *alias_find(const char *name)
{
    for (const struct alias *alias = aliases; alias->name != NULL; alias++) {
        if (strcmp(alias->name, name) == 0)
            return alias;
    }
    return NULL;
}

bool command_is_group(const char *word)
{
    size_t len = strlen(word);
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strncmp(command->name, word, len) == 0 && command->name[len] == ' ')
            return true;
    }
    return false;
}

const char *command_nearest(const char *word)
{
    struct suggestion nearest = suggestion_for(word);
    for (const struct command *command = commands; command->name != NULL; command++)
        suggestion_try(&nearest, command->name);
    for (const struct alias *alias = aliases; alias->name != NULL; alias++)
        suggestion_try(&nearest, alias->name);
    return nearest.best;
}
