#include "daemon/group_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "daemon/channels.h"
#include "daemon/control.h"
#include "daemon/engine_private.h"
#include "daemon/groups_private.h"
#include "daemon/item.h"
#include "daemon/item_facts.h"
#include "daemon/peer_connection.h"
#include "kadpeer/sha256.h"
#include "swarm/peer_list.h"

static struct public_key key_of(const struct item *item)
{
    struct public_key key;
    memcpy(key.bytes, item->row.group, sizeof key.bytes);
    return key;
}

static bool is_of(const struct item *item, const struct public_key *group)
{
    return item->row.has_group && memcmp(item->row.group, group->bytes, PUBLIC_BYTES) == 0;
}

bool item_is_grouped(const struct item *item)
{
    return item->row.has_group;
}

struct membership *item_membership(const struct item *item)
{
    struct public_key key = key_of(item);
    return item->row.has_group ? groups_find(item->engine->daemon->groups, &key) : NULL;
}

/* ---- under which key ---- */

void item_find_discovery(struct item *item)
{
    struct membership *membership = item_membership(item);
    const struct epoch_keys *keys = membership != NULL ? group_epoch(membership->group, 0) : NULL;
    item->discoverable = !item->row.has_group || (keys != NULL && item->row.has_sha256);
    item->discovery = item->row.infohash;
    if (item->row.has_group && item->discoverable)
        item->discovery = epoch_file_key(keys, item->row.sha256);
}

void group_engine_keys_changed(struct engine *engine, const struct public_key *group)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    {
        if (!is_of(item, group))
            continue;
        item_find_discovery(item);
        peer_list_forget_failures(item->peers, engine_now(engine)); /* of the old keys */
        finder_again(&item->finder);
        item_mark(item);
    }
}

struct item *group_engine_find(struct engine *engine, const struct public_key *group,
                               const struct id *blinded)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    if (is_of(item, group) && item->discoverable && id_equal(&item->discovery, blinded) &&
        !item->removing && item_is_running(item))
        return item;
    return NULL;
}

static size_t count_grouped(const struct engine *engine, bool discoverable)
{
    const struct item *item;
    size_t count = 0;
    DL_FOREACH(engine->items, item)
    count +=
        item->row.has_group && item->discoverable == discoverable && item->row.wish == WISH_RUN;
    return count;
}

size_t group_engine_waiting(const struct engine *engine)
{
    return count_grouped(engine, false);
}

size_t group_engine_running(const struct engine *engine)
{
    return count_grouped(engine, true);
}

/* ---- our shelf ---- */

static bool make_entry(const struct item *item, struct shelf_entry *out)
{
    const struct metainfo *metainfo = item->metainfo;
    if (!item->row.complete || metainfo == NULL || !item->row.has_sha256 ||
        strlen(item->row.name) > SHELF_PATH_MAX)
        return false;
    *out = (struct shelf_entry){.infohash = item->row.infohash,
                                .size = metainfo->total_length,
                                .piece_size = metainfo->piece_length};
    snprintf(out->path, sizeof out->path, "%s", item->row.name);
    memcpy(out->sha256, item->row.sha256, sizeof out->sha256);
    if (item->row.has_file_sha1)
        out->sha1 = item->row.file_sha1;
    struct bytes pieces = bytes_of(metainfo->pieces, (size_t)metainfo->piece_count * ID_BYTES);
    sha256_of_parts(&pieces, 1, out->pieces_sha256);
    return true;
}

/* ---- by what a person types ---- */

struct item *group_engine_named(struct engine *engine, const struct public_key *group,
                                const char *name)
{
    struct item *item;
    char hex[ID_HEX_SIZE];
    DL_FOREACH(engine->items, item)
    {
        id_to_hex(&item->row.infohash, hex);
        if (is_of(item, group) && !item->removing &&
            (strcmp(item->row.name, name) == 0 || strcmp(hex, name) == 0))
            return item;
    }
    return NULL;
}

/* Where members disagree on the digest of one content: not the one that was found wrong here; then
 * the one that most of them name, or who has been a member longest. */
static bool is_better(const struct engine *engine, const struct group_file *a,
                      const struct group_file *b)
{
    const struct item *item = engine_find(engine, &a->entry->infohash);
    if (item != NULL && item->trouble == TROUBLE_MISMATCH) {
        bool a_is_wrong = memcmp(a->entry->sha256, item->row.sha256, SHA256_BYTES) == 0;
        bool b_is_wrong = memcmp(b->entry->sha256, item->row.sha256, SHA256_BYTES) == 0;
        if (a_is_wrong != b_is_wrong)
            return b_is_wrong;
    }
    return a->shelves != b->shelves ? a->shelves > b->shelves : a->owner < b->owner;
}

/* A path on several shelves with different content is not chosen from silently. */
static size_t count_matches(const struct engine *engine, const struct group_file files[],
                            size_t count, const char *name, const struct group_file **found)
{
    char hex[ID_HEX_SIZE];
    size_t matches = 0;
    *found = NULL;
    for (size_t i = 0; i < count; i++) {
        id_to_hex(&files[i].entry->infohash, hex);
        if (strcmp(hex, name) != 0 && strcmp(files[i].entry->path, name) != 0)
            continue;
        bool same =
            *found != NULL && id_equal(&(*found)->entry->infohash, &files[i].entry->infohash);
        matches += !same;
        if (!same || is_better(engine, &files[i], *found))
            *found = &files[i];
    }
    return matches;
}

static void fail_ambiguous(struct call *call, const struct group_file files[], size_t count,
                           const char *name)
{
    struct pack *pack = call_fail_begin(call, "ambiguous", 8, "take one of them by its hash",
                                        "several files of the group have this name");
    pack_begin_array(pack, "candidates");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].entry->path, name) != 0)
            continue;
        pack_begin_map(pack, NULL);
        pack_id(pack, "hash", &files[i].entry->infohash);
        pack_text(pack, "name", files[i].entry->path);
        pack_u64(pack, "size", files[i].entry->size);
        pack_text(pack, "owner", files[i].owner->name);
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}

bool group_engine_lists(struct membership *membership, const char *name)
{
    size_t count;
    const struct group_file *found;
    struct group_file *files = group_files(membership->group, &count);
    bool lists = files != NULL &&
                 count_matches(membership->groups->daemon->engine, files, count, name, &found) > 0;
    free(files);
    return lists;
}

bool group_engine_listed(struct membership *membership, struct call *call, const char *name,
                         struct shelf_entry *out)
{
    size_t count;
    const struct group_file *found = NULL;
    struct group_file *files = group_files(membership->group, &count);
    if (files == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return false;
    }
    size_t matches = count_matches(membership->groups->daemon->engine, files, count, name, &found);
    if (matches == 1)
        *out = *found->entry;
    else if (matches > 1)
        fail_ambiguous(call, files, count, name);
    else
        call_fail(call, "no_file", 3, "kadpeer group files GROUP lists them",
                  "%s has no file \"%s\"", group_name(membership->group), name);
    free(files);
    return matches == 1;
}

/* ---- our shelf, filled ---- */

void group_engine_fill_shelf(struct engine *engine, struct membership *membership)
{
    struct item *item;
    struct shelf_entry entry;
    DL_FOREACH(engine->items, item)
    if (is_of(item, group_key(membership->group)) && item->row.wish == WISH_RUN &&
        make_entry(item, &entry))
        group_shelf_add(membership->group, &entry, engine_now(engine));
}

void group_engine_on_complete(struct item *item)
{
    struct membership *membership = item_membership(item);
    struct shelf_entry entry;
    if (membership == NULL || item->row.wish != WISH_RUN || !make_entry(item, &entry))
        return;
    group_shelf_add(membership->group, &entry, engine_now(item->engine));
    membership_drain(membership);
}

void group_engine_on_removed(struct item *item)
{
    struct membership *membership = item_membership(item);
    if (membership == NULL)
        return;
    group_shelf_remove(membership->group, &item->row.infohash, engine_now(item->engine));
    membership_drain(membership);
}

/* ---- connections ---- */

void group_engine_drop_member(struct engine *engine, const struct public_key *group,
                              const struct public_key *member)
{
    struct peer_connection *connection = engine->connections;
    while (connection != NULL) {
        bool meant = connection->item != NULL && is_of(connection->item, group) &&
                     (member == NULL || public_key_equal(&connection->member, member));
        if (!meant) {
            connection = connection->next_all;
            continue;
        }
        /* Its address is not to blame: others may be there, or it again as a member. */
        peer_connection_close(connection, PEER_LOST,
                              member != NULL ? "is no member any more" : "the group is closed");
        connection = engine->connections;
    }
}
