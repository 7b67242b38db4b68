#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/bootstrap.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/engine_private.h"
#include "daemon/events.h"
#include "daemon/group_engine.h"
#include "daemon/node.h"
#include "daemon/session.h"

#define SCHEMA_VERSION 1 /* docs/control.md */
#define OWN_MAX        8 /* addresses shown */
#define EXIT_BAD_INPUT 12
#define EXIT_VERSION   13

/* ---- hello ---- */

static void hello(struct daemon *daemon, struct call *call)
{
    int64_t version = call_number(call, "v", SCHEMA_VERSION);
    if (version != SCHEMA_VERSION) {
        call_fail(call, "version", EXIT_VERSION, "stop the daemon; the next command starts the new",
                  "the daemon (kadpeer %s) speaks version %d of the control protocol, not %lld",
                  KADPEER_VERSION, SCHEMA_VERSION, (long long)version);
        return;
    }
    struct pack *result = call_result(call);
    pack_text(result, "version", KADPEER_VERSION);
    pack_i64(result, "pid", getpid());
    pack_text(result, "profile", daemon->paths.profile);
    pack_i64(result, "v", SCHEMA_VERSION);
    call_finish(call);
}

/* ---- status ---- */

/* Resident bytes [proc(5): statm]; 0: not known. */
static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t descriptor_count(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1; /* the folder itself */
}

static void pack_endpoints(struct pack *pack, const char *key, const struct endpoint endpoints[],
                           size_t count)
{
    pack_begin_array(pack, key);
    for (size_t i = 0; i < count; i++)
        pack_endpoint(pack, NULL, &endpoints[i]);
    pack_end(pack);
}

static void pack_external(struct pack *pack, const struct daemon *daemon)
{
    static const uint8_t families[] = {ENDPOINT_IPV4, ENDPOINT_IPV6};
    struct dht_stats stats;
    pack_begin_array(pack, "external");
    for (size_t i = 0; i < 2; i++)
        if (node_stats(daemon->node, families[i], &stats) && stats.external.family != ENDPOINT_NONE)
            pack_endpoint(pack, NULL, &stats.external);
    pack_end(pack);
}

static uint64_t contacts_of(const struct daemon *daemon, uint8_t family)
{
    struct dht_stats stats;
    return node_stats(daemon->node, family, &stats) ? stats.contacts : 0;
}

static void pack_bootstrap(struct pack *pack, const struct daemon *daemon)
{
    struct bootstrap_counts counts = bootstrap_counts(daemon->bootstrap);
    pack_u64(pack, "saved_nodes", node_saved_count(daemon->node));
    pack_u64(pack, "configured_nodes", counts.configured + counts.listed);
    pack_begin_map(pack, "bootstrap");
    pack_text(pack, "list", bootstrap_list_path(daemon->bootstrap));
    pack_u64(pack, "listed", counts.listed);
    pack_u64(pack, "configured", counts.configured);
    pack_u64(pack, "bad_lines", counts.bad_lines);
    pack_u64(pack, "unresolved", counts.unresolved);
    pack_u64(pack, "rounds", counts.rounds);
    pack_end(pack);
}

/* Why nothing is found: error table row 4. */
static void pack_reason(struct pack *pack, const struct daemon *daemon)
{
    struct bootstrap_counts counts = bootstrap_counts(daemon->bootstrap);
    size_t saved = node_saved_count(daemon->node), configured = counts.configured + counts.listed;
    if (node_joined(daemon->node))
        pack_nil(pack, "reason");
    else if (node_may_join(daemon->node) && saved + configured > 0)
        pack_format(pack, "reason", "no node has answered yet: %zu saved, %zu configured", saved,
                    configured);
    else if (node_may_join(daemon->node))
        pack_text(pack, "reason", "no node has answered yet");
    else
        pack_format(pack, "reason", "this node knows no other node: %zu saved, %zu configured",
                    saved, configured);
}

static void pack_control(struct pack *pack, const struct daemon *daemon)
{
    struct control_counts counts = control_counts(daemon->control);
    pack_begin_map(pack, "control");
    pack_u64(pack, "connections", counts.connections);
    pack_u64(pack, "calls", counts.calls);
    pack_u64(pack, "requests", counts.requests);
    pack_u64(pack, "malformed", counts.malformed);
    pack_u64(pack, "refused", counts.refused);
    pack_u64(pack, "too_slow", counts.too_slow);
    pack_end(pack);
}

static void status(struct daemon *daemon, struct call *call)
{
    struct pack *result = call_result(call);
    pack_text(result, "version", KADPEER_VERSION);
    pack_i64(result, "pid", getpid());
    pack_double(result, "uptime", (double)(daemon_now_ms(daemon) - daemon->started_ms) / 1000);
    pack_text(result, "profile", daemon->paths.profile);
    pack_u64(result, "port", daemon->port);
    pack_endpoints(result, "listen", daemon->bound, daemon->bound_count);
    pack_external(result, daemon);
    pack_begin_map(result, "nodes");
    pack_u64(result, "ipv4", contacts_of(daemon, ENDPOINT_IPV4));
    pack_u64(result, "ipv6", contacts_of(daemon, ENDPOINT_IPV6));
    pack_end(result);
    pack_bool(result, "joined", node_joined(daemon->node));
    pack_bootstrap(result, daemon);
    engine_pack_status(daemon->engine, result);
    const struct keystore *keystore = session_keystore(daemon->session);
    pack_text(result, "user", keystore != NULL ? keystore->name : NULL);
    pack_u64(result, "waiting", group_engine_waiting(daemon->engine));
    pack_u64(result, "memory", resident_bytes());
    pack_u64(result, "descriptors", descriptor_count());
    pack_text(result, "data_dir", daemon->paths.data_dir);
    pack_text(result, "config", daemon->paths.config_file);
    pack_text(result, "log", daemon->paths.log_file);
    pack_text(result, "log_level", daemon->log_levels);
    pack_control(result, daemon);
    pack_reason(result, daemon);
    call_finish(call);
}

/* ---- stop ---- */

static void stop(struct daemon *daemon, struct call *call)
{
    bool now = call_bool(call, "now", false);
    call_finish(call);
    daemon_stop(daemon, now);
}

/* ---- logs.level, config.get ---- */

static void logs_level(struct daemon *daemon, struct call *call)
{
    const char *level = call_text(call, "level", NULL);
    if (level != NULL && (strlen(level) >= sizeof daemon->log_levels || !log_set_levels(level))) {
        call_fail(call, "bad_level", EXIT_BAD_INPUT, "info,dht=debug",
                  "cannot read the level \"%.100s\": error, warn, info, debug or trace", level);
        return;
    }
    if (level != NULL)
        strcpy(daemon->log_levels, level);
    pack_text(call_result(call), "level", daemon->log_levels);
    call_finish(call);
}

static void pack_list(struct pack *pack, const struct config *config, const char *name)
{
    const char *const *values;
    size_t count = config_list(config, name, &values);
    pack_begin_array(pack, "value");
    for (size_t i = 0; i < count; i++)
        pack_text(pack, NULL, values[i]);
    pack_end(pack);
}

static void config_get(struct daemon *daemon, struct call *call)
{
    static const char *const sources[] = {"default", "file", "environment", "flag"};
    struct pack *result = call_result(call);
    char said[LIMIT_SAID_SIZE];
    pack_begin_map(result, "values");
    for (size_t i = 0; i < config_key_count; i++) {
        const char *name = config_keys[i].name;
        bool is_said = engine_limits_said(daemon->engine, name, said);
        pack_begin_map(result, name);
        if (config_keys[i].type == CONFIG_LIST)
            pack_list(result, daemon->config, name);
        else if (is_said)
            pack_text(result, "value", said);
        else
            pack_text(result, "value", config_text(daemon->config, name));
        pack_text(result, "source",
                  is_said ? "limit" : sources[config_source_of(daemon->config, name)]);
        pack_end(result);
    }
    pack_end(result);
    call_finish(call);
}

/* ---- events ---- */

static void events(struct daemon *daemon, struct call *call)
{
    int64_t since = call_number(call, "since", -1);
    events_follow(daemon->events, call, since >= 0 ? (uint64_t)since : events_last(daemon->events));
}

const struct control_method methods_daemon[] = {
    {"hello", hello},           {"status", status}, {"stop", stop}, {"logs.level", logs_level},
    {"config.get", config_get}, {"events", events}, {NULL, NULL},
};
