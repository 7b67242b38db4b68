/* Any member keeps a group alive while its owner is away: once an hour it looks whether HEAD and a
 * few of the pages and parts, taken at random, are still held by half of the nodes that could hold
 * them. The get itself mends what it found at too few; what it did not find is put from our copy.
 * Parts live for seven days and are handed on with what is left of that, so each is put anew every
 * two days by everybody who keeps it. All members together see every record many times a day; none
 * of them asks for two hundred records an hour. An owner who is there does the same. */
#include "people/group_private.h"

static void put_once(struct group *group, const struct id *key)
{
    struct held_record *record = held_find(&group->held, key);
    if (record == NULL)
        return;
    record->put_ms = group->now_ms + 1;
    actions_publish(group, record);
}

void upkeep_published(struct group *group, const struct id *key)
{
    const struct held_record *record = held_find(&group->held, key);
    if (record != NULL)
        actions_withdraw(group, record);
}

/* ---- what to look at ---- */

struct upkeep_choice {
    struct id keys[GROUP_KEYPAGES_MAX + ROSTER_PARTS_MAX + HEAD_PARTS_MAX];
    enum record_kind kinds[GROUP_KEYPAGES_MAX + ROSTER_PARTS_MAX + HEAD_PARTS_MAX];
    size_t count;
};

static void choose(struct upkeep_choice *choice, const struct id *key, enum record_kind kind)
{
    choice->keys[choice->count] = *key;
    choice->kinds[choice->count++] = kind;
}

/* Pages by number, for we may not have read all of them. */
static void list_all(const struct group *group, struct upkeep_choice *choice)
{
    for (uint16_t page = 0; page < group->body.keypages && page < GROUP_KEYPAGES_MAX; page++) {
        struct id key = page_key(group, page);
        choose(choice, &key, KIND_ITEM);
    }
    for (size_t i = 0; i < group->held.count; i++)
        if (group->held.items[i].kind == KIND_PART &&
            choice->count < sizeof choice->keys / sizeof choice->keys[0])
            choose(choice, &group->held.items[i].key, KIND_PART);
}

void upkeep_due(struct group *group)
{
    struct upkeep_choice choice = {0};
    group_timer_set(group, TIMER_UPKEEP, jittered(group, UPKEEP_MS, 30));
    if (!group_is_in(group) || group->settled_seq != group->head_seq)
        return;
    if (group->head_held_by_few)
        put_once(group, &group->head_key);
    list_all(group, &choice);
    for (size_t i = 0; i < UPKEEP_RECORDS && choice.count > 0; i++) {
        size_t at = (size_t)rng_below(&group->rng, choice.count);
        looking_begin(group, LOOK_UPKEEP, &choice.keys[at], choice.kinds[at], group->body.epoch);
        choice.count--;
        choice.keys[at] = choice.keys[choice.count];
        choice.kinds[at] = choice.kinds[choice.count];
    }
}

/* ---- what was found ---- */

/* A page that we have not read yet, or a newer one. */
static void keep_page(struct group *group, const struct looking *looking)
{
    struct item_record before;
    const struct held_record *record = held_find(&group->held, &looking->key);
    if (looking->best.len == 0)
        return;
    if (record == NULL ||
        (item_record_decode(held_value(record), &before) && before.seq < looking->best_seq))
        held_put(&group->held, KIND_ITEM, looking_best(looking));
}

static bool is_old(const struct group *group, const struct looking *looking)
{
    const struct held_record *record = held_find(&group->held, &looking->key);
    return record != NULL && !group->has_root && /* the table renews what it was told to keep */
           (record->put_ms == 0 || record->put_ms + PART_RENEW_MS <= group->now_ms);
}

void upkeep_done(struct group *group, struct looking *looking, uint32_t answered, uint32_t holding)
{
    if (!group_is_in(group) || looking->number != group->body.epoch)
        return; /* of an epoch that is over */
    if (looking->kind == KIND_ITEM && !group->has_root)
        keep_page(group, looking);
    if (!held_by_half(answered, holding) || (looking->kind == KIND_PART && is_old(group, looking)))
        put_once(group, &looking->key);
}
