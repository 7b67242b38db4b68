#include "daemon/engine_limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/item.h"
#include "daemon/peer_connection.h"
#include "swarm/params.h"

/* What was said for all together is one text of the catalog: a line "0 512000 0" each, of the
 * kind, the limit, and what the config said at that time. A config that says something else by now
 * was changed since, and counts. */

#define LIMITS_NAME   "limits"
#define SCHEDULE_NAME "schedule"
#define LAN_KEY       "transfer.limit_lan"
#define LAN_KIND      3u /* in that text; never another kind's */

static const char *const keys[LIMIT_KINDS] = {[LIMIT_DOWN] = "transfer.down",
                                              [LIMIT_UP] = "transfer.up",
                                              [LIMIT_PEERS] = "network.max_connections"};

bool engine_limits_said(const struct engine *engine, const char *key, char out[LIMIT_SAID_SIZE])
{
    const struct engine_limits *limits = &engine->limits;
    for (int kind = 0; kind < LIMIT_KINDS; kind++)
        if (strcmp(keys[kind], key) == 0) {
            snprintf(out, LIMIT_SAID_SIZE, "%" PRIu64, limits->all.of[kind]);
            return limits->all.of[kind] != limits->configured.of[kind];
        }
    snprintf(out, LIMIT_SAID_SIZE, "%s", limits->local ? "yes" : "no");
    return strcmp(key, LAN_KEY) == 0 && limits->local != limits->configured_local;
}

/* ---- on disk ---- */

static void load_line(struct engine_limits *limits, const char *line)
{
    unsigned kind;
    uint64_t value, configured;
    if (sscanf(line, "%u %" SCNu64 " %" SCNu64, &kind, &value, &configured) != 3)
        return;
    if (kind < LIMIT_KINDS && limits->configured.of[kind] == configured)
        limits->all.of[kind] = value;
    else if (kind == LAN_KIND && limits->configured_local == configured)
        limits->local = value != 0;
}

static void load(struct engine *engine)
{
    uint8_t *data;
    size_t len;
    if (catalog_get(engine->daemon->catalog, LIMITS_NAME, &data, &len) != STATUS_OK)
        return;
    char *text = strndup((const char *)data, len), *rest = NULL;
    for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        load_line(&engine->limits, line);
    free(text);
    free(data);
}

static enum status save(struct engine *engine, const struct item_limits *all, bool local)
{
    const struct engine_limits *limits = &engine->limits;
    struct buffer text;
    buffer_init(&text);
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        uint64_t value = all->of[kind], configured = limits->configured.of[kind];
        if (value != configured)
            buffer_add_format(&text, "%d %" PRIu64 " %" PRIu64 "\n", kind, value, configured);
    }
    if (local != limits->configured_local)
        buffer_add_format(&text, "%u %d %d\n", LAN_KIND, local, limits->configured_local);
    enum status status =
        text.failed ? STATUS_NO_MEMORY
                    : catalog_set(engine->daemon->catalog, LIMITS_NAME, buffer_bytes(&text));
    buffer_dispose(&text);
    return status;
}

/* ---- in force ---- */

/* Whoever came last goes first. */
static void close_surplus(struct engine *engine)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    while (item->options.limits.of[LIMIT_PEERS] > 0 &&
           item->connection_count > item->options.limits.of[LIMIT_PEERS])
        peer_connection_close(item->connections->prev, PEER_LOST, "a limit on peers");
    while (engine->connection_count > engine->connections_max)
        peer_connection_close(engine->connections->prev_all, PEER_LOST, "a limit on peers");
}

static void enforce(struct engine *engine)
{
    struct engine_limits *limits = &engine->limits;
    uint64_t now_ms = engine_now(engine);
    struct item *item;
    uint64_t peers = limits->in_force.of[LIMIT_PEERS];
    limiter_set_rate(&limits->down, limits->in_force.of[LIMIT_DOWN], now_ms);
    limiter_set_rate(&limits->up, limits->in_force.of[LIMIT_UP], now_ms);
    engine->connections_max = peers > 0 ? (size_t)peers : SIZE_MAX;
    DL_FOREACH(engine->items, item)
    engine_limits_apply(item);
    close_surplus(engine);
}

void engine_limits_apply(struct item *item)
{
    struct engine_limits *limits = &item->engine->limits;
    struct transfer_limits config = {
        .down_bps = item->options.limits.of[LIMIT_DOWN],
        .up_bps = item->options.limits.of[LIMIT_UP],
        .all_down = &limits->down,
        .all_up = &limits->up,
        .local = limits->local,
    };
    if (item->transfer == NULL)
        return;
    transfer_set_limits(item->transfer, &config, engine_now(item->engine));
    item_mark(item);
}

/* ---- the schedule ---- */

struct local_time {
    unsigned day, minute; /* day 0: Monday */
    uint64_t left_ms;     /* of this minute */
};

static struct local_time local_now(void)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    uint64_t past_ms = (uint64_t)tm.tm_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
    return (struct local_time){.day = (unsigned)(tm.tm_wday + 6) % 7,
                               .minute = (unsigned)(tm.tm_hour * 60 + tm.tm_min),
                               .left_ms = past_ms < 60000 ? 60000 - past_ms : 1000};
}

bool engine_limits_in_force(const struct schedule_entry *entry)
{
    struct local_time now = local_now();
    return schedule_holds(entry, now.day, now.minute);
}

/* Looked at each minute while there is a schedule: a clock that was set is noticed by then. */
static void look_at_clock(struct engine *engine)
{
    struct engine_limits *limits = &engine->limits;
    struct local_time now = local_now();
    limits->in_force = limits->all;
    schedule_apply(&limits->schedule, now.day, now.minute, &limits->in_force);
    if (limits->timer != NULL)
        timer_set(limits->timer,
                  limits->schedule.count > 0 ? engine_now(engine) + now.left_ms : UINT64_MAX);
}

static void on_minute(void *user)
{
    struct engine *engine = user;
    struct item_limits before = engine->limits.in_force;
    look_at_clock(engine);
    if (memcmp(&before, &engine->limits.in_force, sizeof before) != 0)
        enforce(engine);
}

static void load_schedule(struct engine *engine)
{
    uint8_t *data;
    size_t len;
    if (catalog_get(engine->daemon->catalog, SCHEDULE_NAME, &data, &len) != STATUS_OK)
        return;
    char *text = strndup((const char *)data, len);
    if (text != NULL)
        schedule_parse(&engine->limits.schedule, text);
    free(text);
    free(data);
}

enum status engine_limits_set_schedule(struct engine *engine, const struct schedule *schedule)
{
    struct buffer text;
    buffer_init(&text);
    schedule_format(schedule, &text);
    enum status status =
        text.failed ? STATUS_NO_MEMORY
                    : catalog_set(engine->daemon->catalog, SCHEDULE_NAME, buffer_bytes(&text));
    buffer_dispose(&text);
    if (status != STATUS_OK)
        return status;
    engine->limits.schedule = *schedule;
    look_at_clock(engine);
    enforce(engine);
    return STATUS_OK;
}

/* ---- as configured, and said since ---- */

static uint64_t configured_rate(const struct config *config, const char *key)
{
    uint64_t bps = (uint64_t)config_number(config, key);
    if (bps == 0 || bps >= LIMITER_MIN_BPS)
        return bps;
    log_warn("engine", "%s = %s: at least %d bytes per second move", key, config_text(config, key),
             LIMITER_MIN_BPS);
    return LIMITER_MIN_BPS;
}

void engine_limits_start(struct engine *engine)
{
    const struct config *config = engine->daemon->config;
    struct engine_limits *limits = &engine->limits;
    limits->configured.of[LIMIT_DOWN] = configured_rate(config, keys[LIMIT_DOWN]);
    limits->configured.of[LIMIT_UP] = configured_rate(config, keys[LIMIT_UP]);
    limits->configured.of[LIMIT_PEERS] = (uint64_t)config_number(config, keys[LIMIT_PEERS]);
    limits->local = limits->configured_local = config_bool(config, LAN_KEY);
    limits->all = limits->configured;
    load(engine);
    load_schedule(engine);
    limits->timer = timer_new(engine->daemon->loop, on_minute, engine);
    look_at_clock(engine);
    limiter_init(&limits->down, NULL, engine_now(engine));
    limiter_init(&limits->up, NULL, engine_now(engine));
    enforce(engine);
}

enum status engine_limits_set(struct engine *engine, const struct item_limits *all, bool local)
{
    enum status status = save(engine, all, local);
    if (status != STATUS_OK)
        return status;
    engine->limits.all = *all;
    engine->limits.local = local;
    look_at_clock(engine);
    enforce(engine);
    return STATUS_OK;
}

void engine_limits_dispose(struct engine *engine)
{
    timer_free(engine->limits.timer);
}

enum status engine_limits_set_item(struct item *item, const struct item_limits *limits)
{
    struct item_limits before = item->options.limits;
    item->options.limits = *limits;
    enum status status = item_save(item);
    if (status != STATUS_OK)
        item->options.limits = before;
    engine_limits_apply(item);
    close_surplus(item->engine);
    return status;
}

/* ---- peers ---- */

size_t engine_limits_peers(const struct item *item)
{
    uint64_t own = item->options.limits.of[LIMIT_PEERS];
    if (own == 0)
        return PEERS_PER_ITEM_MAX;
    return own < PEERS_MAX ? (size_t)own : PEERS_MAX;
}

bool engine_limits_accept(const struct item *item)
{
    uint64_t own = item->options.limits.of[LIMIT_PEERS];
    bool room = own == 0 || item->connection_count < own;
    item->engine->refusals.full += !room;
    return room;
}
