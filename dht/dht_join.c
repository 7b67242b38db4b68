/* Finding the network, and our place in it.
 *
 * - Endpoints that may be nodes (configured, saved, once contacts) are all asked at once, and again
 *   with growing pauses until one of them answers: others may have come to us meanwhile, and know
 *   nobody else. When one answers late, a walk to our own id begins with it.
 * - The first contact starts a walk to our own id. When it ends we have joined: poor buckets are
 *   filled, our own is looked into again, for others may have come with us; and all we publish is
 *   stored anew.
 * - When the last contact is gone we are alone, and it begins again.
 * - With fewer than k contacts, that may be all there are, or an island: the few who answered when
 *   others did not. So from time to time some of the endpoints that are no contacts are asked, or
 *   if there are none, contacts for neighbours of ours; who has become one of many walks to its own
 *   id once more.
 * - Whoever answers says from where we come; it counts of those that we asked of our own accord,
 * for anybody can make us ask by asking us. Once VOTES_FOR_ID of them, and most of the latest,
 * agree on a public address that our id does not fit [BEP 42], we take an id that does, and walk to
 *   that; then not for an hour, or others could lead us about. */
#include <stdlib.h>
#include <string.h>

#include "dht/node.h"
#include "dht/node_id.h"

/* ---- candidates ---- */

static bool reserve_one(struct join *join)
{
    if (join->count < join->cap)
        return true;
    size_t cap = join->cap > 0 ? 2u * join->cap : 4;
    struct endpoint *grown = realloc(join->candidates, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    join->candidates = grown;
    join->cap = (uint8_t)cap;
    return true;
}

static void forget(struct join *join, size_t at)
{
    join->configured -= at < join->configured;
    join->count--;
    memmove(&join->candidates[at], &join->candidates[at + 1],
            (join->count - at) * sizeof join->candidates[0]);
}

/* Behind others of its sort; the oldest of them makes room. */
static void remember(struct join *join, const struct endpoint *endpoint, bool configured)
{
    size_t at = 0;
    while (at < join->count && !endpoint_equal(&join->candidates[at], endpoint))
        at++;
    configured = configured || at < join->configured;
    if (at < join->count)
        forget(join, at);
    if (configured && join->configured == JOIN_CONFIGURED_MAX)
        forget(join, 0);
    else if (join->count == JOIN_CANDIDATES_MAX)
        forget(join, join->configured);
    if (!reserve_one(join))
        return;
    at = configured ? join->configured++ : join->count;
    memmove(&join->candidates[at + 1], &join->candidates[at],
            (join->count - at) * sizeof join->candidates[0]);
    join->candidates[at] = *endpoint;
    join->count++;
}

void dht_join_remember(struct dht *dht, const struct endpoint *endpoint)
{
    remember(&dht->join, endpoint, false);
}

static bool can_be_asked(const struct dht *dht, const struct endpoint *endpoint)
{
    return endpoint->family == dht->config.family && endpoint_is_usable(endpoint);
}

static void ask(struct dht *dht, const struct endpoint *endpoint)
{
    if (!rpc_is_asking(&dht->rpc, endpoint))
        dht_send_ping(dht, RPC_PING_JOIN, endpoint, NULL, 0);
}

static void retry_from_now(struct dht *dht)
{
    dht->join.reached = false;
    dht->join.pause_ms = JOIN_RETRY_MIN_MS;
    dht->join.retry_ms = dht->now_ms + JOIN_RETRY_MIN_MS;
}

void dht_bootstrap(struct dht *dht, const struct endpoint *endpoints, size_t count, uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    for (size_t i = 0; i < count; i++) {
        if (!can_be_asked(dht, &endpoints[i]))
            continue;
        remember(&dht->join, &endpoints[i], true);
        ask(dht, &endpoints[i]);
    }
    if (routing_table_count(dht->table) == 0 || !dht->join.reached)
        retry_from_now(dht);
    dht_settle(dht);
}

/* They fill the places that configured endpoints leave. */
void dht_add_saved(struct dht *dht, const struct dht_contact contacts[], size_t count,
                   uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    for (size_t i = 0; i < count && i < SAVED_MAX; i++) {
        if (!can_be_asked(dht, &contacts[i].endpoint))
            continue;
        if (dht->join.count < JOIN_CANDIDATES_MAX)
            dht_join_remember(dht, &contacts[i].endpoint);
        ask(dht, &contacts[i].endpoint);
    }
    if (routing_table_count(dht->table) == 0)
        retry_from_now(dht);
    dht_settle(dht);
}

static void retry(struct dht *dht)
{
    struct join *join = &dht->join;
    if (dht->now_ms < join->retry_ms)
        return;
    for (size_t i = 0; i < join->count; i++)
        ask(dht, &join->candidates[i]);
    bool alone = routing_table_count(dht->table) == 0;
    uint32_t doubled_ms = join->pause_ms * 2,
             most_ms = alone ? JOIN_RETRY_MAX_MS : JOIN_RETRY_FAR_MS;
    join->pause_ms = doubled_ms < most_ms ? doubled_ms : most_ms;
    join->retry_ms = dht->now_ms + dht_jitter(dht, join->pause_ms, 4);
}

/* ---- in and out of the network ---- */

/* `by`: who is to be asked besides our contacts; NULL: nobody. */
static void walk_to_ourselves(struct dht *dht, const struct contact *by)
{
    struct walk *walk = dht_walk_new(dht, WALK_SELF, &dht->id, 0);
    if (walk == NULL)
        return;
    dht->join.walk = walk->operation;
    if (by != NULL)
        lookup_add(&walk->lookup, &by->id, &by->endpoint, 0);
    dht_walk_begin(dht, walk);
}

/* ---- few contacts ---- */

static bool is_few(const struct dht *dht)
{
    return dht->join.joined && routing_table_count(dht->table) < DHT_K;
}

static void look_for_more_after(struct dht *dht, uint32_t pause_ms)
{
    dht->join.few_pause_ms = pause_ms;
    dht->join.few_ms = dht->now_ms + dht_jitter(dht, pause_ms, 4);
}

static void note_few(struct dht *dht)
{
    if (is_few(dht) && dht->join.few_ms == UINT64_MAX)
        look_for_more_after(dht, JOIN_FEW_MIN_MS);
}

static bool is_contact(const struct dht *dht, const struct endpoint *endpoint)
{
    struct contact contact;
    for (size_t i = 0; routing_table_at(dht->table, i, &contact); i++)
        if (endpoint_equal(&contact.endpoint, endpoint))
            return true;
    return false;
}

/* When one answers, a walk begins with it, as with one that was lost. False: there are none. */
static bool ask_outsiders(struct dht *dht)
{
    const struct join *join = &dht->join;
    size_t asked = 0, first = join->count > 0 ? rng_below(&dht->rng, join->count) : 0;
    for (size_t i = 0; i < join->count && asked < JOIN_FEW_ASKED; i++) {
        const struct endpoint *endpoint = &join->candidates[(first + i) % join->count];
        if (is_contact(dht, endpoint) || rpc_is_asking(&dht->rpc, endpoint))
            continue;
        dht_send_ping(dht, RPC_PING_LOST, endpoint, NULL, 0);
        asked++;
    }
    return asked > 0;
}

static void look_for_more(struct dht *dht)
{
    struct join *join = &dht->join;
    if (dht->now_ms < join->few_ms)
        return;
    join->few_ms = UINT64_MAX;
    if (is_few(dht)) {
        if (!ask_outsiders(dht))
            dht_walk_start(dht, WALK_REFRESH, &dht->id, 0);
        uint32_t doubled_ms = 2 * join->few_pause_ms;
        look_for_more_after(dht, doubled_ms < JOIN_FEW_MAX_MS ? doubled_ms : JOIN_FEW_MAX_MS);
    } else if (join->joined && join->walk == 0) {
        walk_to_ourselves(dht, NULL);
    }
}

void dht_join_run(struct dht *dht)
{
    retry(dht);
    look_for_more(dht);
}

uint64_t dht_join_deadline(const struct dht *dht)
{
    const struct join *join = &dht->join;
    return join->retry_ms < join->few_ms ? join->retry_ms : join->few_ms;
}

/* ---- what became of it ---- */

void dht_join_answered(struct dht *dht, const struct rpc_query *query, const struct message *answer)
{
    struct join *join = &dht->join;
    struct contact by = {.id = answer->id, .endpoint = query->to};
    bool another = answer->type == MESSAGE_RESPONSE && !id_equal(&answer->id, &dht->id);
    if (another && !join->reached) {
        join->reached = true;
        join->retry_ms = UINT64_MAX;
        if (join->joined && join->walk == 0)
            walk_to_ourselves(dht, &by);
    }
    dht_walk_first_contact(dht, NULL); /* it was ourselves, or not fit for a contact */
}

void dht_join_contact(struct dht *dht, const struct contact *contact)
{
    if (routing_table_count(dht->table) == 1)
        dht_walk_first_contact(dht, contact);
    if (dht->join.walk != 0) {
        dht_walk_add_contact(dht, dht->join.walk, contact);
    } else if (!dht->join.joined) {
        walk_to_ourselves(dht, NULL);
    }
}

void dht_join_walk_done(struct dht *dht, uint32_t operation)
{
    if (operation != dht->join.walk)
        return;
    dht->join.walk = 0;
    if (routing_table_count(dht->table) == 0)
        return;
    routing_table_refresh_poor(dht->table, REFRESH_ENOUGH, dht->now_ms + REFRESH_AFTER_JOIN_MS);
    if (dht->join.joined)
        return;
    dht->join.joined = true;
    note_few(dht);
    dht_emit(dht, &(struct dht_event){.type = DHT_EVENT_JOINED, .id = dht->id});
    dht_publish_all_now(dht);
}

void dht_join_lost(struct dht *dht)
{
    note_few(dht);
    if (routing_table_count(dht->table) > 0)
        return;
    if (dht->join.joined)
        dht_emit(dht, &(struct dht_event){.type = DHT_EVENT_ALONE, .id = dht->id});
    dht->join.joined = false;
    retry_from_now(dht);
}

/* ---- our address and id ---- */

/* The contacts stay; each falls into another bucket. */
static void change_id(struct dht *dht, const struct endpoint *external)
{
    struct id id = node_id_of_address(external, &dht->rng);
    struct routing_table *table = dht_new_table(dht, &id);
    if (table == NULL)
        return;
    struct contact contact, oldest;
    for (size_t i = 0; routing_table_at(dht->table, i, &contact); i++)
        routing_table_seen(table, &contact, &oldest);
    dht->counted.crowded += routing_table_crowded(dht->table);
    routing_table_free(dht->table);
    dht->table = table;
    dht->id = id;
    dht->join.next_id_ms = dht->now_ms + ID_KEPT_MS;
    if (routing_table_count(table) == 0)
        return;
    dht_walk_drop(dht, dht->join.walk); /* to the old id */
    dht->join.walk = 0;
    walk_to_ourselves(dht, NULL);
}

static bool is_to_change_id(const struct dht *dht)
{
    return dht->now_ms >= dht->join.next_id_ms &&
           !node_id_fits(&dht->id, votes_winner(&dht->votes)) &&
           votes_support(&dht->votes) >= VOTES_FOR_ID && votes_agree(&dht->votes);
}

void dht_join_vote(struct dht *dht, const struct endpoint *voter, const struct endpoint *claim)
{
    if (claim->family == 0)
        return;
    bool changed = votes_add(&dht->votes, voter, claim);
    const struct endpoint *external = votes_winner(&dht->votes);
    if (is_to_change_id(dht)) {
        change_id(dht, external);
        changed = true;
    }
    if (changed)
        dht_emit(dht, &(struct dht_event){
                          .type = DHT_EVENT_ADDRESS, .id = dht->id, .endpoint = *external});
}
