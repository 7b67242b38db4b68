#include "cli/shell_history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "cli/file.h"
#include "cli/memory.h"

#define HISTORY_BYTES_MAX (4u << 20) /* of a file that is read at all */

/* Where its last SHELL_HISTORY_MAX lines begin. */
static size_t start_of_last(struct bytes text)
{
    size_t lines = 0, at = text.len;
    while (at > 0) {
        if (text.data[at - 1] == '\n' && at < text.len && ++lines == SHELL_HISTORY_MAX)
            break;
        at--;
    }
    return at;
}

static void hand_out(char *text, size_t len, void (*on_line)(void *user, const char *line),
                     void *user)
{
    for (size_t from = 0, end; from < len; from = end + 1) {
        const char *line_end = memchr(text + from, '\n', len - from);
        end = line_end != NULL ? (size_t)(line_end - text) : len;
        text[end] = 0;
        if (end > from)
            on_line(user, text + from);
    }
}

enum status shell_history_load(const char *path, void (*on_line)(void *user, const char *line),
                               void *user)
{
    struct buffer text;
    buffer_init(&text);
    enum status status = file_read_own(path, HISTORY_BYTES_MAX, &text);
    if (status == STATUS_OK) {
        size_t from = start_of_last(buffer_bytes(&text));
        if (from > 0)
            file_write_secret(path, bytes_of(text.data + from, text.len - from), true);
        buffer_add_byte(&text, 0);
        hand_out((char *)text.data + from, text.len - 1 - from, on_line, user);
    }
    buffer_dispose(&text);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status shell_history_add(const char *path, const char *line)
{
    size_t len = strlen(line);
    char *whole = malloc(len + 2);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (whole == NULL)
        out_of_memory();
    memcpy(whole, line, len);
    whole[len] = '\n';
    bool ok = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, whole, len + 1) == (ssize_t)len + 1;
    enum status status = ok ? STATUS_OK : status_of_errno(errno);
    if (fd >= 0)
        close(fd);
    free(whole);
    return status;
}
