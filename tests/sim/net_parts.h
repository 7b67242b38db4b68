/* What may happen to a datagram on its way: parts to stack on a net. Latency: latency.h. */
#pragma once

#include "sim/net.h"

void net_add_delay(struct net *net, uint32_t min_ms, uint32_t max_ms);
void net_add_loss(struct net *net, double share);
/* Some come twice, the second up to `within_ms` later. */
void net_add_duplicates(struct net *net, double share, uint32_t within_ms);
/* Some are held up for up to `within_ms`, so that later ones overtake them. */
void net_add_reordering(struct net *net, double share, uint32_t within_ms);

/* Datagrams reach a node behind a NAT only from whom it sent one within the last minute. Not for a
 * net with threads: who sends looks at what the other has sent. */
struct nat;

struct nat *net_add_nat(struct net *net); /* lives as long as the net */
void nat_put_behind(struct nat *nat, size_t node);
bool nat_is_behind(const struct nat *nat, size_t node);

/* While it is closed nothing goes between a share of the nodes, by the low bits of a hash of their
 * numbers, and the others. */
struct partition;

struct partition *net_add_partition(struct net *net, double share);
void partition_close(struct partition *partition, bool closed);
bool partition_side(const struct partition *partition, size_t node);
