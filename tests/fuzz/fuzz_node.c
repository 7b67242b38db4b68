/* A whole dht fed with datagrams, times and requests. The input is a script of steps:
 *
 *   0 who len16 bytes   a datagram from one of 256 addresses
 *   1 nth len16 bytes   the same from whom the nth latest query went to, its txid (bytes 3 to 6, as
 *                       our codec writes it) made that query's: an answer that is waited for
 *   2 ms16              time passes
 *   3 what byte         a request of the owner
 */
#include <stdlib.h>
#include <string.h>

#include "kadpeer/dht.h"
#include "kadpeer/records.h"

#define ASKED_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct dht *dht;
    uint64_t now_ms;
    struct asked {
        struct endpoint to;
        uint8_t txid[4];
    } asked[ASKED_MAX]; /* a ring */
    size_t asked_count;
};

static struct endpoint address_of(uint8_t who)
{
    /* Half of them public, half on this machine. */
    return (struct endpoint){.family = ENDPOINT_IPV4,
                             .addr = {who & 1 ? 127 : 99, 0, who & 1 ? 0 : who, 1},
                             .port = (uint16_t)(1000 + who)};
}

static void drain(struct run *run)
{
    struct endpoint to;
    struct bytes datagram;
    while (dht_next_datagram(run->dht, &to, &datagram)) {
        if (datagram.len < 7 || datagram.data[1] != 0 || datagram.data[2] != 0xce)
            continue; /* an answer, not a query */
        struct asked *asked = &run->asked[run->asked_count++ % ASKED_MAX];
        asked->to = to;
        memcpy(asked->txid, datagram.data + 3, sizeof asked->txid);
    }
    struct dht_event event;
    volatile uint8_t last = 0; /* what is borrowed can be read */
    while (dht_next_event(run->dht, &event))
        if (event.value.len > 0)
            last = event.value.data[event.value.len - 1];
    (void)last;
    if (!dht_valid(run->dht))
        abort();
}

static void answer(struct run *run, uint8_t nth, const uint8_t *bytes, size_t len)
{
    uint8_t datagram[DHT_DATAGRAM_MAX];
    if (run->asked_count == 0 || len > sizeof datagram)
        return;
    size_t among = run->asked_count < ASKED_MAX ? run->asked_count : ASKED_MAX;
    const struct asked *asked = &run->asked[(run->asked_count - 1 - nth % among) % ASKED_MAX];
    memcpy(datagram, bytes, len);
    if (len >= 7)
        memcpy(datagram + 3, asked->txid, sizeof asked->txid);
    dht_on_datagram(run->dht, &asked->to, bytes_of(datagram, len), run->now_ms);
}

/* A slot of ours, at a seq of the script's choice. */
static void publish_item(struct run *run, uint8_t seq)
{
    uint8_t seed[ED25519_SEED_BYTES] = {7};
    struct item_record item;
    struct buffer value;
    buffer_init(&value);
    item_record_make(seed, (struct bytes){0}, seq, 1700000000 + 86400, bytes_of_string("body"),
                     &value);
    if (item_record_decode(buffer_bytes(&value), &item)) {
        struct id key = key_of_item(item.public_key, (struct bytes){0});
        dht_publish(run->dht, &key, KIND_ITEM, buffer_bytes(&value), run->now_ms);
        dht_get(run->dht, &key, KIND_ITEM, run->now_ms);
    }
    buffer_dispose(&value);
}

static void request(struct run *run, uint8_t what, uint8_t byte)
{
    struct id key = {{byte}};
    struct endpoint endpoint = address_of(byte);
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&(struct peer_record){.tcp_port = byte, .seed = byte & 1}, &value);
    struct dht_contact saved = {.id = key, .endpoint = endpoint};
    switch (what % 9) {
    case 0:
        dht_find(run->dht, &key, run->now_ms);
        break;
    case 1:
        dht_get(run->dht, &key, (enum record_kind)(byte % 7), run->now_ms);
        break;
    case 2:
        dht_publish(run->dht, &key, KIND_PEER, buffer_bytes(&value), run->now_ms);
        break;
    case 3:
        dht_withdraw(run->dht, &key, KIND_PEER, byte & 1 ? buffer_bytes(&value) : (struct bytes){0},
                     run->now_ms);
        break;
    case 4:
        dht_bootstrap(run->dht, &endpoint, 1, run->now_ms);
        break;
    case 5:
        dht_ping(run->dht, &endpoint, run->now_ms);
        break;
    case 6:
        dht_cancel(run->dht, byte);
        break;
    case 8:
        publish_item(run, byte);
        break;
    default:
        dht_add_saved(run->dht, &saved, 1, run->now_ms);
    }
    buffer_dispose(&value);
}

/* Returns how many bytes the step took; 0: the script ends. */
static size_t step(struct run *run, const uint8_t *at, size_t left)
{
    if (left < 3)
        return 0;
    if (at[0] % 4 == 2) {
        run->now_ms += (uint64_t)read_u16(at + 1) * 8; /* up to nine minutes */
        dht_on_time(run->dht, run->now_ms);
        if (dht_deadline(run->dht) <= run->now_ms)
            abort();
        return 3;
    }
    if (at[0] % 4 == 3) {
        request(run, at[1], at[2]);
        return 3;
    }
    if (left < 4)
        return 0;
    size_t len = read_u16(at + 2);
    len = len < left - 4 ? len : left - 4;
    struct endpoint from = address_of(at[1]);
    if (at[0] % 4 == 0)
        dht_on_datagram(run->dht, &from, bytes_of(at + 4, len), run->now_ms);
    else
        answer(run, at[1], at + 4, len);
    return 4 + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dht_config config = {
        .family = ENDPOINT_IPV4, .unix_base_ms = 1700000000000, .version = "fuzz"};
    rng_init_seed(&config.rng, 1);
    struct run run = {.dht = dht_new(&config, 0)};
    if (run.dht == NULL)
        return 0;
    for (size_t at = 0, took = 1; at < size && took > 0; at += took) {
        took = step(&run, data + at, size - at);
        drain(&run);
    }
    dht_free(run.dht);
    return 0;
}
