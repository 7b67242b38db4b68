#include "sim/churn.h"
#include "sim/net_private.h"
#include "sim/sim_math.h"

void net_set_doors(struct net *net, size_t count)
{
    net->doors = count;
}

/* Who returns asks one that is always there, if it is. */
static size_t a_door(struct net *net)
{
    size_t door = net->doors > 1 ? rng_below(&net->rng, net->doors) : 0;
    return net_is_up(net, door) ? door : NET_NONE;
}

static uint64_t stays_ms(struct net *net, bool up)
{
    if (net->churn != NULL)
        return churn_next_ms(net->churn, up, &net->rng);
    return 1 +
           (uint64_t)sim_exponential(&net->rng, (double)(up ? net->mean_up_ms : net->mean_down_ms));
}

void net_come_or_go(struct net *net, size_t number)
{
    if (net_is_actor(net, number))
        return;
    bool up = net_is_up(net, number);
    if (up)
        net_stop(net, number);
    if (up && net->strangers)
        net_forget(net, number);
    if (!up)
        net_start(net, number, a_door(net));
    event_wheel_add(net->happenings, &net_node(net, number)->churn,
                    net_now_ms(net) + stays_ms(net, !up));
}

static void next_churn(struct net *net, size_t number, uint64_t after_ms)
{
    struct event *churn = &net_node(net, number)->churn;
    if (churn->at_ms != EVENT_NEVER)
        event_wheel_remove(net->happenings, churn);
    event_wheel_add(net->happenings, churn, net_now_ms(net) + after_ms);
}

void net_churn(struct net *net, size_t from, uint64_t mean_up_ms, uint64_t mean_down_ms,
               bool strangers)
{
    net->churn = NULL;
    net->strangers = strangers;
    net->mean_up_ms = mean_up_ms;
    net->mean_down_ms = mean_down_ms;
    for (size_t i = from; i < net->count; i++)
        next_churn(net, i, stays_ms(net, net_is_up(net, i)));
}

void net_churn_by(struct net *net, size_t from, const struct churn_model *model, bool strangers)
{
    net->churn = model;
    net->strangers = strangers;
    for (size_t i = from; i < net->count; i++)
        if (!net_is_actor(net, i))
            next_churn(net, i, churn_left_ms(model, net_is_up(net, i), &net->rng));
}

void net_churn_ends(struct net *net)
{
    for (size_t i = 0; i < net->count; i++)
        if (net_node(net, i)->churn.at_ms != EVENT_NEVER)
            event_wheel_remove(net->happenings, &net_node(net, i)->churn);
}
