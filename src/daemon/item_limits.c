#include "daemon/item_limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control.h"
#include "swarm/params.h"

#define PEERS_LIMIT_MAX 100000 /* as of network.max_connections */

static const char *const words[LIMIT_KINDS] = {
    [LIMIT_DOWN] = "down", [LIMIT_UP] = "up", [LIMIT_PEERS] = "peers"};

const struct item_limits item_limits_unsaid = {{LIMIT_UNSAID, LIMIT_UNSAID, LIMIT_UNSAID}};

static enum limit_kind kind_of(const char *word, size_t len)
{
    int kind = 0;
    while (kind < LIMIT_KINDS &&
           (strlen(words[kind]) != len || memcmp(words[kind], word, len) != 0))
        kind++;
    return (enum limit_kind)kind;
}

bool item_limits_any(const struct item_limits *limits)
{
    return limits->of[LIMIT_DOWN] > 0 || limits->of[LIMIT_UP] > 0 || limits->of[LIMIT_PEERS] > 0;
}

/* ---- as text ---- */

void item_limits_parse(struct item_limits *limits, const char *word, size_t len)
{
    const char *equals = memchr(word, '=', len);
    enum limit_kind kind = equals != NULL ? kind_of(word, (size_t)(equals - word)) : LIMIT_KINDS;
    if (kind < LIMIT_KINDS)
        limits->of[kind] = strtoull(equals + 1, NULL, 10);
}

void item_limits_format(const struct item_limits *limits, struct buffer *out)
{
    for (int kind = 0; kind < LIMIT_KINDS; kind++)
        if (limits->of[kind] > 0)
            buffer_add_format(out, "%s%s=%" PRIu64, out->len > 0 ? " " : "", words[kind],
                              limits->of[kind]);
}

/* ---- in calls ---- */

static bool may_be(int kind, int64_t value)
{
    if (kind == LIMIT_PEERS)
        return value >= 0 && value <= PEERS_LIMIT_MAX;
    return value == 0 || (value >= LIMITER_MIN_BPS && value <= (int64_t)LIMITER_MAX_BPS);
}

static bool read_one(struct item_limits *said, struct call *call, int kind)
{
    if (call_param(call, words[kind]) == NULL)
        return true;
    int64_t value = call_number(call, words[kind], -1);
    said->of[kind] = (uint64_t)value;
    if (may_be(kind, value))
        return true;
    if (kind == LIMIT_PEERS)
        call_fail(call, "usage", 2, NULL, "a limit on peers is a number up to %d; 0: none",
                  PEERS_LIMIT_MAX);
    else
        call_fail(call, "usage", 2, "say 500K for 500 KiB per second",
                  "a limit is at least %d bytes per second; 0: none", LIMITER_MIN_BPS);
    return false;
}

bool item_limits_read(struct item_limits *said, struct call *call)
{
    *said = item_limits_unsaid;
    for (int kind = 0; kind < LIMIT_KINDS; kind++)
        if (!read_one(said, call, kind))
            return false;
    return true;
}

bool item_limits_change(struct item_limits *limits, const struct item_limits *said)
{
    bool any = false;
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        if (said->of[kind] == LIMIT_UNSAID)
            continue;
        limits->of[kind] = said->of[kind];
        any = true;
    }
    return any;
}

void item_limits_pack(const struct item_limits *limits, struct pack *pack)
{
    for (int kind = 0; kind < LIMIT_KINDS; kind++)
        pack_u64(pack, words[kind], limits->of[kind]);
}
