/* How a new HEAD comes into the world:
 *
 *   saved       new secret, roster and all records are on disk
 *   PAGES       key pages that changed are put
 *   PARTS       the parts of the roster are put
 *   READ_BACK   half of the nodes that could have a record must bring it, ourselves included
 *   HEAD        the new state is ours, saved, and HEAD is put
 *
 * Until HEAD, everything that the old one stands for stays in the table, so the group can be read
 * under the old epoch or the new one at any time. After a crash the saved records are put again,
 * the very same bytes.
 *
 * Reading back what half of the nodes say they keep would double the cost of a removal in a large
 * group, so of those a sample of four is looked for, and all of them if one of the sample does
 * not hold. What does not hold is put again after 5, 10, 20 … s; after five times what
 * some nodes have will do, or whoever is near one key could stop a removal for good. */
#include <string.h>

#include "people/group_private.h"

void writing_dispose(struct writing *writing)
{
    keys_wipe(writing->secret, sizeof writing->secret);
    roster_dispose(&writing->roster);
    held_dispose(&writing->records);
    changes_dispose(&writing->changes);
    *writing = (struct writing){0};
}

/* ---- steps ---- */

static bool is_of_step(const struct group *group, const struct held_record *record)
{
    if (!record->fresh || id_equal(&record->key, &group->head_key))
        return false;
    enum record_kind kind = group->writing.step == WRITE_PAGES ? KIND_ITEM : KIND_PART;
    return group->writing.step == WRITE_READ_BACK || record->kind == kind;
}

static bool all_stored(const struct group *group)
{
    for (size_t i = 0; i < group->writing.records.count; i++) {
        const struct held_record *record = &group->writing.records.items[i];
        if (is_of_step(group, record) && !record->stored)
            return false;
    }
    return true;
}

static bool all_checked(const struct group *group)
{
    for (size_t i = 0; i < group->writing.records.count; i++) {
        const struct held_record *record = &group->writing.records.items[i];
        if (is_of_step(group, record) && !record->checked)
            return false;
    }
    return true;
}

static void put_all(struct group *group)
{
    for (size_t i = 0; i < group->writing.records.count; i++)
        if (is_of_step(group, &group->writing.records.items[i]))
            actions_publish(group, &group->writing.records.items[i]);
}

/* Those outside the sample need no look. */
static void choose_sample(struct group *group)
{
    struct held *records = &group->writing.records;
    size_t left = 0, wanted = READ_BACK_SAMPLE;
    for (size_t i = 0; i < records->count; i++)
        left += is_of_step(group, &records->items[i]) && records->items[i].trusted;
    for (size_t i = 0; i < records->count; i++) {
        struct held_record *record = &records->items[i];
        if (!is_of_step(group, record) || !record->trusted)
            continue;
        bool chosen = rng_below(&group->rng, left--) < wanted;
        wanted -= chosen;
        record->checked = !chosen && !group->writing.distrusts;
    }
}

static void distrust(struct group *group)
{
    struct held *records = &group->writing.records;
    if (group->writing.distrusts)
        return;
    group->writing.distrusts = true;
    for (size_t i = 0; i < records->count; i++)
        records->items[i].checked &= !records->items[i].trusted;
}

static void read_back(struct group *group)
{
    struct writing *writing = &group->writing;
    size_t under_way = 0;
    for (size_t i = 0; i < writing->records.count; i++)
        under_way += writing->records.items[i].looking;
    for (size_t i = 0; i < writing->records.count && under_way < READ_BACK_WINDOW; i++) {
        struct held_record *record = &writing->records.items[i];
        if (!is_of_step(group, record) || record->checked || record->looking || !record->stored)
            continue;
        record->looking =
            looking_begin(group, LOOK_BACK, &record->key, record->kind, (uint32_t)i) != NULL;
        under_way += record->looking;
    }
}

/* From here on the new HEAD is ours. */
static void adopt(struct group *group)
{
    struct writing *writing = &group->writing;
    struct held_record *head = held_find(&writing->records, &group->head_key);
    struct bytes value = held_value(head);
    looking_cancel(group, LOOK_BACK);
    writing->step = WRITE_HEAD;
    head_set(group, value);
    head_watch(group);
    if (writing->withdraws) {
        actions_publish(group, head);
        return;
    }
    if (writing->hands_over)
        group->handover_epoch = writing->epoch;
    roster_adopt(group, &writing->roster, &writing->records, writing->secret, false);
    for (size_t i = 0; i < group->held.count; i++)
        group->held.items[i].fresh = false;
    actions_publish(group, held_find(&group->held, &group->head_key));
}

static void next_step(struct group *group)
{
    struct writing *writing = &group->writing;
    if (writing->step == WRITE_PAGES && all_stored(group)) {
        writing->step = WRITE_PARTS;
        put_all(group);
    }
    if (writing->step == WRITE_PARTS && all_stored(group)) {
        writing->step = WRITE_READ_BACK;
        choose_sample(group);
        read_back(group);
    }
    if (writing->step == WRITE_READ_BACK && all_checked(group))
        adopt(group);
}

/* ---- the beginning, and the end ---- */

void writing_begin(struct group *group, const struct plan *plan)
{
    struct writing *writing = &group->writing;
    if (!plan_make(group, plan)) {
        writing_dispose(writing);
        group_timer_set(group, TIMER_OWNER, RETRY_MAX_MS);
        return;
    }
    group->pending.count = 0; /* they are in writing->changes */
    group->rotate_due = group->renew_due = group->handover_due = false;
    writing->step = WRITE_PAGES;
    actions_save(group);
    put_all(group);
    next_step(group);
}

void writing_resume(struct group *group)
{
    struct writing *writing = &group->writing;
    if (writing->step == WRITE_NOTHING || writing->step == WRITE_HEAD)
        return; /* HEAD is among what we keep in the table */
    writing->step = WRITE_PAGES;
    put_all(group);
    next_step(group);
}

static void withdraw_fresh(struct group *group)
{
    const struct held *records = &group->writing.records;
    for (size_t i = 0; i < records->count; i++)
        if (records->items[i].fresh && held_find(&group->held, &records->items[i].key) == NULL)
            actions_withdraw(group, &records->items[i]);
}

/* Pages of this epoch that were put may have taken the place of the other device's. */
static bool may_have_spoilt_pages(const struct group *group)
{
    const struct held *records = &group->writing.records;
    for (size_t i = 0; i < records->count; i++)
        if (records->items[i].kind == KIND_ITEM && records->items[i].fresh &&
            !id_equal(&records->items[i].key, &group->head_key))
            return true;
    return false;
}

void writing_stop(struct group *group)
{
    struct writing *writing = &group->writing;
    looking_cancel(group, LOOK_BACK);
    timer_stop(group, TIMER_WRITE);
    for (size_t i = 0; i < writing->changes.count; i++) {
        if (writing->step == WRITE_HEAD)
            changes_add(&group->journal, &writing->changes.items[i], JOURNAL_MAX);
        else
            changes_add(&group->pending, &writing->changes.items[i], PENDING_MAX);
    }
    if (writing->step != WRITE_HEAD) {
        withdraw_fresh(group);
        group->rotate_due |= writing->epoch > group->roster.epoch || may_have_spoilt_pages(group);
        group->handover_due |= writing->hands_over;
    }
    writing_dispose(writing);
}

static void tell_done(struct group *group)
{
    const struct change_list *changes = &group->writing.changes;
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];
        tell_of_member(group, change->type == CHANGE_ADD ? GROUP_EVENT_ACCEPTED : GROUP_EVENT_LEFT,
                       &change->member);
        changes_add(&group->journal, change, JOURNAL_MAX);
    }
    if (!group->ready_told)
        events_tell(group, GROUP_EVENT_READY);
    group->ready_told = true;
}

static void done(struct group *group)
{
    bool withdraws = group->writing.withdraws, hands_over = group->writing.hands_over;
    tell_done(group);
    writing_dispose(&group->writing);
    actions_save(group);
    if (withdraws) {
        group_set_gone(group);
        return;
    }
    if (hands_over)
        handover_check(group);
    owner_work(group);
}

/* ---- answers ---- */

void writing_published(struct group *group, const struct id *key, uint32_t stored, uint32_t asked)
{
    struct writing *writing = &group->writing;
    if (writing->step == WRITE_NOTHING || stored == 0)
        return; /* who keeps it in the table tries on */
    if (writing->step == WRITE_HEAD) {
        if (id_equal(key, &group->head_key))
            done(group);
        return;
    }
    struct held_record *record = held_find(&writing->records, key);
    if (record == NULL || !record->fresh)
        return;
    record->stored = true;
    record->trusted = writing->step != WRITE_READ_BACK && held_by_half(asked, stored);
    if (writing->step == WRITE_READ_BACK)
        read_back(group);
    next_step(group);
}

static struct held_record *record_of(struct group *group, const struct looking *looking)
{
    struct held *records = &group->writing.records;
    if (looking->number >= records->count ||
        !id_equal(&records->items[looking->number].key, &looking->key))
        return NULL;
    return &records->items[looking->number];
}

static bool is_beaten(struct bytes ours, struct bytes value)
{
    struct item_record a, b;
    return item_record_decode(ours, &a) && item_record_decode(value, &b) &&
           (b.seq > a.seq || (b.seq == a.seq && item_record_compare(&b, &a) < 0));
}

void writing_value(struct group *group, struct looking *looking, struct bytes value)
{
    const struct held_record *record = record_of(group, looking);
    if (record == NULL)
        return;
    if (bytes_equal(value, held_value(record)))
        looking->seen = true;
    else if (record->kind == KIND_ITEM && is_beaten(held_value(record), value))
        looking->forked = true;
}

static bool is_enough(const struct group *group, const struct looking *looking, enum status status,
                      uint32_t answered, uint32_t holding)
{
    if (answered == 0 && status != STATUS_BUSY) /* nobody is there */
        return true;
    if (!looking->seen)
        return false;
    return group->writing.tries >= READ_BACK_TRIES ||
           (!looking->forked && held_by_half(answered, holding));
}

void writing_back(struct group *group, struct looking *looking, enum status status,
                  uint32_t answered, uint32_t holding)
{
    struct held_record *record = record_of(group, looking);
    if (group->writing.step != WRITE_READ_BACK || record == NULL)
        return;
    record->looking = false;
    record->checked = is_enough(group, looking, status, answered, holding);
    if (record->checked)
        record->trusted = false; /* it is known now */
    if (!record->checked) {
        if (looking->forked)
            head_ask_soon(group); /* another device is writing, or has written */
        distrust(group);
        record->stored = false; /* it is put once more before it is looked for again */
        if (group->timers[TIMER_WRITE] == UINT64_MAX)
            group_timer_set(group, TIMER_WRITE, retry_ms(group, group->writing.tries++));
    }
    read_back(group);
    next_step(group);
}

void writing_retry(struct group *group)
{
    struct writing *writing = &group->writing;
    if (writing->step != WRITE_READ_BACK)
        return;
    for (size_t i = 0; i < writing->records.count; i++) {
        const struct held_record *record = &writing->records.items[i];
        if (is_of_step(group, record) && !record->checked && !record->looking && !record->stored)
            actions_publish(group, record);
    }
}

void group_on_published(struct group *group, const struct id *key, enum record_kind kind,
                        uint32_t stored, uint32_t asked, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (kind == KIND_DROP)
        post_published(group, key, stored, asked);
    else if (group->has_root)
        writing_published(group, key, stored, asked);
    else
        upkeep_published(group, key);
    group_settle(group);
}
