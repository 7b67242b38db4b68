/* One infohash that a search by name has come upon: who says so, and who has it. */
#pragma once

#include "daemon/finder_names.h"
#include "kadpeer/endpoint.h"

#define FOUND_PUBLISHERS_MAX 64  /* keys told apart; more count as this many */
#define FOUND_PEERS_MAX      256 /* addresses told apart */

struct found_name {
    struct name_match match;
    struct name_search *owner;
    uint64_t found_ms;
    uint32_t handle;  /* of the counting; 0: not under way */
    bool asked_peers; /* counting has ended */
    bool told, changed;
    uint8_t (*publishers)[ED25519_PUBLIC_BYTES];
    struct endpoint *peers;
    size_t peer_count;
};

struct found_name *found_name_new(const struct entry_body *body, struct name_search *owner,
                                  uint64_t now_ms); /* NULL: no memory */
void found_name_free(struct found_name *found);

void found_name_add_publisher(struct found_name *found, const struct entry_record *record,
                              int64_t now_unix_s);
void found_name_add_peer(struct found_name *found, const struct endpoint *peer);
void found_name_count(struct found_name *found); /* peers and networks into the match */
