/* Reading config.ini with inih, whose limits are narrower than ours and whose defaults differ:
 * lines are measured here first, and a text is read twice, the first time into a copy that is
 * thrown away, so that a bad file changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "kadpeer/buffer.h"

struct reading {
    struct config *config;
    const char *rest; /* NUL-terminated */
    int line;         /* the one last handed to inih, from 1 */
    int bad_line;
    char *error; /* CONFIG_ERROR_SIZE */
};

/* As fgets, from memory. inih's buffer is larger than any line that got this far. */
static char *next_line(char *out, int size, void *stream)
{
    struct reading *reading = stream;
    size_t len = strcspn(reading->rest, "\n");
    if (reading->rest[0] == 0 || len + 2 > (size_t)size)
        return NULL;
    if (reading->rest[len] == '\n')
        len++;
    memcpy(out, reading->rest, len);
    out[len] = 0;
    reading->rest += len;
    reading->line++;
    return out;
}

static int take_value(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    char key[160], error[CONFIG_ERROR_SIZE];
    if (reading->bad_line != 0)
        return 0;
    snprintf(key, sizeof key, "%s%s%s", section, section[0] != 0 ? "." : "", name);
    if (config_set(reading->config, key, value, CONFIG_FILE, error) == STATUS_OK)
        return 1;
    reading->bad_line = reading->line;
    snprintf(reading->error, CONFIG_ERROR_SIZE, "%.230s", error);
    return 0;
}

static enum status check_lines(const char *path, struct bytes text, char error[CONFIG_ERROR_SIZE])
{
    int line = 1;
    size_t start = 0;
    for (size_t i = 0; i <= text.len; i++) {
        bool at_end = i == text.len || text.data[i] == '\n';
        if (!at_end && text.data[i] == 0) {
            snprintf(error, CONFIG_ERROR_SIZE, "%.120s line %d: holds a zero byte", path, line);
            return STATUS_MALFORMED;
        }
        if (!at_end)
            continue;
        if (i - start > CONFIG_LINE_MAX) {
            snprintf(error, CONFIG_ERROR_SIZE, "%.120s line %d: longer than %d bytes", path, line,
                     CONFIG_LINE_MAX);
            return STATUS_MALFORMED;
        }
        start = i + 1;
        line++;
    }
    return STATUS_OK;
}

static enum status read_into(struct config *config, const char *path, const char *text,
                             char error[CONFIG_ERROR_SIZE])
{
    char why[CONFIG_ERROR_SIZE] = "";
    struct reading reading = {.config = config, .rest = text, .error = why};
    ini_max_line = CONFIG_LINE_MAX + 3;
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    int bad_line = ini_parse_stream(next_line, &reading, take_value, &reading);
    if (bad_line == 0)
        return STATUS_OK;
    if (bad_line == reading.bad_line)
        snprintf(error, CONFIG_ERROR_SIZE, "%.120s line %d: %.100s", path, bad_line, why);
    else
        snprintf(error, CONFIG_ERROR_SIZE,
                 "%.120s line %d: neither [section], key = value nor a comment", path, bad_line);
    return STATUS_MALFORMED;
}

static enum status load_terminated(struct config *config, const char *path, const char *text,
                                   char error[CONFIG_ERROR_SIZE])
{
    struct config *trial = config_new();
    if (trial == NULL)
        return STATUS_NO_MEMORY;
    enum status status = read_into(trial, path, text, error);
    config_free(trial);
    return status == STATUS_OK ? read_into(config, path, text, error) : status;
}

enum status config_load_text(struct config *config, const char *path, struct bytes text,
                             char error[CONFIG_ERROR_SIZE])
{
    error[0] = 0;
    if (text.len > CONFIG_FILE_MAX) {
        snprintf(error, CONFIG_ERROR_SIZE, "%.120s: larger than %d bytes", path, CONFIG_FILE_MAX);
        return STATUS_TOO_BIG;
    }
    enum status status = check_lines(path, text, error);
    if (status != STATUS_OK)
        return status;
    char *terminated =
        strndup((const char *)(text.len > 0 ? text.data : (const uint8_t *)""), text.len);
    if (terminated == NULL)
        return STATUS_NO_MEMORY;
    status = load_terminated(config, path, terminated, error);
    free(terminated);
    return status;
}

/* Refuses a pipe, which would be waited for. NULL: see errno. */
static FILE *open_file(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    bool is_pipe = fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
    FILE *file = is_pipe ? NULL : fdopen(fd, "rb");
    if (file == NULL)
        close(fd);
    if (is_pipe)
        errno = EINVAL;
    return file;
}

static enum status read_file(const char *path, struct buffer *out)
{
    FILE *file = open_file(path);
    if (file == NULL)
        return errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND
               : errno == EINVAL                   ? STATUS_REFUSED
                                                   : STATUS_IO;
    char block[4096];
    size_t got;
    errno = 0;
    while (out->len <= CONFIG_FILE_MAX && (got = fread(block, 1, sizeof block, file)) > 0)
        buffer_add(out, block, got);
    enum status status = ferror(file) ? STATUS_IO : out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    int saved = errno;
    fclose(file);
    errno = saved;
    return status;
}

enum status config_load(struct config *config, const char *path, char error[CONFIG_ERROR_SIZE])
{
    struct buffer text;
    buffer_init(&text);
    enum status status = read_file(path, &text);
    if (status == STATUS_OK)
        status = config_load_text(config, path, buffer_bytes(&text), error);
    else if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    else
        snprintf(error, CONFIG_ERROR_SIZE, "cannot read %.160s: %s", path,
                 status == STATUS_REFUSED ? "it is a pipe" : strerror(errno));
    buffer_dispose(&text);
    return status;
}
