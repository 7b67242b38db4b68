#include "swarm/transfer_private.h"

/* How fast content moves. Only what is of blocks is held back: the reading of their payload, so
 * that the peer's TCP slows it down and nothing is lost, and the sending of whole blocks. A CHOKE,
 * a HAVE or a request never waits, but behind a block of its own connection. */

/* ---- who is limited ---- */

static void limit(struct transfer *transfer, const struct peer *peer, struct limited *limited,
                  struct limiter *limiter)
{
    bool exempt = !transfer->limits_local && endpoint_is_local(&peer->remote);
    if (!exempt && limiter_is_on(limiter))
        limited_join(limited, limiter);
}

void limits_enter(struct transfer *transfer, struct peer *peer)
{
    if (peer->closing)
        return;
    limit(transfer, peer, &peer->down_limit, &transfer->down_limiter);
    limit(transfer, peer, &peer->up_limit, &transfer->up_limiter);
}

static void let_read(struct transfer *transfer, struct peer *peer)
{
    if (!peer->held)
        return;
    peer->held = false;
    peer->held_ms = transfer->now_ms;
    actions_push(transfer, (struct transfer_action){.type = ACTION_READ, .peer = peer->handle});
}

static void set_limiter(struct limiter *limiter, uint64_t rate_bps, struct limiter *all,
                        uint64_t now_ms)
{
    if (limiter->above != all) {
        limiter_dispose(limiter);
        limiter_init(limiter, all, now_ms);
    }
    limiter_set_rate(limiter, rate_bps, now_ms);
}

/* Everybody begins anew: who waited looks again what there is. */
void transfer_set_limits(struct transfer *transfer, const struct transfer_limits *limits,
                         uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    FOR_EACH_PEER (transfer, i, peer) {
        limited_leave(&peer->down_limit);
        limited_leave(&peer->up_limit);
    }
    transfer->limits_local = limits->local;
    set_limiter(&transfer->down_limiter, limits->down_bps, limits->all_down, now_ms);
    set_limiter(&transfer->up_limiter, limits->up_bps, limits->all_up, now_ms);
    FOR_EACH_PEER (transfer, i, peer) {
        limits_enter(transfer, peer);
        let_read(transfer, peer);
        if (peer->uploads.count > 0)
            actions_output(transfer, peer);
    }
    transfer_settle(transfer);
}

/* ---- what moves ---- */

size_t limits_receive(struct transfer *transfer, struct peer *peer, size_t len)
{
    size_t grain = limiter_grain(&transfer->down_limiter);
    size_t want = len + (size_t)peer->requests.count * BLOCK_BYTES;
    size_t room =
        limited_reserve(&peer->down_limit, len < grain ? len : grain, want, transfer->now_ms);
    peer->held = room == 0;
    if (peer->held)
        peer->held_ms = transfer->now_ms;
    return room < len ? room : len;
}

bool limits_send(struct transfer *transfer, struct peer *peer, uint32_t len)
{
    size_t want = (size_t)peer->uploads.count * BLOCK_BYTES;
    if (limited_reserve(&peer->up_limit, len, want, transfer->now_ms) == 0)
        return false;
    limited_spend(&peer->up_limit, len);
    return true;
}

bool limits_held(const struct transfer *transfer, const struct peer *peer)
{
    return peer->held || (peer->held_ms > 0 && transfer->now_ms < peer->held_ms + HELD_MS);
}

size_t limits_most_slots(const struct transfer *transfer)
{
    size_t configured = transfer->config.upload_slots;
    return configured > 0 ? configured : transfer->slots.count;
}

/* With somebody to serve who is not limited, a low limit is no reason to serve few. */
size_t limits_slots(const struct transfer *transfer)
{
    uint64_t rate = limiter_rate(&transfer->up_limiter), slots = rate / SLOT_BPS;
    size_t most = limits_most_slots(transfer);
    if (slots >= most)
        return most;
    FOR_EACH_PEER (transfer, i, peer)
        if (peer->they_want && peer->up_limit.limiter == NULL)
            return most;
    return slots > 2 ? (size_t)slots : 2; /* one of them is the optimistic one */
}

/* ---- time ---- */

static uint64_t due_ms(const struct limiter *limiter)
{
    if (limiter->granted > 0)
        return 0;
    return limiter->waiting != NULL ? limiter_deadline(limiter) : UINT64_MAX;
}

uint64_t limits_deadline(const struct transfer *transfer)
{
    uint64_t down_ms = due_ms(&transfer->down_limiter), up_ms = due_ms(&transfer->up_limiter);
    return down_ms < up_ms ? down_ms : up_ms;
}

/* What it waited to send was called off meanwhile: that is for others. */
static void send_or_give_back(struct transfer *transfer, struct peer *peer)
{
    if (peer->uploads.count > 0) {
        actions_output(transfer, peer);
        return;
    }
    limited_leave(&peer->up_limit);
    limited_join(&peer->up_limit, &transfer->up_limiter);
}

void limits_on_time(struct transfer *transfer)
{
    if (limits_deadline(transfer) > transfer->now_ms)
        return;
    limiter_run(&transfer->down_limiter, transfer->now_ms);
    limiter_run(&transfer->up_limiter, transfer->now_ms);
    FOR_EACH_PEER (transfer, i, peer) {
        if (peer->down_limit.granted && limited_take_granted(&peer->down_limit, transfer->now_ms))
            let_read(transfer, peer);
        if (peer->up_limit.granted && limited_take_granted(&peer->up_limit, transfer->now_ms))
            send_or_give_back(transfer, peer);
    }
}
