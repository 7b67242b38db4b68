/* Help, from the command table. */
#pragma once

#include <stdio.h>

struct cli;
struct command;

void help_overview(FILE *out);
void help_group(const char *group, FILE *out); /* "torrent": its commands, one a line */
void help_short(const struct command *command, FILE *out); /* -h: at most 24 lines */
void help_full(const struct command *command, FILE *out);
