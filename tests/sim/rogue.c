#include "sim/rogue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/node_id.h"
#include "kadpeer/records.h"

#define CLAIMS      65536 /* addresses whose fitting ids are known: near any target is one of them */
#define OWNED       (1 << 19) /* as many has who can answer at all of them */
#define WINDOW      64        /* of them looked at around a target */
#define FLOOD_BITS  16        /* that a flooded key shares with the node it is put to */
#define FLOOD_PORTS 60000

const char *const rogue_names[ROGUE_KINDS] = {"silent", "colluding", "dead",
                                              "slow",   "forging",   "mirror"};

/* An id, and an address it fits. */
struct claim {
    struct id id;
    struct endpoint endpoint;
};

struct rogue {
    size_t node;
    enum rogue_kind kind;
    struct claim claim;
    struct id flood_key; /* zero: near whoever is flooded */
};

struct rogues {
    struct net *net;
    struct latency *latency;
    struct net_actor actor;
    struct rogue *all;
    size_t count, cap;
    uint32_t *by_node; /* rogue + 1 */
    size_t node_cap;
    struct claim *claims; /* sorted by id; NULL until needed */
    size_t claim_count;
    struct rng rng;
    uint64_t asked, flooded, kept;
};

/* ---- ids ---- */

static int compare_claims(const void *a, const void *b)
{
    return id_compare(&((const struct claim *)a)->id, &((const struct claim *)b)->id);
}

static struct endpoint any_endpoint(struct rng *rng)
{
    struct endpoint endpoint = {.family = ENDPOINT_IPV4, .port = 6881};
    rng_fill(rng, endpoint.addr, 4);
    endpoint.addr[0] = (uint8_t)(101 + rng_below(rng, 20)); /* honest ones are elsewhere */
    return endpoint;
}

static void make_claims(struct rogues *rogues)
{
    if (rogues->claims != NULL)
        return;
    rogues->claims = malloc(rogues->claim_count * sizeof *rogues->claims);
    assert(rogues->claims != NULL);
    for (size_t i = 0; i < rogues->claim_count; i++) {
        struct claim *claim = &rogues->claims[i];
        claim->endpoint = any_endpoint(&rogues->rng);
        claim->id = node_id_of_address(&claim->endpoint, &rogues->rng);
    }
    qsort(rogues->claims, rogues->claim_count, sizeof *rogues->claims, compare_claims);
}

/* Those nearest to the target of `from`, nearest first. */
static size_t nearest_claims(const struct claim *from[], size_t count, const struct id *target,
                             const struct claim *out[], size_t cap)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = found;
        while (at > 0 && id_distance_compare(target, &from[i]->id, &out[at - 1]->id) < 0)
            at--;
        if (at == cap)
            continue;
        size_t moved = found < cap ? found++ : cap - 1;
        memmove(&out[at + 1], &out[at], (moved - at) * sizeof *out);
        out[at] = from[i];
    }
    return found;
}

static size_t claims_near(struct rogues *rogues, const struct id *target, const struct claim *out[],
                          size_t cap)
{
    make_claims(rogues);
    size_t low = 0, high = rogues->claim_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (id_compare(&rogues->claims[middle].id, target) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t start = low > WINDOW ? low - WINDOW : 0;
    const struct claim *around[2 * WINDOW];
    size_t count = 0;
    for (size_t i = start; i < rogues->claim_count && count < 2 * WINDOW; i++)
        around[count++] = &rogues->claims[i];
    return nearest_claims(around, count, target, out, cap);
}

/* ---- members ---- */

static void on_datagram(void *state, size_t node, const struct endpoint *from, struct bytes data);

struct rogues *rogues_new(struct net *net, struct latency *latency)
{
    struct rogues *rogues = calloc(1, sizeof *rogues);
    assert(rogues != NULL);
    rogues->net = net;
    rogues->latency = latency;
    rogues->claim_count = CLAIMS;
    rogues->actor = (struct net_actor){.state = rogues, .on_datagram = on_datagram};
    rng_init_seed(&rogues->rng, rng_u64(net_rng(net)));
    return rogues;
}

void rogues_free(struct rogues *rogues)
{
    free(rogues->all);
    free(rogues->by_node);
    free(rogues->claims);
    free(rogues);
}

static void list_node(struct rogues *rogues, size_t node)
{
    if (node >= rogues->node_cap) {
        size_t cap = 2 * node + 64;
        rogues->by_node = realloc(rogues->by_node, cap * sizeof *rogues->by_node);
        assert(rogues->by_node != NULL);
        memset(rogues->by_node + rogues->node_cap, 0,
               (cap - rogues->node_cap) * sizeof *rogues->by_node);
        rogues->node_cap = cap;
    }
    rogues->by_node[node] = (uint32_t)rogues->count;
}

static void add(struct rogues *rogues, size_t node, enum rogue_kind kind)
{
    if (rogues->count == rogues->cap) {
        rogues->cap = rogues->cap > 0 ? 2 * rogues->cap : 64;
        rogues->all = realloc(rogues->all, rogues->cap * sizeof *rogues->all);
        assert(rogues->all != NULL);
    }
    rogues->all[rogues->count++] =
        (struct rogue){.node = node,
                       .kind = kind,
                       .claim = {net_id(rogues->net, node), net_endpoint(rogues->net, node)}};
    list_node(rogues, node);
    if (kind == ROGUE_MIRROR && rogues->claims == NULL)
        rogues->claim_count = OWNED;
    if (kind == ROGUE_SLOW)
        latency_slow(rogues->latency, node, ROGUE_SLOWER);
    else
        net_act(rogues->net, node, &rogues->actor);
}

void rogues_turn(struct rogues *rogues, size_t node, enum rogue_kind kind)
{
    add(rogues, node, kind);
}

static size_t add_new(struct rogues *rogues, const struct claim *claim, enum rogue_kind kind)
{
    struct net_node_options options = {.endpoint = claim->endpoint};
    size_t node = net_add_node(rogues->net, &options);
    net_set_id(rogues->net, node, &claim->id);
    add(rogues, node, kind);
    return node;
}

size_t rogues_add_near(struct rogues *rogues, const struct id *key, enum rogue_kind kind)
{
    const struct claim *near[WINDOW];
    size_t count = claims_near(rogues, key, near, WINDOW);
    for (size_t i = 0; i < count; i++)
        if (net_node_at(rogues->net, &near[i]->endpoint) == NET_NONE)
            return add_new(rogues, near[i], kind);
    abort(); /* so many next to one key: nobody asks for that */
}

size_t rogues_add_at(struct rogues *rogues, const struct endpoint *endpoint, enum rogue_kind kind)
{
    struct claim claim = {node_id_of_address(endpoint, &rogues->rng), *endpoint};
    return add_new(rogues, &claim, kind);
}

bool rogues_has(const struct rogues *rogues, size_t node)
{
    return node < rogues->node_cap && rogues->by_node[node] != 0;
}

size_t rogues_count(const struct rogues *rogues)
{
    return rogues->count;
}

uint64_t rogues_asked(const struct rogues *rogues)
{
    return rogues->asked;
}

/* ---- messages ---- */

static void send(struct rogues *rogues, const struct rogue *rogue, const struct endpoint *to,
                 const struct message *message)
{
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct message_fit fit = codec_msgpack_encode(message, bytes, sizeof bytes);
    if (fit.len > 0)
        net_send(rogues->net, rogue->node, NULL, to, bytes_of(bytes, fit.len));
}

static size_t friends_near(struct rogues *rogues, const struct id *target,
                           const struct claim *out[], size_t cap)
{
    const struct claim **all = malloc(rogues->count * sizeof *all);
    assert(all != NULL);
    for (size_t i = 0; i < rogues->count; i++)
        all[i] = &rogues->all[i].claim;
    size_t count = nearest_claims(all, rogues->count, target, out, cap);
    free(all);
    return count;
}

/* Any of those near the target, so that liars tell of more than a lookup remembers; who is named
 * answers there from now on. */
static size_t mirrors_near(struct rogues *rogues, const struct id *target,
                           const struct claim *out[DHT_K])
{
    const struct claim *near[2 * WINDOW];
    size_t count = claims_near(rogues, target, near, 2 * WINDOW), named = 0;
    for (; named < DHT_K && named < count; named++) {
        size_t drawn = named + rng_below(&rogues->rng, count - named);
        out[named] = near[drawn];
        near[drawn] = near[named];
        if (net_node_at(rogues->net, &out[named]->endpoint) == NET_NONE)
            add_new(rogues, out[named], ROGUE_MIRROR);
    }
    return named;
}

static void add_nodes(struct rogues *rogues, enum rogue_kind kind, const struct id *target,
                      struct message *answer)
{
    const struct claim *near[DHT_K];
    size_t count = kind == ROGUE_MIRROR ? mirrors_near(rogues, target, near)
                   : kind == ROGUE_DEAD ? claims_near(rogues, target, near, DHT_K)
                                        : friends_near(rogues, target, near, DHT_K);
    answer->has_nodes = true;
    for (size_t i = 0; i < count; i++)
        answer->nodes[answer->node_count++] = (struct message_node){near[i]->id, near[i]->endpoint};
}

static void answer_query(struct rogues *rogues, const struct rogue *rogue,
                         const struct message *query, const struct endpoint *from)
{
    struct message answer;
    message_init(&answer, MESSAGE_RESPONSE);
    answer.txid_len = query->txid_len;
    memcpy(answer.txid, query->txid, query->txid_len);
    answer.id = rogue->claim.id;
    answer.seen_address = *from;
    if (query->method == METHOD_FIND || query->method == METHOD_GET) {
        if (rogue->kind == ROGUE_FORGING) {
            const struct claim *near;
            claims_near(rogues, &query->target, &near, 1);
            answer.id = near->id;
            rng_fill(&rogues->rng, answer.id.bytes + 12, 8);
        }
        add_nodes(rogues, rogue->kind, &query->target, &answer);
    }
    if (query->method == METHOD_GET) {
        answer.token_len = TOKEN_BYTES;
        memset(answer.token, 1, TOKEN_BYTES);
        answer.has_values = true;
    } else if (query->method == METHOD_PUT) {
        answer.code_count = query->record_count; /* all kept, it says */
        memset(answer.codes, 0, sizeof answer.codes);
    }
    send(rogues, rogue, from, &answer);
}

static void new_query(const struct rogue *rogue, enum message_method method, uint32_t txid,
                      struct message *query)
{
    message_init(query, MESSAGE_QUERY);
    message_set_txid(query, txid);
    query->id = rogue->claim.id;
    query->method = method;
}

/* ---- asking ---- */

static const struct rogue *rogue_at(const struct rogues *rogues, size_t node)
{
    return &rogues->all[rogues->by_node[node] - 1];
}

static void ask(struct rogues *rogues, const struct rogue *rogue, enum message_method method,
                size_t to, const struct id *target)
{
    struct message query;
    struct endpoint endpoint = net_endpoint(rogues->net, to);
    new_query(rogue, method, (uint32_t)to + 1, &query);
    query.target = *target;
    query.pad_to = MESSAGE_PAD_TO;
    send(rogues, rogue, &endpoint, &query);
}

void rogues_greet(struct rogues *rogues, size_t node, size_t to)
{
    const struct rogue *rogue = rogue_at(rogues, node);
    ask(rogues, rogue, METHOD_FIND, to, &rogue->claim.id);
}

/* ---- flooding ---- */

void rogues_flood(struct rogues *rogues, size_t node, size_t to, const struct id *key)
{
    struct id id = net_id(rogues->net, to);
    struct rogue *rogue = &rogues->all[rogues->by_node[node] - 1];
    rogue->flood_key = key != NULL ? *key : (struct id){0};
    ask(rogues, rogue, METHOD_GET, to, &id);
}

static void put(struct rogues *rogues, const struct rogue *rogue, const struct endpoint *to,
                const struct message *answer)
{
    struct message query;
    struct buffer values[MESSAGE_RECORDS_MAX];
    new_query(rogue, METHOD_PUT, 0, &query);
    query.token_len = answer->token_len;
    memcpy(query.token, answer->token, answer->token_len);
    query.record_count = MESSAGE_RECORDS_MAX;
    for (size_t i = 0; i < MESSAGE_RECORDS_MAX; i++) {
        struct peer_record record = {.tcp_port =
                                         (uint16_t)(1 + rng_below(&rogues->rng, FLOOD_PORTS))};
        buffer_init(&values[i]);
        peer_record_encode(&record, &values[i]);
        query.records[i] = (struct message_record){
            .key = rogue->flood_key, .kind = KIND_PEER, .value = buffer_bytes(&values[i])};
        if (!id_is_zero(&rogue->flood_key))
            continue;
        query.records[i].key = answer->id;
        rng_fill(&rogues->rng, query.records[i].key.bytes + FLOOD_BITS / 8,
                 ID_BYTES - FLOOD_BITS / 8);
    }
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct message_fit fit = codec_msgpack_encode(&query, bytes, sizeof bytes);
    rogues->flooded += fit.records;
    net_send(rogues->net, rogue->node, NULL, to, bytes_of(bytes, fit.len));
    for (size_t i = 0; i < MESSAGE_RECORDS_MAX; i++)
        buffer_dispose(&values[i]);
}

uint64_t rogues_flooded(const struct rogues *rogues)
{
    return rogues->flooded;
}

uint64_t rogues_kept(const struct rogues *rogues)
{
    return rogues->kept;
}

/* ---- what comes ---- */

static void on_answer(struct rogues *rogues, const struct rogue *rogue,
                      const struct message *answer, const struct endpoint *from)
{
    if (answer->has_values && answer->token_len > 0)
        put(rogues, rogue, from, answer);
    for (size_t i = 0; i < answer->code_count; i++)
        rogues->kept += answer->codes[i] == CODE_OK;
}

static void on_datagram(void *state, size_t node, const struct endpoint *from, struct bytes data)
{
    struct rogues *rogues = state;
    struct rogue rogue = *rogue_at(rogues, node); /* to answer may add others, and move them */
    struct message message;
    if (codec_msgpack_decode(data, &message) != DECODE_OK)
        return;
    if (message.type == MESSAGE_RESPONSE) {
        on_answer(rogues, &rogue, &message, from);
    } else if (message.type == MESSAGE_QUERY) {
        rogues->asked += message.method != METHOD_PING;
        if (message.method == METHOD_PING || rogue.kind != ROGUE_SILENT)
            answer_query(rogues, &rogue, &message, from);
    }
}
