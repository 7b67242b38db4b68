#include "daemon/node_join.h"

#include <stdlib.h>
#include <string.h>

#include "base/bootstrap_file.h"
#include "daemon/daemon.h"
#include "daemon/node.h"
#include "daemon/params.h"
#include "io/params.h"
#include "io/resolve.h"
#include "io/timer.h"

#define EXIT_FAILED    1
#define EXIT_TIMED_OUT 4
#define EXIT_NETWORK   6
#define EXIT_BAD_INPUT 12

struct joining;

/* One address that was typed; it may resolve to several, of which one has to answer. */
struct joined_address {
    struct joining *joining;
    const char *text; /* on the call's memory */
    const char *why;  /* it failed; NULL: it did not */
    struct resolve *resolve;
    uint32_t pings[RESOLVE_ADDRESSES_MAX]; /* 0: ended */
    unsigned waiting;                      /* for the resolver or for pings */
    bool answered;
    struct dht_event first; /* the answer */
};

struct joining {
    struct daemon *daemon;
    struct call *call;
    void (*finish)(struct joining *joining); /* answers the call */
    bool adds;                               /* the addresses become nodes to join by */
    struct timer *timer;                     /* of `wait` */
    size_t count;
    unsigned waiting; /* addresses that have not ended */
    struct joined_address addresses[];
};

/* ---- the end ---- */

static void joining_free(struct joining *joining)
{
    for (size_t i = 0; i < joining->count; i++) {
        struct joined_address *address = &joining->addresses[i];
        resolve_cancel(address->resolve);
        for (size_t j = 0; j < RESOLVE_ADDRESSES_MAX; j++)
            if (address->pings[j] != 0)
                node_cancel(joining->daemon->node, address->pings[j]);
    }
    timer_free(joining->timer);
    free(joining);
}

static void on_cancel(void *user)
{
    joining_free(user);
}

static void finish(void *user)
{
    struct joining *joining = user;
    joining->finish(joining);
    joining_free(joining);
}

/* ---- asking ---- */

/* Ends from the timer: pings and resolvers that are told to end must not free what calls them. */
static void address_ended(struct joined_address *address)
{
    struct joining *joining = address->joining;
    if (--joining->waiting == 0)
        timer_set(joining->timer, daemon_now_ms(joining->daemon));
}

static void on_ping(void *user, const struct dht_event *event)
{
    struct joined_address *address = user;
    for (size_t i = 0; i < RESOLVE_ADDRESSES_MAX; i++)
        if (address->pings[i] == event->operation)
            address->pings[i] = 0;
    if (event->status == STATUS_OK && !address->answered) {
        address->answered = true;
        address->first = *event;
    }
    if (--address->waiting == 0)
        address_ended(address);
}

static void on_resolved(void *user, enum status status, const struct endpoint endpoints[],
                        size_t count)
{
    struct joined_address *address = user;
    struct node *node = address->joining->daemon->node;
    address->resolve = NULL;
    if (status != STATUS_OK) {
        address->why =
            status == STATUS_NOT_FOUND ? "no such host" : "the name cannot be resolved now";
        address_ended(address);
        return;
    }
    if (address->joining->adds)
        node_bootstrap(node, endpoints, count);
    for (size_t i = 0; i < count; i++) {
        address->pings[i] = node_ping(node, &endpoints[i], on_ping, address);
        address->waiting += address->pings[i] != 0;
    }
    if (address->waiting == 0) {
        address->why = "this node does not speak that family of addresses";
        address_ended(address);
    }
}

static void ask(struct joined_address *address)
{
    struct bootstrap_entry entry;
    address->why = bootstrap_parse_address(bytes_of_string(address->text), &entry);
    if (address->why != NULL)
        return;
    address->resolve =
        resolve_start(address->joining->daemon->loop, entry.host, entry.port, on_resolved, address);
    if (address->resolve == NULL)
        address->why = "not a name that can be resolved";
    else
        address->joining->waiting++;
}

static void start_asking(struct daemon *daemon, struct call *call, const char *const texts[],
                         size_t count, double wait_s, void (*how)(struct joining *joining),
                         bool adds)
{
    struct joining *joining = calloc(1, sizeof *joining + count * sizeof joining->addresses[0]);
    struct timer *timer = joining != NULL ? timer_new(daemon->loop, finish, joining) : NULL;
    if (timer == NULL) {
        free(joining);
        call_fail(call, "no_memory", EXIT_FAILED, NULL, "out of memory");
        return;
    }
    *joining = (struct joining){.daemon = daemon,
                                .call = call,
                                .finish = how,
                                .adds = adds,
                                .timer = timer,
                                .count = count};
    for (size_t i = 0; i < count; i++) {
        joining->addresses[i] = (struct joined_address){.joining = joining, .text = texts[i]};
        ask(&joining->addresses[i]);
    }
    double bounded_s = wait_s >= 0 && wait_s < JOIN_WAIT_MAX_S ? wait_s : JOIN_WAIT_MAX_S;
    uint64_t wait_ms = joining->waiting > 0 ? (uint64_t)(bounded_s * 1000) : 0;
    timer_set(timer, daemon_now_ms(daemon) + wait_ms);
    call_on_cancel(call, on_cancel, joining);
}

/* ---- node.join ---- */

static void pack_outcome(struct pack *pack, const struct joining *joining)
{
    pack_begin_array(pack, "asked");
    for (size_t i = 0; i < joining->count; i++)
        if (joining->addresses[i].why == NULL)
            pack_text(pack, NULL, joining->addresses[i].text);
    pack_end(pack);
    pack_begin_array(pack, "answered");
    for (size_t i = 0; i < joining->count; i++)
        if (joining->addresses[i].answered)
            pack_text(pack, NULL, joining->addresses[i].text);
    pack_end(pack);
    pack_begin_array(pack, "failed");
    for (size_t i = 0; i < joining->count; i++) {
        if (joining->addresses[i].why == NULL)
            continue;
        pack_begin_map(pack, NULL);
        pack_text(pack, "address", joining->addresses[i].text);
        pack_text(pack, "why", joining->addresses[i].why);
        pack_end(pack);
    }
    pack_end(pack);
    pack_u64(pack, "nodes", node_contact_count(joining->daemon->node));
}

static void finish_join(struct joining *joining)
{
    char message[512];
    const struct joined_address *first = &joining->addresses[0];
    struct pack *pack;
    bool answered = false;
    for (size_t i = 0; i < joining->count; i++)
        answered = answered || joining->addresses[i].answered;
    if (answered) {
        pack = call_result(joining->call);
    } else {
        snprintf(message, sizeof message, "%.200s%s: %s", first->text,
                 joining->count > 1 ? " and others" : "",
                 first->why != NULL ? first->why : "no answer; it is asked again by itself");
        pack = call_fail_begin(joining->call, "no_answer", EXIT_NETWORK, NULL, message);
    }
    pack_outcome(pack, joining);
    call_finish(joining->call);
}

void node_join(struct daemon *daemon, struct call *call)
{
    const char *addresses[JOIN_ADDRESSES_MAX];
    size_t count = call_texts(call, "addresses", addresses, JOIN_ADDRESSES_MAX);
    if (count == 0)
        call_fail(call, "bad_address", EXIT_BAD_INPUT, NULL, "no address to join by");
    else
        start_asking(daemon, call, addresses, count, call_double(call, "wait", JOIN_WAIT_S),
                     finish_join, true);
}

/* ---- node.ping ---- */

static void finish_ping(struct joining *joining)
{
    const struct joined_address *address = &joining->addresses[0];
    if (address->why != NULL) {
        call_fail(joining->call, "bad_address", EXIT_BAD_INPUT, NULL, "%.200s: %s", address->text,
                  address->why);
        return;
    }
    if (!address->answered) {
        call_fail(joining->call, "timed_out", EXIT_TIMED_OUT, NULL, "%.200s does not answer",
                  address->text);
        return;
    }
    struct pack *result = call_result(joining->call);
    pack_id(result, "id", &address->first.id);
    pack_endpoint(result, "address", &address->first.endpoint);
    pack_double(result, "rtt", (double)address->first.rtt_ms / 1000);
    call_finish(joining->call);
}

void node_ping_method(struct daemon *daemon, struct call *call)
{
    const char *address = call_text(call, "address", "");
    start_asking(daemon, call, &address, 1, call_double(call, "wait", JOIN_WAIT_S), finish_ping,
                 false);
}
