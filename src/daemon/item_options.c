#include "daemon/item_options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    size_t offset;
} flags[] = {
    {"sequential", offsetof(struct item_options, sequential)},
    {"one_file", offsetof(struct item_options, one_file)},
    {"quiet", offsetof(struct item_options, quiet)},
    {"prepared", offsetof(struct item_options, prepared)},
    {"left", offsetof(struct item_options, left)},
    {"sha1_too", offsetof(struct item_options, sha1_too)},
    {"metadata_only", offsetof(struct item_options, metadata_only)},
    {"reselects", offsetof(struct item_options, reselects)},
};
#define FLAGS (sizeof flags / sizeof flags[0])

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool take_numbers(uint32_t **into, size_t *into_count, const uint32_t files[], size_t count)
{
    uint32_t *numbers = count > 0 ? malloc(count * sizeof *numbers) : NULL;
    if (count > 0 && numbers == NULL)
        return false;
    size_t kept = 0;
    if (count > 0) {
        memcpy(numbers, files, count * sizeof *numbers);
        qsort(numbers, count, sizeof *numbers, compare);
    }
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    free(*into);
    *into = numbers;
    *into_count = kept;
    return true;
}

bool item_options_select(struct item_options *options, const uint32_t files[], size_t count)
{
    return take_numbers(&options->selected, &options->selected_count, files, count);
}

bool item_options_spare(struct item_options *options, const uint32_t files[], size_t count)
{
    return take_numbers(&options->spared, &options->spared_count, files, count);
}

bool item_options_selects(const struct item_options *options, uint32_t file)
{
    return options->selected_count == 0 ||
           bsearch(&file, options->selected, options->selected_count, sizeof file, compare) != NULL;
}

void item_options_take_selection(struct item_options *options, struct item_options *from)
{
    free(options->selected);
    free(options->choice);
    options->selected = from->selected;
    options->selected_count = from->selected_count;
    options->choice = from->choice;
    from->selected = NULL;
    from->selected_count = 0;
    from->choice = NULL;
}

bool item_options_set_ratio(struct item_options *options, double ratio)
{
    if (!(ratio >= 0 && ratio <= RATIO_MAX)) /* NaN too */
        return false;
    options->has_ratio = true;
    options->ratio = ratio;
    return true;
}

static void parse_numbers(struct item_options *options, const char *text,
                          bool (*take)(struct item_options *options, const uint32_t files[],
                                       size_t count))
{
    size_t count = 0, room = 1;
    for (const char *c = text; *c != 0 && *c != ' '; c++)
        room += *c == ',';
    uint32_t *files = malloc(room * sizeof *files);
    if (files == NULL)
        return;
    while (count < room && *text >= '0' && *text <= '9') {
        char *rest;
        files[count++] = (uint32_t)strtoul(text, &rest, 10);
        text = *rest == ',' ? rest + 1 : rest;
    }
    take(options, files, count);
    free(files);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "KEY=VALUE"; in it "%20" is a blank: words are separated by them. */
static void parse_text(char **out, const char *key, const char *word, size_t len)
{
    size_t at = 0, skip = strlen(key);
    if (*out != NULL || len <= skip || memcmp(word, key, skip) != 0 || (*out = malloc(len)) == NULL)
        return;
    for (size_t i = skip; i < len; i++) {
        bool coded = word[i] == '%' && i + 2 < len && hex_digit(word[i + 1]) >= 0 &&
                     hex_digit(word[i + 2]) >= 0;
        (*out)[at++] =
            coded ? (char)(hex_digit(word[i + 1]) << 4 | hex_digit(word[i + 2])) : word[i];
        i += coded ? 2 : 0;
    }
    (*out)[at] = 0;
}

static void format_text(struct buffer *out, const char *key, const char *text)
{
    if (text == NULL)
        return;
    buffer_add_format(out, "%s%s=", out->len > 0 ? " " : "", key);
    for (const char *c = text; *c != 0; c++)
        if ((unsigned char)*c <= ' ' || *c == '%')
            buffer_add_format(out, "%%%02x", (unsigned char)*c);
        else
            buffer_add_byte(out, (uint8_t)*c);
}

static void format_numbers(struct buffer *out, const char *key, const uint32_t numbers[],
                           size_t count)
{
    if (count > 0)
        buffer_add_format(out, "%s%s=", out->len > 0 ? " " : "", key);
    for (size_t i = 0; i < count; i++)
        buffer_add_format(out, "%s%" PRIu32, i > 0 ? "," : "", numbers[i]);
}

static void parse_rejected(struct item_options *options, const char *text)
{
    struct id id;
    if (id_from_hex(text, ID_HEX_SIZE - 1, &id))
        item_options_reject(options, &id);
}

bool item_options_reject(struct item_options *options, const struct id *infohash)
{
    if (options->rejected_count == REJECTED_MAX)
        return false;
    struct id *grown =
        realloc(options->rejected, (options->rejected_count + 1) * sizeof *options->rejected);
    if (grown == NULL)
        return false;
    options->rejected = grown;
    options->rejected[options->rejected_count++] = *infohash;
    return true;
}

bool item_options_rejects(const struct item_options *options, const struct id *infohash)
{
    for (size_t i = 0; i < options->rejected_count; i++)
        if (id_equal(&options->rejected[i], infohash))
            return true;
    return false;
}

void item_options_parse(struct item_options *options, const char *text)
{
    *options = (struct item_options){.sequential = false};
    while (text != NULL && *text != 0) {
        size_t len = strcspn(text, " ");
        for (size_t i = 0; i < FLAGS; i++)
            if (strlen(flags[i].word) == len && memcmp(text, flags[i].word, len) == 0)
                *(bool *)((char *)options + flags[i].offset) = true;
        if (len == 4 + ID_HEX_SIZE - 1 && memcmp(text, "not=", 4) == 0)
            parse_rejected(options, text + 4);
        if (len > 6 && memcmp(text, "ratio=", 6) == 0)
            item_options_set_ratio(options, strtod(text + 6, NULL));
        item_limits_parse(&options->limits, text, len);
        if (len > 7 && memcmp(text, "select=", 7) == 0)
            parse_numbers(options, text + 7, item_options_select);
        if (len > 6 && memcmp(text, "spare=", 6) == 0)
            parse_numbers(options, text + 6, item_options_spare);
        parse_text(&options->choice, "choice=", text, len);
        parse_text(&options->move_to, "move_to=", text, len);
        parse_text(&options->moved_from, "moved_from=", text, len);
        text += len + strspn(text + len, " ");
    }
}

void item_options_format(const struct item_options *options, struct buffer *out)
{
    for (size_t i = 0; i < FLAGS; i++)
        if (*(const bool *)((const char *)options + flags[i].offset))
            buffer_add_format(out, "%s%s", out->len > 0 ? " " : "", flags[i].word);
    for (size_t i = 0; i < options->rejected_count; i++) {
        char hex[ID_HEX_SIZE];
        id_to_hex(&options->rejected[i], hex);
        buffer_add_format(out, "%snot=%s", out->len > 0 ? " " : "", hex);
    }
    if (options->has_ratio)
        buffer_add_format(out, "%sratio=%.10g", out->len > 0 ? " " : "", options->ratio);
    item_limits_format(&options->limits, out);
    format_numbers(out, "select", options->selected, options->selected_count);
    format_numbers(out, "spare", options->spared, options->spared_count);
    format_text(out, "choice", options->choice);
    format_text(out, "move_to", options->move_to);
    format_text(out, "moved_from", options->moved_from);
    buffer_add_byte(out, 0);
}

void item_options_dispose(struct item_options *options)
{
    free(options->selected);
    free(options->spared);
    free(options->choice);
    free(options->move_to);
    free(options->moved_from);
    free(options->rejected);
    *options = (struct item_options){.sequential = false};
}
