/* What a setting's text means. */
#include "base/config_value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"

#define LARGEST ((double)(1ULL << 53)) /* beyond it a double skips whole numbers */

/* Digits with at most one point; *end is behind them. No sign, exponent, hexadecimal, "inf". */
static bool parse_decimal(const char *text, double *out, const char **end)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0)
        return false;
    if (text[len] == '.') {
        size_t fraction = strspn(text + len + 1, "0123456789");
        if (fraction == 0)
            return false;
        len += 1 + fraction;
    }
    *end = text + len;
    *out = strtod(text, NULL);
    return *out <= LARGEST;
}

bool config_parse_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    double value;
    const char *unit;
    if (!parse_decimal(text, &value, &unit))
        return false;
    const char *found = *unit != 0 ? strchr(units, toupper((unsigned char)*unit)) : NULL;
    if (found != NULL) {
        value *= (double)(1ULL << (10 * (found - units + 1)));
        unit++;
        if (unit[0] == 'i' && unit[1] == 'B')
            unit += 2;
    } else if (*unit == 'B') {
        unit++;
    }
    if (*unit != 0 || value > LARGEST)
        return false;
    *bytes = (uint64_t)value;
    return true;
}

bool config_parse_duration(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"ms", 0.001}};
    double value;
    const char *unit;
    if (!parse_decimal(text, &value, &unit))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            *seconds = value * units[i].seconds;
            return *seconds <= LARGEST;
        }
    }
    return false;
}

bool config_parse_ratio(const char *text, double *ratio)
{
    const char *end;
    return parse_decimal(text, ratio, &end) && *end == 0;
}

bool config_parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *out = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool parse_whole(const char *text, int64_t *out)
{
    size_t len = strlen(text);
    if (len == 0 || len > 15 || strspn(text, "0123456789") != len)
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

static bool levels_valid(const char *text)
{
    char copy[256];
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    char *rest = copy;
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        char *equals = strchr(item, '=');
        enum log_level level;
        if (equals == item || (equals != NULL && equals - item >= LOG_SUBSYSTEM_MAX) ||
            !log_level_from_name(equals != NULL ? equals + 1 : item, &level))
            return false;
    }
    return true;
}

const char *config_type_wants(enum config_type type)
{
    switch (type) {
    case CONFIG_NUMBER:
        return "a whole number";
    case CONFIG_BOOL:
        return "yes or no";
    case CONFIG_SIZE:
        return "a size like 1.5M, 200K or 4096";
    case CONFIG_DURATION:
        return "a time like 90s, 15m, 2h or 7d";
    case CONFIG_RATIO:
        return "a number like 2.0";
    case CONFIG_LEVELS:
        return "error, warn, info, debug or trace, or info,dht=debug";
    case CONFIG_TEXT:
    case CONFIG_LIST:
        break;
    }
    return "a text";
}

bool config_value_parse(enum config_type type, const char *text, struct config_parsed *out)
{
    double seconds;
    uint64_t bytes;
    *out = (struct config_parsed){0};
    switch (type) {
    case CONFIG_NUMBER:
        return parse_whole(text, &out->number);
    case CONFIG_BOOL:
        return config_parse_bool(text, &out->yes);
    case CONFIG_SIZE:
        if (!config_parse_size(text, &bytes))
            return false;
        out->number = (int64_t)bytes;
        return true;
    case CONFIG_DURATION:
        if (!config_parse_duration(text, &seconds))
            return false;
        out->number = (int64_t)seconds;
        return true;
    case CONFIG_RATIO:
        return config_parse_ratio(text, &out->ratio);
    case CONFIG_LEVELS:
        return levels_valid(text);
    case CONFIG_TEXT:
    case CONFIG_LIST:
        return true;
    }
    return false;
}
