/* Records to publish in simulated networks. */
#pragma once

#include "kadpeer/dht.h"

#define SAMPLE_VALUE_MAX 960

struct sample {
    struct id key;
    enum record_kind kind;
    uint8_t data[SAMPLE_VALUE_MAX];
    size_t len;
};

/* Different for each number, the same in every run. */
struct sample sample_peer(uint32_t number);
struct sample sample_availability(uint32_t number);
struct sample sample_entry(uint32_t number, uint64_t expiry_unix_s);
struct sample sample_entry_under(uint32_t number, const char *word, uint64_t expiry_unix_s);
struct sample sample_item(uint32_t number, uint64_t seq, uint64_t expiry_unix_s);
struct sample sample_part(uint32_t number);
struct sample sample_drop(uint32_t number, uint64_t expiry_unix_s); /* some work: 2^18 hashes */
struct sample sample_drop_into(uint32_t mailbox, uint32_t number, uint64_t expiry_unix_s);
struct bytes sample_value(const struct sample *sample);
