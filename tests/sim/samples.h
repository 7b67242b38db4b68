/* Records to publish in simulated networks. */
#pragma once

#include "kadpeer/dht.h"

#define SAMPLE_VALUE_MAX 700

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
struct bytes sample_value(const struct sample *sample);
