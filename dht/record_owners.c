#include "dht/record_owners.h"

#include "dht/params.h"
#include "kadpeer/siphash.h"

/* In a domain of one letter. */
static uint32_t hash_tag(const struct source_rules *rules, char domain, struct bytes a,
                         struct bytes b)
{
    uint8_t text[1 + ED25519_PUBLIC_BYTES + RECORD_SUBJECT_MAX] = {(uint8_t)domain};
    memcpy(text + 1, a.data, a.len);
    if (b.len > 0)
        memcpy(text + 1 + a.len, b.data, b.len);
    uint32_t tag = (uint32_t)siphash(rules->secret, bytes_of(text, 1 + a.len + b.len));
    return tag != 0 ? tag : 1;
}

uint32_t record_tag_of_signer(const struct source_rules *rules, const struct record_facts *facts)
{
    return hash_tag(rules, 's', bytes_of(facts->signer, sizeof facts->signer), (struct bytes){0});
}

uint32_t record_tag_of_place(const struct source_rules *rules, const struct record_facts *facts)
{
    return hash_tag(rules, 'p', bytes_of(facts->signer, sizeof facts->signer),
                    bytes_of(facts->subject, sizeof facts->subject));
}

struct record_owners record_owners_of(const struct source_rules *rules, enum record_owner owner,
                                      const struct endpoint *source, uint32_t mark)
{
    struct record_owners owners = {.narrow = owner == OWNER_SIGNER ? mark : 0};
    if (source->family == ENDPOINT_NONE)
        return owners;
    if (owner != OWNER_SIGNER)
        owners.narrow = source_tag(rules, source, SOURCE_ADDRESS);
    if (source_counts(rules, source, SOURCE_NETWORK))
        owners.wide = source_tag(rules, source, SOURCE_NETWORK);
    return owners;
}

struct record_owners record_owners_of_record(const struct source_rules *rules,
                                             enum record_owner owner, const struct record *record)
{
    struct endpoint source = record_source(record);
    return record_owners_of(rules, owner, &source, record->mark);
}

uint32_t record_cost(size_t value_len)
{
    size_t heap = value_len > RECORD_INLINE_BYTES ? allocation_bytes(value_len) : 0;
    return (uint32_t)(sizeof(struct record) + sizeof(struct record_group) + heap);
}

bool record_owners_charge(struct byte_counts *counts, struct record_owners owners, size_t value_len)
{
    if (!byte_counts_add(counts, owners.narrow, record_cost(value_len)))
        return false;
    if (byte_counts_add(counts, owners.wide, record_cost(value_len)))
        return true;
    byte_counts_take(counts, owners.narrow, record_cost(value_len));
    return false;
}

void record_owners_discharge(struct byte_counts *counts, struct record_owners owners,
                             size_t value_len)
{
    byte_counts_take(counts, owners.narrow, record_cost(value_len));
    byte_counts_take(counts, owners.wide, record_cost(value_len));
}

bool record_owners_within_shares(const struct byte_counts *counts, size_t budget_bytes,
                                 enum record_owner owner, struct record_owners owners,
                                 size_t value_len)
{
    size_t wide_share = owner == OWNER_SOURCE ? STORE_NETWORK_SHARE : STORE_BRINGER_SHARE;
    size_t cost = record_cost(value_len);
    return byte_counts_of(counts, owners.narrow) + cost <= budget_bytes / STORE_ADDRESS_SHARE &&
           byte_counts_of(counts, owners.wide) + cost <= budget_bytes / wide_share;
}
