#include <stdlib.h>

#include "swarm/transfer_private.h"

/* The queue is bounded by what it tells of: one OUTPUT and one CLOSE a peer, one CHECK a piece in
 * memory, ACTIONS_FOUND_MAX addresses. */

static struct transfer_action *at(struct transfer *transfer, size_t i)
{
    return &transfer->actions[(transfer->action_head + i) & (transfer->action_cap - 1)];
}

static bool grow(struct transfer *transfer)
{
    size_t cap = transfer->action_cap == 0 ? 16 : transfer->action_cap * 2;
    struct transfer_action *actions = malloc(cap * sizeof *actions);
    if (actions == NULL)
        return false;
    for (size_t i = 0; i < transfer->action_count; i++)
        actions[i] = *at(transfer, i);
    free(transfer->actions);
    transfer->actions = actions;
    transfer->action_cap = cap;
    transfer->action_head = 0;
    return true;
}

void actions_push(struct transfer *transfer, struct transfer_action action)
{
    if (action.type == ACTION_FOUND && transfer->found_count >= ACTIONS_FOUND_MAX)
        return;
    if (transfer->action_count == transfer->action_cap && !grow(transfer))
        return;
    transfer->found_count += action.type == ACTION_FOUND;
    *at(transfer, transfer->action_count++) = action;
}

void actions_output(struct transfer *transfer, struct peer *peer)
{
    if (peer->output_due)
        return;
    peer->output_due = true;
    actions_push(transfer, (struct transfer_action){.type = ACTION_OUTPUT, .peer = peer->handle});
}

/* What concerns a connection that is gone is not told any more. */
static bool is_stale(struct transfer *transfer, const struct transfer_action *action)
{
    bool of_a_connection = action->type == ACTION_OUTPUT || action->type == ACTION_CLOSE ||
                           action->type == ACTION_LISTENS;
    return of_a_connection && peers_find(transfer, action->peer) == NULL;
}

bool transfer_next_action(struct transfer *transfer, struct transfer_action *out)
{
    while (transfer->action_count > 0) {
        *out = *at(transfer, 0);
        transfer->action_head = (transfer->action_head + 1) & (transfer->action_cap - 1);
        transfer->action_count--;
        transfer->found_count -= out->type == ACTION_FOUND;
        if (is_stale(transfer, out))
            continue;
        if (out->type == ACTION_OUTPUT)
            peers_find(transfer, out->peer)->output_due = false;
        return true;
    }
    return false;
}
