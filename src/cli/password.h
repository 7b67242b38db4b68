/* Passwords: asked for on the terminal without echo, or read from a file or a descriptor; never
 * from argv. Wiped when they have been used. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/request.h"
#include "kadpeer/status.h"

struct cli;

#define PASSWORD_MAX   1024 /* bytes; what the daemon takes (docs/control.md) */
#define PASSWORD_SHORT 8    /* characters; fewer are taken with a warning */

struct password {
    char text[PASSWORD_MAX + 1];
    size_t len;
    bool asked; /* a person has just typed it: may be asked again */
};

struct password_wish {
    const char *prompt;              /* "password of me" */
    const char *file_flag, *fd_flag; /* "password-file" and "password-fd" */
    bool chosen;                     /* a new one: asked twice, a short one is warned of */
    bool environment;                /* KADPEER_PASSWORD_FILE may hold it */
    bool in_line;                    /* the shell's line may have had it: cli->typed_password */
};

/* NULL; or the failure: `usage` when there is neither a terminal nor a file. Wipe *out after use.
 */
json_t *password_take(struct cli *cli, const struct password_wish *wish, struct password *out);
void password_wipe(struct password *password);
/* Adds it last to what is asked, so that no copy of it is left behind by a buffer that grew. */
void password_add(struct request *request, const char *key, const struct password *password);

/* One line, or all there is. TOO_BIG: longer than PASSWORD_MAX. REFUSED: empty. MALFORMED: has a
 * zero byte. CANCELLED: `watched` (-1: none) became readable. IO: see errno. */
enum status password_read(int fd, int watched, struct password *out);
/* The same from a terminal, which does not echo meanwhile and is then as it was. */
enum status password_ask(int terminal, int watched, FILE *err, const char *prompt,
                         struct password *out);
