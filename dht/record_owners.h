/* Whom a record belongs to, and whom its bytes are charged to  [protocol.md section 2]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/record_index.h"
#include "dht/record_kinds.h"
#include "dht/source.h"

/* As tags; 0: nobody. */
struct record_owners {
    uint32_t narrow; /* the signer, or else the address it came from */
    uint32_t wide;   /* network of the source, or of who brought it; told apart by port where there
                        are no networks */
};

/* Keyed hashes, never 0: of whose it is, and of what it speaks of besides. */
uint32_t record_tag_of_signer(const struct source_rules *rules, const struct record_facts *facts);
uint32_t record_tag_of_place(const struct source_rules *rules, const struct record_facts *facts);

/* `mark` and `place` as in struct record. From a source of ENDPOINT_NONE, our own disk, each signer
 * or content is a network of its own. */
struct record_owners record_owners_of(const struct source_rules *rules, enum record_owner owner,
                                      const struct endpoint *source, uint32_t mark, uint32_t place);
struct record_owners record_owners_of_record(const struct source_rules *rules,
                                             enum record_owner owner, const struct record *record);
