#include "dht/record_kinds.h"

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
                    .renew_s = 1 * DAY_S,
                    .inspect = inspect_entry,
                    .verify = verify_entry},
    [KIND_ITEM] = {0}, /* to come with groups: not accepted until there are checks for them */
    [KIND_PART] = {0},
    [KIND_DROP] = {0},
};

const struct record_rules *record_rules(unsigned kind)
{
    if (kind >= sizeof rules / sizeof rules[0] || rules[kind].inspect == NULL)
        return NULL;
    return &rules[kind];
}

static bool has_expired(const struct record_rules *kind_rules, const struct record_facts *facts,
                        uint64_t now_unix_s)
{
    return kind_rules->owner == OWNER_SIGNER && facts->expiry_unix_s <= now_unix_s;
}

enum message_code record_inspect(unsigned kind, struct bytes value, uint64_t now_unix_s,
                                 struct record_facts *out)
{
    const struct record_rules *kind_rules = record_rules(kind);
    if (kind_rules == NULL)
        return CODE_MALFORMED;
    if (value.len > kind_rules->value_max_bytes)
        return CODE_TOO_BIG;
    if (!kind_rules->inspect(value, out) || has_expired(kind_rules, out, now_unix_s))
        return CODE_MALFORMED;
    uint64_t longest_s = (uint64_t)kind_rules->lifetime_s + STORE_PAST_EXPIRY_S;
    if (out->expiry_unix_s > now_unix_s && out->expiry_unix_s - now_unix_s > longest_s)
        return CODE_MALFORMED;
    return CODE_OK;
}

enum message_code record_check(unsigned kind, const struct id *key, struct bytes value,
                               uint64_t now_unix_s)
{
    struct record_facts facts;
    enum message_code code = record_inspect(kind, value, now_unix_s, &facts);
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
