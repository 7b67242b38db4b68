#include "cli/shell_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "cli/memory.h"

struct scan {
    const char *text;
    size_t len, at;
    struct shell_line *out;
    char *word; /* what there is of the one being read; NULL: between words */
    size_t word_len;
};

static void begin_word(struct scan *scan)
{
    struct shell_line *out = scan->out;
    if (scan->word != NULL)
        return;
    out->words = realloc(out->words, (out->count + 1) * sizeof out->words[0]);
    scan->word = malloc(scan->len - scan->at + 1);
    if (out->words == NULL || scan->word == NULL)
        out_of_memory();
    scan->word_len = 0;
    bool tilde =
        scan->text[scan->at] == '~' &&
        (scan->at + 1 == scan->len || strchr("/ \t\r\n;", scan->text[scan->at + 1]) != NULL);
    out->words[out->count++] = (struct shell_word){
        .text = scan->word, .start = scan->at, .command = out->command, .tilde = tilde};
}

static void end_word(struct scan *scan)
{
    if (scan->word != NULL)
        scan->word[scan->word_len] = 0;
    scan->word = NULL;
}

static void add(struct scan *scan, char byte)
{
    scan->word[scan->word_len++] = byte;
}

/* Up to the closing one. In "double quotes" \ stands before " and \ alone. */
static void read_quoted(struct scan *scan, char quote)
{
    for (scan->at++; scan->at < scan->len; scan->at++) {
        char byte = scan->text[scan->at];
        if (byte == quote) {
            scan->at++;
            return;
        }
        bool escape = quote == '"' && byte == '\\' && scan->at + 1 < scan->len &&
                      strchr("\"\\", scan->text[scan->at + 1]) != NULL;
        add(scan, escape ? scan->text[++scan->at] : byte);
    }
    scan->out->open_quote = quote;
}

static void read_escaped(struct scan *scan)
{
    if (scan->at + 1 == scan->len)
        scan->out->dangling = true;
    else
        add(scan, scan->text[scan->at + 1]);
    scan->at += 2;
}

static void read_one(struct scan *scan)
{
    char byte = scan->text[scan->at];
    if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n' || byte == ';') {
        end_word(scan);
        scan->out->command += byte == ';';
        scan->at++;
    } else if (byte == '#' && scan->word == NULL) {
        scan->out->comment = true;
        scan->at = scan->len;
    } else {
        begin_word(scan);
        if (byte == '\'' || byte == '"')
            read_quoted(scan, byte);
        else if (byte == '\\')
            read_escaped(scan);
        else
            add(scan, scan->text[scan->at++]);
    }
}

void shell_line_split(const char *text, size_t len, struct shell_line *out)
{
    struct scan scan = {.text = text, .len = len, .out = out};
    *out = (struct shell_line){0};
    while (scan.at < len)
        read_one(&scan);
    out->blank = scan.word == NULL;
    end_word(&scan);
}

void shell_line_dispose(struct shell_line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        explicit_bzero(line->words[i].text, strlen(line->words[i].text));
        free(line->words[i].text);
    }
    free(line->words);
    *line = (struct shell_line){0};
}

char *shell_word_expand(const struct shell_word *word)
{
    char path[PATHS_SIZE];
    const char *home = getenv("HOME");
    char *out = NULL;
    if (word->tilde && strcmp(word->text, "~") == 0 && home != NULL)
        out = strdup(home);
    else if (word->tilde && paths_expand(word->text, path))
        out = strdup(path);
    else
        out = strdup(word->text);
    if (out == NULL)
        out_of_memory();
    return out;
}

void shell_escape(const char *text, char quote, struct buffer *out)
{
    static const char special[] = " \t\r\n'\"\\;";
    for (const char *at = text; *at != 0; at++) {
        bool first = at == text && (*at == '#' || *at == '~');
        if (quote == '\'' && *at == '\'')
            buffer_add_string(out, "'\\'");
        else if (quote == '"' ? strchr("\"\\", *at) != NULL
                              : quote == 0 && (first || strchr(special, *at) != NULL))
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, (uint8_t)*at);
    }
}
