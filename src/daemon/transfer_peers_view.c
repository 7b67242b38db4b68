/* transfer.peers and transfer.pieces. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "daemon/daemon.h"
#include "daemon/item.h"
#include "daemon/methods_transfer.h"
#include "daemon/peer_connection.h"
#include "daemon/transfer_target.h"

/* Letters as `peers` explains them: who wants, who chokes. */
static void flags_of(const struct transfer_peer_stats *peer, char out[8])
{
    size_t n = 0;
    if (peer->we_want)
        out[n++] = peer->they_choke ? 'd' : 'D';
    if (peer->they_want)
        out[n++] = peer->we_choke ? 'u' : 'U';
    if (peer->snubbed)
        out[n++] = 'S';
    if (peer->incoming)
        out[n++] = 'I';
    out[n] = 0;
}

static const char *source_name(unsigned sources)
{
    static const struct {
        enum peer_source source;
        const char *name;
    } names[] = {
        {PEER_FROM_LINK, "link"},   {PEER_FROM_AVAILABILITY, "availability"},
        {PEER_FROM_DHT, "dht"},     {PEER_FROM_EXCHANGE, "exchange"},
        {PEER_FROM_SAVED, "saved"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((sources & names[i].source) != 0)
            return names[i].name;
    return "incoming";
}

struct known {
    struct peer_known *peers;
    size_t count;
};

static const char *source_of(const struct item *item, const struct known *known, uint32_t peer)
{
    const struct peer_connection *connection;
    HASH_FIND(hh, item->by_peer, &peer, sizeof peer, connection);
    for (size_t i = 0; connection != NULL && i < known->count; i++)
        if (endpoint_equal(&known->peers[i].endpoint, &connection->listen))
            return source_name(known->peers[i].sources);
    return "incoming";
}

static void pack_peer(struct pack *pack, const struct transfer_peer_stats *peer, const char *source)
{
    char flags[8];
    flags_of(peer, flags);
    pack_begin_map(pack, NULL);
    pack_endpoint(pack, "address", &peer->remote);
    pack_text(pack, "client", peer->client);
    pack_bool(pack, "incoming", peer->incoming);
    pack_bool(pack, "seed", peer->seed);
    pack_u64(pack, "pieces", peer->pieces);
    pack_u64(pack, "down", peer->bytes_down);
    pack_u64(pack, "up", peer->bytes_up);
    pack_u64(pack, "rate_down", peer->rate_down_bps);
    pack_u64(pack, "rate_up", peer->rate_up_bps);
    pack_text(pack, "flags", flags);
    pack_u64(pack, "requests", peer->requests_out);
    pack_u64(pack, "bad_pieces", peer->bad_pieces);
    pack_u64(pack, "strikes", peer->strikes);
    pack_text(pack, "source", source);
    pack_end(pack);
}

static void pack_known(struct pack *pack, const struct known *known)
{
    pack_begin_array(pack, "known");
    for (size_t i = 0; i < known->count; i++) {
        pack_begin_map(pack, NULL);
        pack_endpoint(pack, "address", &known->peers[i].endpoint);
        pack_text(pack, "source", source_name(known->peers[i].sources));
        pack_u64(pack, "failures", known->peers[i].failures);
        pack_bool(pack, "in_use", known->peers[i].in_use);
        pack_bool(pack, "hung_up", known->peers[i].hung_up && !known->peers[i].in_use);
        pack_end(pack);
    }
    pack_end(pack);
}

static void pack_peers(struct pack *pack, const struct item *item, const struct known *known)
{
    struct transfer_peer_stats peers[PEERS_AT_ONCE_MAX];
    size_t count = 0;
    if (item->transfer != NULL)
        count = transfer_peers(item->transfer, engine_now(item->engine), peers, PEERS_AT_ONCE_MAX);
    pack_begin_array(pack, "peers");
    for (size_t i = 0; i < count && i < PEERS_AT_ONCE_MAX; i++)
        pack_peer(pack, &peers[i], source_of(item, known, peers[i].peer));
    pack_end(pack);
}

void transfer_peers_view(struct daemon *daemon, struct call *call)
{
    const struct item *item = transfer_target(daemon->engine, call);
    if (item == NULL)
        return;
    struct known known = {.peers = calloc(PEER_LIST_MAX, sizeof *known.peers)};
    if (known.peers != NULL)
        known.count = peer_list_known(item->peers, known.peers, PEER_LIST_MAX);
    struct pack *pack = call_result(call);
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_peers(pack, item, &known);
    pack_known(pack, &known);
    engine_pack_refused(daemon->engine, pack);
    call_finish(call);
    free(known.peers);
}

/* ---- pieces ---- */

static void pack_bitfield(struct pack *pack, const struct item *item)
{
    size_t len = item_bitfield_bytes(item);
    char *hex = malloc(len * 2 + 1);
    for (size_t i = 0; hex != NULL && i < len; i++) {
        static const char digits[] = "0123456789abcdef";
        hex[2 * i] = digits[item->have[i] >> 4];
        hex[2 * i + 1] = digits[item->have[i] & 15];
    }
    if (hex != NULL)
        hex[len * 2] = 0;
    pack_text(pack, "bitfield", hex);
    free(hex);
}

static void pack_holders(struct pack *pack, const struct item *item)
{
    uint32_t total = item->metainfo->piece_count;
    uint16_t *holders = calloc(total + 1, sizeof *holders);
    size_t count = holders != NULL && item->transfer != NULL && item->transfer_has_metainfo
                       ? transfer_piece_holders(item->transfer, holders, total)
                       : 0;
    pack_begin_array(pack, "holders");
    for (size_t i = 0; i < count && i < total; i++)
        pack_u64(pack, NULL, holders[i]);
    pack_end(pack);
    free(holders);
}

void transfer_pieces_view(struct daemon *daemon, struct call *call)
{
    const struct item *item = transfer_target(daemon->engine, call);
    if (item == NULL)
        return;
    if (item->metainfo == NULL) {
        call_fail(call, "not_known", 3, NULL, "%s: its pieces are not known yet", item->row.name);
        return;
    }
    struct pack *pack = call_result(call);
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_u64(pack, "piece_length", item->metainfo->piece_length);
    pack_u64(pack, "total", item->metainfo->piece_count);
    pack_u64(pack, "have", item->have_count);
    pack_bitfield(pack, item);
    pack_holders(pack, item);
    call_finish(call);
}
