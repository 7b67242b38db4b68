/* What is done about the outcome of a verification. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/item.h"
#include "daemon/spare.h"
#include "daemon/verifier.h"
#include "daemon/verify_call.h"

static bool has_bit(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (7 - i % 8) & 1) != 0;
}

static bool all_wanted(const struct item *item, const uint8_t *good)
{
    for (uint32_t i = 0; i < item->metainfo->piece_count; i++)
        if (item_wants(item, i) && !has_bit(good, i))
            return false;
    return true;
}

static uint8_t *copy_bits(const struct item *item, const uint8_t *bits)
{
    size_t len = item_bitfield_bytes(item);
    uint8_t *copy = malloc(len + 1);
    if (copy != NULL)
        memcpy(copy, bits, len);
    return copy;
}

static unsigned percent(uint32_t part, uint32_t whole)
{
    return whole == 0 ? 0 : (unsigned)((uint64_t)part * 100 / whole);
}

/* ---- a file of the final name ---- */

void item_adopt(struct item *item)
{
    storage_free(item->storage);
    item->storage = item->probe;
    item->probe = NULL;
    struct storage_stat *stats = item->seen;
    item->seen = NULL;
    item_set_have(item, item->adopt_have);
    free(item->adopt_have);
    item->adopt_have = NULL;
    item_complete(item, stats);
    item->placed = false; /* looked at again: it may have been written to while it was read */
}

static void on_whole(struct item *item, const struct verified *verified)
{
    item->adopt_have = copy_bits(item, verified->good);
    if (item->adopt_have == NULL)
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
}

static void on_other_file(struct item *item, const struct verified *verified)
{
    item->placed = false;
    bool spares = !item->row.force && spare_what_is_there(item, verified->good);
    if (!item->row.force && !spares) {
        storage_free(item->probe);
        item->probe = NULL;
        item_set_trouble(item, TROUBLE_CONFLICT, STATUS_CONFLICT,
                         "%s exists and is not this file (%u%% of pieces match)", item->row.target,
                         percent(verified->good_count, item->metainfo->piece_count));
        return;
    }
    item->final_is_other = !spares;
    if (verified->good_count > 0 || spares) {
        item->reopen_have = copy_bits(item, verified->good);
    } else {
        storage_free(item->probe);
        item->probe = NULL;
    }
}

/* ---- a partial file ---- */

static void on_leftover(struct item *item, const struct verified *verified)
{
    item->leftover = false;
    item->placed = false;
    if (verified->good_count == 0 && !item->row.force && item->options.spared_count == 0) {
        item_set_trouble(item, TROUBLE_CONFLICT, STATUS_CONFLICT,
                         "%s.part exists and is not a part of this file (0%% of pieces match)",
                         item->row.target);
        return;
    }
    item_set_have(item, verified->good);
    item->options.prepared = true;
    item_save(item);
}

/* It looked changed, and has been read. */
static void on_mended(struct item *item, const struct verified *verified)
{
    item->mends = false;
    item->placed = false; /* looked at again: somebody may still be writing */
    if (verified->bad_count == 0) {
        item_false_alarm(item);
        return;
    }
    if (item->false_alarms < FALSE_ALARMS_MAX)
        item->false_alarms = 0;
    log_info("engine", "transfer %lld: %" PRIu32 " pieces are gone and are fetched again",
             (long long)item->row.id, verified->bad_count);
}

static void on_partial(struct item *item, const struct verified *verified)
{
    size_t len = item_bitfield_bytes(item);
    item->all_verified = true;
    for (size_t i = 0; i < len; i++) {
        uint8_t unchecked = (uint8_t)(item->have[i] & ~verified->checked[i]);
        item->have[i] = unchecked | verified->good[i];
        item->all_verified = item->all_verified && unchecked == 0;
    }
    item_set_have(item, item->have);
    item_save_have(item);
    if (item->sync_failed) { /* it was read back from the disk */
        item->sync_failed = false;
        item_set_synced(item, item->have);
    }
    if (item->mends)
        on_mended(item, verified);
    if (verified->bad_count > 0)
        item_forget_synced(item);
    if (item->row.boot_id == NULL || strcmp(item->row.boot_id, item->engine->boot_id) == 0)
        return; /* NULL: nothing of it was ever on disk */
    /* It was read back after the machine's restart, so it is on disk. */
    char *boot_id = strdup(item->engine->boot_id);
    if (boot_id == NULL)
        return;
    free(item->row.boot_id);
    item->row.boot_id = boot_id;
    catalog_set_synced(item->engine->daemon->catalog, item->row.id, item->row.have, boot_id);
}

/* ---- a complete one ---- */

/* They look as they did and are not what they were: their looks stand for nothing any more, not in
 * the next run either. */
static void forget_looks(struct item *item)
{
    free(item->expected);
    item->expected = NULL;
    catalog_set_files(item->engine->daemon->catalog, item->row.id, NULL, 0);
}

static void on_complete(struct item *item, const struct verified *verified)
{
    if (all_wanted(item, verified->good)) {
        struct storage_stat *stats = item->seen;
        item->seen = NULL;
        item_set_have(item, verified->good);
        item_complete(item, stats);
        item->placed = false;
        return;
    }
    item->placed = false;
    forget_looks(item);
    const char *hint = item->row.origin == ORIGIN_SHARE ? "share it again"
                                                        : "getting it again with --force mends it";
    item_set_trouble(item, TROUBLE_CHANGED, STATUS_MISMATCH,
                     "%s was changed: %" PRIu32 " of %" PRIu32 " pieces no longer match; %s",
                     item->row.target, verified->bad_count, item->metainfo->piece_count, hint);
}

void item_verified(struct item *item, const struct verified *verified)
{
    verify_calls_finish(item, verified);
    if (item->probe != NULL && all_wanted(item, verified->good))
        on_whole(item, verified);
    else if (item->probe != NULL)
        on_other_file(item, verified);
    else if (item->row.complete)
        on_complete(item, verified);
    else if (item->leftover)
        on_leftover(item, verified);
    else
        on_partial(item, verified);
}
