#include "swarm/transfer_private.h"

/* One beat for everything that waits: a second apart while blocks or metadata are on their way,
 * else ten; none without connections. No block has a timer of its own. */

static void watch_requests(struct transfer *transfer, struct peer *peer)
{
    if (limits_held(transfer, peer))
        peer->progress_ms = peer->received_ms = peer->steady_ms = transfer->now_ms;
    if (peer->requests.count == 0)
        return;
    uint64_t waiting_ms = transfer->now_ms - peer->progress_ms;
    if (waiting_ms >= UNANSWERED_MS && !peer->they_choke) {
        peers_close(transfer, peer, CLOSE_TIMEOUT, "does not answer requests");
    } else if (waiting_ms >= SNUBBED_MS && peer->requests.released < peer->requests.count) {
        peer->snubbed = true;
        offences_count(transfer, OFFENCE_STALL);
        requests_release_all(transfer, peer);
    }
}

static void watch_silence(struct transfer *transfer, struct peer *peer)
{
    if (peer->told_backlog > 0 && transfer->now_ms - peer->taken_ms >= UNREAD_FATAL_MS) {
        peers_close(transfer, peer, CLOSE_TIMEOUT, "does not read what it is sent");
    } else if (transfer->now_ms - peer->received_ms >= PEER_SILENT_MS) {
        peers_close(transfer, peer, CLOSE_TIMEOUT, "silent for too long");
    } else if (wire_is_within(&peer->wire) && transfer->now_ms - peer->steady_ms >= UNFINISHED_MS) {
        peers_close(transfer, peer, CLOSE_TIMEOUT, "takes too long over one message");
    } else if (transfer->now_ms - peer->sent_ms >= KEEP_ALIVE_MS) {
        wire_put_keep_alive(&peer->out);
        actions_output(transfer, peer);
    }
}

/* Both have all they want: a moment for the last exchange, then it is of no use. */
static void watch_seeds(struct transfer *transfer, struct peer *peer)
{
    bool both =
        transfer->metainfo != NULL && transfer->needed.set == 0 && peer->seed && !peer->they_want;
    if (!both)
        peer->both_seeds_ms = 0;
    else if (peer->both_seeds_ms == 0)
        peer->both_seeds_ms = transfer->now_ms > 0 ? transfer->now_ms : 1;
    else if (transfer->now_ms - peer->both_seeds_ms >= BOTH_SEEDS_MS)
        peers_close(transfer, peer, CLOSE_BOTH_SEEDS, "both ends have everything");
}

static void watch(struct transfer *transfer, struct peer *peer)
{
    if (peer->we_want || (peer->they_want && !peer_wastes_slot(peer, transfer->now_ms)))
        peer->wanted_ms = transfer->now_ms;
    watch_requests(transfer, peer);
    if (!peer->closing)
        watch_silence(transfer, peer);
    if (!peer->closing)
        watch_seeds(transfer, peer);
    if (peer->closing)
        return;
    request_queue_adapt(&peer->requests, rate_recent_bps(&peer->down, transfer->now_ms));
    extension_exchange(transfer, peer);
}

static bool first_exchange_is_near(const struct transfer *transfer, const struct peer *peer)
{
    return peer->extension.pex_id != 0 && !peer->pex.begun &&
           peer->pex_due_ms > transfer->tick_ms &&
           peer->pex_due_ms - transfer->tick_ms < TICK_IDLE_MS;
}

static bool is_busy(const struct transfer *transfer)
{
    FOR_EACH_PEER (transfer, i, peer)
        if (peer->requests.count > 0 || peer->uploads.count > 0 || peer->both_seeds_ms != 0 ||
            peer->paused_until_ms > transfer->tick_ms || first_exchange_is_near(transfer, peer))
            return true;
    return transfer->metadata != NULL && !metadata_is_complete(transfer->metadata);
}

static uint64_t next_tick_ms(const struct transfer *transfer)
{
    if (transfer->live_count == 0)
        return UINT64_MAX;
    return transfer->tick_ms + (is_busy(transfer) ? TICK_BUSY_MS : TICK_IDLE_MS);
}

uint64_t transfer_deadline(const struct transfer *transfer)
{
    uint64_t tick_ms = next_tick_ms(transfer), due_ms = availability_due(transfer->availability);
    due_ms = tick_ms < due_ms ? tick_ms : due_ms;
    tick_ms = limits_deadline(transfer);
    due_ms = tick_ms < due_ms ? tick_ms : due_ms;
    tick_ms = requests_deadline(transfer);
    due_ms = tick_ms < due_ms ? tick_ms : due_ms;
    return transfer->spread_ms > 0 && transfer->spread_ms < due_ms ? transfer->spread_ms : due_ms;
}

static void watch_metadata(struct transfer *transfer)
{
    unsigned silent;
    bool again = metadata_on_time(transfer->metadata, transfer->now_ms, &silent);
    for (; silent > 0; silent--)
        offences_count(transfer, OFFENCE_STALL);
    if (again)
        extension_ask_metadata(transfer);
}

static void tick(struct transfer *transfer)
{
    transfer->tick_ms = transfer->now_ms;
    FOR_EACH_PEER (transfer, i, peer)
        watch(transfer, peer);
    peers_say_what_waits(transfer);
    if (transfer->now_ms - transfer->round_ms >= CHOKER_ROUND_MS) {
        transfer->round_ms = transfer->now_ms;
        serve_round(transfer);
        holdings_drop_interest(transfer);
    }
    serve_more(transfer);
    if (transfer->metadata != NULL)
        watch_metadata(transfer);
    transfer->refill_due = true;
}

void transfer_on_time(struct transfer *transfer, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    availability_expire(transfer->availability, now_ms);
    limits_on_time(transfer);
    if (transfer->spread_ms > 0 && now_ms >= transfer->spread_ms)
        serve_spread(transfer);
    if (now_ms >= next_tick_ms(transfer))
        tick(transfer);
    transfer->refill_due = transfer->refill_due || now_ms >= requests_deadline(transfer);
    transfer_settle(transfer);
}
