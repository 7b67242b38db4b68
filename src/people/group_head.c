/* The newest HEAD: neither its seq nor its epoch goes back below what was seen once, or a removed
 * member would be in again. Two of one seq are a fork: the one of the newer epoch stays, of one
 * epoch the one with the smaller digest, for everybody; the owner's device whose HEAD lost takes
 * the other over and writes anew on top of it. */
#include "people/group_private.h"

static void fork_tell(struct group *group, uint64_t seq)
{
    if (seq < group->head_seq || seq == group->fork_told_seq)
        return;
    group->fork_told_seq = seq;
    events_tell(group, GROUP_EVENT_FORK);
}

/* ---- what we take for the newest ---- */

bool head_load(struct group *group, struct bytes value)
{
    struct item_record item;
    struct head_body body = {0};
    if (!item_record_decode(value, &item) ||
        (item.body.len > 0 && !head_body_decode(item.body, &body)))
        return false;
    struct buffer copy;
    buffer_init(&copy);
    buffer_add(&copy, value.data, value.len);
    if (copy.failed) {
        buffer_dispose(&copy);
        return false;
    }
    buffer_dispose(&group->head);
    group->head = copy;
    group->changes++;
    group->head_seq = item.seq;
    group->head_expiry_unix_s = item.expiry_unix_s;
    if (item.expiry_unix_s > group->expiry_seen_unix_s)
        group->expiry_seen_unix_s = item.expiry_unix_s;
    group->head_is_empty = item.body.len == 0;
    group->body = body;
    group->stale_told = false;
    timer_set_unix(group, TIMER_STALE, item.expiry_unix_s);
    return true;
}

bool head_set(struct group *group, struct bytes value)
{
    if (!head_load(group, value))
        return false;
    actions_save(group);
    return true;
}

/* One that somebody else wrote, or another device of ours. */
static enum status take(struct group *group, struct bytes value, uint64_t seq)
{
    if (group->writing.step != WRITE_NOTHING && seq >= group->writing.seq)
        writing_stop(group);
    if (!head_set(group, value))
        return STATUS_MALFORMED;
    if (group->head_is_empty)
        group_set_gone(group);
    else
        reading_begin(group);
    return STATUS_OK;
}

static bool is_older_epoch(const struct group *group, const struct item_record *item)
{
    struct head_body body;
    return group->head.len > 0 && !group->head_is_empty && item->body.len > 0 &&
           head_body_decode(item->body, &body) && body.epoch < group->body.epoch;
}

/* Negative: theirs stays at the nodes, who know of no epochs. */
static int compare_with_ours(const struct group *group, const struct item_record *theirs)
{
    struct item_record ours;
    return item_record_decode(buffer_bytes(&group->head), &ours)
               ? item_record_compare(theirs, &ours)
               : -1;
}

/* It stays out; where it would stand in the way of ours, we write above it. */
static enum status refuse_older_epoch(struct group *group, const struct item_record *theirs)
{
    fork_tell(group, theirs->seq);
    bool stands = theirs->seq > group->head_seq || compare_with_ours(group, theirs) < 0;
    if (group->standing == GROUP_OWNER && stands) {
        group->renew_due = true;
        owner_soon(group);
    }
    return STATUS_CONFLICT;
}

/* Both added boxes to the pages of one epoch, and of each page one device's stays: somebody's box
 * may be lost. */
static bool may_lack_boxes(const struct group *group, const struct head_body *theirs)
{
    const struct head_body *ours = &group->body;
    return theirs->epoch == ours->epoch &&
           memcmp(theirs->mark, ours->mark, sizeof ours->mark) == 0 &&
           memcmp(theirs->roster_sha256, ours->roster_sha256, SHA256_BYTES) != 0;
}

static enum status take_fork(struct group *group, struct bytes value,
                             const struct item_record *theirs)
{
    struct head_body body;
    fork_tell(group, theirs->seq);
    bool decoded = theirs->body.len > 0 && head_body_decode(theirs->body, &body);
    bool newer_epoch = decoded && body.epoch > group->body.epoch;
    if (!newer_epoch && compare_with_ours(group, theirs) >= 0)
        return STATUS_CONFLICT;
    if (group->standing == GROUP_OWNER) {
        group->renew_due = true;
        group->rotate_due |= decoded && may_lack_boxes(group, &body);
    }
    return take(group, value, theirs->seq);
}

enum status head_offer(struct group *group, struct bytes value)
{
    struct item_record item;
    if (!item_record_decode(value, &item))
        return STATUS_MALFORMED;
    if (group->head.len > 0 && item.seq < group->head_seq)
        return STATUS_REFUSED;
    if (bytes_equal(value, buffer_bytes(&group->head)))
        return STATUS_EXISTS;
    if (!item_record_verify(&item, &group->head_key))
        return STATUS_MISMATCH;
    if (item.seq > group->seq_seen)
        group->seq_seen = item.seq;
    if (item.expiry_unix_s > group->expiry_seen_unix_s)
        group->expiry_seen_unix_s = item.expiry_unix_s;
    if (is_older_epoch(group, &item))
        return refuse_older_epoch(group, &item);
    if (group->head.len > 0 && item.seq == group->head_seq)
        return take_fork(group, value, &item);
    return take(group, value, item.seq);
}

enum status group_on_head(struct group *group, struct bytes value, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (group->gone || group->standing == GROUP_REMOVED)
        return STATUS_REFUSED;
    enum status status = head_offer(group, value);
    group_settle(group);
    return status;
}

uint64_t group_head_changes(const struct group *group)
{
    return group->changes;
}

uint32_t group_head_epoch(const struct group *group)
{
    return group->head.len > 0 ? group->body.epoch : 0;
}

void head_check_stale(struct group *group)
{
    if (group->stale_told || group->head.len == 0 ||
        group_unix_s(group) < group->head_expiry_unix_s)
        return;
    group->stale_told = true;
    events_tell(group, GROUP_EVENT_STALE);
}

/* ---- asking ---- */

static uint64_t poll_gap_ms(struct group *group)
{
    uint64_t gap_ms = group->head_gap_ms;
    if (group->standing == GROUP_APPLYING)
        return applicant_gap_ms(group);
    group->head_gap_ms = gap_ms < HEAD_POLL_MS ? 2 * gap_ms : 0;
    return jittered(group, gap_ms > 0 && gap_ms < HEAD_POLL_MS ? gap_ms : HEAD_POLL_MS, 20);
}

void head_watch(struct group *group)
{
    group->head_gap_ms = HEAD_WATCH_MS;
    group_timer_set(group, TIMER_HEAD, poll_gap_ms(group));
}

void head_ask(struct group *group)
{
    group_timer_set(group, TIMER_HEAD, poll_gap_ms(group));
    if (looking_for(group, LOOK_HEAD))
        return;
    group->head_asked_ms = group->now_ms;
    looking_begin(group, LOOK_HEAD, &group->head_key, KIND_ITEM, 0);
}

void head_ask_soon(struct group *group)
{
    if (group->now_ms - group->head_asked_ms >= HEAD_HINT_MS)
        head_ask(group);
}

void head_ask_done(struct group *group, struct looking *looking, uint32_t answered,
                   uint32_t holding)
{
    group->head_looked_for = true;
    struct bytes best = looking_best(looking);
    if (best.len == 0) {
        group->head_held_by_few = true;
        return;
    }
    if (looking->forked)
        fork_tell(group, looking->best_seq);
    enum status status = head_offer(group, best);
    group->head_held_by_few = status == STATUS_REFUSED || !held_by_half(answered, holding);
    if (status == STATUS_EXISTS && group->standing == GROUP_APPLYING)
        reading_last_pages(group);
}
