/* One peer of a simulated swarm: owns its transfer and peer list as the daemon's engine does. */
#pragma once

#include "content/metainfo.h"
#include "kadpeer/rng.h"
#include "sim/event_heap.h"
#include "sim/swarm_links.h"
#include "sim/swarm_sim.h"
#include "swarm/peer_list.h"
#include "swarm/transfer.h"

enum {
    SWARM_EVENT_TIMER = LINKS_EVENT_TYPES, /* node */
    SWARM_EVENT_JOIN,                      /* node */
    SWARM_EVENT_LEAVE,                     /* node */
    SWARM_EVENT_SEARCH,                    /* node */
    SWARM_EVENT_DIAL,                      /* node, to number `generation` */
    SWARM_EVENT_HANGUP,                    /* flow whose sender is to learn of it */
};

#define SWARM_BEGIN_MS 1000000 /* of the virtual clock: zero is special to some */

struct swarm_node {
    struct swarm_peer peer;
    uint32_t number;
    struct transfer *transfer; /* NULL: not there */
    struct peer_list *list;
    struct endpoint endpoint;
    uint8_t peer_id[20];
    struct flow *flows[256]; /* by the low byte of the transfer's handle, unique there */
    unsigned connections, dialling;
    uint64_t timer_us; /* of the event that counts */
    uint64_t search_ms;
    size_t place; /* in sim->present */
};

struct swarm_sim {
    struct swarm_config config;
    struct rng rng;
    struct event_heap heap;
    struct links *links;
    uint64_t now_us;
    struct metainfo metainfo;
    struct metainfo_file file;
    struct swarm_node **nodes;
    size_t node_count, node_cap;
    uint32_t *present; /* numbers of those who are there */
    size_t present_count;
    bool has_polluters;

    uint8_t *out; /* per piece: it is somewhere but at the seeds */
    uint32_t out_count;
    uint64_t counted_us; /* capacity up to then */
    uint64_t capacity_bps;
    struct swarm_sample now; /* the sample as it would be now */
    struct swarm_sample *samples;
    size_t sample_count, sample_cap;
    struct swarm_result result;
};

uint64_t swarm_now_ms(const struct swarm_sim *sim);
void swarm_at(struct swarm_sim *sim, uint64_t at_us, int type, size_t node, uint32_t generation);
void swarm_count_capacity(struct swarm_sim *sim);

bool swarm_fetches(const struct swarm_node *node);
void swarm_node_join(struct swarm_sim *sim, struct swarm_node *node);
void swarm_node_leave(struct swarm_sim *sim, struct swarm_node *node);
void swarm_node_free(struct swarm_node *node);
void swarm_node_timer(struct swarm_sim *sim, struct swarm_node *node, uint64_t at_us);
void swarm_node_search(struct swarm_sim *sim, struct swarm_node *node);
void swarm_node_dialled(struct swarm_sim *sim, struct swarm_node *from, struct swarm_node *to);
void swarm_node_hung_up(struct swarm_sim *sim, struct flow *flow);
void swarm_node_sent(struct swarm_sim *sim, struct flow *flow, const struct packet *packet);
void swarm_node_arrived(struct swarm_sim *sim, struct flow *flow, const struct packet *packet,
                        const uint8_t *protocol);
