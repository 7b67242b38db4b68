/* The records other peers keep at this node  [protocol.md section 2].
 *
 * - A value takes the place of its owner's earlier one; what is older is refused.
 * - Under one key, one public address and one network hold only so many values, as does a signer.
 *   A full key gives up the value that ends first of the network that holds most, if the newcomer's
 *   network then holds no more than that one did.
 * - Records that prove themselves and the others have half of the memory each. One source, or
 *   signer, has a small share of a half. When a half is full, what would end first goes, if that is
 * before the newcomer would.
 * - Signed records come from whoever hands them on: the signer is charged, and the network that
 *   brought them only against a large share.
 * - Local addresses are told apart by port and are no networks, unless limit_local.
 * - What has cost its sender work (drops) gives way to what has cost more.
 * - Signatures are verified last, so that what is refused costs little, and within what is fair to
 *   all networks (verify_budget.h); a renewal, byte for byte the same, needs none.
 * - A get answers a sample in an order that differs between askers and that nobody can foresee.
 *
 * A pure structure: times come in. Views of values end with the next call that is not const. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/message.h"
#include "dht/record_sample.h"
#include "kadpeer/dht.h"

struct record_store;

struct record_store_config {
    uint8_t secret[16];  /* keys the sampling and the tables; kept nowhere else */
    bool limit_local;    /* loopback and private sources count like public ones */
    size_t budget_bytes; /* 0: STORE_BUDGET_BYTES */
};

struct record_store *
record_store_new(const struct record_store_config *config); /* NULL: no memory */
void record_store_free(struct record_store *store);         /* NULL is allowed */

struct record_put {
    struct id key;
    unsigned kind;                 /* as it came */
    struct bytes value;            /* copied */
    const struct endpoint *source; /* who sent it; NULL: our own disk, for self-proving kinds */
    uint32_t lifetime_cap_s;       /* what the distance of the key, and whoever hands it on, allow;
                                      UINT32_MAX: no cap */
    bool by_holder;                /* the source is itself one of the nodes nearest to the key */
};

/* CODE_OK, MALFORMED, TOO_BIG, BAD_SIGNATURE, QUOTA or OLDER. The token and the distance are the
 * caller's to judge. `now_ms` is monotonic and never goes back. */
enum message_code record_store_put(struct record_store *store, const struct record_put *put,
                                   uint64_t now_ms, uint64_t now_unix_s);

/* Writes up to `cap` values in the asker's order, ready for a message. O(values under the key). */
struct record_sample record_store_get(const struct record_store *store,
                                      const struct record_get *get, struct message_value out[],
                                      size_t cap, uint64_t now_ms);

/* Drops what has ended. Cheap when nothing has: due at the deadline, which may be up to half a
 * minute after the end of a record (get no longer shows it); UINT64_MAX: nothing is held. */
void record_store_expire(struct record_store *store, uint64_t now_ms);
uint64_t record_store_deadline(const struct record_store *store);
void record_store_expect(const struct record_store *store); /* it will be asked soon: a hint */

/* Values that prove themselves, one after the other, those of a key together, and when they end, in
 * monotonic seconds. Pass 0 first; the return is the cursor for the next call, 0 at the end (then
 * nothing is written). The cursor is good as long as the store is not changed. */
size_t record_store_next(const struct record_store *store, size_t cursor, struct id *key,
                         unsigned *kind, struct bytes *value, uint32_t *ends_s);

struct record_store_stats {
    size_t records, keys;
    size_t bytes;              /* true memory: with tables, slack and the allocator's part */
    uint64_t evicted, expired; /* records */
    uint64_t bad_values, bad_signatures, over_quota, older; /* puts refused */
    uint64_t checked, unchecked; /* signatures verified; puts for which there was no time to */
};

const struct record_store_stats *record_store_stats(const struct record_store *store);

bool record_store_valid(const struct record_store *store); /* all invariants hold; for tests */
