#include "daemon/selection.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/names.h"

struct resolving {
    const struct metainfo *metainfo;
    uint8_t *chosen; /* file_count of them */
    char *error;
};

static enum status nothing_fits(struct resolving *resolving, const char *word)
{
    char *shown = names_printable(word, strlen(word));
    snprintf(resolving->error, SELECTION_ERROR_SIZE, "it has no file \"%.150s\"",
             shown != NULL ? shown : "?");
    free(shown);
    return STATUS_NOT_FOUND;
}

/* "7", "3-5", "3-": up to the last. */
static bool is_range(const char *word, uint64_t *first, uint64_t *last)
{
    size_t digits = strspn(word, "0123456789");
    size_t more = word[digits] == '-' ? strspn(word + digits + 1, "0123456789") : 0;
    bool dash = word[digits] == '-';
    if (digits == 0 || digits > 9 || more > 9 || word[digits + dash + more] != 0)
        return false;
    *first = *last = strtoull(word, NULL, 10);
    if (dash)
        *last = more > 0 ? strtoull(word + digits + 1, NULL, 10) : UINT64_MAX;
    return true;
}

static enum status choose_range(struct resolving *resolving, const char *word, uint64_t first,
                                uint64_t last)
{
    uint32_t count = resolving->metainfo->file_count;
    bool open_end = last == UINT64_MAX;
    if (first >= count || (!open_end && (last >= count || last < first)))
        return nothing_fits(resolving, word);
    for (uint64_t i = first; i <= last && i < count; i++)
        resolving->chosen[i] = 1;
    return STATUS_OK;
}

static enum status choose_glob(struct resolving *resolving, const char *glob)
{
    bool any = false;
    for (uint32_t i = 0; i < resolving->metainfo->file_count; i++) {
        const struct metainfo_file *file = &resolving->metainfo->files[i];
        const char *slash = strrchr(file->path, '/');
        const char *name = slash != NULL ? slash + 1 : file->path;
        if (file->padding || (fnmatch(glob, name, FNM_PATHNAME) != 0 &&
                              fnmatch(glob, file->path, FNM_PATHNAME | FNM_LEADING_DIR) != 0))
            continue;
        resolving->chosen[i] = 1;
        any = true;
    }
    return any ? STATUS_OK : nothing_fits(resolving, glob);
}

static enum status choose(struct resolving *resolving, const char *word)
{
    uint64_t first, last;
    if (is_range(word, &first, &last))
        return choose_range(resolving, word, first, last);
    return choose_glob(resolving, word);
}

static enum status choose_all(struct resolving *resolving, const char *text)
{
    enum status status = STATUS_OK;
    char *copy = strdup(text), *rest = copy;
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    for (char *word; status == STATUS_OK && (word = strsep(&rest, ",")) != NULL;)
        if (word[0] != 0)
            status = choose(resolving, word);
    free(copy);
    return status;
}

/* All of them is the same as no selection. */
static enum status keep(const struct resolving *resolving, struct item_options *options)
{
    uint32_t count = resolving->metainfo->file_count, files = 0;
    uint32_t *numbers = malloc(count * sizeof *numbers);
    if (numbers == NULL)
        return STATUS_NO_MEMORY;
    size_t chosen = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool padding = resolving->metainfo->files[i].padding;
        files += !padding;
        if (resolving->chosen[i] && !padding)
            numbers[chosen++] = i;
    }
    bool good = item_options_select(options, numbers, chosen == files ? 0 : chosen);
    free(numbers);
    if (!good)
        return STATUS_NO_MEMORY;
    free(options->choice);
    options->choice = NULL;
    return STATUS_OK;
}

bool selection_has_several(const struct item_options *options, const struct metainfo *metainfo)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < metainfo->file_count && count < 2; i++)
        count += !metainfo->files[i].padding && item_options_selects(options, i);
    return count > 1;
}

bool selection_is_blind(const struct metainfo *metainfo)
{
    uint32_t files = 0;
    for (uint32_t i = 0; i < metainfo->file_count && files < 2; i++)
        files += !metainfo->files[i].padding;
    return files > 1;
}

enum status selection_resolve(struct item_options *options, const struct metainfo *metainfo,
                              const char *text, char error[SELECTION_ERROR_SIZE])
{
    struct resolving resolving = {
        .metainfo = metainfo, .chosen = calloc(metainfo->file_count, 1), .error = error};
    enum status status = STATUS_NO_MEMORY;
    snprintf(error, SELECTION_ERROR_SIZE, "out of memory");
    if (resolving.chosen != NULL)
        status = choose_all(&resolving, text);
    bool any = false;
    for (uint32_t i = 0; i < metainfo->file_count && status == STATUS_OK; i++)
        any = any || (resolving.chosen[i] && !metainfo->files[i].padding);
    if (status == STATUS_OK)
        status = any ? keep(&resolving, options) : nothing_fits(&resolving, text);
    free(resolving.chosen);
    return status;
}
