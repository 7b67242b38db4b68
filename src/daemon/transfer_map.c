#include "daemon/transfer_map.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "daemon/item_facts.h"
#include "daemon/link.h"

/* Where the content is or will be. */
static void pack_path(struct pack *pack, const struct item *item)
{
    char *path = item->storage != NULL ? storage_path(item->storage) : NULL;
    pack_text(pack, "path", path != NULL ? path : item->row.dir);
    free(path);
}

static void pack_rates(struct pack *pack, const struct item *item,
                       const struct transfer_stats *stats)
{
    uint64_t left = item->missing_bytes;
    bool runs = item_state(item) != ITEM_PAUSED; /* else the averages speak of a while ago */
    pack_u64(pack, "rate_down", runs ? stats->rate_down_bps : 0);
    pack_u64(pack, "rate_up", runs ? stats->rate_up_bps : 0);
    if (runs && stats->rate_down_bps > 0 && item->metainfo != NULL && left > 0)
        pack_u64(pack, "eta", left / stats->rate_down_bps);
    else
        pack_nil(pack, "eta");
    pack_begin_map(pack, "peers");
    pack_u64(pack, "connected", stats->peers);
    pack_u64(pack, "sending", stats->sending);
    pack_u64(pack, "known", peer_list_count(item->peers));
    pack_end(pack);
}

static void pack_pieces(struct pack *pack, const struct item *item)
{
    pack_begin_map(pack, "pieces");
    pack_u64(pack, "have", item->have_count);
    if (item->metainfo != NULL)
        pack_u64(pack, "total", item->metainfo->piece_count);
    else
        pack_nil(pack, "total");
    pack_end(pack);
}

static void pack_traffic(struct pack *pack, const struct item *item,
                         const struct transfer_stats *stats)
{
    uint64_t up = item->row.uploaded + stats->bytes_up - item->saved_up;
    uint64_t down = item->row.downloaded + stats->bytes_down - item->saved_down;
    if (item->row.size > 0)
        pack_double(pack, "ratio", (double)up / (double)item->row.size);
    else
        pack_nil(pack, "ratio");
    pack_u64(pack, "uploaded", up);
    pack_u64(pack, "downloaded", down);
}

static void pack_state(struct pack *pack, const struct item *item)
{
    char reason[ITEM_REASON_SIZE];
    item_reason(item, reason, sizeof reason);
    pack_text(pack, "state", item_state_name(item_state(item)));
    pack_text(pack, "reason", reason[0] != 0 ? reason : NULL);
    bool known = item->metainfo != NULL || item->row.size > 0;
    if (known)
        pack_u64(pack, "size", item_wanted_bytes(item));
    else
        pack_nil(pack, "size");
    pack_u64(pack, "done", item_done_bytes(item));
}

static void pack_group(struct pack *pack, const struct item *item)
{
    const struct membership *membership = item_membership(item);
    pack_text(pack, "group", membership != NULL ? group_name(membership->group) : NULL);
    if (item->row.has_group)
        pack_hex(pack, "group_key", bytes_of(item->row.group, sizeof item->row.group));
    else
        pack_nil(pack, "group_key");
}

static void pack_rest(struct pack *pack, const struct item *item)
{
    struct buffer link;
    bool failed = item->trouble != TROUBLE_NONE && item->trouble != TROUBLE_NO_SPACE;
    pack_group(pack, item);
    pack_path(pack, item);
    pack_time(pack, "added", item->row.added_unix_s);
    pack_time(pack, "completed", item->row.completed_unix_s);
    pack_text(pack, "error", failed ? item->trouble_text : NULL);
    pack_text(pack, "origin", item->row.origin == ORIGIN_SHARE ? "share" : "fetch");
    pack_bool(pack, "listed",
              item->row.origin == ORIGIN_SHARE && !item->row.unlisted && !item->options.quiet &&
                  !item_is_private(item) && !item_is_grouped(item));
    pack_bool(pack, "private", item_is_private(item));
    if (item->metainfo != NULL)
        pack_u64(pack, "files", item->metainfo->file_count);
    else
        pack_nil(pack, "files");
    buffer_init(&link);
    if (!item_is_grouped(item)) /* a group's members find it in the group, others not at all */
        link_of_item(item, &link);
    pack_text(pack, "link", link.failed ? NULL : (const char *)link.data);
    buffer_dispose(&link);
}

void transfer_map_pack(struct pack *pack, const char *key, const struct item *item)
{
    struct transfer_stats stats = {.peers = 0};
    if (item->transfer != NULL)
        transfer_stats(item->transfer, engine_now(item->engine), &stats);
    pack_begin_map(pack, key);
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_text(pack, "name", item->row.name);
    pack_state(pack, item);
    pack_rates(pack, item, &stats);
    pack_pieces(pack, item);
    pack_traffic(pack, item, &stats);
    pack_rest(pack, item);
    pack_end(pack);
}
