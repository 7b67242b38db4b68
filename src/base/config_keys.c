#include <string.h>

#include "base/config.h"
#include "base/suggest.h"

const struct config_key config_keys[] = {
    {"network.port", CONFIG_NUMBER, "61881", "UDP and TCP port; taken: the next free one", 0,
     65535},
    {"network.bootstrap", CONFIG_LIST, "", "host:port of a node to join by; may come many times", 0,
     0},
    {"network.ipv6", CONFIG_BOOL, "yes", "run over IPv6 as well", 0, 0},
    {"network.id", CONFIG_NUMBER, "0", "nodes with another number are another network", 0,
     UINT32_MAX},
    {"network.limit_local", CONFIG_BOOL, "no",
     "limit local addresses like public ones, for tests of the limits", 0, 0},
    {"network.max_connections", CONFIG_NUMBER, "200", "connections to peers, all transfers", 1,
     100000},
    {"network.max_half_open", CONFIG_NUMBER, "50", "connections being opened at one time", 1,
     10000},
    {"transfer.dir", CONFIG_TEXT, "~/Downloads", "where fetched files go without -o", 0, 0},
    {"transfer.down", CONFIG_SIZE, "0", "bytes fetched per second, all transfers; 0: no limit", 0,
     INT64_C(1) << 40},
    {"transfer.up", CONFIG_SIZE, "0", "bytes sent per second, all transfers; 0: no limit", 0,
     INT64_C(1) << 40},
    {"transfer.limit_lan", CONFIG_BOOL, "no", "limits hold for peers on the local network, too", 0,
     0},
    {"transfer.ratio", CONFIG_RATIO, "2.0", "a fetched file is shared until it was sent so often",
     0, 0},
    {"transfer.seed_time", CONFIG_DURATION, "7d", "a fetched file is shared so long", 0, INT64_MAX},
    {"transfer.active", CONFIG_NUMBER, "5", "downloads at one time; the others are queued", 1,
     1000},
    {"transfer.memory", CONFIG_SIZE, "192M", "for pieces that are being fetched, all transfers",
     1 << 20, INT64_C(1) << 40},
    {"transfer.reserve", CONFIG_SIZE, "256M", "free space that is never used", 0, INT64_MAX},
    {"log.level", CONFIG_LEVELS, "info", "error warn info debug trace, also info,dht=debug", 0, 0},
};
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

const struct config_key *config_find_key(const char *name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    }
    return NULL;
}

/* "port" for "network.port" is the likeliest mistake: a last part that fits counts as near. */
const char *config_nearest_key(const char *name)
{
    struct suggestion nearest = suggestion_for(name);
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;
    for (size_t i = 0; i < config_key_count; i++) {
        suggestion_try(&nearest, config_keys[i].name);
        if (strcmp(strchr(config_keys[i].name, '.') + 1, last) == 0)
            return config_keys[i].name;
    }
    return nearest.best;
}
