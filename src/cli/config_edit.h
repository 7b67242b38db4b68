/* Changing one setting in the text of config.ini; comments, order and all else stay as they are. */
#pragma once

#include <stdbool.h>

#include "base/config.h"
#include "kadpeer/buffer.h"

/* `text` with `key` ("section.name") set to `value`, or removed for NULL. The line that sets it is
 * replaced (further ones of the same key go); else a line is put at the end of its section, which
 * is made when missing. A list gets one line more instead. `list` with NULL removes all lines. */
void config_edit_text(struct bytes text, const char *key, const char *value, bool list,
                      struct buffer *out);

/* The same for a file: checked as a whole before it is replaced, atomically, mode 0600 when new.
 * MALFORMED: the text would not be valid, nothing was changed. `error` says what went wrong. */
enum status config_edit_file(const char *path, const char *key, const char *value, bool list,
                             char error[CONFIG_ERROR_SIZE]);

/* Makes a missing file, with every setting as a comment, for an editor. */
enum status config_edit_prepare(const char *path, char error[CONFIG_ERROR_SIZE]);
