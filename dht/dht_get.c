/* What a get brings: each distinct value is told of once, whoever gave it, after the kind's own
 * checks. Of a node that holds more than fits a datagram a few further pages are read, as long as
 * they bring something new. */
#include <stdlib.h>
#include <string.h>

#include "dht/node.h"
#include "dht/record_kinds.h"
#include "kadpeer/records.h"
#include "kadpeer/siphash.h"

/* ---- values seen ---- */

static uint32_t place_of(const struct value_set *set, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (set->cap - 1);
    while (set->hashes[at] != 0 && set->hashes[at] != hash)
        at = (at + 1) & (set->cap - 1);
    return at;
}

static bool set_grow(struct value_set *set)
{
    if ((set->count + 1) * 4 <= set->cap * 3)
        return true;
    struct value_set old = *set;
    uint32_t cap = set->cap > 0 ? set->cap * 2 : 16;
    uint64_t *hashes = calloc(cap, sizeof *hashes);
    if (hashes == NULL)
        return false;
    set->hashes = hashes;
    set->cap = cap;
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.hashes[i] != 0)
            set->hashes[place_of(set, old.hashes[i])] = old.hashes[i];
    free(old.hashes);
    return true;
}

static bool set_has(const struct value_set *set, uint64_t hash)
{
    hash += hash == 0;
    return set->cap > 0 && set->hashes[place_of(set, hash)] == hash;
}

/* True when it was not in. */
static bool set_add(struct value_set *set, uint64_t hash)
{
    if (set->count >= GET_VALUES_MAX || !set_grow(set))
        return false;
    hash += hash == 0;
    uint32_t at = place_of(set, hash);
    if (set->hashes[at] == hash)
        return false;
    set->hashes[at] = hash;
    set->count++;
    return true;
}

/* The same value from another address is another value, for kinds that go with one. Their port is
 * in the value: the one it came from, which changes behind a NAT, is told to nobody. */
static uint64_t value_hash(const struct dht *dht, struct bytes value, struct endpoint from)
{
    uint8_t both[DHT_VALUE_MAX + ENDPOINT_COMPACT_MAX];
    from.port = 0;
    size_t len = endpoint_to_compact(&from, both);
    memcpy(both + len, value.data, value.len);
    return siphash(dht->config.secret, bytes_of(both, len + value.len));
}

/* ---- telling of them ---- */

static uint16_t tcp_port_of(unsigned kind, struct bytes value)
{
    struct peer_record peer;
    struct availability_record availability;
    if (kind == KIND_PEER && peer_record_decode(value, &peer))
        return peer.tcp_port;
    if (kind == KIND_AVAILABILITY && availability_record_decode(value, &availability))
        return availability.tcp_port;
    return 0;
}

/* True when it is a new one. `from` is all zero where the kind has no address. */
static bool tell(struct dht *dht, struct walk *walk, struct bytes value, struct endpoint from)
{
    if (value.len > DHT_VALUE_MAX || !set_add(&walk->values, value_hash(dht, value, from)))
        return false;
    uint16_t port = tcp_port_of(walk->kind, value);
    if (port != 0)
        from.port = port;
    struct dht_event event = {.type = DHT_EVENT_VALUE,
                              .operation = walk->operation,
                              .status = STATUS_OK,
                              .id = walk->lookup.target,
                              .kind = walk->kind,
                              .endpoint = from,
                              .value = value};
    dht_emit(dht, &event);
    return true;
}

/* One that we hold ourselves, if it has not ended. */
static void tell_own(struct dht *dht, struct walk *walk, struct bytes value, struct endpoint from)
{
    struct record_facts facts;
    if (record_inspect(walk->kind, &walk->lookup.target, value, dht_now_unix_s(dht), &facts) !=
        CODE_OK)
        return;
    dht_repair_note(dht, walk, NULL, value);
    tell(dht, walk, value, from);
}

/* What we publish ourselves, and what others had us keep. */
void dht_get_own_values(struct dht *dht, struct walk *walk)
{
    const struct endpoint *ourselves = votes_winner(&dht->votes);
    const struct record_rules *rules = record_rules(walk->kind);
    struct message_value values[MESSAGE_VALUES_MAX];
    size_t count =
        dht_server_own_values(dht, &walk->lookup.target, walk->kind, values, MESSAGE_VALUES_MAX);
    for (size_t i = 0; i < count; i++)
        tell_own(dht, walk, values[i].value, rules->with_from ? *ourselves : (struct endpoint){0});

    struct record_get get = {.key = walk->lookup.target, .kind = walk->kind, .asker = *ourselves};
    struct record_sample sample;
    do {
        sample = record_store_get(dht->store, &get, values, MESSAGE_VALUES_MAX, dht->now_ms);
        for (size_t i = 0; i < sample.count; i++)
            tell_own(dht, walk, values[i].value, values[i].from);
        if (sample.count > 0)
            get.cursor = values[sample.count - 1].order;
        get.has_cursor = true;
        walk->held = sample.total;
    } while (sample.more && sample.count > 0);
}

/* ---- what others answer ---- */

/* The address a record came from, as its holder says; what cannot be one is not told. */
static bool origin(const struct dht *dht, const struct endpoint *holder,
                   const struct message_value *value, struct endpoint *out)
{
    *out = value->from.family == 0 ? *holder : value->from;
    bool odd_loopback = endpoint_is_loopback(out) && !endpoint_is_loopback(holder);
    return out->family == dht->config.family && endpoint_is_usable(out) && !odd_loopback;
}

/* True when it is a new one. Each is verified once, however many bring it. */
static bool take_value(struct dht *dht, struct walk *walk, struct lookup_node *node,
                       const struct endpoint *holder, const struct message_value *value)
{
    struct endpoint from = {0};
    if (value->value.len > DHT_VALUE_MAX ||
        (record_rules(walk->kind)->with_from && !origin(dht, holder, value, &from))) {
        dht->counted.false_values++;
        return false;
    }
    bool known = set_has(&walk->values, value_hash(dht, value->value, from));
    if (!known && record_check(walk->kind, &walk->lookup.target, value->value,
                               dht_now_unix_s(dht)) != CODE_OK) {
        dht->counted.false_values++;
        return false;
    }
    if (node != NULL)
        dht_repair_note(dht, walk, node, value->value);
    return !known && tell(dht, walk, value->value, from);
}

static void ask_further(struct dht *dht, struct walk *walk, const struct rpc_query *query,
                        uint64_t cursor)
{
    struct rpc_query page = {.operation = walk->operation,
                             .to = query->to,
                             .id = query->id,
                             .purpose = RPC_WALK_PAGE,
                             .method = METHOD_GET,
                             .first = (uint16_t)(query->first + 1),
                             .cursor = cursor};
    if (page.first > GET_NODE_PAGES || walk->pages >= GET_PAGES_MAX || !dht_send_query(dht, &page))
        return;
    walk->pages++;
    walk->extra++;
}

/* It holds what is older than the newest we have seen, and so did not send it. */
static bool is_left_out(const struct walk *walk, const struct message *answer)
{
    return answer->value_count == 0 && walk->newest.value != NULL && answer->has_seq &&
           answer->seq < walk->newest.seq;
}

void dht_get_values(struct dht *dht, struct walk *walk, const struct rpc_query *query,
                    const struct message *answer)
{
    if (!answer->has_values)
        return;
    if (answer->total > walk->held)
        walk->held = answer->total;
    struct lookup_node *node = lookup_find(&walk->lookup, &answer->id);
    unsigned fresh = 0;
    for (size_t i = 0; i < answer->value_count; i++)
        fresh += take_value(dht, walk, node, &query->to, &answer->values[i]);
    bool left_out = is_left_out(walk, answer);
    if (left_out && node != NULL && node->held == 0)
        node->held = HELD_OLDER;
    /* None of them fitted: our token was out of date, and now there is another. */
    bool none_fitted = answer->value_count == 0 && answer->total > 0 && answer->token_len > 0 &&
                       query->purpose == RPC_WALK_ASK && !left_out;
    if (none_fitted)
        ask_further(dht, walk, query, 0);
    else if (answer->has_cursor && fresh > 0)
        ask_further(dht, walk, query, answer->cursor);
}

void dht_get_done(struct dht *dht, struct walk *walk)
{
    struct holders holders = dht_repair_count(dht, walk);
    const struct lookup *lookup = &walk->lookup;
    uint16_t nearest;
    bool answered = lookup_result(lookup, &nearest, 1) == 1;
    enum status status = walk->values.count > 0 ? STATUS_OK
                         : answered             ? STATUS_NOT_FOUND
                                                : STATUS_UNREACHABLE;
    struct dht_event event = {.type = DHT_EVENT_GET_DONE,
                              .operation = walk->operation,
                              .status = status,
                              .id = lookup->target,
                              .kind = walk->kind,
                              .asked = lookup->asked,
                              .answered = lookup->answered,
                              .values = walk->values.count,
                              .held = walk->held,
                              .nearest = holders.nearest,
                              .holding = holders.holding,
                              .hops = answered ? lookup->nodes[nearest].hops : 0};
    dht_emit(dht, &event);
    dht_repair(dht, walk);
}
