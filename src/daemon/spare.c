#include "daemon/spare.h"

#include <stdlib.h>

#include "daemon/item_facts.h"

enum verdict { FILE_DIFFERS, FILE_IS_RIGHT, FILE_IS_UNKNOWN };

static bool has_bit(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (7 - i % 8) & 1) != 0;
}

static bool is_on_disk(const struct item *item, uint32_t file)
{
    return !item->metainfo->files[file].padding && item_options_selects(&item->options, file);
}

/* `holes`: pieces with bytes of files that are gone. */
static enum verdict judge(const struct item *item, uint32_t file, const uint8_t *good,
                          const uint8_t *holes)
{
    const struct metainfo_file *f = &item->metainfo->files[file];
    enum verdict verdict = FILE_IS_RIGHT;
    if (item->seen[file].size != f->length)
        return FILE_DIFFERS;
    if (f->length == 0)
        return FILE_IS_RIGHT;
    uint32_t first = (uint32_t)(f->offset / item->metainfo->piece_length);
    uint32_t last = (uint32_t)((f->offset + f->length - 1) / item->metainfo->piece_length);
    for (uint32_t piece = first; piece <= last; piece++) {
        if (!has_bit(good, piece) && !has_bit(holes, piece))
            return FILE_DIFFERS;
        if (!has_bit(good, piece))
            verdict = FILE_IS_UNKNOWN;
    }
    return verdict;
}

static void mark_holes(const struct item *item, uint8_t *holes)
{
    for (uint32_t i = 0; i < item->metainfo->file_count; i++)
        if (!item->metainfo->files[i].padding && !item->seen[i].exists)
            item_mark_pieces(item, i, holes);
}

/* False: a file is something else. A folder with none of the files in it is somebody's own that
 * happens to have the name, unless it was complete once. */
static bool find_unknown(const struct item *item, const uint8_t *good, const uint8_t *holes,
                         uint32_t unknown[], size_t *count)
{
    bool was_ours = item->expected != NULL, lost = false;
    for (uint32_t i = 0; i < item->metainfo->file_count; i++) {
        if (!is_on_disk(item, i))
            continue;
        if (!item->seen[i].exists) {
            lost = true;
            continue;
        }
        enum verdict verdict = judge(item, i, good, holes);
        if (verdict == FILE_DIFFERS)
            return false;
        if (verdict == FILE_IS_UNKNOWN)
            unknown[(*count)++] = i;
        was_ours = was_ours || item->metainfo->files[i].length > 0;
    }
    return lost && was_ours;
}

bool spare_what_is_there(struct item *item, const uint8_t *good)
{
    if (item->metainfo->single_file || item->seen == NULL || !item->final_is_alone)
        return false;
    size_t count = 0;
    uint32_t *unknown = malloc(item->metainfo->file_count * sizeof *unknown);
    uint8_t *holes = calloc(1, item_bitfield_bytes(item) + 1);
    bool spares = unknown != NULL && holes != NULL;
    if (spares) {
        mark_holes(item, holes);
        spares = find_unknown(item, good, holes, unknown, &count) &&
                 item_options_spare(&item->options, unknown, count) && item_save(item) == STATUS_OK;
    }
    free(unknown);
    free(holes);
    return spares;
}
