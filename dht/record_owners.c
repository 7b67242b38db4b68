#include "dht/record_owners.h"

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
                                      const struct endpoint *source, uint32_t mark, uint32_t place)
{
    struct record_owners owners = {.narrow = owner == OWNER_SIGNER ? mark : 0};
    if (source->family == ENDPOINT_NONE) {
        owners.wide = owner == OWNER_SIGNER ? mark : place;
        return owners;
    }
    if (owner != OWNER_SIGNER)
        owners.narrow = source_tag(rules, source, SOURCE_ADDRESS);
    owners.wide = source_tag(rules, source, SOURCE_NETWORK);
    return owners;
}

struct record_owners record_owners_of_record(const struct source_rules *rules,
                                             enum record_owner owner, const struct record *record)
{
    struct endpoint source = record_source(record);
    return record_owners_of(rules, owner, &source, record->mark, record_place(record));
}
