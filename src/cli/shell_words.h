/* A line of the shell as words: blanks separate, 'quotes' and "quotes" and \ keep together, ';'
 * ends a command, '#' at the start of a word begins a comment. No variables, no pipes: '&', '$',
 * '*' and
 * '|' stand for themselves, so that a link can be pasted as it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kadpeer/buffer.h"

struct shell_word {
    char *text;     /* without quotes and escapes */
    size_t start;   /* where it begins in the line */
    size_t command; /* which one of the line it belongs to, from 0 */
    bool tilde;     /* begins with "~" or "~/", unquoted */
};

struct shell_line {
    struct shell_word *words;
    size_t count;
    size_t command;  /* the one at the line's end */
    char open_quote; /* that is not closed; 0: none */
    bool dangling;   /* a \ with nothing behind it */
    bool comment;    /* the line's end is one */
    bool blank;      /* what comes next would be a new word */
};

void shell_line_split(const char *text, size_t len, struct shell_line *out);
void shell_line_dispose(struct shell_line *line); /* and wipes: a password may be among them */

/* "~" becomes the home folder where it means it. Allocates. */
char *shell_word_expand(const struct shell_word *word);

/* Appends `text` so that it is read back as it is, inside `quote` (0: none). */
void shell_escape(const char *text, char quote, struct buffer *out);
