/* How long datagrams take between nodes.
 *
 * The synthetic internet: every node lives in one of nine regions, most of them in Europe and North
 * America; between regions lies what light and cables take, and at both ends a last mile,
 * log-normal over nodes, with a little jitter for each datagram. Round trips have a median near
 * 100 ms. A matrix of measured round trips takes the place of all that. */
#pragma once

#include "sim/net.h"

struct latency;

/* A part of the net, which lives as long as it does. */
struct latency *net_add_internet(struct net *net);
/* `path`: as many numbers in a row as there are rows, round trips in ms. Nodes are given rows at
 * random. NULL: it can't be read; `*error` says why, in static storage. */
struct latency *net_add_latency_matrix(struct net *net, const char *path, const char **error);

/* All that goes from or to a node takes so many times as long. */
void latency_slow(struct latency *latency, size_t node, unsigned times);

/* Without jitter. */
double latency_round_trip_ms(struct latency *latency, size_t a, size_t b);
