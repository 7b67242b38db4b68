#include <stdlib.h>

#include "swarm/transfer_private.h"

/* The queue is bounded by what it tells of: ACTIONS_PER_PEER of each peer, one CHECK of each piece
 * in memory, ACTIONS_OF_ALL of the whole, ACTIONS_FOUND_MAX addresses. None but the addresses may
 * get lost, so room for the others is there before the peer or the piece is. */

static struct transfer_action *at(struct transfer *transfer, size_t i)
{
    return &transfer->actions[(transfer->action_head + i) & (transfer->action_cap - 1)];
}

static size_t reserved(const struct transfer *transfer)
{
    return ACTIONS_OF_ALL + ACTIONS_PER_PEER * (transfer->peer_count + 1) +
           pieces_count(&transfer->pieces) + 1;
}

static bool grow(struct transfer *transfer, size_t wanted)
{
    size_t cap = transfer->action_cap == 0 ? 16 : transfer->action_cap;
    while (cap < wanted)
        cap *= 2;
    if (cap == transfer->action_cap)
        return true;
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

bool actions_reserve(struct transfer *transfer)
{
    return grow(transfer, reserved(transfer) + transfer->found_count);
}

bool actions_valid(const struct transfer *transfer)
{
    size_t owed =
        ACTIONS_OF_ALL + ACTIONS_PER_PEER * transfer->peer_count + pieces_count(&transfer->pieces);
    return transfer->action_cap >= owed && transfer->action_count <= transfer->action_cap;
}

void actions_push(struct transfer *transfer, struct transfer_action action)
{
    bool found = action.type == ACTION_FOUND;
    size_t wanted =
        found ? reserved(transfer) + transfer->found_count + 1 : transfer->action_count + 1;
    if (found && transfer->found_count >= ACTIONS_FOUND_MAX)
        return;
    if (!grow(transfer, wanted))
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
    bool of_a_connection = action->type == ACTION_OUTPUT || action->type == ACTION_READ ||
                           action->type == ACTION_CLOSE || action->type == ACTION_LISTENS;
    return of_a_connection && peers_find(transfer, action->peer) == NULL;
}

bool transfer_has_action(const struct transfer *transfer)
{
    return transfer->action_count > 0;
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
