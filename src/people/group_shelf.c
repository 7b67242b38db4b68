/* Our own shelf: sealed anew when something is added or taken away, when the epoch is a new one,
 * and before it ends. Its seq is on disk before the world sees it.
 *
 * Each device of a member has a list of its own in one of a few slots, and readers take all of them
 * together. The slot is looked at before it is written. What we had written before we were loaded
 * we go above: the state may be an old one, put back. What another device has there stays, and we
 * take the next slot; so does who finds that his list was written over. In the last slot devices
 * write in turn, ever less often. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

static const char *const slot_salts[SHELF_SLOTS] = {ITEM_SALT_SHELF, "s1", "s2", "s3"};

struct id shelf_key(const struct public_key *member, unsigned slot)
{
    return key_of_item(member->bytes, bytes_of_string(slot_salts[slot]));
}

static struct shelf_entry *find(const struct group *group, const struct id *infohash)
{
    for (size_t i = 0; i < group->shelf.count; i++)
        if (id_equal(&group->shelf.entries[i].infohash, infohash))
            return &group->shelf.entries[i];
    return NULL;
}

static bool grow(struct group *group)
{
    size_t cap = group->shelf_cap == 0 ? 8 : group->shelf_cap * 2;
    struct shelf_entry *entries = realloc(group->shelf.entries, cap * sizeof *entries);
    if (entries == NULL)
        return false;
    group->shelf.entries = entries;
    group->shelf_cap = cap;
    return true;
}

enum status group_shelf_add(struct group *group, const struct shelf_entry *entry, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (group->gone || group->standing == GROUP_LEAVING || group->standing == GROUP_REMOVED)
        return STATUS_REFUSED;
    if (find(group, &entry->infohash) != NULL)
        return STATUS_EXISTS;
    if (group->shelf.count == SHELF_ENTRIES_MAX)
        return STATUS_FULL;
    if (group->shelf.count == group->shelf_cap && !grow(group))
        return STATUS_NO_MEMORY;
    group->shelf.entries[group->shelf.count++] = *entry;
    events_tell(group, GROUP_EVENT_FILES);
    shelf_touch(group);
    return STATUS_OK;
}

void group_shelf_remove(struct group *group, const struct id *infohash, uint64_t now_ms)
{
    group_begin(group, now_ms);
    struct shelf_entry *entry = find(group, infohash);
    if (entry == NULL)
        return;
    size_t at = (size_t)(entry - group->shelf.entries);
    group->shelf.count--;
    memmove(entry, entry + 1, (group->shelf.count - at) * sizeof *entry);
    events_tell(group, GROUP_EVENT_FILES);
    shelf_touch(group);
}

/* ---- writing it ---- */

void shelf_touch(struct group *group)
{
    group->shelf_dirty = true;
    uint64_t next_ms = group->shelf_written_ms == 0 ? 0 : group->shelf_written_ms + SHELF_GAP_MS;
    if (group->timers[TIMER_SHELF] != UINT64_MAX && group->timers[TIMER_SHELF] <= next_ms)
        return;
    group->timers[TIMER_SHELF] = next_ms > group->now_ms ? next_ms : group->now_ms;
}

/* What we publish after a restart is what the caller gave us, even if that is nothing any more. */
void shelf_begin(struct group *group)
{
    if (group_is_in(group) && group->shelf_seq > 0)
        shelf_touch(group);
}

static void publish(struct group *group, struct bytes value)
{
    actions_save(group);
    group_actions_push(
        group,
        (struct group_action){.type = GROUP_PUBLISH,
                              .key = shelf_key(&group->own.public_key, group->shelf_slot),
                              .kind = KIND_ITEM},
        value);
}

static bool sign(struct group *group, struct bytes body)
{
    struct buffer value;
    buffer_init(&value);
    uint64_t expiry = plan_expiry(group, SHELF_LIFE_S, group->shelf_expiry_unix_s);
    bool ok = item_record_make(group->own.seed, bytes_of_string(slot_salts[group->shelf_slot]),
                               group->shelf_seq + 1, expiry, body, &value) == STATUS_OK;
    if (ok) {
        group->shelf_seq++;
        group->shelf_moved = false;
        group->shelf_expiry_unix_s = expiry;
        group->shelf_written_ms = group->now_ms;
        struct bytes all = buffer_bytes(&value);
        sha256_of_parts(&all, 1, group->shelf_sha256);
        publish(group, all);
    }
    buffer_dispose(&value);
    return ok;
}

static void shelf_write(struct group *group)
{
    struct buffer body, blob;
    bool is_new =
        group->shelf_dirty || group->shelf_expiry_unix_s <= group_unix_s(group) + SHELF_RENEW_S;
    if (!group_is_in(group) || group->live_count == 0 || !is_new ||
        (group->shelf.count == 0 && group->shelf_seq == 0))
        return;
    buffer_init(&body);
    buffer_init(&blob);
    bool ok = shelf_seal(&group->shelf, &group->key, &group->own.public_key, &group->live[0],
                         &group->rng, &body, &blob) == STATUS_OK &&
              sign(group, buffer_bytes(&body));
    if (ok) {
        group->shelf_dirty = false;
        buffer_dispose(&group->shelf_blob_before);
        group->shelf_blob_before = group->shelf_blob;
        group->shelf_blob = blob;
        group->shelf_unchecked = true;
        group_timer_set(group, TIMER_SHELF, SHELF_CHECK_MS);
    } else {
        buffer_dispose(&blob);
        group_timer_set(group, TIMER_SHELF, RETRY_MAX_MS);
    }
    buffer_dispose(&body);
}

/* A device that offers nothing leaves alone what stands there. */
static bool offers(const struct group *group)
{
    return group->shelf.count > 0 || group->shelf_written_ms != 0;
}

bool shelf_is_ours(const struct group *group)
{
    return group->shelf_seq > 0 && offers(group);
}

/* Another device of ours may have written the same number at the same time, and won. */
void shelf_due(struct group *group)
{
    if (!offers(group))
        return;
    if (!group->shelf_looked && group_is_in(group)) {
        group_timer_set(group, TIMER_SHELF, RETRY_FIRST_MS); /* unless the look ends before */
        shelves_look_at_own(group);
        return;
    }
    if (!group->shelf_unchecked || group->shelf_dirty) {
        shelf_write(group);
        return;
    }
    group->shelf_unchecked = false;
    shelves_look_at_own(group);
    timer_set_unix(group, TIMER_SHELF, group->shelf_expiry_unix_s - SHELF_RENEW_S);
}

/* Nobody lists us any more. */
void shelf_withdraw(struct group *group)
{
    if (group->shelf_seq > 0)
        sign(group, (struct bytes){0});
}

/* Devices that write in turn do so ever less often. */
static uint64_t quarrel_ms(struct group *group)
{
    uint64_t pause_ms = SHELF_QUARREL_FIRST_MS;
    if (group->now_ms > group->shelf_quarrel_ms + 2 * SHELF_QUARREL_MS)
        group->shelf_quarrels = 0;
    for (unsigned i = 0; i < group->shelf_quarrels && pause_ms < SHELF_QUARREL_MS; i++)
        pause_ms *= 2;
    group->shelf_quarrels++;
    group->shelf_quarrel_ms = group->now_ms;
    return jittered(group, pause_ms < SHELF_QUARREL_MS ? pause_ms : SHELF_QUARREL_MS, 20);
}

static void move_to_slot(struct group *group, unsigned slot)
{
    struct shelf_list *list = &group->own_shelf.lists[slot];
    shelf_dispose(&list->shelf);
    *list = (struct shelf_list){0};
    group->shelf_slot = (uint8_t)slot;
    group->shelf_seq = group->shelf_expiry_unix_s = group->shelf_written_ms = 0;
    group->shelf_misses = 0;
    group->shelf_looked = group->shelf_unchecked = false;
    group->shelf_moved = group->shelf_dirty = true;
    actions_save(group);
    group_timer_set(group, TIMER_SHELF, 0);
}

/* It is another device's: we don't keep ours in the table any more. */
static void move_up(struct group *group)
{
    struct group_action action = {.type = GROUP_WITHDRAW,
                                  .key = shelf_key(&group->own.public_key, group->shelf_slot),
                                  .kind = KIND_ITEM};
    if (group->shelf_written_ms != 0)
        group_actions_push(group, action, (struct bytes){0});
    move_to_slot(group, group->shelf_slot + 1u);
}

void shelf_seen_before(struct group *group, bool is_taken)
{
    group->shelf_misses = is_taken ? 0 : (uint8_t)(group->shelf_misses + 1);
    if (group->shelf_misses < SHELF_MISSES)
        return;
    shelf_withdraw(group); /* readers stop at a slot that is empty */
    move_to_slot(group, group->shelf_slot - 1u);
}

/* Newer than ours, or in its place. */
static void see_another(struct group *group, const struct item_record *item)
{
    bool had_none = group->shelf_seq == 0 || group->shelf_written_ms != 0;
    if (had_none && item->body.len > 0 && group->shelf_slot + 1u < SHELF_SLOTS) {
        move_up(group);
        return;
    }
    group->shelf_seq = item->seq;
    group->shelf_dirty = true;
    if (item->expiry_unix_s > group->shelf_expiry_unix_s)
        group->shelf_expiry_unix_s = item->expiry_unix_s; /* nodes refuse one that ends sooner */
    group_timer_set(group, TIMER_SHELF, group->shelf_written_ms == 0 ? 0 : quarrel_ms(group));
}

void shelf_seen(struct group *group, const struct looking *looking)
{
    uint8_t digest[SHA256_BYTES];
    struct bytes best = looking_best(looking);
    struct item_record item;
    bool first = !group->shelf_looked;
    bool any = item_record_decode(best, &item) && item.seq >= group->shelf_seq;
    group->shelf_looked = offers(group);
    if (!group->shelf_looked)
        return; /* again when there is something to write */
    if (any) {
        sha256_of_parts(&best, 1, digest);
        any =
            item.seq != group->shelf_seq || memcmp(digest, group->shelf_sha256, sizeof digest) != 0;
    }
    if (any)
        see_another(group, &item);
    else if (first && group->shelf_dirty)
        group_timer_set(group, TIMER_SHELF, 0);
}

/* ---- lists that did not fit into the record ---- */

static bool is_blob(const struct buffer *blob, const uint8_t sha256[SHA256_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct bytes all = buffer_bytes(blob);
    if (blob->len == 0)
        return false;
    sha256_of_parts(&all, 1, digest);
    return memcmp(digest, sha256, SHA256_BYTES) == 0;
}

bool group_find_blob(const struct group *group, const uint8_t sha256[SHA256_BYTES],
                     struct bytes *out)
{
    const struct buffer *blobs[] = {&group->shelf_blob, &group->shelf_blob_before};
    for (size_t i = 0; i < 2; i++)
        if (is_blob(blobs[i], sha256)) {
            *out = buffer_bytes(blobs[i]);
            return true;
        }
    return false;
}

void shelf_dispose_own(struct group *group)
{
    shelf_dispose(&group->shelf);
    buffer_dispose(&group->shelf_blob);
    buffer_dispose(&group->shelf_blob_before);
    group->shelf_cap = 0;
}
