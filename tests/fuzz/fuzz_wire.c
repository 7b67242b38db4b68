/* A transfer with two peers; one says what the input says, after its handshake.
 *
 * The first byte: 1 fast, 2 extensions, 4 metainfo known, 8 one of ours, 16 we have everything,
 * 32 what moves is limited.
 * Then, again and again: a byte below 128 and so many bytes and one more from the peer; or one
 * from 128 on: that many half seconds pass, less 128. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "content/metainfo.h"
#include "kadpeer/bytes.h"
#include "kadpeer/sha1.h"
#include "swarm/limiter.h"
#include "swarm/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES = 5, PIECE = 32768, LENGTH = 4 * PIECE + 20000, INFO = 20000 };

static struct metainfo make_metainfo(uint8_t info[INFO], struct metainfo_file *file)
{
    memset(info, 'i', INFO);
    *file = (struct metainfo_file){.length = LENGTH};
    return (struct metainfo){.infohash = sha1_of(bytes_of(info, INFO)),
                             .info = info,
                             .info_len = INFO,
                             .piece_length = PIECE,
                             .piece_count = PIECES,
                             .total_length = LENGTH,
                             .pieces = info,
                             .files = file,
                             .file_count = 1};
}

static struct transfer *make_transfer(const struct metainfo *metainfo, uint8_t flags)
{
    struct transfer_config config = {.infohash = metainfo->infohash,
                                     .peer_id = "-KP0100-us..........",
                                     .listen_port = 7000,
                                     .client = "kadpeer/fuzz"};
    static const uint8_t all[1] = {0xf8};
    rng_init_seed(&config.rng, flags);
    return transfer_new(&config, (flags & 4) != 0 ? metainfo : NULL,
                        (flags & 20) == 20 ? all : NULL, 1000);
}

static void limit(struct transfer *transfer, struct limiter all[2])
{
    for (int i = 0; i < 2; i++) {
        limiter_init(&all[i], NULL, 1000);
        limiter_set_rate(&all[i], 20000, 1000);
    }
    struct transfer_limits limits = {
        .down_bps = 10000, .up_bps = 30000, .all_down = &all[0], .all_up = &all[1]};
    transfer_set_limits(transfer, &limits, 1000);
}

static uint32_t add_peer(struct transfer *transfer, const struct metainfo *metainfo, uint8_t flags,
                         uint8_t number)
{
    struct endpoint remote = {.addr = {192, 0, 2, number}, .port = 9, .family = ENDPOINT_IPV4};
    struct handshake theirs = {
        .fast = (flags & 1) != 0, .extension = (flags & 2) != 0, .infohash = metainfo->infohash};
    memcpy(theirs.peer_id, (flags & 8) != 0 ? "-KP0100-............" : "-XX0001-............", 20);
    theirs.peer_id[19] = number;
    return transfer_add_peer(transfer, &remote, &remote, &theirs, number == 1, 1000);
}

/* The first byte says how it is answered. */
static void take_metadata(struct transfer *transfer, const struct metainfo *metainfo,
                          struct bytes data, uint64_t now_ms)
{
    static const enum status results[] = {STATUS_OK, STATUS_MISMATCH, STATUS_NO_MEMORY};
    enum status result = results[data.data[0] % 3];
    transfer_metadata_checked(transfer, result, now_ms);
    if (result == STATUS_OK)
        transfer_set_metainfo(transfer, metainfo, NULL, now_ms);
}

static void drain(struct transfer *transfer, const struct metainfo *metainfo, uint64_t now_ms)
{
    struct transfer_action action;
    struct transfer_output out;
    while (transfer_next_action(transfer, &action)) {
        if (action.type == ACTION_CHECK)
            transfer_piece_checked(transfer, action.piece,
                                   action.data.data[0] % 2 == 0 ? STATUS_OK : STATUS_MISMATCH,
                                   now_ms);
        else if (action.type == ACTION_METADATA)
            take_metadata(transfer, metainfo, action.data, now_ms);
        else if (action.type == ACTION_OUTPUT)
            while (transfer_next_output(transfer, action.peer, &out))
                ;
        else if (action.type == ACTION_CLOSE)
            transfer_remove_peer(transfer, action.peer, now_ms);
    }
    if (!transfer_valid(transfer))
        abort();
}

static void feed(struct transfer *transfer, uint32_t peer, struct bytes bytes, uint64_t now_ms)
{
    while (bytes.len > 0) {
        struct space spaces[TRANSFER_SPACES_MAX];
        size_t done = 0, count = transfer_receive_spaces(transfer, peer, spaces);
        for (size_t i = 0; i < count && bytes.len > 0; i++) {
            size_t len = bytes.len < spaces[i].len ? bytes.len : spaces[i].len;
            memcpy(spaces[i].data, bytes.data, len);
            bytes = bytes_of(bytes.data + len, bytes.len - len);
            done += len;
        }
        if (done == 0 || transfer_received(transfer, peer, done, now_ms) != STATUS_OK)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static uint8_t info[INFO];
    struct metainfo_file file;
    struct metainfo metainfo = make_metainfo(info, &file);
    struct transfer *transfer = make_transfer(&metainfo, data[0]);
    uint32_t peer = add_peer(transfer, &metainfo, data[0], 1);
    add_peer(transfer, &metainfo, 3, 2);
    struct limiter all[2];
    if ((data[0] & 32) != 0)
        limit(transfer, all);
    uint64_t now_ms = 1000;
    for (size_t at = 1; at < size;) {
        uint8_t op = data[at++];
        if (op >= 128) {
            now_ms += (uint64_t)(op - 128) * 500;
            transfer_on_time(transfer, now_ms);
        } else {
            size_t len = op + 1u < size - at ? op + 1u : size - at;
            feed(transfer, peer, bytes_of(data + at, len), now_ms);
            at += len;
        }
        drain(transfer, &metainfo, now_ms);
    }
    transfer_free(transfer);
    return 0;
}
