/* What may happen to a datagram on its way: parts to stack on a net. */
#pragma once

#include "sim/net.h"

void net_add_delay(struct net *net, uint32_t min_ms, uint32_t max_ms);
void net_add_loss(struct net *net, double share);

/* Datagrams reach a node behind a NAT only from whom it sent one within the last minute. */
struct nat;

struct nat *net_add_nat(struct net *net); /* lives as long as the net */
void nat_put_behind(struct nat *nat, size_t node);
