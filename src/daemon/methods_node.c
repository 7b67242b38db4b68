#include <stdlib.h>
#include <string.h>

#include "content/names.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/node.h"
#include "daemon/node_join.h"
#include "daemon/params.h"
#include "kadpeer/records.h"

#define EXIT_FAILED    1
#define EXIT_BAD_INPUT 12

static void fail_no_room(struct call *call)
{
    call_fail(call, "busy", EXIT_FAILED, NULL, "too many questions are under way");
}

/* ---- node.status ---- */

static void pack_queries(struct pack *pack, const char *key, const uint64_t queries[4])
{
    static const char *const methods[] = {"ping", "find", "get", "put"};
    pack_begin_map(pack, key);
    for (size_t i = 0; i < 4; i++)
        pack_u64(pack, methods[i], queries[i]);
    pack_end(pack);
}

static void pack_refused(struct pack *pack, const struct dht_stats *stats)
{
    pack_begin_map(pack, "refused");
    pack_u64(pack, "malformed", stats->malformed);
    pack_u64(pack, "unknown_answers", stats->unknown_answers);
    pack_u64(pack, "other_network", stats->other_network);
    pack_u64(pack, "not_served", stats->not_served);
    pack_u64(pack, "unproven", stats->unproven);
    pack_u64(pack, "impostors", stats->impostors);
    pack_u64(pack, "errors", stats->errors);
    pack_u64(pack, "renamed", stats->renamed);
    pack_u64(pack, "crowded", stats->crowded);
    pack_u64(pack, "crowded_keys", stats->crowded_keys);
    pack_u64(pack, "surplus_nodes", stats->surplus_nodes);
    pack_u64(pack, "false_nodes", stats->false_nodes);
    pack_u64(pack, "false_values", stats->false_values);
    pack_u64(pack, "unsent", stats->unsent);
    pack_u64(pack, "unasked", stats->unasked);
    pack_u64(pack, "paced", stats->paced);
    pack_u64(pack, "limited", stats->limited);
    pack_u64(pack, "bad_tokens", stats->bad_tokens);
    pack_u64(pack, "bad_values", stats->bad_values);
    pack_u64(pack, "bad_signatures", stats->bad_signatures);
    pack_u64(pack, "over_quota", stats->over_quota);
    pack_u64(pack, "unchecked", stats->unchecked);
    pack_u64(pack, "too_far", stats->too_far);
    pack_u64(pack, "older", stats->older);
    pack_u64(pack, "queue_dropped", stats->queue_dropped);
    pack_end(pack);
}

static void pack_stored(struct pack *pack, const struct dht_stats *stats)
{
    pack_begin_map(pack, "stored");
    pack_u64(pack, "records", stats->stored_records);
    pack_u64(pack, "bytes", stats->stored_bytes);
    pack_u64(pack, "keys", stats->stored_keys);
    pack_u64(pack, "evicted", stats->evicted);
    pack_u64(pack, "expired", stats->expired);
    pack_u64(pack, "checked", stats->checked);
    pack_u64(pack, "repaired", stats->repaired);
    pack_end(pack);
}

static void pack_overlay(struct pack *pack, const struct daemon *daemon, uint8_t family)
{
    struct dht_stats stats;
    if (!node_stats(daemon->node, family, &stats))
        return;
    pack_begin_map(pack, NULL);
    pack_u64(pack, "family", family);
    pack_id(pack, "id", &stats.id);
    pack_u64(pack, "port", daemon->port);
    pack_endpoint(pack, "external", &stats.external);
    pack_bool(pack, "joined", node_family_joined(daemon->node, family));
    pack_u64(pack, "contacts", stats.contacts);
    pack_u64(pack, "buckets", stats.buckets);
    pack_u64(pack, "answering", stats.answering);
    if (stats.network_size > 0)
        pack_u64(pack, "network_size", stats.network_size);
    else
        pack_nil(pack, "network_size");
    pack_stored(pack, &stats);
    pack_u64(pack, "published", stats.published);
    pack_u64(pack, "operations", stats.operations);
    pack_u64(pack, "pending", stats.pending);
    pack_begin_map(pack, "queries");
    pack_queries(pack, "in", stats.queries_in);
    pack_queries(pack, "out", stats.queries_out);
    pack_end(pack);
    pack_begin_map(pack, "traffic");
    pack_u64(pack, "datagrams_in", stats.datagrams_in);
    pack_u64(pack, "datagrams_out", stats.datagrams_out);
    pack_u64(pack, "bytes_in", stats.bytes_in);
    pack_u64(pack, "bytes_out", stats.bytes_out);
    pack_end(pack);
    pack_u64(pack, "timeouts", stats.timeouts);
    pack_refused(pack, &stats);
    pack_end(pack);
}

static void node_status(struct daemon *daemon, struct call *call)
{
    struct pack *result = call_result(call);
    pack_begin_array(result, "overlays");
    pack_overlay(result, daemon, ENDPOINT_IPV4);
    pack_overlay(result, daemon, ENDPOINT_IPV6);
    pack_end(result);
    pack_u64(result, "send_failures", node_send_failures(daemon->node));
    call_finish(call);
}

/* ---- node.table ---- */

/* The first and the last id of a bucket. */
static void pack_range(struct pack *pack, const struct id *self, size_t bucket, bool is_last)
{
    struct id first = *self, last = *self;
    for (unsigned bit = (unsigned)bucket; bit < ID_BITS; bit++) {
        bool flipped = bit == bucket && !is_last;
        id_set_bit(&first, bit, flipped && !id_bit(self, bit));
        id_set_bit(&last, bit, !flipped || !id_bit(self, bit));
    }
    pack_id(pack, "first", &first);
    pack_id(pack, "last", &last);
}

static void pack_bucket(struct pack *pack, const struct id *self, size_t bucket, bool is_last,
                        const struct dht_bucket *facts, uint64_t now_ms)
{
    bool due = facts->refresh_ms <= now_ms;
    pack_begin_map(pack, NULL);
    pack_u64(pack, "bucket", bucket);
    pack_range(pack, self, bucket, is_last);
    pack_u64(pack, "contacts", facts->contacts);
    pack_u64(pack, "capacity", facts->capacity);
    pack_bool(pack, "waiting", facts->waiting);
    pack_double(pack, "refresh", due ? 0 : (double)(facts->refresh_ms - now_ms) / 1000);
    pack_end(pack);
}

/* Returns how many buckets there are. */
static size_t pack_overlay_buckets(struct pack *pack, const struct daemon *daemon, uint8_t family)
{
    struct dht_bucket buckets[ID_BITS];
    struct dht_stats stats;
    if (!node_stats(daemon->node, family, &stats))
        return 0;
    size_t count = node_buckets(daemon->node, family, buckets, ID_BITS);
    pack_begin_map(pack, NULL);
    pack_u64(pack, "family", family);
    pack_id(pack, "id", &stats.id);
    pack_u64(pack, "contacts", stats.contacts);
    pack_u64(pack, "answering", stats.answering);
    pack_u64(pack, "network_size", stats.network_size);
    pack_begin_array(pack, "buckets");
    for (size_t i = 0; i < count; i++)
        pack_bucket(pack, &stats.id, i, i + 1 == count, &buckets[i], daemon_now_ms(daemon));
    pack_end(pack);
    pack_end(pack);
    return count;
}

static void pack_contact(struct pack *pack, const struct dht_contact *contact, size_t buckets,
                         uint64_t now_ms)
{
    pack_begin_map(pack, NULL);
    pack_id(pack, "id", &contact->id);
    pack_endpoint(pack, "address", &contact->endpoint);
    pack_u64(pack, "family", contact->endpoint.family);
    pack_u64(pack, "bucket", contact->common_bits < buckets ? contact->common_bits : buckets - 1);
    pack_u64(pack, "common_bits", contact->common_bits);
    if (contact->rtt_ms > 0)
        pack_double(pack, "rtt", (double)contact->rtt_ms / 1000);
    else
        pack_nil(pack, "rtt");
    if (contact->seen_ms > 0 && contact->seen_ms <= now_ms)
        pack_double(pack, "age", (double)(now_ms - contact->seen_ms) / 1000);
    else
        pack_nil(pack, "age");
    pack_u64(pack, "failures", contact->failures);
    pack_end(pack);
}

static void node_table(struct daemon *daemon, struct call *call)
{
    struct dht_contact *contacts = calloc(NODE_TABLE_MAX, sizeof *contacts);
    if (contacts == NULL) {
        call_fail(call, "no_memory", EXIT_FAILED, NULL, "out of memory");
        return;
    }
    size_t count = node_contacts(daemon->node, contacts, NODE_TABLE_MAX);
    struct pack *result = call_result(call);
    pack_begin_array(result, "overlays");
    size_t buckets4 = pack_overlay_buckets(result, daemon, ENDPOINT_IPV4);
    size_t buckets6 = pack_overlay_buckets(result, daemon, ENDPOINT_IPV6);
    pack_end(result);
    pack_begin_array(result, "contacts");
    for (size_t i = 0; i < count; i++) {
        bool ipv6 = contacts[i].endpoint.family == ENDPOINT_IPV6;
        pack_contact(result, &contacts[i], ipv6 ? buckets6 : buckets4, daemon_now_ms(daemon));
    }
    pack_end(result);
    free(contacts);
    call_finish(call);
}

/* ---- node.find ---- */

struct finding {
    struct daemon *daemon;
    struct call *call;
    uint32_t handle;
    uint64_t started_ms;
};

static void on_found(void *user, const struct dht_event *event)
{
    struct finding *finding = user;
    struct pack *result = call_result(finding->call);
    pack_id(result, "target", &event->id);
    pack_begin_array(result, "nodes");
    for (size_t i = 0; i < event->node_count; i++) {
        pack_begin_map(result, NULL);
        pack_id(result, "id", &event->nodes[i].id);
        pack_endpoint(result, "address", &event->nodes[i].endpoint);
        pack_u64(result, "common_bits", id_common_bits(&event->nodes[i].id, &event->id));
        pack_u64(result, "hops", event->nodes[i].hops);
        pack_double(result, "rtt", (double)event->nodes[i].rtt_ms / 1000);
        pack_end(result);
    }
    pack_end(result);
    pack_u64(result, "asked", event->asked);
    pack_u64(result, "answered", event->answered);
    pack_u64(result, "hops", event->hops);
    pack_double(result, "seconds",
                (double)(daemon_now_ms(finding->daemon) - finding->started_ms) / 1000);
    call_finish(finding->call);
    free(finding);
}

static void cancel_find(void *user)
{
    struct finding *finding = user;
    node_cancel(finding->daemon->node, finding->handle);
    free(finding);
}

static bool key_of_text(const char *text, struct id *out)
{
    char *normal;
    if (names_normalize(text, &normal) != STATUS_OK)
        return false;
    *out = key_of_name(normal);
    free(normal);
    return true;
}

/* `id` as it is, or the key of the exact name `key`. */
static bool read_target(struct call *call, struct id *out)
{
    const char *id = call_text(call, "id", NULL), *key = call_text(call, "key", NULL);
    if (id != NULL && id_from_hex(id, strlen(id), out))
        return true;
    if (id == NULL && key != NULL && key_of_text(key, out))
        return true;
    call_fail(call, "bad_id", EXIT_BAD_INPUT, NULL,
              id != NULL ? "cannot read \"%.100s\": an id has 40 hexadecimal digits"
                         : "cannot read \"%.100s\": not a name",
              id != NULL    ? id
              : key != NULL ? key
                            : "");
    return false;
}

static void node_find_method(struct daemon *daemon, struct call *call)
{
    struct id target;
    if (!read_target(call, &target))
        return;
    struct finding *finding = calloc(1, sizeof *finding);
    if (finding == NULL) {
        fail_no_room(call);
        return;
    }
    finding->daemon = daemon;
    finding->call = call;
    finding->started_ms = daemon_now_ms(daemon);
    finding->handle = node_find(daemon->node, &target, on_found, finding);
    if (finding->handle == 0) {
        free(finding);
        fail_no_room(call);
        return;
    }
    call_on_cancel(call, cancel_find, finding);
}

const struct control_method methods_node[] = {
    {"node.status", node_status},    {"node.table", node_table}, {"node.ping", node_ping_method},
    {"node.find", node_find_method}, {"node.join", node_join},   {NULL, NULL},
};
