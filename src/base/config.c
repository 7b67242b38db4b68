#include "base/config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_value.h"

struct value {
    char *text;
    struct config_parsed parsed;
    enum config_source source;
    char **list; /* CONFIG_LIST: each on the heap */
    size_t list_count;
};

struct config {
    struct value *values; /* one per config_keys */
};

static struct value *value_of(const struct config *config, const char *name,
                              const struct config_key **key)
{
    *key = config_find_key(name);
    assert(*key != NULL);
    return &config->values[*key - config_keys];
}

struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL)
        return NULL;
    config->values = calloc(config_key_count, sizeof config->values[0]);
    for (size_t i = 0; i < config_key_count; i++) {
        char error[CONFIG_ERROR_SIZE];
        if (config->values == NULL ||
            config_set(config, config_keys[i].name, config_keys[i].fallback, CONFIG_DEFAULT,
                       error) != STATUS_OK) {
            config_free(config);
            return NULL;
        }
    }
    return config;
}

static void value_dispose(struct value *value)
{
    free(value->text);
    for (size_t i = 0; i < value->list_count; i++)
        free(value->list[i]);
    free(value->list);
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; config->values != NULL && i < config_key_count; i++)
        value_dispose(&config->values[i]);
    free(config->values);
    free(config);
}

/* The text of a list is its values with a space between. */
static enum status list_add(struct value *value, const char *text)
{
    if (text[0] == 0)
        return STATUS_OK;
    if (value->list_count == CONFIG_LIST_MAX)
        return STATUS_FULL;
    char **list = realloc(value->list, (value->list_count + 1) * sizeof *list);
    if (list == NULL)
        return STATUS_NO_MEMORY;
    value->list = list;
    char *joined = NULL;
    const char *before = value->text != NULL ? value->text : "";
    if (asprintf(&joined, "%s%s%s", before, before[0] != 0 ? " " : "", text) < 0)
        return STATUS_NO_MEMORY;
    list[value->list_count] = strdup(text);
    if (list[value->list_count] == NULL) {
        free(joined);
        return STATUS_NO_MEMORY;
    }
    value->list_count++;
    free(value->text);
    value->text = joined;
    return STATUS_OK;
}

static enum status replace_text(struct value *value, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    free(value->text);
    value->text = copy;
    return STATUS_OK;
}

static bool has_range(enum config_type type)
{
    return type == CONFIG_NUMBER || type == CONFIG_SIZE || type == CONFIG_DURATION;
}

enum status config_set(struct config *config, const char *name, const char *text,
                       enum config_source source, char error[CONFIG_ERROR_SIZE])
{
    const struct config_key *key = config_find_key(name);
    if (key == NULL) {
        const char *nearest = config_nearest_key(name);
        snprintf(error, CONFIG_ERROR_SIZE, "unknown key %.80s%s%s%s", name,
                 nearest != NULL ? ", did you mean " : "", nearest != NULL ? nearest : "",
                 nearest != NULL ? "?" : "");
        return STATUS_NOT_FOUND;
    }
    struct config_parsed parsed;
    if (!config_value_parse(key->type, text, &parsed)) {
        snprintf(error, CONFIG_ERROR_SIZE, "%s = %.80s: %s is wanted", name, text,
                 config_type_wants(key->type));
        return STATUS_MALFORMED;
    }
    if (has_range(key->type) && (parsed.number < key->least || parsed.number > key->most)) {
        snprintf(error, CONFIG_ERROR_SIZE, "%s = %.80s: wanted is %lld to %lld", name, text,
                 (long long)key->least, (long long)key->most);
        return STATUS_MALFORMED;
    }
    struct value *value = &config->values[key - config_keys];
    enum status status =
        key->type == CONFIG_LIST ? list_add(value, text) : replace_text(value, text);
    if (status == STATUS_OK) {
        value->parsed = parsed;
        value->source = source;
    } else {
        snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", name, status_text(status));
    }
    return status;
}

enum status config_load_environment(struct config *config, char error[CONFIG_ERROR_SIZE])
{
    static const struct {
        const char *variable, *key;
    } variables[] = {{"KADPEER_PORT", "network.port"}, {"KADPEER_LOG", "log.level"}};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *text = getenv(variables[i].variable);
        char why[CONFIG_ERROR_SIZE];
        if (text == NULL || text[0] == 0)
            continue;
        if (config_set(config, variables[i].key, text, CONFIG_ENVIRONMENT, why) != STATUS_OK) {
            snprintf(error, CONFIG_ERROR_SIZE, "environment %s: %.200s", variables[i].variable,
                     why);
            return STATUS_MALFORMED;
        }
    }
    return STATUS_OK;
}

const char *config_text(const struct config *config, const char *name)
{
    const struct config_key *key;
    const struct value *value = value_of(config, name, &key);
    return value->text != NULL ? value->text : "";
}

int64_t config_number(const struct config *config, const char *name)
{
    const struct config_key *key;
    const struct value *value = value_of(config, name, &key);
    assert(has_range(key->type));
    return value->parsed.number;
}

bool config_bool(const struct config *config, const char *name)
{
    const struct config_key *key;
    const struct value *value = value_of(config, name, &key);
    assert(key->type == CONFIG_BOOL);
    return value->parsed.yes;
}

double config_ratio(const struct config *config, const char *name)
{
    const struct config_key *key;
    const struct value *value = value_of(config, name, &key);
    assert(key->type == CONFIG_RATIO);
    return value->parsed.ratio;
}

size_t config_list(const struct config *config, const char *name, const char *const **out)
{
    const struct config_key *key;
    const struct value *value = value_of(config, name, &key);
    assert(key->type == CONFIG_LIST);
    *out = (const char *const *)value->list;
    return value->list_count;
}

enum config_source config_source_of(const struct config *config, const char *name)
{
    const struct config_key *key;
    return value_of(config, name, &key)->source;
}
