#include "daemon/reselect.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/item_facts.h"

static bool is_same(const struct item_options *a, const struct item_options *b)
{
    return a->choice == NULL && b->choice == NULL && a->selected_count == b->selected_count &&
           (a->selected_count == 0 ||
            memcmp(a->selected, b->selected, a->selected_count * sizeof a->selected[0]) == 0);
}

void reselect(struct item *item, struct item_options *chosen)
{
    if (is_same(&item->options, chosen))
        return;
    item_options_take_selection(&item->options, chosen);
    if (item->trouble == TROUBLE_SELECTION)
        item_clear_trouble(item);
    if (item->metainfo == NULL)
        return;
    item->options.reselects = true;
    item->reselecting = false;
    item_apply_selection(item);
    item_mark(item);
}

/* Plans made for another selection. */
static void forget_plans(struct item *item)
{
    if (item->probe != NULL || item->leftover) {
        free(item->to_verify);
        item->to_verify = NULL;
    }
    storage_free(item->probe);
    item->probe = NULL;
    item->leftover = false;
    free(item->reopen_have);
    item->reopen_have = NULL;
    free(item->seen);
    item->seen = NULL;
}

/* Also where all its bytes are here: in the border file. */
static bool wants_more(const struct item *item)
{
    for (uint32_t i = 0; i < item->metainfo->file_count; i++) {
        bool wanted = !item->metainfo->files[i].padding && item_options_selects(&item->options, i);
        if (wanted && (item->expected == NULL || !item->expected[i].exists))
            return true;
    }
    return item->missing > 0;
}

/* Complete, but more is wanted now. */
static void reopen(struct item *item)
{
    item->row.complete = false;
    item->row.completed_unix_s = 0;
    item->options.prepared = true;
    free(item->finished);
    item->finished = item->expected;
    item->expected = NULL;
    item_open_storage(item, true);
    item_save(item);
}

void reselect_apply(struct item *item)
{
    item->reselecting = true;
    forget_plans(item);
    item_leave_out(item, item->storage);
    bool complete = item->row.complete;
    if (complete && !wants_more(item)) {
        reselect_done(item);
        return;
    }
    if (complete)
        reopen(item);
    item->placed = false;
    item_mark(item);
}

void reselect_done(struct item *item)
{
    item->options.reselects = item->reselecting = false;
    free(item->finished);
    item->finished = NULL;
    item_save(item);
    peer_list_forget_failures(item->peers, engine_now(item->engine)); /* we closed them */
    item_mark(item);
}
