#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return term == NULL || term[0] == 0 || strcmp(term, "dumb") == 0;
}

bool terminal_is_live(int fd)
{
    return isatty(fd) == 1 && !is_dumb() && getenv("NO_COLOR") == NULL;
}

bool terminal_can_ask(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

static size_t from_environment(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    long value = text != NULL ? strtol(text, NULL, 10) : 0;
    return value > 0 && value < 10000 ? (size_t)value : otherwise;
}

size_t terminal_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return from_environment("COLUMNS", 80);
}

size_t terminal_height(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        return size.ws_row;
    return from_environment("LINES", 24);
}

bool terminal_colour(int fd, const char *choice)
{
    if (strcmp(choice, "auto") != 0)
        return strcmp(choice, "always") == 0;
    return terminal_is_live(fd);
}

bool terminal_read_line(char *out, size_t size)
{
    size_t len = 0;
    for (char byte; read(STDIN_FILENO, &byte, 1) == 1;) {
        if (byte == '\n') {
            out[len] = 0;
            return true;
        }
        if (len < size - 1)
            out[len++] = byte;
    }
    return false;
}
