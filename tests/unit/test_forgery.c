#include "support/dht_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "dht/token.h"
#include "kadpeer/records.h"

/* Records put in the name of others: with tokens that are made up, borrowed or old, and with what a
 * signer never signed. KADPEER_FORGERY_TRIES of them (tools/soak: 10^6); none is kept. */

#define TRIES   12000
#define STEP_MS 7

enum forgery {
    RANDOM_TOKEN,
    TOKEN_OF_ANOTHER, /* given to the forger, put from the address of somebody else */
    OLD_TOKEN,        /* once given to that address */
    CUT_TOKEN,
    ALTERED_ENTRY,    /* one bit of what was signed, or of the signature */
    ENTRY_ELSEWHERE,  /* whole, under a key that it was not signed for */
    ENTRY_OF_ANOTHER, /* signed by the forger, named after somebody else */
    FORGERIES,
};

struct forger {
    struct fixture *f;
    struct rng rng;
    struct buffer peer, entry;
    struct id key;
    uint8_t secret[16];
};

static struct endpoint somebody(struct rng *rng)
{
    struct endpoint from = public_address(0);
    from.addr[0] = (uint8_t)(20 + rng_below(rng, 70));
    rng_fill(rng, from.addr + 1, 3);
    return from;
}

static void make_entry(struct forger *forger)
{
    uint8_t seed[ED25519_SEED_BYTES] = {1};
    struct entry_body body = {.size = 1};
    struct buffer encoded;
    uint64_t expiry_unix_s = 1700000000 + 6 * 86400;
    buffer_init(&encoded);
    entry_body_encode(&body, &encoded);
    assert_int_equal(entry_record_make(&forger->key, seed, 1, expiry_unix_s, buffer_bytes(&encoded),
                                       &forger->entry),
                     STATUS_OK);
    buffer_dispose(&encoded);
}

/* The value in `out`, changed; the key may be, too. */
static void forge_entry(struct forger *forger, enum forgery forgery, uint8_t *out, struct id *key)
{
    struct entry_record record;
    memcpy(out, forger->entry.data, forger->entry.len);
    assert_true(entry_record_decode(bytes_of(out, forger->entry.len), &record));
    if (forgery == ALTERED_ENTRY)
        out[rng_below(&forger->rng, forger->entry.len)] ^=
            (uint8_t)(1 << rng_below(&forger->rng, 8));
    else if (forgery == ENTRY_ELSEWHERE)
        rng_fill(&forger->rng, key->bytes, ID_BYTES);
    else
        rng_fill(&forger->rng,
                 memmem(out, forger->entry.len, record.public_key, ED25519_PUBLIC_BYTES),
                 ED25519_PUBLIC_BYTES);
}

static void forge_token(struct forger *forger, enum forgery forgery, const struct endpoint *from,
                        struct message *put)
{
    struct endpoint own = somebody(&forger->rng);
    uint64_t now_ms = forger->f->now_ms;
    put->token_len = TOKEN_BYTES;
    if (forgery == RANDOM_TOKEN)
        rng_fill(&forger->rng, put->token, TOKEN_BYTES);
    else if (forgery == TOKEN_OF_ANOTHER)
        token_make(forger->secret, &own, now_ms, put->token);
    else if (forgery == OLD_TOKEN)
        token_make(forger->secret, from,
                   now_ms - (2 + rng_below(&forger->rng, 20)) * TOKEN_EPOCH_MS, put->token);
    else
        token_make(forger->secret, from, now_ms, put->token);
    if (forgery == CUT_TOKEN)
        put->token_len = (uint8_t)rng_below(&forger->rng, TOKEN_BYTES);
}

/* What became of it: its code, or 0 for no answer. */
static unsigned try_once(struct forger *forger, enum forgery forgery)
{
    uint8_t value[DHT_VALUE_MAX];
    struct fixture *f = forger->f;
    struct endpoint from = somebody(&forger->rng);
    struct message put = query_of(METHOD_PUT, 0x80);
    bool of_entry = forgery >= ALTERED_ENTRY;
    put.record_count = 1;
    put.records[0] = (struct message_record){.key = forger->key, .kind = KIND_PEER};
    put.records[0].value = buffer_bytes(&forger->peer);
    put.read_only = true;
    forge_token(forger, forgery, &from, &put);
    if (of_entry) {
        forge_entry(forger, forgery, value, &put.records[0].key);
        put.records[0].kind = KIND_ENTRY;
        put.records[0].value = bytes_of(value, forger->entry.len);
    }
    f->message.type = MESSAGE_QUERY;
    hear(f, &put, from);
    drop_output(f);
    return f->message.type == MESSAGE_RESPONSE && f->message.code_count == 1 ? f->message.codes[0]
                                                                             : UINT16_MAX;
}

static void no_record_is_put_in_the_name_of_another(void **state)
{
    (void)state;
    const char *text = getenv("KADPEER_FORGERY_TRIES");
    unsigned long tries = text != NULL ? strtoul(text, NULL, 10) : TRIES;
    unsigned long kept = 0, codes[512] = {0};
    struct forger forger = {.key = id_of(0x11)};
    rng_init_seed(&forger.rng, test_seed(91));
    rng_fill(&forger.rng, forger.secret, sizeof forger.secret);
    struct dht_config config = {.read_only = false};
    memcpy(config.secret, forger.secret, sizeof config.secret);
    forger.f = new_node(&config);
    forger.f->now_ms += 100ull * TOKEN_EPOCH_MS; /* there are old tokens */
    peer_value(&forger.peer);
    buffer_init(&forger.entry);
    make_entry(&forger);
    for (unsigned long i = 0; i < tries; i++) {
        unsigned code = try_once(&forger, (enum forgery)(i % FORGERIES));
        kept += code == CODE_OK;
        codes[code < 512 ? code : 511]++;
        forger.f->now_ms += STEP_MS;
    }
    print_message("# %lu tries: %lu kept, %lu bad tokens, %lu bad signatures, %lu malformed, "
                  "%lu not looked at\n",
                  tries, kept, codes[CODE_BAD_TOKEN], codes[CODE_BAD_SIGNATURE],
                  codes[CODE_MALFORMED], codes[CODE_QUOTA]);
    assert_int_equal(kept, 0);
    assert_int_equal(stats_of(forger.f).stored_records, 0);
    assert_true(codes[CODE_BAD_TOKEN] >=
                tries / FORGERIES * 3); /* each was judged by its own flaw */
    assert_true(codes[CODE_BAD_SIGNATURE] >= tries / FORGERIES * 2);
    buffer_dispose(&forger.peer);
    buffer_dispose(&forger.entry);
    free_node(forger.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_record_is_put_in_the_name_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
