/* What all operations that look something up have in common.
 *
 * A walk starts from the k nearest contacts, asks as its lookup says, and is over when the lookup
 * is done and nothing extra (pages of a get, puts of a round) is under way. Finds and gets wait
 * their turn when too many run; our own upkeep and publishing are few and never wait. Those that
 * know nobody wait as long as somebody may still answer who could be our first contact. Who is late
 * and one of the k nearest is asked a second time: a datagram may have been lost. */
#include <stdlib.h>
#include <string.h>

#include "dht/node.h"

/* ---- the list of walks ---- */

struct walk *dht_walk_find(const struct dht *dht, uint32_t operation)
{
    for (uint32_t i = 0; i < dht->walks.count; i++)
        if (dht->walks.entries[i].operation == operation)
            return dht->walks.entries[i].walk;
    return NULL;
}

size_t dht_walk_count(const struct dht *dht, enum walk_purpose purpose)
{
    size_t count = 0;
    for (uint32_t i = 0; i < dht->walks.count; i++)
        count += dht->walks.entries[i].walk->purpose == purpose;
    return count;
}

static bool takes_a_turn(const struct walk *walk)
{
    return walk->purpose == WALK_FIND || walk->purpose == WALK_GET;
}

static bool reserve_one(struct walks *walks)
{
    if (walks->count < walks->cap)
        return true;
    uint32_t cap = walks->cap > 0 ? walks->cap * 2 : 4;
    struct walk_entry *grown = realloc(walks->entries, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    walks->entries = grown;
    walks->cap = cap;
    return true;
}

uint32_t dht_walk_next_operation(struct dht *dht)
{
    if (++dht->walks.last_operation == 0)
        dht->walks.last_operation = 1;
    return dht->walks.last_operation;
}

/* Disjoint paths where it matters that a few liars do not decide what is found. */
static unsigned paths_of(const struct dht *dht, enum walk_purpose purpose)
{
    if (purpose != WALK_GET && purpose != WALK_PUBLISH)
        return 1;
    unsigned paths = dht->config.paths > 0 ? dht->config.paths : LOOKUP_PATHS;
    return paths < LOOKUP_PATHS_MAX ? paths : LOOKUP_PATHS_MAX;
}

static struct lookup_config lookup_config(const struct dht *dht, enum walk_purpose purpose)
{
    unsigned paths = paths_of(dht, purpose);
    struct lookup_config config = {.k = purpose == WALK_REFRESH ? REFRESH_K : DHT_K,
                                   .alpha = LOOKUP_ALPHA,
                                   .start = LOOKUP_START,
                                   .paths = (uint8_t)paths,
                                   .limit_local = dht->config.limit_local,
                                   .eager = dht_uses(dht, DHT_EAGER_START),
                                   .patient = purpose != WALK_REFRESH};
    config.eager = config.eager && purpose != WALK_REFRESH;
    if (purpose == WALK_REFRESH)
        config.alpha = config.start = REFRESH_ALPHA;
    else if (!config.eager)
        config.alpha = config.start = paths < LOOKUP_ALPHA ? (uint8_t)(LOOKUP_ALPHA / paths) : 1;
    else if (paths > 1)
        config.alpha = config.start = LOOKUP_PATH_ALPHA;
    return config;
}

struct walk *dht_walk_new(struct dht *dht, enum walk_purpose purpose, const struct id *target,
                          unsigned kind)
{
    struct walks *walks = &dht->walks;
    struct walk *walk = NULL;
    if (walks->count < WALKS_RUNNING_MAX + WALKS_WAITING_MAX && reserve_one(walks))
        walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return NULL;
    walk->operation = dht_walk_next_operation(dht);
    walk->purpose = (uint8_t)purpose;
    walk->kind = (uint8_t)kind;
    struct lookup_config config = lookup_config(dht, purpose);
    lookup_init(&walk->lookup, target, &config);
    walks->entries[walks->count++] = (struct walk_entry){walk->operation, walk};
    return walk;
}

static void walk_free(struct walk *walk)
{
    lookup_dispose(&walk->lookup);
    free(walk->values.hashes);
    free(walk->newest.value);
    free(walk->records);
    free(walk);
}

void dht_walk_free_all(struct dht *dht)
{
    for (uint32_t i = 0; i < dht->walks.count; i++)
        walk_free(dht->walks.entries[i].walk);
    free(dht->walks.entries);
}

/* What it still waits for is not forgotten: who stays silent is counted in the table. */
static void remove_walk(struct dht *dht, struct walk *walk)
{
    struct walks *walks = &dht->walks;
    uint32_t at = 0;
    while (walks->entries[at].walk != walk)
        at++;
    walks->count--;
    memmove(&walks->entries[at], &walks->entries[at + 1],
            (walks->count - at) * sizeof walks->entries[0]);
    walks->running -= takes_a_turn(walk) && !walk->waiting;
    walks->waiting -= walk->waiting;
    walk_free(walk);
}

void dht_walk_cancel(struct dht *dht, uint32_t operation)
{
    struct walk *walk = dht_walk_find(dht, operation);
    if (walk != NULL && takes_a_turn(walk))
        remove_walk(dht, walk);
}

void dht_walk_drop(struct dht *dht, uint32_t operation)
{
    struct walk *walk = dht_walk_find(dht, operation);
    if (walk != NULL)
        remove_walk(dht, walk);
}

/* ---- its life ---- */

static bool has_its_nodes(const struct walk *walk)
{
    return walk->purpose == WALK_HANDOVER || walk->purpose == WALK_REPAIR;
}

/* What asking it is likely to take: its own round trip, or the usual one, and the more the longer
 * it was not heard of, for then it may be gone. */
static uint16_t cost_ms(const struct dht *dht, const struct contact *contact)
{
    if (!dht_uses(dht, DHT_QUICK_FIRST))
        return 0;
    uint32_t usual_ms = rpc_usual_ms(&dht->rpc);
    if (contact == NULL)
        return (uint16_t)usual_ms;
    uint64_t age_min = (dht->now_ms - contact->seen_ms) / (60 * 1000);
    uint32_t trip_ms = contact->rtt_ms > 0 ? contact->rtt_ms : usual_ms;
    return (uint16_t)(trip_ms + (age_min < 60 ? age_min : 60) * LOOKUP_MS_A_MINUTE);
}

static uint16_t cost_of(const struct dht *dht, const struct id *id)
{
    struct contact known;
    return cost_ms(dht, routing_table_find(dht->table, id, &known) ? &known : NULL);
}

static void add_contact(struct dht *dht, struct walk *walk, const struct contact *contact)
{
    lookup_add(&walk->lookup, &contact->id, &contact->endpoint, cost_ms(dht, contact));
}

/* When all contacts were silent lately, they are still better than nobody. */
static void seed(struct dht *dht, struct walk *walk)
{
    if (has_its_nodes(walk))
        return;
    struct contact near[DHT_K];
    size_t count = routing_table_closest(dht->table, &walk->lookup.target, near, DHT_K);
    for (size_t i = 0; i < count; i++)
        add_contact(dht, walk, &near[i]);
    struct contact contact;
    for (size_t i = 0; count == 0 && routing_table_at(dht->table, i, &contact); i++)
        add_contact(dht, walk, &contact);
}

void dht_walk_seed_more(struct dht *dht, struct walk *walk)
{
    struct contact near[ROUTING_CLOSEST_MAX];
    size_t count =
        routing_table_closest(dht->table, &walk->lookup.target, near, ROUTING_CLOSEST_MAX);
    for (size_t i = 0; i < count; i++)
        add_contact(dht, walk, &near[i]);
}

void dht_walk_begin(struct dht *dht, struct walk *walk)
{
    walk->waiting = takes_a_turn(walk) && dht->walks.running >= WALKS_RUNNING_MAX;
    dht->walks.waiting += walk->waiting;
    if (walk->waiting)
        return;
    dht->walks.running += takes_a_turn(walk);
    if (!has_its_nodes(walk))
        dht_upkeep_touch(dht, &walk->lookup.target);
    seed(dht, walk);
    if (walk->purpose == WALK_GET)
        dht_get_own_values(dht, walk);
    dht_walk_go_on(dht, walk);
}

static struct walk *first_waiting(const struct dht *dht)
{
    uint32_t at = 0;
    while (!dht->walks.entries[at].walk->waiting)
        at++;
    return dht->walks.entries[at].walk;
}

void dht_walk_begin_waiting(struct dht *dht)
{
    while (dht->walks.waiting > 0 && dht->walks.running < WALKS_RUNNING_MAX) {
        dht->walks.waiting--;
        dht_walk_begin(dht, first_waiting(dht));
    }
}

uint32_t dht_walk_start(struct dht *dht, enum walk_purpose purpose, const struct id *target,
                        unsigned kind)
{
    struct walk *walk = dht_walk_new(dht, purpose, target, kind);
    if (walk == NULL)
        return 0;
    uint32_t operation = walk->operation;
    dht_walk_begin(dht, walk);
    return operation;
}

static bool stores(const struct walk *walk)
{
    return walk->purpose == WALK_PUBLISH || has_its_nodes(walk);
}

bool dht_walk_is_among(const struct dht *dht, const struct lookup *lookup, const uint16_t nearest[],
                       size_t count)
{
    return !dht->config.read_only &&
           (count < lookup->config.k ||
            id_distance_compare(&lookup->target, &dht->id, &lookup->nodes[nearest[count - 1]].id) <
                0);
}

static void found(struct dht *dht, const struct walk *walk)
{
    const struct lookup *lookup = &walk->lookup;
    struct dht_contact nodes[DHT_K];
    uint16_t result[DHT_K];
    size_t count = lookup_result(lookup, result, DHT_K);
    for (size_t i = 0; i < count; i++) {
        const struct lookup_node *node = &lookup->nodes[result[i]];
        nodes[i] =
            (struct dht_contact){.id = node->id,
                                 .endpoint = node->endpoint,
                                 .seen_ms = dht->now_ms,
                                 .rtt_ms = node->rtt_ms,
                                 .hops = node->hops,
                                 .common_bits = (uint16_t)id_common_bits(&dht->id, &node->id)};
    }
    struct dht_event event = {.type = DHT_EVENT_FOUND,
                              .operation = walk->operation,
                              .status = count > 0 ? STATUS_OK : STATUS_UNREACHABLE,
                              .id = lookup->target,
                              .asked = lookup->asked,
                              .answered = lookup->answered,
                              .nodes = nodes,
                              .node_count = count,
                              .hops = count > 0 ? lookup->nodes[result[0]].hops : 0};
    dht_emit(dht, &event);
}

static void end(struct dht *dht, struct walk *walk)
{
    dht_upkeep_walk_done(dht, walk);
    dht_crowd_note(dht, walk);
    enum walk_purpose purpose = walk->purpose;
    uint32_t operation = walk->operation;
    if (purpose == WALK_FIND)
        found(dht, walk);
    else if (purpose == WALK_GET)
        dht_get_done(dht, walk);
    else if (stores(walk))
        dht_publish_done(dht, walk);
    remove_walk(dht, walk);
    if (purpose == WALK_SELF)
        dht_join_walk_done(dht, operation);
}

static bool ask(struct dht *dht, const struct walk *walk, const struct lookup_node *node)
{
    bool gets = walk->purpose == WALK_GET || stores(walk);
    struct rpc_query query = {.operation = walk->operation,
                              .to = node->endpoint,
                              .id = node->id,
                              .purpose = RPC_WALK_ASK,
                              .method = gets ? METHOD_GET : METHOD_FIND};
    return dht_send_query(dht, &query);
}

static bool waits_for_a_contact(const struct dht *dht, const struct walk *walk)
{
    return walk->lookup.count == 0 && takes_a_turn(walk) &&
           rpc_count_of(&dht->rpc, RPC_PING_JOIN) > 0;
}

static bool is_over(const struct dht *dht, const struct walk *walk)
{
    if (walk->storing)
        return walk->extra == 0;
    return walk->extra == 0 && lookup_done(&walk->lookup) && !waits_for_a_contact(dht, walk);
}

void dht_walk_go_on(struct dht *dht, struct walk *walk)
{
    const struct lookup_node *node;
    if (walk->fills && !routing_table_is_poor(dht->table, &walk->lookup.target, REFRESH_ENOUGH)) {
        end(dht, walk);
        return;
    }
    do
        while (!walk->storing && (node = lookup_next(&walk->lookup)) != NULL)
            if (!ask(dht, walk, node))
                lookup_failed(&walk->lookup, &node->id); /* no room for another query */
    while (!walk->storing && lookup_done(&walk->lookup) && dht_crowd_widens(dht, walk));
    if (!walk->storing && walk->purpose == WALK_PUBLISH)
        dht_publish_early(dht, walk);
    if (!walk->storing && lookup_done(&walk->lookup) && stores(walk)) {
        walk->storing = true;
        dht_publish_lookup_done(dht, walk);
    }
    if (is_over(dht, walk))
        end(dht, walk);
}

/* ---- answers ---- */

/* A node of the wide world has no business naming addresses of a LAN, or of this machine. */
static bool may_name(const struct endpoint *who, const struct endpoint *named)
{
    if (endpoint_is_loopback(named))
        return endpoint_is_loopback(who);
    return !endpoint_is_local(named) || endpoint_is_local(who);
}

/* What asking it costs is looked up of newcomers alone: most are known already. */
static void hear(const struct dht *dht, struct walk *walk, const struct id *by,
                 const struct message_node *node)
{
    if (lookup_hear(&walk->lookup, by, &node->id, &node->endpoint, 0))
        lookup_find(&walk->lookup, &node->id)->cost_ms = cost_of(dht, &node->id);
}

static void take_nodes(struct dht *dht, struct walk *walk, const struct endpoint *from,
                       const struct message *answer)
{
    const struct endpoint *ourselves = votes_winner(&dht->votes);
    for (size_t i = 0; i < answer->node_count && i < REPLY_NODES_MAX; i++) {
        const struct message_node *node = &answer->nodes[i];
        if (node->endpoint.family == dht->config.family && endpoint_is_usable(&node->endpoint) &&
            !id_equal(&node->id, &dht->id) && !endpoint_equal(&node->endpoint, ourselves) &&
            may_name(from, &node->endpoint))
            hear(dht, walk, &answer->id, node);
        else if (!id_equal(&node->id, &dht->id))
            dht->counted.false_nodes++;
    }
}

static void ask_answered(struct dht *dht, struct walk *walk, const struct rpc_query *query,
                         const struct message *answer)
{
    struct lookup *lookup = &walk->lookup;
    bool renamed = !id_equal(&query->id, &answer->id);
    if (walk->storing || lookup_find(lookup, &query->id) == NULL ||
        (renamed && !lookup_renamed(lookup, &query->id, &answer->id)))
        return;
    struct lookup_node *node = lookup_find(lookup, &answer->id);
    uint64_t trip_ms = dht->now_ms - query->sent_ms;
    node->rtt_ms = (uint16_t)(trip_ms == 0 ? 1 : trip_ms < UINT16_MAX ? trip_ms : UINT16_MAX);
    lookup_keep_token(lookup, node, bytes_of(answer->token, answer->token_len));
    if (walk->purpose != WALK_HANDOVER)
        take_nodes(dht, walk, &query->to, answer);
    lookup_answered(lookup, &answer->id);
    if (walk->purpose == WALK_GET)
        dht_get_values(dht, walk, query, answer);
}

void dht_walk_answered(struct dht *dht, const struct rpc_query *query, const struct message *answer)
{
    struct walk *walk = dht_walk_find(dht, query->operation);
    if (walk == NULL)
        return;
    bool good = answer->type == MESSAGE_RESPONSE && !id_equal(&answer->id, &dht->id);
    if (query->purpose == RPC_WALK_ASK && good) {
        ask_answered(dht, walk, query, answer);
    } else if (query->purpose == RPC_WALK_ASK) {
        lookup_failed(&walk->lookup, &query->id);
    } else {
        walk->extra--;
        if (query->purpose == RPC_WALK_PUT)
            dht_publish_answered(dht, walk, query, answer);
        else if (good)
            dht_get_values(dht, walk, query, answer);
    }
    dht_walk_go_on(dht, walk);
}

/* The walk has gone on without it, and may still use what it says. */
void dht_walk_answered_late(struct dht *dht, const struct rpc_query *query,
                            const struct message *answer)
{
    struct walk *walk = dht_walk_find(dht, query->operation);
    struct lookup_node *node = walk != NULL ? lookup_find(&walk->lookup, &query->id) : NULL;
    if (node == NULL || node->state != LOOKUP_FAILED || walk->storing ||
        !endpoint_equal(&node->endpoint, &query->to) || !id_equal(&query->id, &answer->id))
        return;
    walk->silent--;
    dht_walk_answered(dht, query, answer);
}

void dht_walk_late(struct dht *dht, const struct rpc_query *query)
{
    struct walk *walk = dht_walk_find(dht, query->operation);
    if (walk == NULL)
        return;
    if (query->purpose == RPC_WALK_PUT || lookup_is_near(&walk->lookup, &query->id))
        dht_send_again(dht, query);
    if (query->purpose != RPC_WALK_ASK)
        return;
    lookup_late(&walk->lookup, &query->id);
    dht_walk_go_on(dht, walk);
}

void dht_walk_silent(struct dht *dht, const struct rpc_query *query)
{
    struct walk *walk = dht_walk_find(dht, query->operation);
    if (walk == NULL)
        return;
    if (query->purpose == RPC_WALK_ASK) {
        walk->silent++;
        lookup_failed(&walk->lookup, &query->id);
    } else {
        walk->extra--;
        if (query->purpose == RPC_WALK_PUT)
            dht_publish_answered(dht, walk, query, NULL);
    }
    dht_walk_go_on(dht, walk);
}

void dht_walk_add_contact(struct dht *dht, uint32_t operation, const struct contact *contact)
{
    struct walk *walk = dht_walk_find(dht, operation);
    if (walk == NULL || walk->waiting || walk->storing)
        return;
    add_contact(dht, walk, contact);
    dht_walk_go_on(dht, walk);
}

void dht_walk_first_contact(struct dht *dht, const struct contact *contact)
{
    for (uint32_t i = dht->walks.count; i-- > 0;) { /* from the end: it may lose what it visits */
        struct walk *walk = dht->walks.entries[i].walk;
        if (walk->waiting || walk->lookup.count > 0 || !takes_a_turn(walk))
            continue;
        if (contact != NULL)
            add_contact(dht, walk, contact);
        dht_walk_go_on(dht, walk);
    }
}

bool dht_walk_valid(const struct dht *dht)
{
    const struct walks *walks = &dht->walks;
    uint32_t running = 0, waiting = 0;
    for (uint32_t i = 0; i < walks->count; i++) {
        const struct walk *walk = walks->entries[i].walk;
        running += takes_a_turn(walk) && !walk->waiting;
        waiting += walk->waiting;
        if (!lookup_valid(&walk->lookup) || (is_over(dht, walk) && !walk->waiting))
            return false;
    }
    return running == walks->running && waiting == walks->waiting;
}
