#include "cli/config_edit.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/file.h"

/* One line of the text, with where its parts lie; `raw` holds the line's end. */
struct line {
    struct bytes raw;
    struct bytes section; /* of "[section]" */
    struct bytes name;    /* of "name = value" */
};

static struct bytes trimmed(const uint8_t *start, const uint8_t *end)
{
    while (start < end && isspace(*start))
        start++;
    while (end > start && isspace(end[-1]))
        end--;
    return bytes_of(start, (size_t)(end - start));
}

static struct line next_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->data) + 1 : rest->len;
    struct line line = {.raw = bytes_of(rest->data, len)};
    struct bytes text = trimmed(rest->data, rest->data + len);
    *rest = bytes_of(rest->data + len, rest->len - len);
    if (text.len == 0 || text.data[0] == '#' || text.data[0] == ';')
        return line;
    if (text.data[0] == '[') {
        const uint8_t *close = memchr(text.data, ']', text.len);
        if (close != NULL)
            line.section = bytes_of(text.data + 1, (size_t)(close - text.data) - 1);
        return line;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '=' || text.data[i] == ':') {
            line.name = trimmed(text.data, text.data + i);
            break;
        }
    }
    return line;
}

struct editing {
    struct bytes section, name; /* of the key */
    const char *value;
    struct buffer *out;
    size_t insert_at; /* in `out`: behind the last line of the section with anything in it */
    bool in_section, seen_section, written;
};

static void put_setting(struct editing *editing)
{
    buffer_add(editing->out, editing->name.data, editing->name.len);
    buffer_add_format(editing->out, " = %s\n", editing->value);
    editing->written = true;
}

static void copy_line(struct editing *editing, const struct line *line)
{
    struct bytes text = trimmed(line->raw.data, line->raw.data + line->raw.len);
    buffer_add(editing->out, line->raw.data, line->raw.len);
    if (line->raw.len > 0 && line->raw.data[line->raw.len - 1] != '\n')
        buffer_add_byte(editing->out, '\n');
    if (editing->in_section && text.len > 0)
        editing->insert_at = editing->out->len;
}

static void edit_line(struct editing *editing, const struct line *line, bool list)
{
    if (line->section.len > 0) {
        editing->in_section = bytes_equal(line->section, editing->section);
        editing->seen_section = editing->seen_section || editing->in_section;
    }
    bool hit = editing->in_section && line->name.len > 0 && bytes_equal(line->name, editing->name);
    if (!hit || (list && editing->value != NULL)) {
        copy_line(editing, line);
        return;
    }
    if (editing->value != NULL && !editing->written) {
        put_setting(editing);
        editing->insert_at = editing->out->len;
    }
}

/* Puts the setting behind its section's last line. */
static void insert_setting(struct editing *editing)
{
    struct buffer *out = editing->out;
    struct buffer tail;
    buffer_init(&tail);
    buffer_add(&tail, out->data + editing->insert_at, out->len - editing->insert_at);
    out->len = editing->insert_at;
    put_setting(editing);
    buffer_add(out, tail.data, tail.len);
    buffer_dispose(&tail);
}

void config_edit_text(struct bytes text, const char *key, const char *value, bool list,
                      struct buffer *out)
{
    const char *dot = strchr(key, '.');
    struct editing editing = {.section = bytes_of(key, (size_t)(dot - key)),
                              .name = bytes_of_string(dot + 1),
                              .value = value,
                              .out = out};
    while (text.len > 0) {
        struct line line = next_line(&text);
        edit_line(&editing, &line, list);
    }
    if (value == NULL || editing.written)
        return;
    if (editing.seen_section) {
        insert_setting(&editing);
        return;
    }
    buffer_add_format(out, "%s[%.*s]\n", out->len > 0 ? "\n" : "", (int)editing.section.len,
                      (const char *)editing.section.data);
    put_setting(&editing);
}

static enum status check_text(const char *path, struct bytes text, char error[CONFIG_ERROR_SIZE])
{
    struct config *trial = config_new();
    if (trial == NULL)
        return STATUS_NO_MEMORY;
    enum status status = config_load_text(trial, path, text, error);
    config_free(trial);
    return status;
}

static enum status say_errno(enum status status, const char *what, const char *path,
                             char error[CONFIG_ERROR_SIZE])
{
    snprintf(error, CONFIG_ERROR_SIZE, "cannot %s %.160s: %s", what, path,
             status == STATUS_TOO_BIG   ? "too large"
             : status == STATUS_REFUSED ? "it is a pipe"
                                        : strerror(errno));
    return status;
}

enum status config_edit_file(const char *path, const char *key, const char *value, bool list,
                             char error[CONFIG_ERROR_SIZE])
{
    struct buffer before, after;
    buffer_init(&before);
    buffer_init(&after);
    enum status status = file_read_own(path, CONFIG_FILE_MAX, &before);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND) {
        config_edit_text(buffer_bytes(&before), key, value, list, &after);
        status = check_text(path, buffer_bytes(&after), error);
        if (status == STATUS_OK && !file_replace(path, buffer_bytes(&after), 0600))
            status = say_errno(STATUS_IO, "write", path, error);
    } else {
        say_errno(status, "read", path, error);
    }
    buffer_dispose(&before);
    buffer_dispose(&after);
    return status;
}

/* "[section]" once, then "# name = default" under what it is. */
static void write_template(struct buffer *out)
{
    size_t section_len = 0;
    buffer_add_string(out, "# Settings of kadpeer; what is commented out is the default.\n"
                           "# No comments behind values.\n");
    for (size_t i = 0; i < config_key_count; i++) {
        const char *name = config_keys[i].name;
        size_t len = strcspn(name, ".");
        if (len != section_len || i == 0 || strncmp(name, config_keys[i - 1].name, len) != 0)
            buffer_add_format(out, "\n[%.*s]\n", (int)len, name);
        section_len = len;
        buffer_add_format(out, "# %s\n# %s = %s\n", config_keys[i].about, name + len + 1,
                          config_keys[i].fallback);
    }
}

enum status config_edit_prepare(const char *path, char error[CONFIG_ERROR_SIZE])
{
    struct buffer text;
    buffer_init(&text);
    enum status status = file_read_own(path, CONFIG_FILE_MAX, &text);
    if (status == STATUS_NOT_FOUND) {
        buffer_clear(&text);
        write_template(&text);
        status = file_replace(path, buffer_bytes(&text), 0600)
                     ? STATUS_OK
                     : say_errno(STATUS_IO, "write", path, error);
    } else if (status != STATUS_OK) {
        say_errno(status, "read", path, error);
    }
    buffer_dispose(&text);
    return status;
}
