/* What the two files of group … have in common. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "cli/cli.h"

/* cli_finish of a call that streams. */
int group_finish_stream(struct cli *cli, json_t *result, json_t *error, cli_print_result *print);

/* For cli_ask_stream, with the cli as `user`. */
void group_on_event(void *user, const char *event, json_t *params);

char *group_name_of(const json_t *result); /* of `group` in it; printable, freed by the caller */

/* As long as an invite, and of its letters. Whether it is a good one the daemon says. */
bool group_is_invite(const char *text);
