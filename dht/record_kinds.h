/* What the kinds of records are: how big, how many, how long, who may replace what, how checked
 * [protocol.md section 2]. The store and the publisher know this table, not the kinds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dht/message.h"
#include "kadpeer/bytes.h"
#include "kadpeer/dht.h"
#include "kadpeer/ed25519.h"
#include "kadpeer/id.h"
#include "kadpeer/sha256.h"

enum record_owner {
    OWNER_SOURCE, /* the address it came from; the latest one counts */
    OWNER_SIGNER, /* the key that signed it, per subject; the highest seq counts */
    OWNER_NOBODY, /* its content proves it; charged to the address that brought it first */
};

#define RECORD_SUBJECT_MAX 32 /* bytes: an infohash, a public key, a salt, a body's SHA-256 */

/* What the store has to know of a value, read from it by `inspect`. */
struct record_facts {
    bool gone;              /* an owner's notice that it has nothing any more */
    bool seed;              /* lives longer once its source is known to be stable */
    uint64_t expiry_unix_s; /* of kinds with clock_slack_s; else 0 */
    uint64_t seq;           /* OWNER_SIGNER; else 0 */
    uint8_t work;           /* leading zero bits; of kinds by_work */
    uint8_t signer[ED25519_PUBLIC_BYTES];
    uint8_t subject[RECORD_SUBJECT_MAX]; /* zero to its end */
};

struct record_rules {
    enum record_owner owner;
    bool with_from;    /* get answers with the address too */
    bool self_proving; /* survives a restart, is handed on: anyone may bring it */
    uint16_t value_max_bytes;
    uint16_t per_key_max;       /* values under one key */
    uint16_t per_signer_max;    /* of them by one signer; 0: no such rule */
    uint16_t per_network_max;   /* by_work: of them brought by one network … */
    uint16_t per_holder_max;    /* … and by one that is itself among the nearest to the key */
    bool by_work;               /* where there are too many, those of least work give way */
    uint32_t lifetime_s;        /* at most; with clock_slack_s: also its own expiry */
    uint32_t clock_slack_s;     /* the value says when it ends, which may be this much farther off
                                   than lifetime_s; 0: it does not say */
    uint32_t stable_lifetime_s; /* of a seed that has been renewed for stable_after_s; 0: none */
    uint32_t stable_after_s;
    uint32_t renew_s; /* a publisher puts it again this often, jittered */

    /* Reads a value of at most value_max_bytes: cheap, no signature. False: malformed. */
    bool (*inspect)(struct bytes value, struct record_facts *out);
    /* May it be kept under this key? Cheap. NULL: under any. */
    bool (*belongs)(struct bytes value, const struct id *key);
    /* The costly part, asked last. NULL: nothing to verify. */
    bool (*verify)(struct bytes value, const struct id *key);
    /* Of two values of one seq the one with the smaller digest stays, so that all nodes keep the
     * same, and a later seq never ends sooner. NULL: the first stays. */
    void (*digest)(struct bytes value, uint8_t out[SHA256_BYTES]);
};

/* NULL for a kind that is not accepted: unknown, or of those to come. */
const struct record_rules *record_rules(unsigned kind);

/* The cheap checks of a stranger's value: kind, size, form, key, expiry. Writes `*out` on CODE_OK.
 */
enum message_code record_inspect(unsigned kind, const struct id *key, struct bytes value,
                                 uint64_t now_unix_s, struct record_facts *out);

/* All checks that need no store: those, and the signature. CODE_OK or why not. */
enum message_code record_check(unsigned kind, const struct id *key, struct bytes value,
                               uint64_t now_unix_s);

/* From one publisher, `a` and `b` under one key would stand in the same place: one replaces the
 * other. False for values that are malformed. */
bool record_same_place(unsigned kind, struct bytes a, struct bytes b);

/* Of two well-formed values of one place and kind OWNER_SIGNER, `a` is the newer one: by seq, then
 * by digest. */
bool record_is_newer(unsigned kind, struct bytes a, struct bytes b);
