/* Whom a record belongs to, and whom its bytes are charged to  [protocol.md section 2]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/byte_counts.h"
#include "dht/record_index.h"
#include "dht/record_kinds.h"
#include "dht/source.h"

/* As tags; 0: nobody. */
struct record_owners {
    uint32_t narrow; /* the signer, or else the address it came from */
    uint32_t wide;   /* network of the source, or of who brought it */
};

/* Keyed hashes, never 0: of whose it is, and of what it speaks of besides. */
uint32_t record_tag_of_signer(const struct source_rules *rules, const struct record_facts *facts);
uint32_t record_tag_of_place(const struct source_rules *rules, const struct record_facts *facts);

/* `mark` as in struct record. A source of ENDPOINT_NONE, our own disk, is charged nothing. */
struct record_owners record_owners_of(const struct source_rules *rules, enum record_owner owner,
                                      const struct endpoint *source, uint32_t mark);
struct record_owners record_owners_of_record(const struct source_rules *rules,
                                             enum record_owner owner, const struct record *record);

/* What a value costs: its record, a group, and what does not fit into the record. */
uint32_t record_cost(size_t value_len);

bool record_owners_charge(struct byte_counts *counts, struct record_owners owners,
                          size_t value_len); /* false: no memory */
void record_owners_discharge(struct byte_counts *counts, struct record_owners owners,
                             size_t value_len);
bool record_owners_within_shares(const struct byte_counts *counts, size_t budget_bytes,
                                 enum record_owner owner, struct record_owners owners,
                                 size_t value_len);
