#include "daemon/peer_connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/admission.h"
#include "daemon/channels.h"
#include "daemon/group_engine.h"
#include "daemon/handshakes.h"
#include "daemon/item.h"
#include "daemon/item_step.h"
#include "daemon/upload.h"
#include "io/tcp.h"

#define TLS_RECORD_HANDSHAKE 0x16 /* first byte of a TLS session [RFC 8446 5.1] */

static const struct tcp_owner owner;

/* ---- the end ---- */

static void tell_peer(struct peer_connection *connection, bool up, const char *reason)
{
    struct item *item = connection->item;
    struct pack *event = daemon_event(item->engine->daemon, "peer");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_endpoint(event, "address", &connection->remote);
    pack_bool(event, "up", up);
    pack_text(event, "reason", reason);
    daemon_event_end(item->engine->daemon);
}

/* It leaves the transfer; whether it ever gave something is kept. */
static void leave_transfer(struct peer_connection *connection)
{
    struct item *item = connection->item;
    if (connection->peer == 0)
        return;
    if (transfer_bytes_from(item->transfer, connection->peer) > 0) {
        item->past_sources++;
        if (connection->claimed)
            peer_list_worked(item->peers, &connection->listen);
    }
    transfer_remove_peer(item->transfer, connection->peer, engine_now(item->engine));
    HASH_DEL(item->by_peer, connection);
    connection->peer = 0;
}

/* A peer may have dialled us while we dialled it: the address is now in use by the connection that
 * stays, and how that one ends says when it is dialled again. */
static void hand_claim_on(struct item *item, const struct endpoint *listen)
{
    struct peer_connection *other;
    DL_FOREACH(item->connections, other)
    if (other->peer != 0 && !other->claimed && endpoint_equal(&other->listen, listen)) {
        other->claimed = peer_list_claim(item->peers, listen, engine_now(item->engine));
        return;
    }
}

static void end_claim(struct peer_connection *connection, enum peer_outcome outcome)
{
    struct item *item = connection->item;
    if (!connection->claimed)
        return;
    connection->claimed = false;
    peer_list_ended(item->peers, &connection->listen, outcome, engine_now(item->engine));
    if (outcome != PEER_BANNED)
        hand_claim_on(item, &connection->listen);
}

static void leave_item(struct peer_connection *connection, enum peer_outcome outcome,
                       const char *why)
{
    struct item *item = connection->item;
    if (connection->open)
        tell_peer(connection, false, why);
    leave_transfer(connection);
    end_claim(connection, outcome);
    DL_DELETE(item->connections, connection);
    item->connection_count--;
    item->dialling -= connection->dialling;
    item_mark(item);
}

/* Its handshake is here, or never will be. */
static void end_waiting(struct peer_connection *connection)
{
    connection->engine->unshaken -= connection->unshaken;
    connection->unshaken = false;
}

void peer_connection_close(struct peer_connection *connection, enum peer_outcome outcome,
                           const char *why)
{
    struct engine *engine = connection->engine;
    if (connection->item != NULL)
        leave_item(connection, outcome, why);
    DL_DELETE2(engine->connections, connection, prev_all, next_all);
    engine->connection_count--;
    engine->half_open -= connection->dialling;
    end_waiting(connection);
    if (connection->channel != NULL)
        channels_cancel(connection->channel);
    tcp_close(connection->tcp);
    timer_free(connection->timer);
    outbox_dispose(&connection->outbox, engine);
    free(connection);
}

static enum peer_outcome outcome_of(const struct peer_connection *connection)
{
    if (connection->dialling)
        return PEER_FAILED;
    bool early =
        !connection->open || (connection->received == 0 &&
                              engine_now(connection->engine) - connection->since_ms < LASTED_MS);
    return early ? PEER_LOST_EARLY : PEER_LOST;
}

static void on_failed(void *user, enum status why)
{
    struct peer_connection *connection = user;
    connection->engine->refusals.left_early += connection->incoming && !connection->open;
    if (connection->open || connection->dialling || connection->incoming)
        peer_connection_close(connection, outcome_of(connection), status_text(why));
    else
        peer_connection_close(connection, handshake_hung_up(connection),
                              "hung up before its handshake");
}

static void on_timer(void *user)
{
    struct peer_connection *connection = user;
    connection->engine->refusals.handshake_timeout += !connection->open;
    peer_connection_close(connection, outcome_of(connection), "no handshake in time");
}

static const struct {
    enum peer_outcome outcome;
    const char *text;
} close_reasons[] = {
    [CLOSE_PROTOCOL] = {PEER_LOST_EARLY, "broke the protocol"},
    [CLOSE_TIMEOUT] = {PEER_LOST, "silent too long"},
    [CLOSE_BOTH_SEEDS] = {PEER_BOTH_SEEDS, "both have everything"},
    [CLOSE_DUPLICATE] = {PEER_DUPLICATE, "connected twice"},
    [CLOSE_SELF] = {PEER_IS_US, "it is us"},
    [CLOSE_BANNED] = {PEER_BANNED, "gave wrong data"},
    [CLOSE_IDLE] = {PEER_LOST, "of no use now"},
    [CLOSE_NO_MEMORY] = {PEER_LOST, "out of memory"},
};

void peer_connection_end(struct peer_connection *connection, enum transfer_close_reason reason,
                         const char *text)
{
    struct item *item = connection->item;
    enum peer_outcome outcome = close_reasons[reason].outcome;
    const char *why = text != NULL ? text : close_reasons[reason].text;
    struct transfer_output output;
    item->engine->refusals.closed[reason]++;
    log_debug("engine", "transfer %lld: a peer is closed: %s", (long long)item->row.id, why);
    while (connection->peer != 0 &&
           transfer_next_output(item->transfer, connection->peer, &output) && output.bytes.len > 0)
        outbox_add_text(&connection->outbox, output.bytes);
    if (connection->outbox.count == 0) {
        peer_connection_close(connection, outcome, why);
        return;
    }
    leave_transfer(connection);
    end_claim(connection, outcome);
    connection->ending = true;
    tcp_pause(connection->tcp, true);
    connection->timer = timer_new(item->engine->daemon->loop, on_timer, connection);
    if (connection->timer != NULL)
        timer_set(connection->timer, engine_now(item->engine) + FLUSH_TIMEOUT_MS);
    peer_connection_flush(connection);
}

/* ---- out ---- */

/* False: it is gone. */
static bool pull(struct peer_connection *connection)
{
    struct item *item = connection->item;
    struct outbox *outbox = &connection->outbox;
    struct transfer_output output;
    while (outbox_has_room(outbox) && uploads_have_room(&item->engine->uploads)) {
        if (!transfer_next_output(item->transfer, connection->peer, &output)) {
            connection->has_output = false;
            if (transfer_has_action(item->transfer))
                item_mark(item); /* it is closing, for want of memory */
            return true;
        }
        connection->pulled = true;
        bool added;
        if (output.bytes.len > 0) {
            added = outbox_add_text(outbox, output.bytes);
        } else {
            uint32_t offset;
            struct chunk *chunk =
                upload_borrow(item, output.piece, output.begin, output.length, &offset);
            added = chunk != NULL &&
                    outbox_add_block(outbox, item->engine, chunk, offset, output.length);
        }
        if (!added) {
            peer_connection_close(connection, PEER_LOST, "out of memory");
            return false;
        }
    }
    return true;
}

/* What waits, in the outbox or in a write that is under way. */
static size_t backlog_of(const struct peer_connection *connection)
{
    const struct outbox *outbox = &connection->outbox;
    size_t waits = tcp_backlog(connection->tcp);
    size_t sent = outbox->writing_bytes > waits ? outbox->writing_bytes - waits : 0;
    return outbox->bytes - sent;
}

/* With less waiting there, the transfer may have more to give. */
static void tell_backlog(struct peer_connection *connection)
{
    size_t bytes = backlog_of(connection), told = connection->told_backlog;
    if (connection->peer == 0 || (bytes == told && !connection->pulled))
        return;
    connection->has_output = connection->has_output || bytes < told;
    connection->told_backlog = bytes;
    connection->pulled = false;
    transfer_set_backlog(connection->item->transfer, connection->peer, bytes,
                         engine_now(connection->engine));
}

/* More is to follow a write of which nobody will be told that it is over. */
static bool goes_on(const struct peer_connection *connection)
{
    return connection->has_output || connection->ending || connection->outbox.count > 0 ||
           (connection->peer != 0 && transfer_has_action(connection->item->transfer));
}

static void write_some(struct peer_connection *connection)
{
    struct bytes runs[TCP_RUNS_MAX];
    bool failed;
    if (tcp_is_writing(connection->tcp)) {
        tell_backlog(connection);
        return;
    }
    size_t count = outbox_begin(&connection->outbox, runs, TCP_RUNS_MAX, &failed);
    if (count == 0 && (failed || (connection->ending && connection->outbox.count == 0))) {
        peer_connection_close(connection, PEER_LOST, failed ? "its block cannot be read" : "ended");
        return;
    }
    bool gone = count > 0 && tcp_write(connection->tcp, runs, count);
    if (gone)
        outbox_sent(&connection->outbox, connection->engine);
    tell_backlog(connection);
    if (gone && goes_on(connection))
        item_mark(connection->item);
}

void peer_connection_flush(struct peer_connection *connection)
{
    if (!connection->open)
        return;
    tell_backlog(connection);
    if (connection->peer == 0 || !connection->has_output || pull(connection))
        write_some(connection);
}

static void on_sent(void *user)
{
    struct peer_connection *connection = user;
    outbox_sent(&connection->outbox, connection->engine);
    if (connection->item != NULL)
        item_mark(connection->item);
}

/* ---- the handshake ---- */

static void say_hello(struct peer_connection *connection)
{
    struct item *item = connection->item;
    struct handshake ours = {.extension = true, .fast = true, .infohash = connection->swarm};
    memcpy(ours.peer_id, item->peer_id, sizeof ours.peer_id);
    handshake_encode(&ours, connection->handshake_out);
    struct bytes run = bytes_of(connection->handshake_out, HANDSHAKE_BYTES);
    tcp_write(connection->tcp, &run, 1);
}

static void enter_item(struct peer_connection *connection, struct item *item)
{
    connection->item = item;
    DL_APPEND(item->connections, connection);
    item->connection_count++;
}

static bool find_item(struct peer_connection *connection, const struct handshake *theirs)
{
    struct engine *engine = connection->engine;
    struct item *item = engine_find(engine, &theirs->infohash);
    if (item == NULL || item_is_grouped(item) || !item_wake(item)) {
        engine->refusals.unknown_hash++;
        return false;
    }
    if (peer_list_is_banned(item->peers, &connection->remote)) {
        engine->refusals.banned++;
        return false;
    }
    if (!engine_limits_accept(item))
        return false;
    connection->swarm = theirs->infohash;
    enter_item(connection, item);
    say_hello(connection);
    return true;
}

static void open_connection(struct peer_connection *connection, const struct handshake *theirs)
{
    struct item *item = connection->item;
    uint64_t now_ms = engine_now(connection->engine);
    if (memcmp(theirs->peer_id, item->peer_id, sizeof theirs->peer_id) == 0) {
        connection->engine->refusals.closed[CLOSE_SELF]++;
        peer_connection_close(connection, PEER_IS_US, "it is us");
        return;
    }
    connection->peer = transfer_add_peer(item->transfer, &connection->remote, &connection->listen,
                                         theirs, connection->incoming, now_ms);
    if (connection->peer == 0) {
        peer_connection_close(connection, PEER_FAILED, "no room for it");
        return;
    }
    HASH_ADD(hh, item->by_peer, peer, sizeof connection->peer, connection);
    if (connection->hh.tbl == NULL) {
        transfer_remove_peer(item->transfer, connection->peer, now_ms);
        connection->peer = 0;
        peer_connection_close(connection, PEER_LOST, "out of memory");
        return;
    }
    timer_free(connection->timer);
    connection->timer = NULL;
    end_waiting(connection);
    connection->open = connection->has_output = true;
    connection->since_ms = now_ms;
    tell_peer(connection, true, NULL);
    item_mark(item);
}

/* The one we dialled for. */
static bool is_same_swarm(struct peer_connection *connection, const struct handshake *theirs)
{
    bool same = id_equal(&theirs->infohash, &connection->swarm);
    connection->engine->refusals.unknown_hash += !same;
    return same && connection->item->transfer != NULL;
}

static void on_hello(struct peer_connection *connection)
{
    struct handshake theirs;
    struct bytes so_far = bytes_of(connection->handshake_in, connection->handshake_len);
    enum status status = handshake_decode(so_far, &theirs);
    if (status == STATUS_BUSY)
        return;
    bool good = status == STATUS_OK;
    connection->engine->refusals.no_handshake += !good;
    if (good && connection->item == NULL)
        good = find_item(connection, &theirs);
    else if (good)
        good = is_same_swarm(connection, &theirs);
    if (good)
        open_connection(connection, &theirs);
    else
        peer_connection_close(connection, PEER_LOST_EARLY, "its handshake is not for us");
}

/* ---- in ---- */

static void give_space(void *user, uint8_t **space, size_t *len)
{
    struct peer_connection *connection = user;
    if (connection->open && connection->peer != 0) {
        transfer_receive_space(connection->item->transfer, connection->peer, space, len);
        if (*len == 0) /* its transfer waits for more, and says when */
            item_mark(connection->item);
        return;
    }
    *space = connection->handshake_in + connection->handshake_len;
    *len = HANDSHAKE_BYTES - connection->handshake_len;
}

static size_t give_spaces(void *user, struct space out[TCP_SPACES_MAX])
{
    static_assert(TCP_SPACES_MAX == TRANSFER_SPACES_MAX, "one read fills what a transfer offers");
    struct peer_connection *connection = user;
    if (connection->open && connection->peer != 0)
        return transfer_receive_spaces(connection->item->transfer, connection->peer, out);
    give_space(user, &out[0].data, &out[0].len);
    return 1;
}

/* Not BitTorrent but TLS: a group's channel. */
static void go_to_channels(struct peer_connection *connection)
{
    struct channels *channels = connection->engine->daemon->channels;
    struct tcp *tcp = connection->tcp;
    uint8_t so_far[HANDSHAKE_BYTES];
    size_t len = connection->handshake_len;
    memcpy(so_far, connection->handshake_in, len);
    connection->tcp = NULL;
    peer_connection_close(connection, PEER_LOST, "a group's channel");
    channels_accept(channels, tcp, bytes_of(so_far, len));
}

static void on_received(void *user, size_t len)
{
    struct peer_connection *connection = user;
    if (!connection->open) {
        connection->handshake_len += len;
        if (connection->item == NULL && connection->handshake_in[0] == TLS_RECORD_HANDSHAKE)
            go_to_channels(connection);
        else
            on_hello(connection);
        return;
    }
    struct item *item = connection->item;
    connection->received += len;
    if (transfer_received(item->transfer, connection->peer, len, engine_now(item->engine)) !=
        STATUS_OK)
        tcp_pause(connection->tcp, true); /* the action that closes it comes this turn */
    item_mark(item);
}

static void on_connected(void *user)
{
    struct peer_connection *connection = user;
    connection->dialling = false;
    connection->engine->half_open--;
    connection->item->dialling--;
    connection->since_ms = engine_now(connection->engine);
    connection->remote = tcp_remote(connection->tcp);
    timer_set(connection->timer, engine_now(connection->engine) + HANDSHAKE_TIMEOUT_MS);
    say_hello(connection);
}

static const struct tcp_owner owner = {
    .connected = on_connected,
    .space = give_space,
    .spaces = give_spaces,
    .received = on_received,
    .sent = on_sent,
    .failed = on_failed,
};

/* ---- the beginning ---- */

static struct peer_connection *peer_connection_new(struct engine *engine)
{
    struct peer_connection *connection = calloc(1, sizeof *connection);
    struct timer *timer =
        connection != NULL ? timer_new(engine->daemon->loop, on_timer, connection) : NULL;
    if (timer == NULL) {
        free(connection);
        return NULL;
    }
    connection->engine = engine;
    connection->timer = timer;
    outbox_init(&connection->outbox);
    DL_APPEND2(engine->connections, connection, prev_all, next_all);
    engine->connection_count++;
    return connection;
}

/* ---- over a group's channel ---- */

static void on_channel_ready(void *user, struct tcp *tcp, const struct public_key *member)
{
    struct peer_connection *connection = user;
    connection->channel = NULL;
    connection->tcp = tcp;
    connection->member = *member;
    tcp_set_owner(tcp, &owner, connection);
    on_connected(connection);
}

static void on_channel_failed(void *user, enum status why)
{
    struct peer_connection *connection = user;
    connection->channel = NULL;
    on_failed(connection, why);
}

static const struct channel_dialled channel_callbacks = {on_channel_ready, on_channel_failed};

static bool begin_dial(struct peer_connection *connection, struct item *item,
                       const struct endpoint *to)
{
    struct daemon *daemon = item->engine->daemon;
    struct membership *membership = item_membership(item);
    if (!item_is_grouped(item)) {
        connection->tcp = tcp_connect(daemon->loop, to, daemon_dial_from(daemon, to),
                                      DIAL_TIMEOUT_MS, &owner, connection);
        return connection->tcp != NULL;
    }
    if (membership != NULL)
        connection->channel = channels_dial_transfer(
            daemon->channels, membership, to, &item->discovery, &channel_callbacks, connection);
    return connection->channel != NULL;
}

void peer_connection_dial(struct item *item, const struct endpoint *to)
{
    struct engine *engine = item->engine;
    struct peer_connection *connection = peer_connection_new(engine);
    if (connection == NULL) {
        peer_list_ended(item->peers, to, PEER_FAILED, engine_now(engine));
        return;
    }
    connection->listen = connection->remote = *to;
    connection->claimed = connection->dialling = true;
    connection->swarm = item->discovery;
    engine->half_open++;
    item->dialling++;
    enter_item(connection, item);
    if (!begin_dial(connection, item, to))
        peer_connection_close(connection, PEER_FAILED, "out of memory");
}

void peer_connection_accept(struct engine *engine, struct tcp *tcp)
{
    struct endpoint remote = tcp_remote(tcp);
    bool allowed = admission_allows(engine, &remote);
    struct peer_connection *connection = allowed ? peer_connection_new(engine) : NULL;
    if (connection == NULL) {
        engine->refusals.no_memory += allowed;
        tcp_close(tcp);
        return;
    }
    admission_expect_handshake(engine);
    connection->tcp = tcp;
    connection->remote = remote;
    connection->incoming = connection->unshaken = true;
    engine->unshaken++;
    connection->since_ms = engine_now(engine);
    timer_set(connection->timer, engine_now(engine) + HANDSHAKE_TIMEOUT_MS);
    tcp_start(tcp, &owner, connection);
}

void peer_connection_accept_member(struct item *item, struct tcp *tcp, const struct id *blinded,
                                   const struct public_key *member)
{
    struct engine *engine = item->engine;
    struct endpoint remote = tcp_remote(tcp);
    struct peer_connection *connection = NULL;
    if (admission_allows(engine, &remote) && engine_limits_accept(item) && item_wake(item))
        connection = peer_connection_new(engine);
    if (connection == NULL) {
        tcp_close(tcp);
        return;
    }
    connection->tcp = tcp;
    connection->remote = remote;
    connection->incoming = true;
    connection->since_ms = engine_now(engine);
    connection->swarm = *blinded;
    connection->member = *member;
    enter_item(connection, item);
    timer_set(connection->timer, engine_now(engine) + HANDSHAKE_TIMEOUT_MS);
    tcp_set_owner(tcp, &owner, connection);
    tcp_pause(tcp, false);
    say_hello(connection);
}

void peer_connection_listens(struct peer_connection *connection, const struct endpoint *endpoint)
{
    if (connection->claimed)
        return;
    if (peer_list_is_banned(connection->item->peers, endpoint)) {
        connection->engine->refusals.banned++;
        peer_connection_close(connection, PEER_LOST, "gave wrong data before");
        return;
    }
    connection->listen = *endpoint;
    connection->claimed =
        peer_list_claim(connection->item->peers, endpoint, engine_now(connection->engine));
}
