/* What is on the other end of stdin, stdout and stderr. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* May lines be drawn over, is somebody looking: a terminal that is not "dumb". */
bool terminal_is_live(int fd);
/* May a person be asked: stdin and stderr are terminals. */
bool terminal_can_ask(void);
size_t terminal_width(int fd);  /* cells; $COLUMNS, else 80 */
size_t terminal_height(int fd); /* lines; $LINES, else 24 */

/* `choice`: "auto", "always" or "never"; auto is off with NO_COLOR or TERM=dumb. */
bool terminal_colour(int fd, const char *choice);

/* A line from stdin without its end; what does not fit is lost. False at the end of input. */
bool terminal_read_line(char *out, size_t size);
