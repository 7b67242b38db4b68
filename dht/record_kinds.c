#include "dht/record_kinds.h"

#include "dht/params.h"
#include "kadpeer/records.h"

#define HOUR_S (60 * 60)
#define DAY_S  (24 * HOUR_S)

static bool inspect_peer(struct bytes value, struct record_facts *out)
{
    struct peer_record record;
    if (!peer_record_decode(value, &record))
        return false;
    *out = (struct record_facts){.seed = record.seed};
    return true;
}

static bool inspect_availability(struct bytes value, struct record_facts *out)
{
    struct availability_record record;
    if (!availability_record_decode(value, &record))
        return false;
    *out = (struct record_facts){.gone = record.bitfield.len == 0};
    return true;
}

static bool inspect_entry(struct bytes value, struct record_facts *out)
{
    struct entry_record record;
    *out = (struct record_facts){0};
    if (!entry_record_decode(value, &record) || !entry_record_subject(&record, out->subject))
        return false;
    out->seq = record.seq;
    out->expiry_unix_s = record.expiry_unix_s;
    memcpy(out->signer, record.public_key, sizeof out->signer);
    return true;
}

static bool verify_entry(struct bytes value, const struct id *key)
{
    struct entry_record record;
    return entry_record_decode(value, &record) && entry_record_verify(&record, key);
}

static bool inspect_item(struct bytes value, struct record_facts *out)
{
    struct item_record record;
    *out = (struct record_facts){0};
    if (!item_record_decode(value, &record))
        return false;
    out->seq = record.seq;
    out->expiry_unix_s = record.expiry_unix_s;
    memcpy(out->signer, record.public_key, sizeof out->signer);
    out->subject[0] = record.salt_len;
    memcpy(out->subject + 1, record.salt, record.salt_len);
    return true;
}

static bool item_belongs(struct bytes value, const struct id *key)
{
    struct item_record record;
    if (!item_record_decode(value, &record))
        return false;
    struct id own = key_of_item(record.public_key, bytes_of(record.salt, record.salt_len));
    return id_equal(&own, key);
}

static bool verify_item(struct bytes value, const struct id *key)
{
    struct item_record record;
    return item_record_decode(value, &record) && item_record_verify(&record, key);
}

static void digest_item(struct bytes value, uint8_t out[SHA256_BYTES])
{
    struct item_record record;
    memset(out, 0, SHA256_BYTES);
    if (item_record_decode(value, &record))
        item_record_digest(&record, out);
}

static bool inspect_part(struct bytes value, struct record_facts *out)
{
    *out = (struct record_facts){0};
    return value.len <= PART_BYTES_MAX;
}

static bool part_belongs(struct bytes value, const struct id *key)
{
    struct id own = key_of_part(value);
    return id_equal(&own, key);
}

/* The work is judged here: it takes a hash, no more than what it is kept by. */
static bool inspect_drop(struct bytes value, struct record_facts *out)
{
    struct drop_record record;
    *out = (struct record_facts){0};
    if (!drop_record_decode(value, &record))
        return false;
    unsigned work = drop_record_work(&record);
    if (work < DROP_WORK_BITS)
        return false;
    out->work = (uint8_t)(work < UINT8_MAX ? work : UINT8_MAX);
    out->expiry_unix_s = record.expiry_unix_s;
    sha256_of_parts(&record.body, 1, out->subject);
    return true;
}

static bool drop_belongs(struct bytes value, const struct id *key)
{
    struct drop_record record;
    return drop_record_decode(value, &record) && id_equal(&record.mailbox, key);
}

/* Sizes leave some room for numbers written in longer forms than they need. Lifetimes: a peer
 * misses one renewal and is still found; what is said of pieces ages faster; a seed that has been
 * there for a day stays, nine times of ten, another six hours [targets: churn]. */
static const struct record_rules rules[] = {
    [KIND_PEER] = {.owner = OWNER_SOURCE,
                   .with_from = true,
                   .value_max_bytes = 32,
                   .per_key_max = RECORDS_PER_KEY_MAX,
                   .lifetime_s = 1 * HOUR_S,
                   .stable_lifetime_s = 6 * HOUR_S,
                   .stable_after_s = 1 * DAY_S,
                   .renew_s = 25 * 60,
                   .inspect = inspect_peer},
    [KIND_AVAILABILITY] = {.owner = OWNER_SOURCE,
                           .with_from = true,
                           .value_max_bytes = 160,
                           .per_key_max = 500,
                           .lifetime_s = 30 * 60,
                           .renew_s = 12 * 60,
                           .inspect = inspect_availability},
    [KIND_ENTRY] = {.owner = OWNER_SIGNER,
                    .self_proving = true,
                    .value_max_bytes = 700,
                    .per_key_max = 200,
                    .per_signer_max = 8,
                    .lifetime_s = 7 * DAY_S,
                    .clock_slack_s = 1 * DAY_S,
                    .renew_s = 1 * DAY_S,
                    .inspect = inspect_entry,
                    .verify = verify_entry},
    [KIND_ITEM] = {.owner = OWNER_SIGNER,
                   .self_proving = true,
                   .value_max_bytes = ITEM_VALUE_MAX,
                   .per_key_max = 1,
                   .per_signer_max = 1,
                   .lifetime_s = ITEM_LIFETIME_S,
                   .clock_slack_s = 1 * HOUR_S,
                   .renew_s = 1 * DAY_S,
                   .inspect = inspect_item,
                   .belongs = item_belongs,
                   .verify = verify_item,
                   .digest = digest_item},
    [KIND_PART] = {.owner = OWNER_NOBODY,
                   .self_proving = true,
                   .value_max_bytes = PART_BYTES_MAX,
                   .per_key_max = 1,
                   .lifetime_s = 7 * DAY_S,
                   .renew_s = 1 * DAY_S,
                   .inspect = inspect_part,
                   .belongs = part_belongs},
    /* Its sender may go away at any time: put again hourly, it is soon at all of the nearest. */
    [KIND_DROP] = {.owner = OWNER_NOBODY,
                   .self_proving = true,
                   .value_max_bytes = 780,
                   .per_key_max = 32,
                   .per_network_max = STORE_DROPS_PER_NETWORK_MAX,
                   .per_holder_max = STORE_DROPS_PER_HOLDER_MAX,
                   .by_work = true,
                   .lifetime_s = DROP_LIFETIME_S,
                   .clock_slack_s = 1 * HOUR_S,
                   .renew_s = 1 * HOUR_S,
                   .inspect = inspect_drop,
                   .belongs = drop_belongs},
};

const struct record_rules *record_rules(unsigned kind)
{
    if (kind >= sizeof rules / sizeof rules[0] || rules[kind].inspect == NULL)
        return NULL;
    return &rules[kind];
}

static bool has_good_expiry(const struct record_rules *kind_rules, const struct record_facts *facts,
                            uint64_t now_unix_s)
{
    uint64_t longest_s = (uint64_t)kind_rules->lifetime_s + kind_rules->clock_slack_s;
    return kind_rules->clock_slack_s == 0 ||
           (facts->expiry_unix_s > now_unix_s && facts->expiry_unix_s - now_unix_s <= longest_s);
}

enum message_code record_inspect(unsigned kind, const struct id *key, struct bytes value,
                                 uint64_t now_unix_s, struct record_facts *out)
{
    const struct record_rules *kind_rules = record_rules(kind);
    if (kind_rules == NULL)
        return CODE_MALFORMED;
    if (value.len > kind_rules->value_max_bytes)
        return CODE_TOO_BIG;
    if (!kind_rules->inspect(value, out) ||
        (kind_rules->belongs != NULL && !kind_rules->belongs(value, key)) ||
        !has_good_expiry(kind_rules, out, now_unix_s))
        return CODE_MALFORMED;
    return CODE_OK;
}

enum message_code record_check(unsigned kind, const struct id *key, struct bytes value,
                               uint64_t now_unix_s)
{
    struct record_facts facts;
    enum message_code code = record_inspect(kind, key, value, now_unix_s, &facts);
    if (code != CODE_OK)
        return code;
    bool (*verify)(struct bytes, const struct id *) = record_rules(kind)->verify;
    return verify == NULL || verify(value, key) ? CODE_OK : CODE_BAD_SIGNATURE;
}

bool record_same_place(unsigned kind, struct bytes a, struct bytes b)
{
    const struct record_rules *kind_rules = record_rules(kind);
    struct record_facts facts_a, facts_b;
    if (kind_rules == NULL || !kind_rules->inspect(a, &facts_a) ||
        !kind_rules->inspect(b, &facts_b))
        return false;
    return memcmp(facts_a.signer, facts_b.signer, sizeof facts_a.signer) == 0 &&
           memcmp(facts_a.subject, facts_b.subject, sizeof facts_a.subject) == 0;
}

bool record_is_newer(unsigned kind, struct bytes a, struct bytes b)
{
    const struct record_rules *kind_rules = record_rules(kind);
    struct record_facts facts_a, facts_b;
    uint8_t digest_a[SHA256_BYTES], digest_b[SHA256_BYTES];
    if (!kind_rules->inspect(a, &facts_a) || !kind_rules->inspect(b, &facts_b))
        return false;
    if (facts_a.seq != facts_b.seq || kind_rules->digest == NULL)
        return facts_a.seq > facts_b.seq;
    kind_rules->digest(a, digest_a);
    kind_rules->digest(b, digest_b);
    return memcmp(digest_a, digest_b, SHA256_BYTES) < 0;
}
