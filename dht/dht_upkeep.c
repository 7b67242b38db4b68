/* Keeping the table true.
 *
 * - Whoever answers is seen; whoever is silent, or answers a ping or a find with an error, is
 *   counted, asked again after a pause, and dropped in the end (routing_table.h says when). An
 *   answer under another id than expected drops the one we knew.
 * - A bucket nobody looked into is refreshed after 15 to 60 minutes: sooner while many of those we
 *   ask are silent, for then the table ages fast. One with few contacts is looked into until it has
 *   REFRESH_ENOUGH: each that is asked is one more for it, and others will come by themselves. */
#include "dht/node.h"

/* ---- contacts ---- */

static void ask_contact(struct dht *dht, const struct contact *contact)
{
    if (!rpc_is_asking(&dht->rpc, &contact->endpoint))
        dht_send_ping(dht, RPC_PING_CONTACT, &contact->endpoint, &contact->id, 0);
}

static void see(struct dht *dht, const struct rpc_query *query, const struct id *id)
{
    uint64_t trip_ms = dht->now_ms - query->sent_ms;
    struct contact oldest, who = {.id = *id, .endpoint = query->to, .seen_ms = dht->now_ms};
    if (!query->late || query->silent) /* late, it may be the answer to what was sent again */
        who.rtt_ms = (uint32_t)(trip_ms > 0 ? trip_ms : 1);
    enum seen_result seen = routing_table_seen(dht->table, &who, &oldest);
    dht->counted.impostors += seen == SEEN_ELSEWHERE;
    if (seen == SEEN_ADDED) {
        dht_join_contact(dht, &who);
        dht_handover_contact(dht, &who);
    } else if (seen == SEEN_ASK_OLDEST ||
               (seen == SEEN_ELSEWHERE && oldest.seen_ms + SUSPECT_PAUSE_MS <= dht->now_ms)) {
        ask_contact(dht, &oldest);
    }
}

/* Only the endpoint that an id is known at can lose it. */
static void forget(struct dht *dht, const struct id *id, const struct endpoint *at)
{
    struct contact known;
    if (!routing_table_find(dht->table, id, &known) || !endpoint_equal(&known.endpoint, at))
        return;
    routing_table_remove(dht->table, id);
    dht_join_lost(dht);
}

bool dht_upkeep_proven(const struct dht *dht, const struct id *id, const struct endpoint *at)
{
    struct contact known;
    if (routing_table_find(dht->table, id, &known) && endpoint_same_address(&known.endpoint, at) &&
        dht->now_ms < known.seen_ms + PROOF_LIFETIME_MS)
        return true;
    return throttle_proven(dht->throttle, at, dht->now_ms);
}

/* The table remembers who of its contacts answered, and when: only others need an entry. */
static void note_proof(struct dht *dht, const struct id *id, const struct endpoint *at)
{
    struct contact known;
    if (id == NULL || !routing_table_find(dht->table, id, &known) ||
        !endpoint_same_address(&known.endpoint, at))
        throttle_prove(dht->throttle, at, dht->now_ms);
}

static void suspect(struct dht *dht)
{
    uint64_t again_ms = dht->now_ms + SUSPECT_PAUSE_MS;
    dht->suspects_ms = again_ms < dht->suspects_ms ? again_ms : dht->suspects_ms;
}

/* Who answered a moment ago is not gone, however much it leaves unanswered: it limits us. One that
 * is given much at once answers some of it, and would be lost and found again and again. */
static bool was_heard_just_now(const struct dht *dht, const struct contact *contact)
{
    return contact->failures + 1 >= ROUTING_FAILURES_REPLACE &&
           dht->now_ms - contact->seen_ms < SUSPECT_PAUSE_MS;
}

void dht_upkeep_silent(struct dht *dht, const struct rpc_query *query)
{
    struct contact known;
    if (!routing_table_find(dht->table, &query->id, &known) ||
        !endpoint_equal(&known.endpoint, &query->to))
        return;
    if (was_heard_just_now(dht, &known)) {
        suspect(dht);
        return;
    }
    if (routing_table_failed(dht->table, &query->id) == FAILED_COUNTED) {
        suspect(dht);
        return;
    }
    if (routing_table_count(dht->table) < DHT_K)
        dht_join_remember(dht, &query->to); /* it may come back when we know nobody else */
    dht_lost_remember(dht, &query->to);
    dht_join_lost(dht);
}

/* Its address is proven, but who only refuses is of no more use than who is silent. A get or a put
 * may be refused for what it says. */
static void refused(struct dht *dht, const struct rpc_query *query)
{
    note_proof(dht, NULL, &query->to);
    dht->counted.errors++;
    bool says_nothing = query->method == METHOD_PING || query->method == METHOD_FIND;
    if (says_nothing && !query->silent) /* else it was counted when it fell silent */
        dht_upkeep_silent(dht, query);
}

void dht_upkeep_answered(struct dht *dht, const struct rpc_query *query,
                         const struct message *answer)
{
    if (answer->type != MESSAGE_RESPONSE) {
        refused(dht, query);
        return;
    }
    token_cache_add(&dht->tokens, &query->to, bytes_of(answer->token, answer->token_len),
                    dht->now_ms);
    see(dht, query, &answer->id);
    note_proof(dht, &answer->id, &query->to);
    if (!id_is_zero(&query->id) && !id_equal(&query->id, &answer->id)) {
        dht->counted.renamed++;
        forget(dht, &query->id, &query->to);
    }
    if (query->purpose != RPC_PING_NEW)
        dht_join_vote(dht, &query->to, &answer->seen_address);
}

/* ---- those that were silent ---- */

static void ask_suspects(struct dht *dht)
{
    size_t asked = 0, suspects = 0, cursor = 0;
    struct contact contact;
    while (asked < SUSPECT_PINGS_MAX && routing_table_next_silent(dht->table, &cursor, &contact)) {
        suspects++;
        if (!rpc_is_asking(&dht->rpc, &contact.endpoint)) {
            ask_contact(dht, &contact);
            asked++;
        }
    }
    dht->suspects_ms = suspects > 0 ? dht->now_ms + SUSPECT_PAUSE_MS : UINT64_MAX;
}

/* ---- refresh ---- */

void dht_upkeep_touch(struct dht *dht, const struct id *target)
{
    uint64_t pause_ms = dht_jitter(dht, dht->refresh_pause_ms, 5);
    routing_table_touch(dht->table, target, dht->now_ms + pause_ms);
}

void dht_upkeep_walk_done(struct dht *dht, const struct walk *walk)
{
    if (walk->purpose != WALK_REFRESH || walk->lookup.asked == 0)
        return;
    uint32_t longer_ms = dht->refresh_pause_ms * 2;
    if (walk->silent * REFRESH_SILENT_PART > walk->lookup.asked)
        dht->refresh_pause_ms = REFRESH_MIN_MS;
    else
        dht->refresh_pause_ms = longer_ms < REFRESH_MAX_MS ? longer_ms : REFRESH_MAX_MS;
}

static bool may_refresh(const struct dht *dht)
{
    return dht->join.walk == 0 && routing_table_count(dht->table) > 0 &&
           dht_walk_count(dht, WALK_REFRESH) < REFRESH_WALKS_MAX;
}

static void refresh(struct dht *dht)
{
    uint64_t due_ms;
    size_t bucket;
    while (may_refresh(dht) &&
           (bucket = routing_table_refresh_next(dht->table, &due_ms), due_ms <= dht->now_ms)) {
        struct id target = routing_table_random_id(dht->table, bucket, &dht->rng);
        struct walk *walk = dht_walk_new(dht, WALK_REFRESH, &target, 0);
        if (walk == NULL) {
            dht_upkeep_touch(dht, &target); /* no room: at its next turn */
            continue;
        }
        walk->fills = routing_table_is_poor(dht->table, &target, REFRESH_ENOUGH);
        dht_walk_begin(dht, walk);
    }
}

/* ---- when ---- */

void dht_upkeep_run(struct dht *dht)
{
    if (dht->now_ms >= dht->suspects_ms)
        ask_suspects(dht);
    refresh(dht);
}

uint64_t dht_upkeep_deadline(const struct dht *dht)
{
    uint64_t due_ms = UINT64_MAX;
    if (may_refresh(dht))
        routing_table_refresh_next(dht->table, &due_ms);
    return due_ms < dht->suspects_ms ? due_ms : dht->suspects_ms;
}
