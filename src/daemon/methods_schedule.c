/* schedule.* of docs/control.md. */
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/engine_limits.h"
#include "daemon/engine_private.h"

static void pack_limit(struct pack *pack, const char *key, uint64_t value)
{
    if (value == LIMIT_UNSAID)
        pack_nil(pack, key);
    else
        pack_u64(pack, key, value);
}

static void pack_entry(struct pack *pack, const struct schedule_entry *entry)
{
    char days[SCHEDULE_TEXT_SIZE], time[SCHEDULE_TEXT_SIZE];
    schedule_format_days(entry->days, days);
    schedule_format_time(entry, time);
    pack_u64(pack, "number", entry->number);
    pack_text(pack, "days", days);
    pack_text(pack, "time", time);
    pack_limit(pack, "down", entry->limits.of[LIMIT_DOWN]);
    pack_limit(pack, "up", entry->limits.of[LIMIT_UP]);
    pack_limit(pack, "peers", entry->limits.of[LIMIT_PEERS]);
    pack_bool(pack, "in_force", engine_limits_in_force(entry));
}

static bool is_stopping(struct daemon *daemon, struct call *call)
{
    if (daemon->stopping)
        call_fail(call, "stopping", 5, NULL, "the daemon is stopping");
    return daemon->stopping;
}

static bool read_entry(struct call *call, struct schedule_entry *entry)
{
    const char *days = call_text(call, "days", "daily"), *time = call_text(call, "time", "");
    if (!schedule_parse_days(days, &entry->days)) {
        call_fail(call, "usage", 2, NULL, "\"%.50s\" are no days: mon-fri, or sat,sun, or daily",
                  days);
        return false;
    }
    if (!schedule_parse_time(time, &entry->from, &entry->to)) {
        call_fail(call, "usage", 2, NULL,
                  "\"%.50s\" is no time: 08:00-18:00, or 22:00-06:00 for the night", time);
        return false;
    }
    if (!item_limits_read(&entry->limits, call))
        return false;
    struct item_limits none = item_limits_unsaid;
    if (item_limits_change(&none, &entry->limits))
        return true;
    call_fail(call, "usage", 2, "kadpeer schedule add --down 500K mon-fri 08:00-18:00",
              "which limit holds then? --down, --up or --peers is missing");
    return false;
}

static void add(struct daemon *daemon, struct call *call)
{
    struct engine *engine = daemon->engine;
    struct schedule schedule = engine->limits.schedule;
    struct schedule_entry entry;
    if (is_stopping(daemon, call) || !read_entry(call, &entry))
        return;
    if (schedule_add(&schedule, &entry) != STATUS_OK) {
        call_fail(call, "too_many", 8, "kadpeer schedule rm NUMBER", "the schedule is full: %d",
                  SCHEDULE_MAX);
        return;
    }
    enum status status = engine_limits_set_schedule(engine, &schedule);
    if (status != STATUS_OK) {
        call_fail_unsaved(call, NULL, status);
        return;
    }
    pack_entry(call_result(call), &entry);
    call_finish(call);
}

static void ls(struct daemon *daemon, struct call *call)
{
    const struct engine *engine = daemon->engine;
    struct pack *pack = call_result(call);
    pack_begin_array(pack, "entries");
    for (size_t i = 0; i < engine->limits.schedule.count; i++) {
        pack_begin_map(pack, NULL);
        pack_entry(pack, &engine->limits.schedule.entries[i]);
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}

static void rm(struct daemon *daemon, struct call *call)
{
    struct engine *engine = daemon->engine;
    struct schedule schedule = engine->limits.schedule;
    int64_t number = call_number(call, "number", 0);
    if (is_stopping(daemon, call))
        return;
    if (number <= 0 || number > UINT32_MAX || !schedule_remove(&schedule, (unsigned)number)) {
        call_fail(call, "not_found", 3, "kadpeer schedule ls", "the schedule has no number %lld",
                  (long long)number);
        return;
    }
    enum status status = engine_limits_set_schedule(engine, &schedule);
    if (status != STATUS_OK) {
        call_fail_unsaved(call, NULL, status);
        return;
    }
    pack_i64(call_result(call), "number", number);
    call_finish(call);
}

const struct control_method methods_schedule[] = {
    {"schedule.add", add},
    {"schedule.ls", ls},
    {"schedule.rm", rm},
    {NULL, NULL},
};
