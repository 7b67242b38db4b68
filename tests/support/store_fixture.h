/* A record store at its START_MS, and records put into it in one line: hosts by number, keys by
 * their first byte, signers and subjects by number. The store is valid after each. */
#pragma once

#include "support/unit.h"

#include "dht/params.h"
#include "dht/record_kinds.h"
#include "dht/record_store.h"
#include "kadpeer/records.h"
#include "kadpeer/rng.h"

#define START_MS   5000000u
#define START_UNIX 1790000000u
#define HOUR_MS    3600000u
#define DAY_MS     86400000u
#define NO_CAP     UINT32_MAX

extern const struct record_store_config plain, strict; /* strict: local hosts have caps, too */

/* In *state, of the plain kind. */
int store_set_up(void **state);
int store_tear_down(void **state);
/* Puts another in its place. */
struct record_store *store_with_budget(void **state, size_t budget_bytes);
#define store_test(f) cmocka_unit_test_setup_teardown(f, store_set_up, store_tear_down)

struct id id_of(uint8_t first);
struct endpoint endpoint_of(const char *text);
/* 32.0.0.0 + number: 256 numbers are one network. */
struct endpoint public_host(uint32_t number);

/* ---- putting ---- */

enum message_code put_value(struct record_store *store, uint8_t key, unsigned kind,
                            const struct endpoint *source, struct bytes value, uint64_t now_ms);
enum message_code put_at(struct record_store *store, struct id key, unsigned kind,
                         const struct endpoint *source, struct bytes value, uint64_t now_ms);
enum message_code put_peer(struct record_store *store, uint8_t key, const struct endpoint *source,
                           uint32_t pieces, bool seed, uint64_t now_ms);
enum message_code put_host(struct record_store *store, uint8_t key, uint32_t host, uint64_t now_ms);
enum message_code put_bits(struct record_store *store, uint8_t key, const char *source,
                           size_t bytes, uint64_t now_ms);
/* An entry of `key` by signer number `signer` about infohash number `about`. */
void make_entry(struct buffer *out, uint8_t key, uint32_t signer, uint32_t about, uint64_t seq,
                uint64_t expiry_unix_s);
enum message_code put_entry(struct record_store *store, uint8_t key, const struct endpoint *source,
                            uint32_t signer, uint32_t about, uint64_t seq, uint64_t now_ms);

/* ---- getting ---- */

struct record_sample get_all(const struct record_store *store, uint8_t key, unsigned kind,
                             struct message_value out[MESSAGE_VALUES_MAX], uint64_t now_ms);
uint32_t held(const struct record_store *store, uint8_t key, unsigned kind, uint64_t now_ms);
struct record_sample get_at(const struct record_store *store, struct id key, unsigned kind,
                            struct message_value out[MESSAGE_VALUES_MAX], uint64_t now_ms);
bool holds(const struct record_store *store, struct id key, unsigned kind, struct bytes value,
           uint64_t now_ms);
/* All that proves itself, from one into the other, as after a restart. Returns how many. */
unsigned restore(struct record_store *into, const struct record_store *from, uint64_t now_ms);
