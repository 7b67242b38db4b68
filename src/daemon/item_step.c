#include "daemon/item_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/discard.h"
#include "daemon/finisher.h"
#include "daemon/item_facts.h"
#include "daemon/mover.h"
#include "daemon/peer_connection.h"
#include "daemon/place.h"
#include "daemon/reselect.h"
#include "daemon/reshare.h"
#include "daemon/verifier.h"

enum goal {
    GOAL_OFF,
    GOAL_RESHARE,
    GOAL_ADOPT,
    GOAL_MOVE,
    GOAL_AGAIN, /* it is gone, and wanted: fetched anew */
    GOAL_RESELECT,
    GOAL_METADATA,
    GOAL_PLACE,
    GOAL_VERIFY,
    GOAL_FINISH,
    GOAL_RUN,
};

/* ---- the transfer ---- */

static void make_config(struct item *item, struct transfer_config *config)
{
    struct daemon *daemon = item->engine->daemon;
    uint8_t key[16], random[12];
    *config = (struct transfer_config){.infohash = item->row.infohash,
                                       .listen_port = daemon->port,
                                       .offences = item->engine->refusals.offences,
                                       .budget = &item->engine->memory};
    snprintf(config->client, sizeof config->client, "kadpeer/%s", KADPEER_VERSION);
    rng_fill(&daemon->rng, key, sizeof key);
    rng_init(&config->rng, key);
    rng_fill(&daemon->rng, random, sizeof random);
    handshake_make_peer_id(random, item->peer_id);
    memcpy(config->peer_id, item->peer_id, sizeof config->peer_id);
}

static void tell_transfer(struct item *item)
{
    uint64_t now_ms = engine_now(item->engine);
    if (item->wanted != NULL && item->transfer_has_metainfo)
        transfer_want(item->transfer, item->wanted, now_ms);
    transfer_set_sequential(item->transfer, item->options.sequential);
}

static bool start_transfer(struct item *item, bool with_metainfo)
{
    struct transfer_config config;
    make_config(item, &config);
    item->transfer = transfer_new(&config, with_metainfo ? item->metainfo : NULL,
                                  with_metainfo ? item->have : NULL, engine_now(item->engine));
    if (item->transfer == NULL) {
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return false;
    }
    item->transfer_has_metainfo = with_metainfo;
    item->moved_ms = engine_now(item->engine);
    item->last_down = item->saved_up = item->saved_down = 0;
    tell_transfer(item);
    engine_limits_apply(item);
    finder_again(&item->finder);
    return true;
}

/* Metadata that is still being hashed while it came to be known from elsewhere: the transfer learns
 * of it when that has ended. */
static bool need_transfer(struct item *item, bool with_metainfo)
{
    if (item->transfer == NULL)
        return start_transfer(item, with_metainfo);
    if (with_metainfo && !item->transfer_has_metainfo && item->metadata_job == NULL) {
        enum status status = transfer_set_metainfo(item->transfer, item->metainfo, item->have,
                                                   engine_now(item->engine));
        item->transfer_has_metainfo = status == STATUS_OK;
        if (status != STATUS_OK) {
            item_set_trouble(item, TROUBLE_DISK, status, "%s",
                             status == STATUS_NO_MEMORY ? "out of memory" : "too many pieces");
            return false;
        }
        tell_transfer(item);
    }
    return true;
}

void item_save_traffic(struct item *item)
{
    struct transfer_stats stats;
    if (item->transfer == NULL)
        return;
    transfer_stats(item->transfer, engine_now(item->engine), &stats);
    uint64_t up = stats.bytes_up - item->saved_up, down = stats.bytes_down - item->saved_down;
    if (up == 0 && down == 0)
        return;
    item->saved_up = stats.bytes_up;
    item->saved_down = stats.bytes_down;
    item->row.uploaded += up;
    item->row.downloaded += down;
    catalog_add_traffic(item->engine->daemon->catalog, item->row.id, up, down);
}

static void give_slot_back(struct item *item)
{
    item->waits_for_slot = item->asks_for_slot = false;
    if (!item->has_slot)
        return;
    item->has_slot = false;
    item->engine->downloading--;
    engine_wake_queued(item->engine);
}

void item_halt(struct item *item)
{
    struct peer_connection *connection, *next;
    give_slot_back(item);
    DL_FOREACH_SAFE(item->connections, connection, next)
    peer_connection_close(connection, connection->open ? PEER_HALTED : PEER_LOST,
                          "the transfer stopped");
    if (item->transfer == NULL || item->checks > 0)
        return;
    uploads_forget(item);
    item_save_traffic(item);
    transfer_free(item->transfer);
    item->transfer = NULL;
    item->saved_up = item->saved_down = 0;
}

/* ---- queueing ---- */

static bool take_slot(struct item *item)
{
    struct engine *engine = item->engine;
    bool alone = item_is_alone(item), asked = item->asks_for_slot;
    if (item->has_slot)
        return true;
    item->waits_for_slot =
        engine->downloading >= engine->downloading_max || (alone && engine_has_queued(engine));
    item->asks_for_slot = item->waits_for_slot && !alone;
    if (item->asks_for_slot && !asked)
        engine_wake_alone(engine);
    if (item->waits_for_slot)
        return false;
    item->has_slot = true;
    engine->downloading++;
    return true;
}

/* A download that gets nothing makes way for one that waits and has somebody to ask, or has not
 * looked yet; one that has nobody does so at once. Its peers stay, it goes on looking for others,
 * and it gets its turn again when it has found some and another ends or stalls. */
static bool gives_way(struct item *item)
{
    struct transfer_stats stats;
    struct engine *engine = item->engine;
    uint64_t now_ms = engine_now(engine);
    transfer_stats(item->transfer, now_ms, &stats);
    if (stats.bytes_down != item->last_down || !item->has_slot) {
        item->last_down = stats.bytes_down;
        item->moved_ms = now_ms;
    }
    bool stalled = now_ms - item->moved_ms >= STALLED_MS || item_is_alone(item);
    if (!item->has_slot || !stalled || engine->downloading < engine->downloading_max ||
        !engine_has_queued(engine))
        return false;
    give_slot_back(item);
    item->waits_for_slot = true;
    item->asks_for_slot = !item_is_alone(item);
    return true;
}

/* ---- goals ---- */

static bool is_off(const struct item *item)
{
    if (item->removing || item->engine->stopping)
        return true;
    if (item->trouble != TROUBLE_NONE && item->trouble != TROUBLE_NO_SPACE)
        return true;
    return item->row.wish != WISH_RUN || !item->discoverable;
}

/* A verification somebody asked for is done for a paused one as well. */
static bool is_asked_to_verify(const struct item *item)
{
    return item->verify_calls != NULL && (item->to_verify != NULL || item->verify_all) &&
           !item->removing && !item->engine->stopping;
}

/* What is complete is read for whoever asks, also when it is not shared. */
static bool is_asked_to_read(const struct item *item)
{
    return item->readers != NULL && item->row.complete && item->metainfo != NULL &&
           item->trouble == TROUBLE_NONE && !item->removing && !item->engine->stopping;
}

static bool is_time_to_look(const struct item *item)
{
    return item->row.wish == WISH_RUN && !item->removing && !item->engine->stopping &&
           item->recheck_ms <= engine_now(item->engine);
}

/* It is right, or wrong for good, or not complete any more. */
static void end_look(struct item *item)
{
    bool looks = item->look == LOOK_ASKED || item->place != NULL;
    bool verifies = item->trouble == TROUBLE_NONE && item->to_verify != NULL;
    if (!item_is_looked_into(item) ||
        (!looks && !verifies && item->verifier == NULL && !item_begins_again(item)))
        item->look = LOOK_NONE;
    item->look_forces = item->look_forces && item->look != LOOK_NONE;
}

static enum goal goal_of_look(const struct item *item)
{
    if (item_begins_again(item))
        return GOAL_AGAIN;
    return item->look == LOOK_ASKED || item->place != NULL ? GOAL_PLACE : GOAL_VERIFY;
}

/* Without room for more, what is there is served; but not when it may be wrong. */
static enum goal goal_of_unplaced(const struct item *item)
{
    if (item->trouble != TROUBLE_NO_SPACE)
        return GOAL_PLACE;
    return item->changed ? GOAL_OFF : GOAL_RUN;
}

static enum goal goal_of(const struct item *item)
{
    if (item->reshare != NULL && !item->removing && !item->engine->stopping)
        return GOAL_RESHARE;
    if (item->adopt_have != NULL && !item->removing && !item->engine->stopping)
        return GOAL_ADOPT;
    if (mover_is_due(item) && !item->removing && !item->engine->stopping)
        return GOAL_MOVE;
    if (item->options.reselects && !item->reselecting && item->metainfo != NULL &&
        !item->removing && !item->engine->stopping)
        return GOAL_RESELECT;
    if (item_is_looked_into(item))
        return goal_of_look(item);
    if (is_time_to_look(item))
        return GOAL_PLACE;
    if (is_asked_to_verify(item))
        return item->verify_all ? GOAL_PLACE : GOAL_VERIFY;
    if (is_asked_to_read(item) && !item->placed)
        return GOAL_PLACE;
    if (is_asked_to_read(item) && item->to_verify != NULL)
        return GOAL_VERIFY;
    if (is_off(item))
        return GOAL_OFF;
    if (item->metainfo == NULL)
        return GOAL_METADATA;
    if (item->options.metadata_only)
        return GOAL_OFF;
    if (!item->placed)
        return goal_of_unplaced(item);
    if (item->to_verify != NULL)
        return GOAL_VERIFY;
    if (item->missing == 0 && !item->row.complete && item->trouble == TROUBLE_NONE)
        return GOAL_FINISH;
    return GOAL_RUN;
}

/* What was changed under us is looked at when nobody of ours reads or writes it any more. */
static void start_placing(struct item *item)
{
    if (item->place != NULL || item->verifier != NULL || item->finisher != NULL)
        return;
    if (item->metainfo == NULL) { /* what there was no memory for is asked for anew */
        item_clear_trouble(item);
        return;
    }
    /* renamed, but not called complete: what failed then came behind the rename */
    bool was_renamed =
        item->storage != NULL && !item->row.complete && !storage_is_partial(item->storage);
    if (item->changed || was_renamed) {
        item_halt(item);
        if (item->transfer != NULL || !item_is_idle(item))
            return;
    }
    if (was_renamed && item_open_storage(item, true) != STATUS_OK)
        return;
    item->recheck_ms = UINT64_MAX;
    if (item->look == LOOK_ASKED)
        item->look = LOOK_UNDER_WAY;
    place_start(item);
}

/* Where looks mean nothing, what was fetched is read once more. */
static void start_finishing(struct item *item)
{
    give_slot_back(item);
    if (item->finisher != NULL)
        return;
    if (item->false_alarms >= FALSE_ALARMS_MAX && !item->all_verified)
        item_verify(item);
    else
        finisher_start(item);
}

static void start_verifying(struct item *item)
{
    if (item->verifier != NULL)
        return;
    if (item->transfer != NULL && item->transfer_has_metainfo)
        item_halt(item);
    bool quiet = item->transfer == NULL || !item->transfer_has_metainfo;
    if (quiet && item_is_idle(item))
        verifier_start(item);
}

bool item_wake(struct item *item)
{
    if (!item_is_running(item) || !need_transfer(item, item->metainfo != NULL && item->placed))
        return false;
    item->lonely_since_ms = engine_now(item->engine);
    return true;
}

uint64_t item_rest_due(const struct item *item)
{
    bool rests = item->row.complete && item->transfer != NULL && item->connections == NULL;
    return rests ? item->lonely_since_ms + LONELY_MS : UINT64_MAX;
}

/* Complete: served while somebody is there. */
static void serve(struct item *item)
{
    uint64_t now_ms = engine_now(item->engine);
    give_slot_back(item);
    if (item->connections != NULL)
        item->lonely_since_ms = now_ms;
    if (item->transfer == NULL)
        return;
    if (item_rest_due(item) <= now_ms)
        item_halt(item);
    else
        transfer_set_active(item->transfer, false, true, now_ms);
}

static void run(struct item *item)
{
    if (item->row.complete) {
        serve(item);
        return;
    }
    if (!item->placed && !item->transfer_has_metainfo)
        return; /* no room to begin with */
    if (!need_transfer(item, true))
        return;
    bool fetch = item->missing > 0 && item->trouble == TROUBLE_NONE;
    if (!fetch)
        give_slot_back(item);
    fetch = fetch && !gives_way(item) && take_slot(item);
    transfer_set_active(item->transfer, fetch, true, engine_now(item->engine));
}

void item_step(struct item *item)
{
    end_look(item);
    enum goal goal = goal_of(item);
    if (goal != GOAL_VERIFY && item->verifier != NULL)
        verifier_cancel(item);
    switch (goal) {
    case GOAL_OFF:
        item_halt(item);
        break;
    case GOAL_RESHARE:
        finisher_cancel(item);
        item_halt(item);
        if (item->transfer == NULL && item_is_idle(item) && !discard_start(item))
            reshare_apply(item);
        break;
    case GOAL_ADOPT:
        item_halt(item);
        if (item->transfer == NULL && item_is_idle(item) && !discard_start(item))
            item_adopt(item);
        break;
    case GOAL_MOVE:
        finisher_cancel(item);
        item_halt(item);
        if (item->transfer == NULL && item_is_idle(item))
            mover_start(item);
        break;
    case GOAL_AGAIN:
        item_halt(item);
        if (item->transfer == NULL && item_is_idle(item)) {
            item_begin_again(item);
            item_set_wish(item, WISH_RUN);
        }
        break;
    case GOAL_RESELECT:
        finisher_cancel(item);
        item_halt(item);
        if (item->transfer == NULL && item_is_idle(item))
            reselect_apply(item);
        break;
    case GOAL_METADATA:
        need_transfer(item, false);
        break;
    case GOAL_PLACE:
        start_placing(item);
        break;
    case GOAL_VERIFY:
        start_verifying(item);
        break;
    case GOAL_FINISH:
        start_finishing(item);
        break;
    case GOAL_RUN:
        run(item);
        break;
    }
}
