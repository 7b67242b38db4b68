/* Help, from the command table. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct cli;
struct command;
struct flag;

void help_overview(FILE *out);
void help_group(const char *group, FILE *out);             /* "torrent": its commands, one a line */
void help_short(const struct command *command, FILE *out); /* -h: at most 24 lines */
void help_full(const struct command *command, FILE *out);
void help_flags(const struct flag *flags, FILE *out);
bool help_topic(const char *topic, FILE *out); /* false: there is none of that name */
