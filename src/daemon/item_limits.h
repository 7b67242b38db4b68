/* What may move in a second, each way, and with how many peers: three numbers, 0 for no limit, as
 * they stand in a transfer's options ("down=512000 peers=20") and in calls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"

struct call;
struct pack;

enum limit_kind { LIMIT_DOWN, LIMIT_UP, LIMIT_PEERS, LIMIT_KINDS };

struct item_limits {
    uint64_t of[LIMIT_KINDS]; /* bytes per second; connections */
};
#define LIMIT_UNSAID UINT64_MAX /* in what is asked for: stays as it is */
extern const struct item_limits item_limits_unsaid;

bool item_limits_any(const struct item_limits *limits);

/* A word of the options that is no limit changes nothing. */
void item_limits_parse(struct item_limits *limits, const char *word, size_t len);
void item_limits_format(const struct item_limits *limits, struct buffer *out);

/* What the call says of each. False: it can't be, and the call has been failed. */
bool item_limits_read(struct item_limits *said, struct call *call);
/* True: something was said. */
bool item_limits_change(struct item_limits *limits, const struct item_limits *said);
void item_limits_pack(const struct item_limits *limits, struct pack *pack);
