#include "daemon/node_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

static struct overlay *overlay_of(struct node *node, uint8_t family)
{
    struct overlay *overlay = &node->overlays[family == ENDPOINT_IPV6];
    return overlay->dht != NULL ? overlay : NULL;
}

/* ---- out of the dhts ---- */

static void drain_datagrams(struct overlay *overlay, struct udp *answer_by,
                            const struct endpoint *asker)
{
    struct endpoint to;
    struct bytes data;
    while (dht_next_datagram(overlay->dht, &to, &data)) {
        bool answer = asker != NULL && endpoint_equal(&to, asker);
        struct udp *udp = answer ? answer_by : node_socket_for(overlay, &to);
        udp_send(udp, &to, data);
    }
}

static void note_event(struct node *node, struct overlay *overlay, const struct dht_event *event)
{
    if (event->type == DHT_EVENT_JOINED)
        overlay->joined = true;
    if (event->type == DHT_EVENT_ALONE)
        overlay->joined = false;
    if (event->type == DHT_EVENT_ADDRESS)
        overlay->external = event->endpoint;
    if (event->type == DHT_EVENT_JOINED && node->save_ms > node_now_ms(node) + NODE_SAVE_FIRST_MS)
        node->save_ms = node_now_ms(node) + NODE_SAVE_FIRST_MS;
    if (event->type == DHT_EVENT_PUBLISHED && event->kind == KIND_ENTRY &&
        event->status == STATUS_REFUSED && event->asked == 0)
        node->tell_clock = true; /* it is past: told at the next look at the clock */
    if (node->setup.on_event != NULL)
        node->setup.on_event(node->setup.user, overlay->family, event);
}

static void drain_events(struct node *node, struct overlay *overlay)
{
    struct dht_event event;
    while (dht_next_event(overlay->dht, &event)) {
        if (event.operation != 0)
            node_operation_event(node, overlay, &event);
        else
            note_event(node, overlay, &event);
    }
}

static void set_timer(struct node *node)
{
    uint64_t at_ms = node->touched ? node_now_ms(node) : UINT64_MAX;
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        if (node->overlays[i].dht == NULL)
            continue;
        uint64_t deadline_ms = dht_deadline(node->overlays[i].dht);
        at_ms = deadline_ms < at_ms ? deadline_ms : at_ms;
    }
    timer_set(node->timer, at_ms);
}

static void drain(struct node *node)
{
    node->touched = false; /* who takes an event may ask for more */
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        if (node->overlays[i].dht == NULL)
            continue;
        drain_datagrams(&node->overlays[i], NULL, NULL);
        drain_events(node, &node->overlays[i]);
    }
    set_timer(node);
}

void node_touch(struct node *node)
{
    if (node->touched)
        return;
    node->touched = true;
    timer_set(node->timer, node_now_ms(node));
}

/* ---- into the dhts ---- */

static void on_timer(void *user)
{
    struct node *node = user;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node->overlays[i].dht != NULL)
            dht_on_time(node->overlays[i].dht, node_now_ms(node));
    drain(node);
}

/* An answer leaves by the socket that was asked: from another address it would not count. */
static void on_datagram(void *user, struct udp *udp, const struct endpoint *from, struct bytes data)
{
    struct node *node = user;
    struct overlay *overlay = overlay_of(node, from->family);
    if (overlay == NULL)
        return;
    dht_on_datagram(overlay->dht, from, data, node_now_ms(node));
    drain_datagrams(overlay, udp, from);
    node_touch(node);
}

/* ---- the wall clock ---- */

static uint64_t unix_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The monotonic clock stands still while the machine sleeps; then, too, the base is a new one. */
static void compare_clock(struct node *node)
{
    uint64_t base_ms = unix_now_ms() - node_now_ms(node);
    uint64_t apart_ms =
        base_ms > node->unix_base_ms ? base_ms - node->unix_base_ms : node->unix_base_ms - base_ms;
    if (apart_ms < NODE_CLOCK_STEP_MS)
        return;
    log_info("node", "the clock moved by %llu s", (unsigned long long)apart_ms / 1000);
    node->unix_base_ms = base_ms;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node->overlays[i].dht != NULL)
            dht_set_unix_base(node->overlays[i].dht, base_ms);
    node->tell_clock = true;
    node_touch(node);
}

static void tell_clock(struct node *node)
{
    bool tell = node->tell_clock && node->setup.on_clock != NULL;
    node->tell_clock = false;
    if (tell)
        node->setup.on_clock(node->setup.user);
}

static void set_upkeep(struct node *node)
{
    uint64_t at_ms = node_now_ms(node) + NODE_CLOCK_MS;
    timer_set(node->upkeep, node->save_ms < at_ms ? node->save_ms : at_ms);
}

static void on_upkeep(void *user)
{
    struct node *node = user;
    uint64_t now_ms = node_now_ms(node);
    compare_clock(node);
    tell_clock(node);
    if (now_ms >= node->save_ms) {
        node_save_contacts(node);
        node->save_ms = now_ms + NODE_SAVE_MS;
    }
    if (now_ms >= node->save_records_ms) {
        node_save_records(node);
        node->save_records_ms = now_ms + NODE_RECORDS_MS;
    }
    set_upkeep(node);
}

/* ---- life ---- */

struct node *node_new(const struct node_setup *setup)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    node->setup = *setup;
    node->overlays[0].family = ENDPOINT_IPV4;
    node->overlays[1].family = ENDPOINT_IPV6;
    node->unix_base_ms = unix_now_ms() - node_now_ms(node);
    node->timer = timer_new(setup->loop, on_timer, node);
    node->upkeep = timer_new(setup->loop, on_upkeep, node);
    node->interfaces = calloc(1, sizeof *node->interfaces);
    if (node->timer == NULL || node->upkeep == NULL || node->interfaces == NULL) {
        node_free(node);
        return NULL;
    }
    return node;
}

static struct dht *make_dht(struct node *node, uint8_t family, uint16_t port)
{
    struct dht_config config = {
        .family = family,
        .tcp_port = port,
        .network_id = node->setup.network_id,
        .limit_local = node->setup.limit_local,
        .store_bytes = node->setup.store_bytes,
        .unix_base_ms = node->unix_base_ms,
        .id = node_saved_id(node, family),
        .version = "kadpeer " KADPEER_VERSION,
    };
    uint8_t key[16];
    rng_fill(node->setup.rng, key, sizeof key);
    rng_init(&config.rng, key);
    rng_fill(node->setup.rng, config.secret, sizeof config.secret);
    return dht_new(&config, node_now_ms(node));
}

enum status node_take_socket(struct node *node, struct udp *udp, const struct endpoint *bound)
{
    struct overlay *overlay = &node->overlays[bound->family == ENDPOINT_IPV6];
    if (overlay->socket_count == NODE_SOCKETS_MAX) {
        udp_close(udp);
        return STATUS_FULL;
    }
    overlay->sockets[overlay->socket_count++] = (struct node_socket){udp, *bound};
    node->port = bound->port;
    if (overlay->dht == NULL)
        overlay->dht = make_dht(node, bound->family, bound->port);
    return overlay->dht != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status node_start(struct node *node)
{
    node->started = true;
    node->save_ms = node_now_ms(node) + NODE_SAVE_MS;
    node->save_records_ms = node_now_ms(node) + NODE_RECORDS_MS;
    node_restore(node);
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        struct overlay *overlay = &node->overlays[i];
        for (size_t j = 0; j < overlay->socket_count; j++) {
            enum status status = udp_start(overlay->sockets[j].udp, on_datagram, node);
            if (status != STATUS_OK)
                return status;
        }
    }
    set_upkeep(node);
    node_touch(node);
    return STATUS_OK;
}

void node_save(struct node *node)
{
    node_save_contacts(node);
    node_save_records(node);
}

void node_free(struct node *node)
{
    if (node == NULL)
        return;
    if (node->started)
        node_save(node);
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        struct overlay *overlay = &node->overlays[i];
        if (overlay->dht != NULL)
            drain_datagrams(overlay, NULL, NULL);
        dht_free(overlay->dht);
        for (size_t j = 0; j < overlay->socket_count; j++)
            udp_close(overlay->sockets[j].udp);
    }
    node_free_operations(node);
    timer_free(node->timer);
    timer_free(node->upkeep);
    free(node->interfaces);
    free(node);
}

/* ---- publishing ---- */

enum status node_publish(struct node *node, const struct id *key, enum record_kind kind,
                         struct bytes value)
{
    enum status best = STATUS_UNREACHABLE;
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        if (node->overlays[i].dht == NULL)
            continue;
        enum status status =
            dht_publish(node->overlays[i].dht, key, kind, value, node_now_ms(node));
        if (best != STATUS_OK)
            best = status;
    }
    node_touch(node);
    return best;
}

void node_withdraw(struct node *node, const struct id *key, enum record_kind kind,
                   struct bytes last)
{
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node->overlays[i].dht != NULL)
            dht_withdraw(node->overlays[i].dht, key, kind, last, node_now_ms(node));
    node_touch(node);
}

uint32_t node_published(const struct node *node, const struct id *key, enum record_kind kind,
                        uint64_t *at_ms)
{
    uint32_t most = 0;
    *at_ms = 0;
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        uint32_t nodes;
        uint64_t when_ms;
        if (node->overlays[i].dht == NULL ||
            !dht_published(node->overlays[i].dht, key, kind, &nodes, &when_ms) || nodes < most)
            continue;
        most = nodes;
        *at_ms = when_ms > *at_ms ? when_ms : *at_ms;
    }
    return most;
}

/* ---- joining ---- */

void node_bootstrap(struct node *node, const struct endpoint *endpoints, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct overlay *overlay = overlay_of(node, endpoints[i].family);
        if (overlay == NULL || node_is_self(node, &endpoints[i]))
            continue;
        node->may_join = true;
        dht_bootstrap(overlay->dht, &endpoints[i], 1, node_now_ms(node));
    }
    node_touch(node);
}

void node_set_may_join(struct node *node, bool yes)
{
    node->may_join = yes;
}

/* ---- what it knows ---- */

bool node_stats(const struct node *node, uint8_t family, struct dht_stats *out)
{
    const struct overlay *overlay = &node->overlays[family == ENDPOINT_IPV6];
    if (overlay->dht != NULL)
        dht_stats(overlay->dht, out);
    return overlay->dht != NULL;
}

size_t node_buckets(const struct node *node, uint8_t family, struct dht_bucket out[], size_t cap)
{
    const struct overlay *overlay = &node->overlays[family == ENDPOINT_IPV6];
    return overlay->dht != NULL ? dht_buckets(overlay->dht, out, cap) : 0;
}

bool node_family_joined(const struct node *node, uint8_t family)
{
    return node->overlays[family == ENDPOINT_IPV6].joined;
}

bool node_joined(const struct node *node)
{
    struct dht_stats stats;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node_stats(node, node->overlays[i].family, &stats) && stats.answering > 0)
            return true;
    return false;
}

bool node_may_join(const struct node *node)
{
    return node->may_join || node_saved_count(node) > 0 || node_contact_count(node) > 0;
}

size_t node_contact_count(const struct node *node)
{
    struct dht_stats stats;
    size_t count = 0;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        count += node_stats(node, node->overlays[i].family, &stats) ? stats.contacts : 0;
    return count;
}

size_t node_contacts(const struct node *node, struct dht_contact out[], size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node->overlays[i].dht != NULL)
            count += dht_contacts(node->overlays[i].dht, out + count, cap - count);
    return count;
}

size_t node_saved_count(const struct node *node)
{
    return node->overlays[0].saved_contacts + node->overlays[1].saved_contacts;
}

uint64_t node_send_failures(const struct node *node)
{
    uint64_t failures = 0;
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        for (size_t j = 0; j < node->overlays[i].socket_count; j++) {
            struct udp_counts counts = udp_counts(node->overlays[i].sockets[j].udp);
            failures += counts.dropped + counts.refused;
        }
    }
    return failures;
}
