#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net_private.h"
#include "sim/samples.h"

/* The list of a node's lookups that are not done: a handful. */
static struct net_outcome *outcome_of(struct net *net, const struct net_node *node,
                                      uint32_t operation)
{
    for (uint32_t i = node->open; i != 0; i = net->outcomes[i - 1].next_open)
        if (net->outcomes[i - 1].operation == operation)
            return &net->outcomes[i - 1];
    return NULL;
}

static void close_outcome(struct net *net, struct net_node *node, struct net_outcome *outcome)
{
    uint32_t number = (uint32_t)(outcome - net->outcomes) + 1;
    uint32_t *link = &node->open;
    while (*link != number)
        link = &net->outcomes[*link - 1].next_open;
    *link = outcome->next_open;
    outcome->done = true;
    outcome->ended_ms = net_now_at(net, outcome->node);
}

static void keep_nodes(struct net_outcome *outcome, const struct dht_event *event)
{
    if (event->node_count == 0)
        return;
    outcome->nodes = malloc(event->node_count * sizeof *outcome->nodes);
    assert(outcome->nodes != NULL);
    for (size_t i = 0; i < event->node_count; i++)
        outcome->nodes[i] = event->nodes[i].id;
}

void net_take_outcome(struct net *net, size_t number, const struct dht_event *event)
{
    struct net_outcome *outcome = outcome_of(net, net_node(net, number), event->operation);
    if (outcome == NULL)
        return;
    if (event->type == DHT_EVENT_VALUE) {
        if (outcome->found || !bytes_equal(event->value, outcome->expected))
            return;
        outcome->found = true;
        outcome->endpoint = event->endpoint;
        outcome->found_ms = net_now_at(net, number);
        return;
    }
    keep_nodes(outcome, event);
    outcome->event = *event;
    outcome->event.nodes = NULL;
    outcome->event.value = (struct bytes){0};
    close_outcome(net, net_node(net, number), outcome);
}

static size_t new_outcome(struct net *net, size_t number, struct bytes expected)
{
    if (net->outcome_count == net->outcome_cap) {
        net->outcome_cap = net->outcome_cap > 0 ? 2 * net->outcome_cap : 64;
        net->outcomes = realloc(net->outcomes, net->outcome_cap * sizeof *net->outcomes);
        assert(net->outcomes != NULL);
    }
    struct net_node *node = net_node(net, number);
    net->outcomes[net->outcome_count] = (struct net_outcome){.node = number,
                                                             .expected = expected,
                                                             .started_ms = net_now_ms(net),
                                                             .next_open = node->open};
    node->open = (uint32_t)net->outcome_count + 1;
    return net->outcome_count++;
}

void net_publish(struct net *net, size_t node, const struct sample *sample)
{
    enum status status = dht_publish(net_dht(net, node), &sample->key, sample->kind,
                                     sample_value(sample), net_now_ms(net));
    assert(status == STATUS_OK);
    (void)status;
    net_touched(net, node);
}

size_t net_get(struct net *net, size_t node, const struct id *key, enum record_kind kind,
               struct bytes expected)
{
    size_t outcome = new_outcome(net, node, expected);
    net->outcomes[outcome].operation = dht_get(net_dht(net, node), key, kind, net_now_ms(net));
    net_touched(net, node);
    return outcome;
}

size_t net_find(struct net *net, size_t node, const struct id *target)
{
    size_t outcome = new_outcome(net, node, (struct bytes){0});
    net->outcomes[outcome].operation = dht_find(net_dht(net, node), target, net_now_ms(net));
    net_touched(net, node);
    return outcome;
}

const struct net_outcome *net_outcome(const struct net *net, size_t outcome)
{
    return &net->outcomes[outcome];
}

void net_forget_outcomes(struct net *net)
{
    for (size_t i = 0; i < net->outcome_count; i++) {
        net_node(net, net->outcomes[i].node)->open = 0;
        free(net->outcomes[i].nodes);
    }
    net->outcome_count = 0;
}

size_t net_nearest(const struct net *net, const struct id *target, size_t out[], size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < net->count; i++) {
        const struct net_node *node = net_node(net, i);
        if (node->dht == NULL || node->read_only)
            continue;
        size_t at = count;
        while (at > 0 &&
               id_distance_compare(target, &node->id, &net_node(net, out[at - 1])->id) < 0)
            at--;
        if (at == cap)
            continue;
        size_t moved = count < cap ? count++ : cap - 1;
        memmove(&out[at + 1], &out[at], (moved - at) * sizeof *out);
        out[at] = i;
    }
    return count;
}
