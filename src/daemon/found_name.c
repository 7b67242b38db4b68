#include "daemon/found_name.h"

#include <stdlib.h>
#include <string.h>

/* Before this nobody can have published anything: 2024. Sequence numbers of publishers that count
 * otherwise are no times. */
#define PUBLISHED_SINCE_UNIX_S 1704067200
#define CLOCKS_APART_S         86400

struct found_name *found_name_new(const struct entry_body *body, struct name_search *owner,
                                  uint64_t now_ms)
{
    struct found_name *found = calloc(1, sizeof *found);
    if (found == NULL)
        return NULL;
    found->owner = owner;
    found->found_ms = now_ms;
    found->match.infohash = body->infohash;
    found->match.size = body->size;
    found->match.files = body->files;
    memcpy(found->match.name, body->name, sizeof found->match.name);
    return found;
}

void found_name_free(struct found_name *found)
{
    free(found->publishers);
    free(found->peers);
    free(found);
}

/* Publishers number their entries by the clock [docs/protocol.md 2], so the number tells when. */
static void note_time(struct found_name *found, const struct entry_record *record,
                      int64_t now_unix_s)
{
    int64_t seq = record->seq <= INT64_MAX ? (int64_t)record->seq : 0;
    if (seq < PUBLISHED_SINCE_UNIX_S || seq > now_unix_s + CLOCKS_APART_S)
        return;
    if (found->match.first_seen_unix_s == 0 || seq < found->match.first_seen_unix_s)
        found->match.first_seen_unix_s = seq;
}

void found_name_add_publisher(struct found_name *found, const struct entry_record *record,
                              int64_t now_unix_s)
{
    unsigned count = found->match.publishers;
    note_time(found, record, now_unix_s);
    for (unsigned i = 0; i < count; i++)
        if (memcmp(found->publishers[i], record->public_key, ED25519_PUBLIC_BYTES) == 0)
            return;
    if (count == FOUND_PUBLISHERS_MAX)
        return;
    void *grown = realloc(found->publishers, (count + 1) * sizeof found->publishers[0]);
    if (grown == NULL)
        return;
    found->publishers = grown;
    memcpy(found->publishers[count], record->public_key, ED25519_PUBLIC_BYTES);
    found->match.publishers++;
    found->changed = true;
}

void found_name_add_peer(struct found_name *found, const struct endpoint *peer)
{
    for (size_t i = 0; i < found->peer_count; i++)
        if (endpoint_equal(&found->peers[i], peer))
            return;
    if (found->peer_count == FOUND_PEERS_MAX)
        return;
    struct endpoint *grown =
        realloc(found->peers, (found->peer_count + 1) * sizeof found->peers[0]);
    if (grown == NULL)
        return;
    found->peers = grown;
    found->peers[found->peer_count++] = *peer;
}

/* Public addresses of one /24 or /48 count once; a local network says nothing of who is who, so
 * there each address counts. */
static bool same_network(const struct endpoint *a, const struct endpoint *b)
{
    if (a->family != b->family)
        return false;
    if (endpoint_is_local(a) || endpoint_is_local(b))
        return endpoint_same_address(a, b);
    return memcmp(a->addr, b->addr, a->family == ENDPOINT_IPV6 ? 6 : 3) == 0;
}

static bool port_came_before(const struct found_name *found, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (found->peers[i].port == found->peers[index].port)
            return true;
    return false;
}

/* A node of both families tells each its address of that family, and the same port: of one port as
 * many nodes are there at least as addresses of the family that has more of them. Nothing in the
 * records says more, so this is what may be claimed. */
static unsigned count_nodes(const struct found_name *found)
{
    unsigned nodes = 0;
    for (size_t i = 0; i < found->peer_count; i++) {
        unsigned ipv4 = 0, ipv6 = 0;
        if (port_came_before(found, i))
            continue;
        for (size_t j = i; j < found->peer_count; j++) {
            bool same = found->peers[j].port == found->peers[i].port;
            ipv4 += same && found->peers[j].family == ENDPOINT_IPV4;
            ipv6 += same && found->peers[j].family == ENDPOINT_IPV6;
        }
        nodes += ipv4 > ipv6 ? ipv4 : ipv6;
    }
    return nodes;
}

void found_name_count(struct found_name *found)
{
    unsigned networks = 0, nodes = count_nodes(found);
    for (size_t i = 0; i < found->peer_count; i++) {
        bool known = false;
        for (size_t j = 0; j < i && !known; j++)
            known = same_network(&found->peers[i], &found->peers[j]);
        networks += !known;
    }
    networks = networks < nodes ? networks : nodes;
    struct name_match *match = &found->match;
    found->changed =
        found->changed || !match->counted || match->networks != networks || match->peers != nodes;
    match->counted = true;
    match->peers = nodes;
    match->networks = networks;
}
