#include "support/store_fixture.h"

#include <string.h>

#include "dht/record_crowd.h"
#include "dht/record_index.h"

/* Record stores against slow and obvious ones, on random input. */

/* ---- who gives way under a full key, against counting by hand ---- */

/* A host of up to `networks` networks, or a local one, or none. */
static struct record_fields random_fields(struct rng *rng, uint32_t networks,
                                          struct endpoint *source)
{
    uint64_t sort = rng_below(rng, 10);
    *source = public_host((uint32_t)rng_below(rng, networks) * 256);
    source->addr[3] = (uint8_t)rng_u32(rng);
    if (sort == 0)
        *source = (struct endpoint){0};
    if (sort == 1) {
        *source = endpoint_of("10.0.0.1:1");
        source->port = (uint16_t)(1 + rng_below(rng, 3));
    }
    return (struct record_fields){.source = source,
                                  .place = 1 + (uint32_t)rng_below(rng, 3),
                                  .ends_s = (uint32_t)rng_below(rng, 50)};
}

static bool same_network(const struct record *record, const struct record_fields *like)
{
    struct endpoint x = record_source(record), y = *like->source;
    if (x.family == ENDPOINT_NONE || y.family == ENDPOINT_NONE)
        return x.family == y.family && record_place(record) == like->place;
    if (endpoint_is_local(&x) || endpoint_is_local(&y))
        return endpoint_equal(&x, &y);
    return memcmp(x.addr, y.addr, 3) == 0;
}

static unsigned count_by_hand(const struct record_group *group, const struct record_fields *like)
{
    unsigned count = 0;
    for (const struct record *record = record_first(group); record < record_end(group);
         record = record_after(record))
        count += same_network(record, like);
    return count;
}

static unsigned crowd_by_hand(const struct record_group *group, const struct record *record)
{
    struct endpoint source = record_source(record);
    return count_by_hand(group,
                         &(struct record_fields){.source = &source, .place = record_place(record)});
}

static void the_victim_is_the_first_to_end_of_the_largest_networks(void **state)
{
    (void)state;
    const struct source_rules rules = {.secret = "a secret of ours"};
    struct rng rng;
    struct id key = id_of(1);
    unsigned refused = 0;
    rng_init_seed(&rng, test_seed(64));
    for (unsigned round = 0; round < 500; round++) {
        uint32_t networks = 1 + (uint32_t)rng_below(&rng, 20), soonest = UINT32_MAX;
        struct record_index index;
        struct endpoint source;
        struct record_fields in;
        unsigned most = 0;
        record_index_init(&index, rules.secret);
        for (uint64_t count = 1 + rng_below(&rng, 60); count > 0; count--) {
            in = random_fields(&rng, networks, &source);
            assert_non_null(record_index_put(&index, &key, 1, NULL, &in));
        }
        in = random_fields(&rng, networks + 2, &source);
        struct record_group *group = record_index_find(&index, &key, 1);
        for (struct record *record = record_first(group); record < record_end(group);
             record = record_after(record)) {
            unsigned crowd = crowd_by_hand(group, record);
            if (crowd > most || (crowd == most && record->ends_s < soonest))
                soonest = record->ends_s;
            most = crowd > most ? crowd : most;
        }
        struct record *victim = crowd_victim(group, &rules, &source, in.place);
        assert_true((victim == NULL) == (count_by_hand(group, &in) >= most));
        refused += victim == NULL;
        if (victim != NULL) {
            assert_int_equal(crowd_by_hand(group, victim), most);
            assert_int_equal(victim->ends_s, soonest);
        }
        record_index_dispose(&index);
    }
    assert_in_range(refused, 10, 400);
}

/* ---- random traces against a flat list, every rule written out ---- */

#define MODEL_MAX 4096

struct model_record {
    uint8_t key;
    unsigned kind;
    struct endpoint source;
    uint32_t signer, about;
    uint64_t seq;
    uint64_t ends_s, first_s;
    uint32_t pieces; /* kinds 1 and 2: tells values apart */
};

struct model {
    struct model_record records[MODEL_MAX];
    size_t count;
};

static void model_expire(struct model *model, uint64_t now_s)
{
    for (size_t i = model->count; i-- > 0;)
        if (model->records[i].ends_s <= now_s)
            model->records[i] = model->records[--model->count];
}

static bool model_same_place(const struct model_record *a, const struct model_record *b)
{
    if (a->key != b->key || a->kind != b->kind)
        return false;
    if (a->kind == KIND_ENTRY)
        return a->signer == b->signer && a->about == b->about;
    return endpoint_equal(&a->source, &b->source);
}

static struct model_record *model_find(struct model *model, const struct model_record *like)
{
    for (size_t i = 0; i < model->count; i++)
        if (model_same_place(&model->records[i], like))
            return &model->records[i];
    return NULL;
}

static unsigned model_count(const struct model *model, const struct model_record *like,
                            size_t prefix)
{
    unsigned count = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_record *record = &model->records[i];
        bool of_key = record->key == like->key && record->kind == like->kind;
        if (like->kind == KIND_ENTRY)
            count += of_key && record->signer == like->signer;
        else
            count += of_key && memcmp(record->source.addr, like->source.addr, prefix) == 0;
    }
    return count;
}

static enum message_code model_put(struct model *model, const struct model_record *incoming,
                                   uint64_t now_s)
{
    model_expire(model, now_s);
    struct model_record *own = model_find(model, incoming);
    if (incoming->kind == KIND_AVAILABILITY && incoming->pieces == 0) {
        if (own != NULL)
            *own = model->records[--model->count];
        return CODE_OK;
    }
    if (own != NULL && own->kind == KIND_ENTRY && own->seq > incoming->seq)
        return CODE_OLDER;
    if (own != NULL && own->kind == KIND_ENTRY && own->seq == incoming->seq) {
        if (incoming->ends_s > own->ends_s) /* the same bytes never end sooner */
            own->ends_s = incoming->ends_s;
        return CODE_OK;
    }
    if (own != NULL) {
        uint64_t first_s = own->first_s;
        *own = *incoming;
        own->first_s = first_s;
        return CODE_OK;
    }
    if (incoming->kind == KIND_ENTRY ? model_count(model, incoming, 0) >= 8
                                     : model_count(model, incoming, 4) >= STORE_PER_ADDRESS_MAX ||
                                           model_count(model, incoming, 3) >= STORE_PER_NETWORK_MAX)
        return CODE_QUOTA;
    assert_true(model->count < MODEL_MAX);
    model->records[model->count++] = *incoming;
    return CODE_OK;
}

/* Every record the model holds is in the store, with its value; and the store holds no more. */
static void assert_agrees(const struct record_store *store, const struct model *model,
                          uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    size_t found = 0, wanted = 0;
    for (uint8_t key = 0; key < 3; key++) {
        for (unsigned kind = KIND_PEER; kind <= KIND_ENTRY; kind++) {
            struct record_get get = {.key = id_of(key), .kind = kind, .asker = public_host(3)};
            struct record_sample sample;
            do {
                sample = record_store_get(store, &get, out, 20, now_ms);
                found += sample.count;
                if (sample.count > 0)
                    get.cursor = out[sample.count - 1].order;
                get.has_cursor = true;
            } while (sample.more);
        }
    }
    for (size_t i = 0; i < model->count; i++)
        wanted += model->records[i].ends_s > now_ms / 1000;
    assert_int_equal(found, wanted);
}

static struct model_record random_record(struct rng *rng, uint64_t now_s)
{
    struct model_record record = {.key = (uint8_t)rng_below(rng, 3),
                                  .kind = KIND_PEER + (unsigned)rng_below(rng, 3),
                                  .signer = (uint32_t)rng_below(rng, 5),
                                  .about = (uint32_t)rng_below(rng, 12),
                                  .seq = rng_below(rng, 4),
                                  .pieces = (uint32_t)rng_below(rng, 4),
                                  .first_s = now_s};
    record.source = public_host((uint32_t)(rng_below(rng, 4) * 256 + rng_below(rng, 6)));
    record.source.port = (uint16_t)(1 + rng_below(rng, 10));
    return record;
}

static enum message_code put_random(struct record_store *store, struct model_record *record,
                                    uint32_t cap_s, uint64_t now_ms)
{
    struct buffer value;
    buffer_init(&value);
    if (record->kind == KIND_PEER) {
        struct peer_record peer = {.tcp_port = 1, .pieces_held = record->pieces};
        peer_record_encode(&peer, &value);
    } else if (record->kind == KIND_AVAILABILITY) {
        static const uint8_t bits[128];
        struct availability_record bitfield = {.bitfield = bytes_of(bits, record->pieces * 40)};
        availability_record_encode(&bitfield, &value);
    } else {
        make_entry(&value, record->key, record->signer, record->about, record->seq,
                   START_UNIX + 6 * 86400);
    }
    uint64_t life = record_rules(record->kind)->lifetime_s;
    record->ends_s = now_ms / 1000 + (life < cap_s ? life : cap_s);
    struct record_put put = {.key = id_of(record->key),
                             .kind = record->kind,
                             .value = buffer_bytes(&value),
                             .source = &record->source,
                             .lifetime_cap_s = cap_s};
    enum message_code code = record_store_put(store, &put, now_ms, START_UNIX);
    buffer_dispose(&value);
    return code;
}

static void random_traces_agree_with_the_model(void **state)
{
    struct record_store *store = *state;
    struct model *model = calloc(1, sizeof *model);
    struct rng rng;
    uint64_t now_ms = START_MS;
    unsigned codes[400] = {0};
    rng_init_seed(&rng, test_seed(63));
    for (unsigned step = 0; step < 6000; step++) {
        struct model_record record = random_record(&rng, now_ms / 1000);
        uint32_t cap_s = 60 + (uint32_t)rng_below(&rng, 3000);
        enum message_code code = put_random(store, &record, cap_s, now_ms);
        assert_int_equal(code, model_put(model, &record, now_ms / 1000));
        codes[code]++;
        now_ms += rng_below(&rng, 3000);
        if (rng_below(&rng, 4) == 0)
            record_store_expire(store, now_ms);
        assert_true(record_store_valid(store));
        assert_agrees(store, model, now_ms);
    }
    assert_true(codes[CODE_OK] > 1000 && codes[CODE_QUOTA] > 20 && codes[CODE_OLDER] > 20);
    record_store_expire(store, now_ms + DAY_MS);
    assert_int_equal(record_store_stats(store)->records, 0);
    free(model);
}

/* ---- full memory: who has given way to whom, against exact counts ---- */

#define CROWD_NETWORKS 40 /* few enough that no two are taken for one another */
#define LONERS         20 /* networks with one record each, renewed in time */
#define FULL_BUDGET    (128 * 1024)

struct full_record {
    uint32_t key;
    struct endpoint source;
    uint64_t ends_s;
    uint32_t cost;
};

struct full_model {
    struct record_store *store;
    struct full_record records[1024];
    size_t count;
};

static struct id full_key(uint32_t number)
{
    struct id key = {.bytes = "full"};
    write_u32(key.bytes + 8, number);
    return key;
}

static bool is_held(const struct full_model *model, const struct full_record *record,
                    uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    struct record_sample sample =
        get_at(model->store, full_key(record->key), KIND_PEER, out, now_ms);
    for (size_t i = 0; i < sample.count; i++)
        if (endpoint_equal(&out[i].from, &record->source))
            return true;
    return false;
}

static uint64_t held_by_network(const struct full_model *model, const struct full_record *like)
{
    uint64_t held = 0;
    for (size_t i = 0; i < model->count; i++)
        if (memcmp(model->records[i].source.addr, like->source.addr, 3) == 0)
            held += model->records[i].cost;
    return held;
}

static size_t beside(const struct full_model *model, uint32_t key)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++)
        count += model->records[i].key == key;
    return count;
}

/* As record_shelf.h says it, with exact counts: of the prey's network before any had to go for the
 * newcomer, of the newcomer's (`held`) after all have. */
static bool may_give_way(const struct full_model *model, const struct full_record *prey,
                         const struct full_record *newcomer, uint64_t held, uint64_t now_s)
{
    uint64_t prey_held = held_by_network(model, prey);
    bool stale = prey->ends_s - now_s < record_rules(KIND_PEER)->lifetime_s / 2;
    if (stale)
        return 2 * prey_held >= held;
    return prey_held > held ||
           (prey_held == held && beside(model, prey->key) > beside(model, newcomer->key) + 1);
}

static enum message_code put_full(struct full_model *model, struct full_record *record,
                                  uint64_t now_ms)
{
    struct peer_record peer = {.tcp_port = 7000};
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&peer, &value);
    struct id key = full_key(record->key);
    record->ends_s = now_ms / 1000 + record_rules(KIND_PEER)->lifetime_s;
    record->cost = (uint32_t)(((sizeof(struct record) + 4 + value.len + 3) & ~(size_t)3) +
                              allocation_bytes(sizeof(struct record_group)));
    struct record_put put = {.key = key,
                             .kind = KIND_PEER,
                             .value = buffer_bytes(&value),
                             .source = &record->source,
                             .lifetime_cap_s = NO_CAP};
    enum message_code code = record_store_put(model->store, &put, now_ms, START_UNIX);
    buffer_dispose(&value);
    return code;
}

static size_t find_full(const struct full_model *model, const struct full_record *like)
{
    size_t i = 0;
    while (i < model->count && (model->records[i].key != like->key ||
                                !endpoint_equal(&model->records[i].source, &like->source)))
        i++;
    return i;
}

/* Returns how many had to go for it. */
static unsigned step_full(struct full_model *model, struct full_record newcomer, uint64_t now_ms)
{
    bool gone[1024] = {false}, ended[1024] = {false};
    unsigned evicted = 0;
    uint64_t held = held_by_network(model, &newcomer);
    enum message_code code = put_full(model, &newcomer, now_ms);
    held += newcomer.cost;
    size_t own = find_full(model, &newcomer);
    assert_true(record_store_stats(model->store)->bytes <= FULL_BUDGET);
    assert_true((code == CODE_OK) == is_held(model, &newcomer, now_ms) || own < model->count);
    for (size_t i = 0; i < model->count; i++) {
        const struct full_record *record = &model->records[i];
        ended[i] = record->ends_s <= now_ms / 1000;
        gone[i] = ended[i] || !is_held(model, record, now_ms);
        if (gone[i] && memcmp(record->source.addr, newcomer.source.addr, 3) == 0)
            held -= record->cost;
    }
    for (size_t i = 0; i < model->count; i++) {
        evicted += gone[i] && !ended[i];
        assert_true(!gone[i] || ended[i] ||
                    may_give_way(model, &model->records[i], &newcomer, held, now_ms / 1000));
    }
    if (own < model->count && !gone[own] && code == CODE_OK)
        model->records[own].ends_s = newcomer.ends_s;
    for (size_t i = model->count; i-- > 0;)
        if (gone[i])
            model->records[i] = model->records[--model->count];
    if (code == CODE_OK && find_full(model, &newcomer) == model->count)
        model->records[model->count++] = newcomer;
    assert_true(model->count < 1024);
    return evicted;
}

static void who_gives_way_in_full_memory_held_more_or_was_not_renewed(void **state)
{
    struct full_model *model = calloc(1, sizeof *model);
    struct rng rng;
    uint64_t now_ms = START_MS;
    unsigned evicted = 0, most = 0;
    model->store = store_with_budget(state, FULL_BUDGET);
    rng_init_seed(&rng, test_seed(65));
    for (unsigned step = 0; step < 4000; step++, now_ms += rng_below(&rng, 3000)) {
        bool loner = step < LONERS || step % 40 < 2; /* each renews after 400 steps, ten minutes */
        uint32_t number = step < LONERS ? step : step / 40 * 2 + step % 40;
        uint64_t skewed = rng_below(&rng, CROWD_NETWORKS) * rng_below(&rng, CROWD_NETWORKS);
        struct full_record newcomer = {.key = (uint32_t)rng_below(&rng, 500)};
        newcomer.source =
            public_host((uint32_t)(skewed / CROWD_NETWORKS) * 256 + (uint32_t)rng_below(&rng, 8));
        if (loner)
            newcomer = (struct full_record){.key = 1000 + number % LONERS,
                                            .source = public_host((5000 + number % LONERS) * 256)};
        record_store_expire(model->store, now_ms); /* what has ended counts no longer */
        evicted += step_full(model, newcomer, now_ms);
        most = model->count > most ? (unsigned)model->count : most;
        if (step % 16 == 0)
            assert_true(record_store_valid(model->store));
        for (uint32_t i = 0; step >= LONERS && i < LONERS; i++) {
            struct full_record like = {.key = 1000 + i, .source = public_host((5000 + i) * 256)};
            assert_true(find_full(model, &like) < model->count); /* nothing pushes them out */
        }
    }
    print_message("# at most %u records, %u gave way\n", most, evicted);
    assert_true(evicted > 100);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_victim_is_the_first_to_end_of_the_largest_networks),
        store_test(random_traces_agree_with_the_model),
        store_test(who_gives_way_in_full_memory_held_more_or_was_not_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
