/* Limits and paces of the peer protocol. What an owner may change is in struct transfer_config. */
#pragma once

/* ---- peer_list ---- */

#define PEER_LIST_BANS_MAX      500          /* addresses remembered as banned; oldest out first */
#define PEER_RETRY_FAILED_MS    5000         /* after the first failed dial, doubled each time */
#define PEER_RETRY_LOST_MS      2000         /* a peer that worked is wanted back [interop 1.6] */
#define PEER_RETRY_EARLY_MS     10000        /* it may not have the file */
#define PEER_RETRY_MAX_MS       (15 * 60000) /* no address is given up for good */
#define PEER_RETRY_DUPLICATE_MS (10 * 60000) /* its other connection tells when it ends */
#define PEER_RETRY_SEED_MS      (30 * 60000) /* seeds have no use for each other */
#define PEER_LASTED_MS          60000        /* connected that long: earlier failures forgotten */
