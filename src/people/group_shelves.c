/* The other members' shelves. All of them are read when we come in and after a load, a few at a
 * time; then one after the other for good, so that a large group costs no more than a small one:
 * every member's within ten minutes in a group of up to twenty, one every half a minute in a larger
 * one. A person who looks at the files has all of them read at once. What was read stays until a
 * newer one of the same member can be read. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

/* ---- one for each member, with a list of each device ---- */

static struct member_shelf *find_shelf(const struct group *group, const struct public_key *member)
{
    for (size_t i = 0; i < group->shelf_count; i++)
        if (public_key_equal(&group->shelves[i].member, member))
            return &group->shelves[i];
    return NULL;
}

static void dispose(struct member_shelf *slot)
{
    for (size_t i = 0; i < SHELF_SLOTS; i++) {
        shelf_dispose(&slot->lists[i].shelf);
        slot->lists[i] = (struct shelf_list){0};
    }
}

static void dispose_others(struct group *group)
{
    for (size_t i = 0; i < group->shelf_count; i++)
        dispose(&group->shelves[i]);
    free(group->shelves);
    group->shelves = NULL;
    group->shelf_count = group->sweep_next = group->sweep_left = 0;
}

void shelves_dispose(struct group *group)
{
    dispose_others(group);
    dispose(&group->own_shelf);
}

void shelves_match_roster(struct group *group)
{
    const struct roster *roster = &group->roster;
    struct member_shelf *shelves = calloc(roster->member_count + 1, sizeof *shelves);
    size_t count = 0, fresh = 0, first_fresh = 0;
    if (shelves == NULL)
        return;
    for (size_t i = 0; i < roster->member_count; i++) {
        const struct public_key *member = &roster->members[i].key;
        if (public_key_equal(member, &group->own.public_key))
            continue;
        struct member_shelf *before = find_shelf(group, member);
        shelves[count].member = *member;
        if (before != NULL) {
            shelves[count] = *before;
            memset(before->lists, 0, sizeof before->lists);
        }
        if (before == NULL && fresh++ == 0)
            first_fresh = count;
        count++;
    }
    bool lost = count - fresh < group->shelf_count;
    dispose_others(group);
    group->own_shelf.member = group->own.public_key;
    group->shelves = shelves;
    group->shelf_count = count;
    if (lost)
        events_tell(group, GROUP_EVENT_FILES);
    if (fresh == 0)
        return;
    group->sweep_next = first_fresh; /* who comes stands at the end */
    shelves_sweep(group, count - first_fresh + 1);
}

/* ---- whose turn it is ---- */

/* The place after the last is our own. */
static const struct public_key *member_at(const struct group *group, size_t at)
{
    return at < group->shelf_count ? &group->shelves[at].member : &group->own.public_key;
}

static void look_at(struct group *group, const struct public_key *member, uint32_t slot)
{
    struct id key = shelf_key(member, slot);
    if (looking_find(group, LOOK_SHELF, &key) != NULL)
        return;
    struct looking *looking = looking_begin(group, LOOK_SHELF, &key, KIND_ITEM, slot);
    if (looking == NULL)
        return;
    looking->member = *member;
    group->sweep_under_way++;
}

static void look_at_next(struct group *group)
{
    size_t at = group->sweep_next++ % (group->shelf_count + 1);
    group->sweep_left--;
    look_at(group, member_at(group, at), 0);
}

void shelves_look_at_own(struct group *group)
{
    look_at(group, &group->own.public_key, group->shelf_slot);
}

static void go_on(struct group *group)
{
    while (group->sweep_left > 0 && group->sweep_under_way < SHELVES_WINDOW)
        look_at_next(group);
}

void shelves_sweep(struct group *group, size_t count)
{
    size_t most = group->shelf_count + 1;
    group->sweep_left = count < most ? count : most;
    go_on(group);
}

void shelves_due(struct group *group)
{
    uint64_t gap_ms = SHELVES_CYCLE_MS / (group->shelf_count + 1);
    group_timer_set(group, TIMER_SHELVES,
                    jittered(group, gap_ms > SHELVES_GAP_MIN_MS ? gap_ms : SHELVES_GAP_MIN_MS, 20));
    if (group_is_in(group) && group->sweep_left == 0)
        shelves_sweep(group, 1);
}

/* ---- what they say ---- */

static size_t count_of(const struct member_shelf *member)
{
    size_t count = 0;
    for (size_t i = 0; i < SHELF_SLOTS; i++)
        count += member->lists[i].shelf.count;
    return count;
}

static size_t count_entries(const struct group *group)
{
    size_t count = group->shelf.count + count_of(&group->own_shelf);
    for (size_t i = 0; i < group->shelf_count; i++)
        count += count_of(&group->shelves[i]);
    return count;
}

static void take_list(struct group *group, struct shelf_list *list, struct shelf *shelf,
                      uint64_t seq, const uint8_t digest[SHA256_BYTES])
{
    size_t others = count_entries(group) - list->shelf.count;
    list->seq = seq;
    memcpy(list->digest, digest, SHA256_BYTES);
    list->has_pointer = false;
    if (others + shelf->count > GROUP_ENTRIES_MAX) {
        shelf_dispose(shelf);
        return;
    }
    shelf_dispose(&list->shelf);
    list->shelf = *shelf;
    events_tell(group, GROUP_EVENT_FILES);
}

static void ask_for_blob(struct group *group, const struct public_key *member,
                         struct shelf_list *list, const struct shelf_pointer *pointer, uint64_t seq,
                         uint32_t epoch)
{
    if (pointer->len == 0 || pointer->len > LIST_BLOB_MAX)
        return;
    list->has_pointer = true;
    list->pointer = *pointer;
    list->pointer_seq = seq;
    list->pointer_epoch = epoch;
    struct group_action action = {.type = GROUP_BLOB, .len = pointer->len, .member = *member};
    memcpy(action.sha256, pointer->sha256, sizeof action.sha256);
    group_actions_push(group, action, (struct bytes){0});
}

static void read_shelf(struct group *group, const struct public_key *member,
                       struct shelf_list *list, const struct item_record *item)
{
    uint8_t digest[SHA256_BYTES];
    struct shelf shelf = {0};
    struct shelf_pointer pointer;
    struct epoch_keys keys;
    uint32_t epoch;
    bool has_pointer = false;
    item_record_digest(item, digest);
    if (item->body.len == 0) {
        take_list(group, list, &shelf, item->seq, digest);
        return;
    }
    if (!shelf_epoch(item->body, &epoch))
        return;
    if (epoch > group->roster.epoch)
        head_ask_soon(group);
    if (!secrets_keys(group, epoch, &keys))
        return;
    enum status status =
        shelf_open(item->body, &group->key, member, &keys, &shelf, &has_pointer, &pointer);
    keys_wipe(&keys, sizeof keys);
    if (status == STATUS_OK && has_pointer) {
        memcpy(list->pointer_digest, digest, sizeof digest);
        ask_for_blob(group, member, list, &pointer, item->seq, epoch);
    } else if (status == STATUS_OK) {
        take_list(group, list, &shelf, item->seq, digest);
    }
}

/* Somebody's slots are looked at one after the other: of most there is one. Our own are, as far as
 * one of ours is. */
static void look_further(struct group *group, const struct looking *looking, bool is_own)
{
    bool found = looking->best.len > 0;
    if ((found || (is_own && looking->number < group->shelf_slot)) &&
        looking->number + 1 < SHELF_SLOTS)
        look_at(group, &looking->member, looking->number + 1);
}

static void see_own(struct group *group, const struct looking *looking)
{
    struct item_record item;
    bool taken = item_record_decode(looking_best(looking), &item) && item.body.len > 0;
    if (looking->number + 1 == group->shelf_slot)
        shelf_seen_before(group, taken);
    else if (looking->number == group->shelf_slot)
        shelf_seen(group, looking);
}

static bool is_newer(const struct shelf_list *list, const struct item_record *item)
{
    uint8_t digest[SHA256_BYTES];
    if (item->seq != list->seq)
        return item->seq > list->seq;
    item_record_digest(item, digest);
    return memcmp(digest, list->digest, sizeof digest) < 0;
}

void shelves_done(struct group *group, struct looking *looking)
{
    struct item_record item;
    bool is_own = public_key_equal(&looking->member, &group->own.public_key);
    struct member_shelf *shelf = is_own ? &group->own_shelf : find_shelf(group, &looking->member);
    if (group->sweep_under_way > 0)
        group->sweep_under_way--;
    if (!group_is_in(group) || shelf == NULL)
        return;
    struct shelf_list *list = &shelf->lists[looking->number];
    bool is_ours = is_own && looking->number == group->shelf_slot && shelf_is_ours(group);
    if (!is_ours && item_record_decode(looking_best(looking), &item) && is_newer(list, &item))
        read_shelf(group, &looking->member, list, &item);
    look_further(group, looking, is_own);
    if (is_own)
        see_own(group, looking);
    go_on(group);
}

static void read_blob(struct group *group, const struct public_key *member, struct shelf_list *list,
                      struct bytes blob)
{
    struct shelf shelf = {0};
    struct epoch_keys keys;
    list->has_pointer = false; /* in vain: asked for again with the next look at the shelf */
    if (blob.len != list->pointer.len || !secrets_keys(group, list->pointer_epoch, &keys))
        return;
    enum status status = shelf_open_blob(blob, &list->pointer, &group->key, member, &keys, &shelf);
    keys_wipe(&keys, sizeof keys);
    if (status == STATUS_OK)
        take_list(group, list, &shelf, list->pointer_seq, list->pointer_digest);
}

static void offer_blob(struct group *group, struct member_shelf *shelf,
                       const uint8_t sha256[SHA256_BYTES], struct bytes blob)
{
    for (size_t i = 0; i < SHELF_SLOTS; i++)
        if (shelf->lists[i].has_pointer &&
            memcmp(shelf->lists[i].pointer.sha256, sha256, SHA256_BYTES) == 0)
            read_blob(group, &shelf->member, &shelf->lists[i], blob);
}

void group_on_blob(struct group *group, const uint8_t sha256[SHA256_BYTES], struct bytes blob,
                   uint64_t now_ms)
{
    group_begin(group, now_ms);
    offer_blob(group, &group->own_shelf, sha256, blob);
    for (size_t i = 0; i < group->shelf_count; i++)
        offer_blob(group, &group->shelves[i], sha256, blob);
}

/* ---- all of them together ---- */

static size_t gather(const struct group *group, const struct public_key *key,
                     const struct shelf *shelf, struct group_file *out)
{
    const struct member *owner = roster_find(&group->roster, key);
    for (size_t i = 0; owner != NULL && i < shelf->count; i++)
        out[i] = (struct group_file){.entry = &shelf->entries[i], .owner = owner, .shelves = 1};
    return owner != NULL ? shelf->count : 0;
}

static size_t gather_lists(const struct group *group, const struct member_shelf *member,
                           struct group_file *out)
{
    size_t count = 0;
    for (size_t i = 0; i < SHELF_SLOTS; i++)
        count += gather(group, &member->member, &member->lists[i].shelf, out + count);
    return count;
}

/* By path, one file's copies side by side, in the order of the roster. */
static int compare(const void *a, const void *b)
{
    const struct group_file *x = a, *y = b;
    int order = strcmp(x->entry->path, y->entry->path);
    if (order == 0)
        order = id_compare(&x->entry->infohash, &y->entry->infohash);
    if (order == 0)
        order = memcmp(x->entry->sha256, y->entry->sha256, SHA256_BYTES);
    if (order != 0)
        return order;
    return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/* Who names another digest for it must not speak for the others. */
static bool is_same(const struct group_file *a, const struct group_file *b)
{
    return strcmp(a->entry->path, b->entry->path) == 0 &&
           id_equal(&a->entry->infohash, &b->entry->infohash) &&
           memcmp(a->entry->sha256, b->entry->sha256, SHA256_BYTES) == 0;
}

struct group_file *group_files(const struct group *group, size_t *count)
{
    size_t used = 0;
    struct group_file *files = malloc((count_entries(group) + 1) * sizeof *files);
    *count = 0;
    if (files == NULL || !group->has_roster)
        return files;
    used = gather(group, &group->own.public_key, &group->shelf, files);
    used += gather_lists(group, &group->own_shelf, files + used);
    for (size_t i = 0; i < group->shelf_count; i++)
        used += gather_lists(group, &group->shelves[i], files + used);
    qsort(files, used, sizeof *files, compare);
    for (size_t i = 0; i < used;) {
        struct group_file file = files[i];
        for (i++; i < used && is_same(&file, &files[i]); i++)
            file.shelves += files[i].owner != files[i - 1].owner; /* not once for each device */
        files[(*count)++] = file;
    }
    return files;
}

static bool waits_for_blob(const struct member_shelf *member)
{
    for (size_t i = 0; i < SHELF_SLOTS; i++)
        if (member->lists[i].has_pointer)
            return true;
    return false;
}

bool group_is_looking(const struct group *group)
{
    for (size_t i = 0; i < group->shelf_count; i++)
        if (waits_for_blob(&group->shelves[i]))
            return true;
    return waits_for_blob(&group->own_shelf) || looking_for(group, LOOK_HEAD) ||
           group->reading.stage != READ_NOTHING || group->sweep_left > 0 ||
           group->sweep_under_way > 0;
}
