/* user.show of somebody else: the keys that say they have a name  [protocol.md 2]. */
#pragma once

#include <stdint.h>

struct call;
struct daemon;

/* `text` is a name, or name#first digits of the key. Ends the call. */
void user_search_start(struct daemon *daemon, struct call *call, const char *text,
                       uint64_t wait_ms);
