/* transfer.list, transfer.info, transfer.files. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "daemon/daemon.h"
#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "daemon/item_facts.h"
#include "daemon/methods_transfer.h"
#include "daemon/node.h"
#include "daemon/publisher.h"
#include "daemon/seeding.h"
#include "daemon/transfer_map.h"
#include "daemon/transfer_target.h"

static bool is_listed(const struct item *item, const char *state, const struct membership *of)
{
    if (item->removing || (of != NULL && item_membership(item) != of))
        return false;
    return state == NULL || strcmp(state, item_state_name(item_state(item))) == 0;
}

void transfer_list(struct daemon *daemon, struct call *call)
{
    const char *state = call_text(call, "state", NULL), *group = call_text(call, "group", NULL);
    const struct membership *of = NULL;
    const struct item *item;
    if (group != NULL && (of = groups_target(daemon->groups, call, group)) == NULL)
        return;
    struct pack *pack = call_result(call);
    pack_begin_array(pack, "transfers");
    DL_FOREACH(daemon->engine->items, item)
    if (is_listed(item, state, of))
        transfer_map_pack(pack, NULL, item);
    pack_end(pack);
    call_finish(call);
}

/* ---- info ---- */

static void pack_sources(struct pack *pack, const struct item *item)
{
    pack_begin_map(pack, "sources");
    pack_u64(pack, "dht", peer_list_count_from(item->peers, PEER_FROM_DHT));
    pack_u64(pack, "availability", peer_list_count_from(item->peers, PEER_FROM_AVAILABILITY));
    pack_u64(pack, "exchange", peer_list_count_from(item->peers, PEER_FROM_EXCHANGE));
    pack_u64(pack, "link", peer_list_count_from(item->peers, PEER_FROM_LINK));
    pack_u64(pack, "incoming", peer_list_count_from(item->peers, PEER_FROM_INCOMING));
    pack_u64(pack, "saved", peer_list_count_from(item->peers, PEER_FROM_SAVED));
    pack_end(pack);
}

/* When the last round ended, and how many nodes took it. */
static void pack_stored(struct pack *pack, const struct item *item,
                        const struct publisher_record *record)
{
    struct daemon *daemon = item->engine->daemon;
    uint64_t at_ms, now_ms = daemon_now_ms(daemon);
    uint32_t nodes =
        node_published(daemon->node, &record->key, (enum record_kind)record->kind, &at_ms);
    pack_time(pack, "last",
              at_ms != 0 ? (int64_t)time(NULL) - (int64_t)((now_ms - at_ms) / 1000) : 0);
    pack_u64(pack, "nodes", nodes);
}

static void pack_records(struct pack *pack, const struct item *item)
{
    struct publisher_record records[PUBLISHER_RECORDS_SHOWN];
    size_t count = publisher_records(item->publisher, records, PUBLISHER_RECORDS_SHOWN);
    static const char *const kinds[] = {
        [KIND_PEER] = "peer", [KIND_AVAILABILITY] = "availability", [KIND_ENTRY] = "entry"};
    pack_begin_array(pack, "records");
    for (size_t i = 0; i < count; i++) {
        pack_begin_map(pack, NULL);
        pack_id(pack, "key", &records[i].key);
        pack_text(pack, "kind", kinds[records[i].kind]);
        pack_stored(pack, item, &records[i]);
        pack_end(pack);
    }
    pack_end(pack);
}

static void pack_insides(struct pack *pack, const struct item *item)
{
    struct transfer_stats stats = {.peers = 0};
    if (item->transfer != NULL)
        transfer_stats(item->transfer, engine_now(item->engine), &stats);
    if (item->metainfo != NULL)
        pack_u64(pack, "piece_length", item->metainfo->piece_length);
    else
        pack_nil(pack, "piece_length");
    pack_nil(pack, "comment");
    pack_sources(pack, item);
    pack_u64(pack, "wasted", stats.bytes_wasted);
    pack_u64(pack, "bad_pieces", stats.pieces_bad);
    pack_u64(pack, "memory", stats.memory_bytes);
    if (item->row.has_file_sha1)
        pack_id(pack, "sha1", &item->row.file_sha1);
    else
        pack_nil(pack, "sha1");
    if (seeding_ratio(item) > 0)
        pack_double(pack, "ratio_limit", seeding_ratio(item));
    else
        pack_nil(pack, "ratio_limit");
    pack_bool(pack, "sequential", item->options.sequential);
    pack_begin_map(pack, "limits");
    item_limits_pack(&item->options.limits, pack);
    pack_end(pack);
    pack_records(pack, item);
}

void transfer_info(struct daemon *daemon, struct call *call)
{
    const struct item *item = transfer_target(daemon->engine, call);
    if (item == NULL)
        return;
    struct pack *pack = call_result(call);
    transfer_map_pack(pack, "transfer", item);
    pack_begin_map(pack, "info");
    pack_insides(pack, item);
    pack_end(pack);
    call_finish(call);
}

/* ---- files ---- */

static bool has_piece(const struct item *item, uint32_t piece)
{
    return (item->have[piece / 8] >> (7 - piece % 8) & 1) != 0;
}

/* Bytes of the file in pieces that are verified. */
static uint64_t done_of(const struct item *item, const struct metainfo_file *file)
{
    uint64_t done = 0, end = file->offset + file->length;
    uint32_t length = item->metainfo->piece_length;
    for (uint64_t at = file->offset; at < end;) {
        uint32_t piece = (uint32_t)(at / length);
        uint64_t next = ((uint64_t)piece + 1) * length;
        next = next < end ? next : end;
        done += has_piece(item, piece) ? next - at : 0;
        at = next;
    }
    return done;
}

void transfer_files(struct daemon *daemon, struct call *call)
{
    const struct item *item = transfer_target(daemon->engine, call);
    if (item == NULL)
        return;
    struct pack *pack = call_result(call);
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_begin_array(pack, "files");
    for (uint32_t i = 0; item->metainfo != NULL && i < item->metainfo->file_count; i++) {
        const struct metainfo_file *file = &item->metainfo->files[i];
        if (file->padding)
            continue;
        pack_begin_map(pack, NULL);
        pack_u64(pack, "index", i);
        pack_text(pack, "path", file->path);
        pack_u64(pack, "size", file->length);
        pack_u64(pack, "done", done_of(item, file));
        pack_bool(pack, "selected", item_options_selects(&item->options, i));
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}
