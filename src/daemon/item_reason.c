/* The sentences that say why an item does not go on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "content/names.h"
#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "daemon/item_facts.h"
#include "daemon/mover.h"
#include "daemon/node.h"

void item_format_size(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit < 5) {
        value /= 1024;
        unit++;
    }
    snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void item_describe_no_space(const struct item *item, char *out, size_t size)
{
    char needed[32], available[32];
    item_format_size(item->space_needed, needed, sizeof needed);
    item_format_size(item->space_free, available, sizeof available);
    snprintf(out, size, "%s needed, %s free on the target", needed, available);
}

void item_describe_change(const struct item *item, const char *path, char *out, size_t size)
{
    char *shown = path != NULL ? names_printable(path, strlen(path)) : NULL;
    snprintf(out, size,
             "%s%s was changed by somebody else: what was fetched of it is verified anew",
             shown != NULL ? shown : item->row.target, shown != NULL ? "" : ".part");
    free(shown);
}

static void describe_queue(const struct item *item, char *out, size_t size)
{
    const struct item *other;
    unsigned before = 0;
    DL_FOREACH(item->engine->items, other)
    {
        if (other == item)
            break;
        before += other->asks_for_slot;
    }
    snprintf(out, size, "%zu downloads run at a time, %u wait before it",
             item->engine->downloading_max, before);
}

void item_describe_search(const struct item *item, char *out, size_t size)
{
    const struct finder *finder = &item->finder;
    const char *none = item->have_count > 0 ? "no peer left" : "no peer found yet";
    size_t known = peer_list_count(item->peers);
    if (known > 0 && item->dialling > 0)
        snprintf(out, size, "connecting: %zu peer%s known", known, known == 1 ? "" : "s");
    else if (known > 0 && peer_list_count_hung_up(item->peers) == known)
        snprintf(out, size, "%zu peer%s known, hung up on us: full, without it, or encrypted only",
                 known, known == 1 ? "" : "s");
    else if (known > 0)
        snprintf(out, size, "%zu peer%s known, none can be reached now", known,
                 known == 1 ? "" : "s");
    else if (item_is_private(item))
        snprintf(out, size, "no peer yet: a private transfer is not searched for");
    else if (!node_joined(item->engine->daemon->node))
        snprintf(out, size, "this node knows no other node yet");
    else if (finder->rounds == 0)
        snprintf(out, size, "asking the nodes near it");
    else if (finder->answered == 0)
        snprintf(out, size, "%s: none of %u nodes answered", none, finder->asked);
    else
        snprintf(out, size, "%s: %u node%s answered, none knows %s", none, finder->answered,
                 finder->answered == 1 ? "" : "s", item->have_count > 0 ? "another" : "it");
}

static void describe_download(const struct item *item, char *out, size_t size)
{
    struct transfer_stats stats;
    uint64_t now_ms = engine_now(item->engine);
    if (item->transfer == NULL || !item->transfer_has_metainfo)
        return;
    transfer_stats(item->transfer, now_ms, &stats);
    bool stuck =
        stats.pieces_unavailable > 0 && stats.pieces_unavailable == stats.pieces_wanted_missing;
    if (stats.peers == 0)
        item_describe_search(item, out, size);
    else if (stats.sending > 0 && !stuck)
        return;
    else if (stats.pieces_unavailable > 0)
        snprintf(out, size, "0 of %" PRIu32 " peer%s have the %" PRIu32 " missing piece%s",
                 stats.peers, stats.peers == 1 ? "" : "s", stats.pieces_unavailable,
                 stats.pieces_unavailable == 1 ? "" : "s");
    else if (stats.pieces_in_flight == 0)
        snprintf(out, size, "%" PRIu32 " peer%s connected, none sends yet", stats.peers,
                 stats.peers == 1 ? "" : "s");
}

static void describe_metadata(const struct item *item, char *out, size_t size)
{
    struct transfer_stats stats;
    transfer_stats(item->transfer, engine_now(item->engine), &stats);
    if (stats.metadata_total > 0)
        snprintf(
            out, size, "%" PRIu32 " of %" PRIu32 " parts of the list of pieces, %" PRIu32 " peer%s",
            stats.metadata_have, stats.metadata_total, stats.peers, stats.peers == 1 ? "" : "s");
    else
        snprintf(out, size, "%" PRIu32 " peer%s connected, none has told what it is yet",
                 stats.peers, stats.peers == 1 ? "" : "s");
}

/* Paused by no wish of anybody: nobody who may see the group is there. */
static void describe_waiting(const struct item *item, char *out, size_t size)
{
    const struct membership *membership = item_membership(item);
    if (item->discoverable)
        return;
    if (membership == NULL)
        snprintf(out, size, "waits until a member of its group is logged in");
    else if (group_standing(membership->group) == GROUP_REMOVED)
        snprintf(out, size, "not a member of %s any more", group_name(membership->group));
    else
        snprintf(out, size, "waits for the keys of %s", group_name(membership->group));
}

void item_reason(const struct item *item, char *out, size_t size)
{
    out[0] = 0;
    if (mover_is_due(item)) {
        mover_describe(item, out, size);
        return;
    }
    switch (item_state(item)) {
    case ITEM_PAUSED:
        describe_waiting(item, out, size);
        break;
    case ITEM_NO_SPACE:
    case ITEM_MISSING_FILES:
    case ITEM_ERROR:
        snprintf(out, size, "%s", item->trouble_text);
        break;
    case ITEM_QUEUED:
        if (item_is_alone(item))
            item_describe_search(item, out, size);
        else
            describe_queue(item, out, size);
        break;
    case ITEM_SEARCHING:
        item_describe_search(item, out, size);
        break;
    case ITEM_METADATA:
        if (item->transfer != NULL)
            describe_metadata(item, out, size);
        break;
    case ITEM_VERIFYING:
        if (item->changed || item->mends)
            item_describe_change(item, NULL, out, size);
        break;
    case ITEM_DOWNLOADING:
        if (item->missing == 0)
            snprintf(out, size, "writing to disk");
        else
            describe_download(item, out, size);
        break;
    default:
        break;
    }
}
