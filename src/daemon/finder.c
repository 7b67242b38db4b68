#include "daemon/finder.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/finder_names.h"
#include "daemon/handshakes.h"
#include "daemon/item.h"
#include "daemon/item_step.h"
#include "daemon/node.h"
#include "daemon/peer_connection.h"
#include "kadpeer/records.h"

struct segment_search {
    struct finder *finder;
    uint32_t segment, handle;
};

void finder_init(struct finder *finder, struct item *item)
{
    *finder = (struct finder){
        .item = item, .pause_ms = SEARCH_LONELY_MS, .names_pause_ms = NAMES_PAUSE_MS};
}

static void add_peer(struct finder *finder, const struct endpoint *endpoint,
                     enum peer_source source)
{
    struct item *item = finder->item;
    struct daemon *daemon = item->engine->daemon;
    if (endpoint->port != 0 && !node_is_self(daemon->node, endpoint))
        peer_list_add(item->peers, endpoint, source, daemon_now_ms(daemon));
}

/* ---- peer records ---- */

/* While nobody is known soon again, then each time later; with enough known, rarely. */
static uint64_t next_pause(const struct finder *finder)
{
    size_t known = peer_list_count(finder->item->peers);
    uint64_t most_ms = known == 0 ? SEARCH_FIRST_MS : SEARCH_MOST_MS;
    uint64_t pause_ms = known == 0 ? finder->pause_ms * 2 : finder->pause_ms + finder->pause_ms / 2;
    if (known > 0 && pause_ms < SEARCH_FIRST_MS)
        pause_ms = SEARCH_FIRST_MS;
    if (known >= PEERS_ENOUGH)
        pause_ms = SEARCH_MOST_MS;
    return pause_ms < most_ms ? pause_ms : most_ms;
}

static void on_peers_done(struct finder *finder, const struct dht_event *event)
{
    finder->peers_handle = 0;
    finder->rounds++;
    finder->asked = event->asked;
    finder->answered = event->answered;
    finder->values = event->values;
    finder->due_ms = engine_now(finder->item->engine) + finder->pause_ms;
    finder->pause_ms = next_pause(finder);
}

static void on_peers(void *user, const struct dht_event *event)
{
    struct finder *finder = user;
    struct peer_record record;
    if (event->type == DHT_EVENT_GET_DONE) {
        on_peers_done(finder, event);
    } else if (peer_record_decode(event->value, &record)) {
        add_peer(finder, &event->endpoint, PEER_FROM_DHT);
    }
    item_mark(finder->item);
}

static void search_peers(struct finder *finder)
{
    struct item *item = finder->item;
    uint64_t now_ms = engine_now(item->engine);
    if (finder->peers_handle != 0 || finder->due_ms > now_ms)
        return;
    finder->peers_handle =
        node_get(item->engine->daemon->node, &item->discovery, KIND_PEER, on_peers, finder);
    if (finder->peers_handle == 0)
        finder->due_ms = now_ms + SEARCH_LONELY_MS;
}

/* ---- availability records, by segments with something missing ---- */

static uint32_t segment_count(const struct item *item)
{
    return (item->metainfo->piece_count + AVAILABILITY_SEGMENT_PIECES - 1) /
           AVAILABILITY_SEGMENT_PIECES;
}

static bool misses_some(const struct item *item, uint32_t segment)
{
    uint32_t first = segment * AVAILABILITY_SEGMENT_PIECES;
    for (uint32_t i = first;
         i < first + AVAILABILITY_SEGMENT_PIECES && i < item->metainfo->piece_count; i++)
        if (item_wants(item, i) && (item->have[i / 8] >> (7 - i % 8) & 1) == 0)
            return true;
    return false;
}

static void on_holder(struct segment_search *search, const struct dht_event *event)
{
    struct finder *finder = search->finder;
    struct item *item = finder->item;
    struct availability_record record;
    if (!availability_record_decode(event->value, &record) || event->endpoint.port == 0 ||
        node_is_self(item->engine->daemon->node, &event->endpoint))
        return;
    if (item->transfer != NULL && item->transfer_has_metainfo)
        transfer_set_availability(item->transfer, &event->endpoint,
                                  search->segment * AVAILABILITY_SEGMENT_PIECES, record.bitfield,
                                  engine_now(item->engine));
    if (record.bitfield.len > 0)
        add_peer(finder, &event->endpoint, PEER_FROM_AVAILABILITY);
}

static void on_availability(void *user, const struct dht_event *event)
{
    struct segment_search *search = user;
    struct finder *finder = search->finder;
    if (event->type == DHT_EVENT_VALUE) {
        on_holder(search, event);
    } else {
        for (size_t i = 0; i < SEGMENTS_AT_A_TIME; i++)
            if (finder->segments[i] == search)
                finder->segments[i] = NULL;
        free(search);
        if (finder->next_segment > 0)
            finder->segments_due_ms = 0; /* the round goes on */
    }
    item_mark(finder->item);
}

static bool start_segment(struct finder *finder, uint32_t segment)
{
    struct item *item = finder->item;
    struct segment_search *search = malloc(sizeof *search);
    size_t slot = 0;
    while (slot < SEGMENTS_AT_A_TIME && finder->segments[slot] != NULL)
        slot++;
    if (search == NULL || slot == SEGMENTS_AT_A_TIME) {
        free(search);
        return false;
    }
    struct id key = key_of_availability(&item->discovery, segment);
    *search = (struct segment_search){.finder = finder, .segment = segment};
    search->handle =
        node_get(item->engine->daemon->node, &key, KIND_AVAILABILITY, on_availability, search);
    if (search->handle == 0) {
        free(search);
        return false;
    }
    finder->segments[slot] = search;
    return true;
}

static void search_segments(struct finder *finder)
{
    struct item *item = finder->item;
    uint64_t now_ms = engine_now(item->engine);
    if (item->metainfo == NULL || !item->transfer_has_metainfo || finder->segments_due_ms > now_ms)
        return;
    uint32_t count = segment_count(item);
    while (finder->next_segment < count) {
        if (misses_some(item, finder->next_segment) &&
            !start_segment(finder, finder->next_segment)) {
            finder->segments_due_ms = now_ms + SEARCH_BUSY_MS;
            return;
        }
        finder->next_segment++;
    }
    finder->next_segment = 0;
    finder->segments_due_ms =
        now_ms + (finder->pause_ms > SEARCH_FIRST_MS ? finder->pause_ms : SEARCH_FIRST_MS);
}

/* ---- a file's SHA-1 instead of an infohash ---- */

/* Then it is an infohash after all, unless those who say they have its metadata lie. */
static bool metadata_is_coming(struct finder *finder)
{
    const struct item *item = finder->item;
    struct transfer_stats stats = {.metadata_total = 0};
    if (item->transfer != NULL)
        transfer_stats(item->transfer, engine_now(item->engine), &stats);
    if (stats.metadata_have > finder->metadata_had)
        finder->metadata_moved_ms = engine_now(item->engine);
    finder->metadata_had = stats.metadata_have;
    return item->metainfo != NULL || stats.metadata_total > 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When what was found is fetched, though metadata seems to be coming. */
static uint64_t match_due(const struct finder *finder)
{
    uint64_t since_ms =
        finder->metadata_moved_ms > finder->match_ms ? finder->metadata_moved_ms : finder->match_ms;
    return earlier(since_ms + MATCH_WAIT_MS, finder->match_ms + MATCH_MOST_MS);
}

static bool take_match(struct finder *finder)
{
    struct item *item = finder->item;
    if (!finder->has_match)
        return false;
    if (item->metainfo != NULL) {
        finder->has_match = false;
        return false;
    }
    if (metadata_is_coming(finder) && match_due(finder) > engine_now(item->engine))
        return false;
    finder->has_match = false;
    item_becomes(item, &finder->match);
    item_mark(item);
    return true;
}

/* Whoever published the others was wrong. NULL: nothing is left. */
static const struct name_match *first_untried(const struct item *item,
                                              const struct name_match *best, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!item_options_rejects(&item->options, &best[i].infohash))
            return &best[i];
    return NULL;
}

static void say_all_were_wrong(struct item *item)
{
    char hex[ID_HEX_SIZE];
    id_to_hex(&item->row.infohash, hex);
    item_set_trouble(item, TROUBLE_MISMATCH, STATUS_MISMATCH,
                     "all that is published under the SHA-1 %s is something else: %zu fetched and "
                     "thrown away",
                     hex, item->options.rejected_count);
}

static void on_names_end(void *user, const struct name_search_end *end,
                         const struct name_match *best, size_t count)
{
    struct finder *finder = user;
    struct item *item = finder->item;
    const struct name_match *match = first_untried(item, best, count);
    finder->names = NULL;
    finder->names_due_ms = engine_now(finder->item->engine) + finder->names_pause_ms;
    finder->names_pause_ms = earlier(finder->names_pause_ms * 2, SEARCH_FIRST_MS);
    if (match != NULL) {
        finder->match = match->infohash;
        finder->match_ms = engine_now(item->engine);
        finder->has_match = true;
        take_match(finder);
    } else if (item->options.rejected_count > 0 && end->answered > 0) {
        say_all_were_wrong(item);
    }
    item_mark(item);
}

/* After the first look for peers, and then also while some are connected: they may be others who
 * look for that file, and know no more than we do. */
static bool may_be_sha1(const struct finder *finder)
{
    const struct item *item = finder->item;
    return item->options.sha1_too && item->metainfo == NULL && finder->names == NULL &&
           !finder->has_match && finder->rounds > 0;
}

static void search_sha1(struct finder *finder)
{
    struct item *item = finder->item;
    uint64_t now_ms = engine_now(item->engine);
    if (!may_be_sha1(finder) || finder->names_due_ms > now_ms)
        return;
    struct name_query query = {.file_sha1 = &item->row.infohash, .wait_ms = SEARCH_LONELY_MS * 2};
    finder->names = name_search_start(item->engine->daemon, &query, NULL, on_names_end, finder);
    if (finder->names == NULL)
        finder->names_due_ms = now_ms + SEARCH_LONELY_MS;
}

/* ---- dialling ---- */

static bool has_room(const struct item *item)
{
    const struct engine *engine = item->engine;
    return engine->connection_count < engine->connections_max &&
           engine->half_open < engine->half_open_max && item->dialling < DIALLING_PER_ITEM &&
           item->connection_count < engine_limits_peers(item);
}

/* Somebody who is not connected holds what nobody connected has. */
static void dial_holder(struct finder *finder)
{
    struct item *item = finder->item;
    uint64_t now_ms = engine_now(item->engine);
    struct endpoint holder;
    if (!item->transfer_has_metainfo || finder->holder_dialled_ms > now_ms || !has_room(item) ||
        !transfer_wanted_holder(item->transfer, &holder))
        return;
    finder->holder_dialled_ms = now_ms + WANTED_HOLDER_MS;
    if (!node_is_self(item->engine->daemon->node, &holder) &&
        peer_list_claim(item->peers, &holder, now_ms))
        peer_connection_dial(item, &holder);
}

static void dial(struct finder *finder)
{
    struct item *item = finder->item;
    struct endpoint to;
    uint64_t now_ms = engine_now(item->engine);
    dial_holder(finder);
    while (has_room(item) && peer_list_next(item->peers, now_ms, &to)) {
        if (node_is_self(item->engine->daemon->node, &to))
            peer_list_ended(item->peers, &to, PEER_IS_US, now_ms);
        else if (!handshake_is_due(item->engine, &to) ||
                 !peer_list_postpone(item->peers, &to, now_ms))
            peer_connection_dial(item, &to);
    }
}

static bool has_to_call_back(const struct item *item)
{
    return peer_list_has_halted(item->peers) && item_is_running(item);
}

/* Who was served when the transfer stopped, by one that serves again and looks for nobody. */
static void call_back(struct finder *finder)
{
    struct item *item = finder->item;
    struct endpoint to;
    uint64_t now_ms = engine_now(item->engine);
    if (!has_to_call_back(item) || !item_wake(item))
        return;
    while (has_room(item) && peer_list_next_halted(item->peers, now_ms, &to))
        peer_connection_dial(item, &to);
}

/* ---- all of it ---- */

static void stop(struct finder *finder)
{
    struct node *node = finder->item->engine->daemon->node;
    if (finder->peers_handle != 0)
        node_cancel(node, finder->peers_handle);
    finder->peers_handle = 0;
    for (size_t i = 0; i < SEGMENTS_AT_A_TIME; i++) {
        if (finder->segments[i] == NULL)
            continue;
        node_cancel(node, finder->segments[i]->handle);
        free(finder->segments[i]);
        finder->segments[i] = NULL;
    }
    if (finder->names != NULL)
        name_search_cancel(finder->names);
    finder->names = NULL;
}

void finder_turn(struct finder *finder)
{
    struct item *item = finder->item;
    if (!item_is_fetching(item)) {
        stop(finder);
        call_back(finder);
        return;
    }
    if (take_match(finder))
        return;
    if (!item_is_private(item)) {
        search_peers(finder);
        search_segments(finder);
        search_sha1(finder);
    }
    dial(finder);
}

uint64_t finder_due(const struct finder *finder)
{
    const struct item *item = finder->item;
    uint64_t due_ms = UINT64_MAX, busy_ms = engine_now(item->engine) + SEARCH_BUSY_MS;
    if (!item_is_fetching(item))
        return has_to_call_back(item) ? busy_ms : UINT64_MAX;
    due_ms = peer_list_due(item->peers);
    if (!has_room(item) && due_ms < busy_ms)
        due_ms = busy_ms;
    if (item_is_private(item))
        return due_ms;
    if (finder->peers_handle == 0)
        due_ms = earlier(due_ms, finder->due_ms);
    if (item->transfer_has_metainfo)
        due_ms = earlier(due_ms, finder->segments_due_ms);
    if (may_be_sha1(finder))
        due_ms = earlier(due_ms, finder->names_due_ms);
    if (finder->has_match)
        due_ms = earlier(due_ms, match_due(finder));
    return due_ms;
}

void finder_again(struct finder *finder)
{
    finder->due_ms = finder->segments_due_ms = finder->names_due_ms = 0;
    finder->pause_ms = SEARCH_LONELY_MS;
    finder->names_pause_ms = NAMES_PAUSE_MS;
    item_mark(finder->item);
}

void finder_dispose(struct finder *finder)
{
    stop(finder);
}
