/* Is it text  [RFC 3629]? What Unicode makes of it is for src/content/names.h. */
#pragma once

#include <stdbool.h>

#include "kadpeer/bytes.h"

bool utf8_is_text(struct bytes text); /* valid, without a zero byte */
/* That, and nothing that moves a cursor: no control characters (C0, DEL, C1). */
bool utf8_is_printable(struct bytes text);
