/* From one HEAD to the next: the key page with our box when the epoch is a new one, then the
 * roster. What is not found is looked for again after 5, 10, 20 … s; meanwhile the epoch and the
 * roster that we have go on. Only when every page was read, and none has our box, are we removed.
 *
 * Boxes stand in the order of the roster, so a member begins with the page its own was on and
 * those beside it; an applicant's is on one of the last pages. */
#include <string.h>

#include "people/group_private.h"

struct id page_key(const struct group *group, uint16_t page)
{
    uint8_t salt[KEYPAGE_SALT_BYTES];
    keypage_salt(group->body.epoch, group->body.mark, page, salt);
    return key_of_item(group->key.bytes, bytes_of(salt, sizeof salt));
}

/* ---- which pages ---- */

static uint16_t likely_page(const struct group *group)
{
    uint16_t last = (uint16_t)(group->body.keypages - 1);
    const struct member *own =
        group->has_roster ? roster_find(&group->roster, &group->own.public_key) : NULL;
    if (own == NULL)
        return last;
    size_t page = (size_t)(own - group->roster.members) / KEYPAGE_BOXES;
    return page < last ? (uint16_t)page : last;
}

/* The likely one, then those around it, nearest first. */
static void order_pages(struct group *group)
{
    struct reading *reading = &group->reading;
    uint16_t count = group->body.keypages;
    reading->order_count = reading->order_next = 0;
    if (count == 0 || count > GROUP_KEYPAGES_MAX)
        return;
    int first = likely_page(group);
    reading->order[reading->order_count++] = (uint16_t)first;
    for (int away = 1; away < count; away++) {
        if (first - away >= 0)
            reading->order[reading->order_count++] = (uint16_t)(first - away);
        if (first + away < count)
            reading->order[reading->order_count++] = (uint16_t)(first + away);
    }
}

/* The owner adds boxes to pages that another device of his wrote. */
static bool needs_all_pages(const struct group *group)
{
    return group->standing == GROUP_OWNER;
}

static void ask_pages(struct group *group)
{
    struct reading *reading = &group->reading;
    while (reading->order_next < reading->order_count) {
        bool guessing = reading->order_next < READ_GUESSES && !needs_all_pages(group);
        if (reading->under_way >= (guessing ? 1 : READ_PAGES_WINDOW))
            return;
        uint16_t page = reading->order[reading->order_next++];
        struct id key = page_key(group, page);
        if (looking_begin(group, LOOK_PAGE, &key, KIND_ITEM, page) == NULL)
            reading->failed = true;
        else
            reading->under_way++;
    }
}

/* ---- the beginning, and another try ---- */

void reading_stop(struct group *group)
{
    looking_cancel(group, LOOK_PAGE);
    looking_cancel(group, LOOK_PART);
    timer_stop(group, TIMER_READ);
    held_dispose(&group->reading.came);
    keys_wipe(group->reading.secret, ROOT_BYTES);
    group->reading = (struct reading){0};
}

void reading_again(struct group *group)
{
    if (group->standing == GROUP_OWNER && group->reading.tries >= OWNER_READ_TRIES) {
        reading_stop(group); /* half of it may be one device's and half another's */
        group->rotate_due = true;
        owner_soon(group);
        return;
    }
    group_timer_set(group, TIMER_READ, retry_ms(group, group->reading.tries++));
}

/* A HEAD that was only signed anew. */
static void settled(struct group *group)
{
    group->settled_seq = group->head_seq;
    group->head_written_unix_s = group_unix_s(group);
    group->policy = group->body.policy;
    reading_stop(group);
    const struct held_record *head = held_put(&group->held, KIND_ITEM, buffer_bytes(&group->head));
    if (head != NULL && group->has_root)
        actions_publish(group, head);
    actions_save(group);
    handover_check(group);
}

static bool is_same_roster(const struct group *group)
{
    return group->has_roster && group->roster.epoch == group->body.epoch &&
           memcmp(group->settled_sha256, group->body.roster_sha256, SHA256_BYTES) == 0;
}

static void begin_pages(struct group *group)
{
    struct reading *reading = &group->reading;
    reading->stage = READ_PAGES;
    reading->failed = reading->has_secret = reading->last_pages = false;
    reading->under_way = 0;
    order_pages(group);
    ask_pages(group);
}

static void begin_roster(struct group *group)
{
    group->reading.stage = group->body.index ? READ_INDEX : READ_PARTS;
    parts_begin(group, group->body.parts, group->body.part_count);
}

static bool lacks_pages(const struct group *group)
{
    for (uint16_t page = 0; page < group->body.keypages; page++) {
        struct id key = page_key(group, page);
        if (held_find(&group->held, &key) == NULL)
            return true;
    }
    return false;
}

static void begin(struct group *group)
{
    struct reading *reading = &group->reading;
    const struct epoch_secret *secret = secrets_find(group, group->body.epoch);
    if (group->standing == GROUP_LEAVING) {
        if (group->body.epoch > group->leave_epoch)
            begin_pages(group);
        return;
    }
    if (is_same_roster(group) && !(needs_all_pages(group) && lacks_pages(group))) {
        settled(group);
        return;
    }
    if (secret == NULL || !secret_is_of_head(group, secret->secret) || needs_all_pages(group)) {
        begin_pages(group);
        return;
    }
    reading->has_secret = true;
    memcpy(reading->secret, secret->secret, ROOT_BYTES);
    begin_roster(group);
}

void reading_begin(struct group *group)
{
    reading_stop(group);
    if (group->standing == GROUP_APPLYING || group->standing == GROUP_LEAVING)
        post_go_on(group);
    begin(group);
}

/* There may be a newer HEAD, of which all is there. */
void reading_retry(struct group *group)
{
    struct reading *reading = &group->reading;
    if (group_is_in(group))
        head_ask_soon(group);
    if (reading->stage == READ_HANDOVER) {
        handover_ask(group);
    } else if (reading->stage == READ_INDEX || reading->stage == READ_PARTS) {
        struct id keys[ROSTER_PARTS_MAX];
        size_t count = reading->key_count;
        memcpy(keys, reading->keys, count * sizeof keys[0]);
        parts_begin(group, keys, count);
    } else if (reading->stage == READ_PAGES) {
        begin_pages(group);
    }
}

void reading_last_pages(struct group *group)
{
    struct reading *reading = &group->reading;
    bool slow = group->now_ms - group->apply_started_ms > APPLY_FAST_MS;
    if (reading->stage != READ_NOTHING || !slow)
        return;
    begin_pages(group);
    reading->last_pages = true;
    if (reading->order_count > APPLY_SLOW_PAGES)
        reading->order_count = APPLY_SLOW_PAGES;
}

/* ---- what a page says ---- */

/* OK: our box; NOT_FOUND: none of ours; else it says nothing. */
static enum status read_page(struct group *group, struct bytes value)
{
    struct item_record item;
    struct keypage page;
    if (!item_record_decode(value, &item) || !keypage_decode(item.body, &page))
        return STATUS_MALFORMED;
    held_put(&group->reading.came, KIND_ITEM, value);
    enum status status = keypage_find(&page, &group->key, group->body.box_public, &group->own,
                                      group->body.epoch, group->reading.secret);
    if (status == STATUS_OK && !secret_is_of_head(group, group->reading.secret))
        status = STATUS_MISMATCH;
    return status;
}

/* All were read, and none has our box. */
static void not_in(struct group *group)
{
    struct reading *reading = &group->reading;
    if (group->standing == GROUP_MEMBER)
        standing_set_removed(group);
    else if (group->standing == GROUP_LEAVING)
        group_set_gone(group);
    else if (group->standing == GROUP_OWNER)
        reading_again(group); /* pages of two devices, mixed: until one of them writes anew */
    else
        reading->stage = READ_NOTHING;
}

static void end_of_pages(struct group *group)
{
    struct reading *reading = &group->reading;
    bool enough = reading->has_secret && !(needs_all_pages(group) && reading->failed);
    if (enough && group->standing == GROUP_LEAVING)
        reading_stop(group); /* still in: the owner has not read our notice yet */
    else if (enough)
        begin_roster(group);
    else if (reading->failed && !reading->last_pages)
        reading_again(group);
    else
        not_in(group);
}

void reading_page_done(struct group *group, struct looking *looking)
{
    struct reading *reading = &group->reading;
    if (reading->stage != READ_PAGES)
        return;
    reading->under_way--;
    enum status status = STATUS_NOT_FOUND;
    if (looking->best.len == 0)
        reading->failed = true;
    else
        status = read_page(group, looking_best(looking));
    if (status == STATUS_OK)
        reading->has_secret = true;
    else if (status != STATUS_NOT_FOUND)
        reading->failed = true;
    if (reading->has_secret && !needs_all_pages(group)) {
        looking_cancel(group, LOOK_PAGE);
        reading->under_way = 0;
        end_of_pages(group);
        return;
    }
    ask_pages(group);
    if (reading->under_way == 0)
        end_of_pages(group);
}

/* ---- what the parts say ---- */

static bool split_index(struct group *group, struct bytes index)
{
    struct id keys[ROSTER_PARTS_MAX];
    if (index.len == 0 || index.len % ID_BYTES != 0 || index.len / ID_BYTES > ROSTER_PARTS_MAX)
        return false;
    memcpy(keys, index.data, index.len);
    group->reading.stage = READ_PARTS;
    parts_begin(group, keys, index.len / ID_BYTES);
    return true;
}

static bool open_roster(struct group *group, struct bytes sealed, struct roster *out)
{
    const struct reading *reading = &group->reading;
    uint8_t digest[SHA256_BYTES];
    struct epoch_keys keys;
    size_t dropped;
    sha256_of_parts(&sealed, 1, digest);
    if (sealed.len != group->body.roster_len ||
        memcmp(digest, group->body.roster_sha256, SHA256_BYTES) != 0 ||
        epoch_keys_derive(&group->key, group->body.epoch, reading->secret, &keys) != STATUS_OK)
        return false;
    enum status status = roster_open(sealed, &group->key, &keys, out, &dropped);
    keys_wipe(&keys, sizeof keys);
    if (status != STATUS_OK)
        return false;
    if (out->epoch == group->body.epoch)
        return true;
    roster_dispose(out);
    return false;
}

void reading_end_of_parts(struct group *group)
{
    struct buffer all;
    struct roster roster;
    buffer_init(&all);
    bool ok = parts_join(group, &all);
    if (ok && group->reading.stage == READ_INDEX) {
        ok = split_index(group, buffer_bytes(&all));
    } else if (ok) {
        ok = open_roster(group, buffer_bytes(&all), &roster);
        if (ok)
            roster_read(group, &roster);
    }
    buffer_dispose(&all);
    if (!ok) { /* a HEAD whose roster can't be read: from the beginning, in a while */
        held_dispose(&group->reading.came);
        group->reading.stage = READ_PAGES;
        reading_again(group);
    }
}
