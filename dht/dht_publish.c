/* Rounds of storing.
 *
 * A record that is due starts a walk towards its key, which brings the k nearest and a token of
 * each. Records whose keys lie so near that the same nodes are their nearest come along, and all of
 * ours do while the whole network is smaller than k. Each of the nearest is given all of them, one
 * datagram after the other, as soon as it has answered and is surely one of the nearest. At most
 * PUBLISH_WALKS_MAX walks run at a time, so that a thousand files do not burst; the others wait in
 * the order they are due. While nobody else is known a round ends at once: we keep our own records
 * and answer for them. The first contact makes all due. */
#include <stdlib.h>
#include <string.h>

#include "dht/node.h"
#include "dht/record_kinds.h"

/* ---- told by the owner ---- */

/* An item that a storing node would refuse for the one we publish already. */
static bool is_outdone(const struct dht *dht, const struct id *key, enum record_kind kind,
                       struct bytes value)
{
    const struct published_record *held = published_same_place(&dht->published, key, kind, value);
    return held != NULL && record_rules(kind)->digest != NULL &&
           !bytes_equal(published_value(held), value) &&
           !record_is_newer(kind, value, published_value(held));
}

/* As many values of its signer are published under the key as any node keeps: ten thousand pictures
 * need not all be put under the word "jpg". */
static bool is_crowded(const struct dht *dht, const struct id *key, enum record_kind kind,
                       struct bytes value)
{
    const struct record_rules *rules = record_rules(kind);
    struct record_facts ours, facts;
    size_t count = 0;
    if (rules->per_signer_max == 0 || !rules->inspect(value, &ours))
        return false;
    for (size_t at = published_position(&dht->published, key, kind);
         published_is_of(&dht->published, at, key, kind); at++) {
        if (!rules->inspect(published_value(dht->published.sorted[at]), &facts) ||
            memcmp(facts.signer, ours.signer, sizeof ours.signer) != 0)
            continue;
        if (memcmp(facts.subject, ours.subject, sizeof ours.subject) == 0)
            return false; /* it is replaced */
        count++;
    }
    return count >= rules->per_signer_max;
}

static enum status keep(struct dht *dht, const struct id *key, enum record_kind kind,
                        struct bytes value, bool last)
{
    struct record_facts facts;
    if (record_inspect(kind, key, value, dht_now_unix_s(dht), &facts) != CODE_OK)
        return STATUS_MALFORMED;
    if (is_outdone(dht, key, kind, value))
        return STATUS_CONFLICT;
    if (is_crowded(dht, key, kind, value))
        return STATUS_FULL;
    struct published_record *record = published_put(&dht->published, key, kind, value);
    if (record == NULL)
        return STATUS_FULL;
    record->last = last;
    record->foreign = false;
    record->ends_ms = 0;
    if (!record->busy)
        published_set_due(&dht->published, record, dht->now_ms);
    return STATUS_OK;
}

enum status dht_publish(struct dht *dht, const struct id *key, enum record_kind kind,
                        struct bytes value, uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    enum status status = keep(dht, key, kind, value, false);
    dht_settle(dht);
    return status;
}

bool dht_published(const struct dht *dht, const struct id *key, enum record_kind kind,
                   uint32_t *nodes, uint64_t *at_ms)
{
    bool found = false;
    *nodes = 0;
    *at_ms = 0;
    for (size_t at = published_position(&dht->published, key, kind);
         published_is_of(&dht->published, at, key, kind); at++) {
        const struct published_record *record = dht->published.sorted[at];
        if (record->foreign)
            continue;
        found = true;
        if (record->stored >= *nodes && record->stored_ms >= *at_ms) {
            *nodes = record->stored;
            *at_ms = record->stored_ms;
        }
    }
    return found;
}

/* A busy one goes at the end of its round. */
static void stop(struct dht *dht, struct published_record *record)
{
    record->last = true;
    record->changed = false;
    if (!record->busy)
        published_remove(&dht->published, record);
}

void dht_withdraw(struct dht *dht, const struct id *key, enum record_kind kind, struct bytes last,
                  uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    size_t at = published_position(&dht->published, key, kind);
    while (published_is_of(&dht->published, at, key, kind)) {
        struct published_record *record = dht->published.sorted[at];
        bool busy = record->busy;
        if (last.data == NULL) {
            stop(dht, record);
            at += busy;
        } else if (record_same_place(kind, published_value(record), last)) {
            if (record_rules(kind)->owner == OWNER_NOBODY ||
                keep(dht, key, kind, last, true) != STATUS_OK)
                stop(dht, record);
            break;
        } else {
            at++;
        }
    }
    dht_settle(dht);
}

/* ---- when ---- */

static uint64_t renew_ms(const struct published_record *record)
{
    return (uint64_t)record_rules(record->kind)->renew_s * 1000;
}

void dht_publish_all_now(struct dht *dht)
{
    for (size_t i = 0; i < dht->published.count; i++) {
        struct published_record *record = dht->published.sorted[i];
        if (!record->busy)
            published_set_due(&dht->published, record, dht->now_ms);
    }
}

/* Not while we are still finding our place: the k nearest could not be found yet. In a network
 * smaller than k one walk brings everything along, and a second would only ask everybody again. */
static bool may_start(const struct dht *dht)
{
    bool small = routing_table_count(dht->table) < DHT_K;
    return dht->join.walk == 0 &&
           dht_walk_count(dht, WALK_PUBLISH) < (small ? 1 : PUBLISH_WALKS_MAX);
}

uint64_t dht_publish_deadline(const struct dht *dht)
{
    const struct published_record *first = published_first_due(&dht->published);
    return first != NULL && may_start(dht) ? first->due_ms : UINT64_MAX;
}

/* Until it is due again, jitter aside. Nobody was there: they may be back soon. Nobody wanted it (a
 * key may hold so many of one publisher): they will hardly change their minds. */
static uint64_t pause_ms(const struct published_record *record)
{
    uint64_t renew = renew_ms(record);
    if (record->misses == 0)
        return renew;
    unsigned doubles = record->misses - 1u;
    unsigned most = record->unwanted ? PUBLISH_UNWANTED_DOUBLES : PUBLISH_RETRY_DOUBLES;
    uint64_t retry = (uint64_t)PUBLISH_RETRY_MS << (doubles < most ? doubles : most);
    return retry < renew ? retry : renew;
}

static void set_next(struct dht *dht, struct published_record *record, enum status status)
{
    record->misses = status == STATUS_OK ? 0 : (uint16_t)(record->misses + 1);
    record->unwanted = status == STATUS_REFUSED;
    uint64_t due_ms = dht->now_ms + dht_jitter(dht, pause_ms(record), PUBLISH_JITTER_PART);
    published_set_due(&dht->published, record, record->changed ? dht->now_ms : due_ms);
    record->busy = record->changed = false;
}

/* ---- a round ---- */

static void tell_published(struct dht *dht, const struct published_record *record,
                           const struct dht_event *outcome)
{
    struct dht_event event = *outcome;
    event.type = DHT_EVENT_PUBLISHED;
    event.id = record->key;
    event.kind = record->kind;
    dht_emit(dht, &event);
}

static void end_of_round(struct dht *dht, struct published_record *record,
                         const struct dht_event *outcome)
{
    record->stored = outcome->status == STATUS_OK ? (uint16_t)outcome->values : 0;
    record->stored_ms = dht->now_ms;
    if (!record->foreign)
        tell_published(dht, record, outcome);
    if (record->last && !record->changed)
        published_remove(&dht->published, record);
    else
        set_next(dht, record, outcome->status);
}

static void store_alone(struct dht *dht, struct published_record *record)
{
    struct dht_event outcome = {.status = dht->config.read_only ? STATUS_UNREACHABLE : STATUS_OK,
                                .values = !dht->config.read_only};
    record->changed = false;
    end_of_round(dht, record, &outcome);
}

static bool add_record(struct dht *dht, struct walk *walk, struct published_record *record)
{
    if (walk->records == NULL)
        walk->records = malloc(PUBLISH_ROUND_MAX * sizeof *walk->records);
    if (walk->records == NULL || walk->record_count == PUBLISH_ROUND_MAX)
        return false;
    walk->records[walk->record_count++] = (struct round_record){.record = record};
    record->busy = true;
    record->changed = false;
    published_set_due(&dht->published, record, UINT64_MAX);
    return true;
}

/* NULL: no room, or something of the same place is on its way already. */
static struct published_record *add_foreign(struct dht *dht, const struct id *key, unsigned kind,
                                            struct bytes value, uint64_t ends_ms)
{
    if (published_same_place(&dht->published, key, kind, value) != NULL)
        return NULL;
    struct published_record *record = published_put(&dht->published, key, kind, value);
    if (record != NULL) {
        record->last = record->foreign = true;
        record->ends_ms = ends_ms;
    }
    return record;
}

bool dht_publish_carry(struct dht *dht, struct walk *walk, const struct id *key, unsigned kind,
                       struct bytes value, uint64_t ends_ms)
{
    if (walk->record_count == PUBLISH_ROUND_MAX)
        return false;
    struct published_record *record = add_foreign(dht, key, kind, value, ends_ms);
    if (record != NULL && !add_record(dht, walk, record))
        published_remove(&dht->published, record);
    return true;
}

bool dht_publish_anew(struct dht *dht, const struct id *key, unsigned kind, struct bytes value,
                      uint64_t ends_ms, uint64_t due_ms)
{
    struct published_record *record = add_foreign(dht, key, kind, value, ends_ms);
    if (record != NULL)
        published_set_due(&dht->published, record, due_ms);
    return dht->published.count < PUBLISHED_MAX;
}

/* False: no room for now. */
static bool start_round(struct dht *dht, struct published_record *record)
{
    struct walk *walk = dht_walk_new(dht, WALK_PUBLISH, &record->key, record->kind);
    if (walk == NULL || !add_record(dht, walk, record)) {
        published_set_due(&dht->published, record, dht->now_ms + PUBLISH_RETRY_MS);
        return false;
    }
    dht_walk_begin(dht, walk);
    return true;
}

/* Past its own expiry, or the end it had where we have it from. */
static bool is_past(const struct dht *dht, const struct published_record *record)
{
    struct record_facts facts;
    return record_inspect(record->kind, &record->key, published_value(record), dht_now_unix_s(dht),
                          &facts) != CODE_OK ||
           (record->ends_ms != 0 && record->ends_ms <= dht->now_ms);
}

/* One of ours is kept, though nobody is given it: its owner, who hears of it, signs another, or the
 * clock is wrong and is set. */
static void put_off(struct dht *dht, struct published_record *record)
{
    struct dht_event outcome = {.status = STATUS_REFUSED};
    record->changed = false;
    if (record->foreign || record->last)
        published_remove(&dht->published, record);
    else
        end_of_round(dht, record, &outcome);
}

void dht_publish_run(struct dht *dht)
{
    struct published_record *first;
    while (may_start(dht) && (first = published_first_due(&dht->published)) != NULL &&
           first->due_ms <= dht->now_ms) {
        if (is_past(dht, first))
            put_off(dht, first);
        else if (routing_table_count(dht->table) == 0)
            store_alone(dht, first);
        else if (!start_round(dht, first))
            return;
    }
}

/* ---- who else comes along ---- */

static bool comes_along(const struct dht *dht, const struct published_record *record)
{
    return !record->busy && record->due_ms <= dht->now_ms + pause_ms(record) / PUBLISH_EARLY_PART &&
           !is_past(dht, record);
}

/* Neighbours in key order, from the walk's key outwards in one direction. */
static void gather(struct dht *dht, struct walk *walk, size_t at, ptrdiff_t step, int near_bits)
{
    const struct published *published = &dht->published;
    for (; at < published->count; at += (size_t)step) { /* below 0 it wraps, and is beyond too */
        struct published_record *record = published->sorted[at];
        if ((int)id_common_bits(&record->key, &walk->lookup.target) < near_bits)
            return;
        if (comes_along(dht, record) && !add_record(dht, walk, record))
            return;
    }
}

/* Those that go to the same nodes, the farthest of which is `farthest`. */
static void gather_near(struct dht *dht, struct walk *walk, const struct id *farthest,
                        bool whole_network)
{
    const struct id *key = &walk->lookup.target;
    int near_bits = whole_network ? 0 : (int)id_common_bits(farthest, key) + PUBLISH_NEAR_BITS;
    size_t at = published_position(&dht->published, key, 0);
    gather(dht, walk, at, 1, near_bits);
    gather(dht, walk, at - 1, -1, near_bits);
    walk->gathered = true;
}

/* Bytes of a record in a put beside its value: array, key, kind, lengths [protocol.md]. */
#define RECORD_OVERHEAD 32
/* Bytes of a put's frame: txid, method, id, network, version, token. */
#define PUT_OVERHEAD 128

/* How many records of the round, from `first` on, one put carries. */
static uint16_t fitting(const struct walk *walk, size_t first)
{
    size_t bytes = PUT_OVERHEAD;
    uint16_t count = 0;
    for (size_t i = first; i < walk->record_count && count < MESSAGE_RECORDS_MAX; i++) {
        bytes += RECORD_OVERHEAD + walk->records[i].record->value_len;
        if (count > 0 && bytes > DHT_DATAGRAM_MAX)
            break;
        count++;
    }
    return count;
}

static void give_next(struct dht *dht, struct walk *walk, struct lookup_node *target)
{
    struct rpc_query query = {.operation = walk->operation,
                              .to = target->endpoint,
                              .id = target->id,
                              .purpose = RPC_WALK_PUT,
                              .method = METHOD_PUT,
                              .first = target->next,
                              .count = fitting(walk, target->next)};
    if (query.count == 0 || !dht_send_query(dht, &query))
        return;
    walk->extra++;
    target->next = (uint16_t)(target->next + query.count);
}

static void begin_giving(struct dht *dht, struct walk *walk, struct lookup_node *node)
{
    node->target = true;
    give_next(dht, walk, node);
}

/* Answered, and either nobody is left to be asked who could be nearer, or it lies so near that only
 * half of k are expected to be nearer. */
static bool is_surely_near(const struct lookup *lookup, const struct lookup_node *node,
                           bool all_asked, double nodes)
{
    return node->state == LOOKUP_ANSWERED && node->fits && node->token_len > 0 && !node->target &&
           (all_asked || density_share(&lookup->target, &node->id) * nodes <= lookup->config.k / 2);
}

void dht_publish_early(struct dht *dht, struct walk *walk)
{
    struct lookup *lookup = &walk->lookup;
    size_t near = 0, end = 0;
    bool all_asked = true;
    for (; end < lookup->count && near < lookup->config.k; end++) {
        near += lookup->nodes[end].state != LOOKUP_FAILED;
        all_asked = all_asked && lookup->nodes[end].state != LOOKUP_FRESH;
    }
    if (near < lookup->config.k || !dht_uses(dht, DHT_EARLY_STORING))
        return;
    double nodes = dht_crowd_nodes(dht);
    for (size_t i = 0; i < end; i++) {
        if (!is_surely_near(lookup, &lookup->nodes[i], all_asked, nodes))
            continue;
        if (!walk->gathered)
            gather_near(dht, walk, &lookup->nodes[end - 1].id, false);
        begin_giving(dht, walk, &lookup->nodes[i]);
    }
}

void dht_publish_lookup_done(struct dht *dht, struct walk *walk)
{
    uint16_t nearest[DENSITY_WIDE_MAX];
    struct lookup *lookup = &walk->lookup;
    size_t count = lookup_result(lookup, nearest, lookup->config.k);
    walk->ourselves = dht_walk_is_among(dht, lookup, nearest, count);
    bool may_put = false;
    for (size_t i = 0; i < count; i++)
        may_put = may_put || lookup->nodes[nearest[i]].token_len > 0;
    /* Fewer than k answered: there are no others, unless some of more were silent. */
    if (may_put && walk->purpose == WALK_PUBLISH && !walk->gathered)
        gather_near(dht, walk, &lookup->nodes[nearest[count - 1]].id,
                    count < DHT_K && lookup->asked < DHT_K);
    for (size_t i = 0; i < count; i++)
        if (lookup->nodes[nearest[i]].token_len > 0 && !lookup->nodes[nearest[i]].target)
            begin_giving(dht, walk, &lookup->nodes[nearest[i]]);
}

/* ---- puts ---- */

/* What does not say itself when it ends is handed on for what is left of its life: it would live
 * for ever otherwise. */
static uint32_t lifetime_left_s(const struct dht *dht, const struct published_record *record)
{
    if (record->ends_ms == 0 || record_rules(record->kind)->clock_slack_s > 0)
        return 0;
    uint64_t left_ms = record->ends_ms > dht->now_ms ? record->ends_ms - dht->now_ms : 0;
    return left_ms < 1000 ? 1 : (uint32_t)(left_ms / 1000);
}

void dht_publish_fill(const struct dht *dht, const struct walk *walk, const struct rpc_query *query,
                      struct message *message)
{
    for (size_t i = query->first; i < (size_t)query->first + query->count; i++) {
        const struct published_record *record = walk->records[i].record;
        message->records[message->record_count++] =
            (struct message_record){.key = record->key,
                                    .kind = record->kind,
                                    .value = published_value(record),
                                    .lifetime_s = lifetime_left_s(dht, record)};
    }
}

static void take_codes(struct walk *walk, const struct rpc_query *query,
                       const struct message *answer)
{
    for (size_t i = 0; i < query->count; i++) {
        struct round_record *round = &walk->records[query->first + i];
        bool stored = answer->type == MESSAGE_RESPONSE && i < answer->code_count &&
                      answer->codes[i] == CODE_OK;
        round->stored += stored;
        round->refused += !stored;
    }
}

void dht_publish_answered(struct dht *dht, struct walk *walk, const struct rpc_query *query,
                          const struct message *answer)
{
    if (answer == NULL)
        return; /* silent now: it is given nothing further */
    take_codes(walk, query, answer);
    struct lookup_node *target = lookup_find(&walk->lookup, &query->id);
    if (target != NULL)
        give_next(dht, walk, target);
}

void dht_publish_done(struct dht *dht, struct walk *walk)
{
    for (size_t i = 0; i < walk->record_count; i++) {
        const struct round_record *round = &walk->records[i];
        enum status status = round->stored > 0           ? STATUS_OK
                             : round->refused > 0        ? STATUS_REFUSED
                             : walk->lookup.answered > 0 ? STATUS_NOT_FOUND
                                                         : STATUS_UNREACHABLE;
        struct dht_event outcome = {.status = status,
                                    .asked = walk->lookup.asked,
                                    .answered = walk->lookup.answered,
                                    .values = round->stored + walk->ourselves,
                                    .refused = round->refused};
        end_of_round(dht, round->record, &outcome);
        if (walk->purpose == WALK_REPAIR)
            dht->counted.repaired += round->stored;
    }
}
