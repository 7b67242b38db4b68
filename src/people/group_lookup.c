/* What was asked of the table, and where its answers go. Items are verified here, and of several
 * the newest is kept; parts and drops go on as they come. */
#include <stdlib.h>

#include "people/group_private.h"

/* ---- asking ---- */

struct looking *looking_begin(struct group *group, enum look_for what, const struct id *key,
                              enum record_kind kind, uint32_t number)
{
    struct looking *looking = calloc(1, sizeof *looking);
    if (looking == NULL)
        return NULL;
    if (++group->last_handle == 0)
        group->last_handle = 1;
    looking->handle = group->last_handle;
    looking->what = what;
    looking->key = *key;
    looking->kind = kind;
    looking->number = number;
    looking->next = group->looking;
    group->looking = looking;
    group_actions_push(
        group,
        (struct group_action){
            .type = GROUP_LOOKUP, .handle = looking->handle, .key = *key, .kind = kind},
        (struct bytes){0});
    return looking;
}

static void end(struct looking *looking)
{
    buffer_dispose(&looking->best);
    free(looking);
}

static struct looking **find(struct group *group, uint32_t handle)
{
    struct looking **link = &group->looking;
    while (*link != NULL && (*link)->handle != handle)
        link = &(*link)->next;
    return link;
}

void looking_cancel_one(struct group *group, struct looking *looking)
{
    *find(group, looking->handle) = looking->next;
    group_actions_push(group,
                       (struct group_action){.type = GROUP_CANCEL, .handle = looking->handle},
                       (struct bytes){0});
    end(looking);
}

void looking_cancel(struct group *group, enum look_for what)
{
    for (struct looking *looking = group->looking, *next; looking != NULL; looking = next) {
        next = looking->next;
        if (looking->what == what)
            looking_cancel_one(group, looking);
    }
}

bool looking_for(const struct group *group, enum look_for what)
{
    for (const struct looking *looking = group->looking; looking != NULL; looking = looking->next)
        if (looking->what == what)
            return true;
    return false;
}

struct looking *looking_find(const struct group *group, enum look_for what, const struct id *key)
{
    for (struct looking *looking = group->looking; looking != NULL; looking = looking->next)
        if (looking->what == what && id_equal(&looking->key, key))
            return looking;
    return NULL;
}

void looking_dispose(struct group *group)
{
    while (group->looking != NULL) {
        struct looking *looking = group->looking;
        group->looking = looking->next;
        end(looking);
    }
}

bool held_by_half(uint32_t answered, uint32_t holding)
{
    uint32_t could = answered < DHT_K ? answered : DHT_K;
    return 2 * holding >= could;
}

/* ---- answers ---- */

struct bytes looking_best(const struct looking *looking)
{
    return buffer_bytes(&looking->best);
}

static bool is_better(const struct looking *looking, const struct item_record *item)
{
    struct item_record best;
    if (looking->best.len == 0 || item->seq != looking->best_seq)
        return looking->best.len == 0 || item->seq > looking->best_seq;
    return item_record_decode(looking_best(looking), &best) && item_record_compare(item, &best) < 0;
}

/* The very same one may come twice: over IPv4, and over IPv6. */
static void take_item(struct looking *looking, struct bytes value)
{
    struct item_record item;
    if (bytes_equal(value, looking_best(looking)) || !item_record_decode(value, &item) ||
        !item_record_verify(&item, &looking->key))
        return;
    if (looking->best.len > 0 && item.seq == looking->best_seq)
        looking->forked = true;
    if (!is_better(looking, &item))
        return;
    buffer_clear(&looking->best);
    buffer_add(&looking->best, value.data, value.len);
    looking->best_seq = item.seq;
}

void group_on_value(struct group *group, uint32_t lookup, struct bytes value, uint64_t now_ms)
{
    group_begin(group, now_ms);
    struct looking *looking = *find(group, lookup);
    if (looking == NULL || value.len > DHT_VALUE_MAX)
        return; /* one that was cancelled */
    if (looking->what == LOOK_PART)
        parts_value(group, looking, value);
    else if (looking->what == LOOK_MAIL || looking->what == LOOK_INVITE)
        mail_value(group, looking, value);
    else if (looking->what == LOOK_BACK)
        writing_value(group, looking, value);
    else if (looking->what == LOOK_UPKEEP && looking->kind == KIND_PART)
        looking->seen = true;
    else
        take_item(looking, value);
    group_settle(group);
}

void group_on_lookup_done(struct group *group, uint32_t lookup, enum status status,
                          uint32_t answered, uint32_t holding, uint64_t now_ms)
{
    group_begin(group, now_ms);
    struct looking **link = find(group, lookup);
    struct looking *looking = *link;
    if (looking == NULL)
        return;
    *link = looking->next;
    switch (looking->what) {
    case LOOK_HEAD:
        head_ask_done(group, looking, answered, holding);
        break;
    case LOOK_PAGE:
        reading_page_done(group, looking);
        break;
    case LOOK_PART:
        parts_done(group);
        break;
    case LOOK_BACK:
        writing_back(group, looking, status, answered, holding);
        break;
    case LOOK_UPKEEP:
        upkeep_done(group, looking, answered, holding);
        break;
    case LOOK_SHELF:
        shelves_done(group, looking);
        break;
    case LOOK_HANDOVER:
        handover_done(group, looking);
        break;
    case LOOK_MAIL:
    case LOOK_INVITE:
        break;
    }
    end(looking);
    group_settle(group);
}
