/* Every number of dht/ that is a choice: unit, reason, source. Two sections, by what they bound. */
#pragma once

#include "kadpeer/dht.h"

/* ---- messages, records, sources ---- */

/* Messages. The arrays of struct message; a datagram of 1,200 bytes holds at most 46 nodes. */
#define MESSAGE_TXID_MAX    32 /* bytes; ours are 4, other dialects' are echoed as they came */
#define MESSAGE_TOKEN_MAX   64 /* bytes; ours are 8 */
#define MESSAGE_NODES_MAX   40 /* twice k: a dialect may answer in both families [BEP 32] */
#define MESSAGE_VALUES_MAX  64 /* the smallest with its address takes 21 bytes: 57 fit */
#define MESSAGE_RECORDS_MAX 32 /* a put carries this many at most, so that codes always fit */
#define MESSAGE_ERROR_MAX   64 /* bytes of an error's text */
#define MESSAGE_NODES_BESIDE                                                                       \
    8                      /* nodes that come before values but the first: a walk goes on          \
                              even past a key with very many values [libtorrent does so] */
#define MESSAGE_PAD_TO 400 /* bytes of a find or get to a node that may not trust us yet */
#define MESSAGE_REPLY_FACTOR                                                                       \
    3 /* an unproven asker gets this many times what it sent: as QUIC,                             \
         too little to be worth reflecting [RFC 9000 8.1] */

/* Tokens: good for 5 to 10 minutes, as long as a walk can take and no longer [BEP 5]. */
#define TOKEN_BYTES    8
#define TOKEN_EPOCH_MS (5 * 60 * 1000)

/* Records: caps under one key, beside those per kind in record_kinds.c. */
#define RECORDS_PER_KEY_MAX         1000 /* of any kind: enough to start a swarm of any size from */
#define STORE_PER_ADDRESS_MAX       8 /* of one public IPv4 address or IPv6 /64: people behind a NAT */
#define STORE_PER_NETWORK_MAX       32 /* of one /24 or /48: a campus, not a botnet of one host */
#define STORE_DROPS_PER_NETWORK_MAX 2  /* in one mailbox: a request, and one made anew */
#define STORE_DROPS_PER_HOLDER_MAX                                                                 \
    16 /* … by a node that keeps the mailbox too: it hands on what others sent */
#define STORE_BUDGET_BYTES                                                                         \
    (32 * 1024 * 1024)           /* true memory of all records of one node: half for               \
                                    signed ones, half for the others, so that                      \
                                    neither kind can push the other out */
#define STORE_ADDRESS_SHARE 32   /* one address, or one signer, has at most 1/32 of its half */
#define STORE_NETWORK_SHARE 8    /* one /24 or /48 at most 1/8 of the half of its own records */
#define STORE_BRINGER_SHARE 4    /* … and of signed ones, whoever signed: it may hand on many */
#define STORE_COUNTING_PART 4    /* nobody is counted while less of a half than this is in use */
#define STORE_COUNTING_STEP 32   /* buckets counted by the way, with each change */
#define STORE_WIDE_CELL     512  /* bytes of a half for each cell of a row counting networks … */
#define STORE_NARROW_CELL   8192 /* … and of one counting sources and signers */
#define STORE_PREY_DRAWN    12   /* a flood that fills a third is met 99 times of 100 */
#define STORE_TIDY_S        30   /* records that have ended are swept this often … */
#define STORE_SWEEP_BUCKETS 1024 /* … some 2,000 keys at a time … */
#define STORE_SWEEP_MS      20   /* … and the next after this: 10^5 keys a second */

/* Signatures verified for strangers. A core verifies about 4,000 a second: a quarter of one. */
#define VERIFY_PER_S 1000
#define VERIFY_BURST 2000
/* Of a network's time: while checks are plenty (200 a second), while they are scarce (who came just
 * then pays no more), and for one that did not verify. */
#define VERIFY_COST_MS     5
#define VERIFY_COST_MAX_MS (2 * 1000)
#define VERIFY_FORGED_MS   (15 * 1000)
#define VERIFY_DEBT_MAX_MS (60 * 1000)
#define VERIFY_TABLE_MAX   8192 /* networks remembered at a time, 8 bytes each; a power of 2 */
#define VERIFY_KNOWN       1024 /* hashes of values that verified, 8 bytes each; a power of 2 */

/* Queries per source: about ten times what one busy peer with 10,000 files asks of one node. */
#define THROTTLE_ADDRESS_PER_S 20
#define THROTTLE_ADDRESS_BURST 200
#define THROTTLE_NETWORK_PER_S 100
#define THROTTLE_NETWORK_BURST 800
#define THROTTLE_TABLE_MAX     8192 /* sources remembered at a time, 8 bytes each; a power of 2 */
#define PROOF_TABLE_MAX                                                                            \
    256 /* proven addresses remembered at a time, as the above: few                                \
           profit, for who has no token pads its query */
#define PROOF_LIFETIME_MS (10 * 60 * 1000) /* as long as a token lives */

/* Queries of ours to one node: a fifth below what it takes, for a datagram may be sent twice, and
 * clocks differ. */
#define PACE_PER_S       16
#define PACE_BURST       160
#define PACE_TABLE_MAX   4096        /* nodes remembered at a time, 8 bytes each; a power of 2 */
#define PACE_HELD_MAX    4096        /* queries that wait for their turn */
#define PACE_HOLD_MAX_MS (30 * 1000) /* for so long at most */

/* ---- table, lookups, queries ---- */
#define ROUTING_FAILURES_REPLACE 2 /* silent this often: a candidate takes the place [ours] */
#define ROUTING_FAILURES_MAX     4 /* silent this often: dropped even without a candidate [ours] */
#define ROUTING_FRESH_MS         (15 * 60 * 1000) /* heard of since: not asked for a newcomer [BEP 5] */
#define ROUTING_WIDE             128 /* contacts of the far half, where wide [Jimenez 2011] */
#define ROUTING_PER_BUCKET       2   /* contacts of one public /24 or /48 in a bucket */
#define ROUTING_PER_TABLE        10  /* … and in all, their candidates included; from k on 2 */
#define ROUTING_DIVERSE          (2 * DHT_K) /* contacts of a table that wants but one of each network */
#define ROUTING_WIDE_PART        100         /* … and of each /16 or /32 one part in so many */
#define ROUTING_CROWDED          2 /* times denser around us than elsewhere: by somebody's hand */
#define ROUTING_CLOSEST_MAX      (2 * DHT_K) /* most contacts that one question gives */

#define LOOKUP_NODES_MAX 128 /* of one shortlist: k, those farther, and the silent ones */
#define LOOKUP_MOVES_MAX 3   /* endpoints given up for another under one id: liars may name many */
#define LOOKUP_ALPHA     4   /* queries under way at a time [Kademlia 2.3: 3; targets.md] */
#define LOOKUP_START     8   /* until the first answer: who is quickest decides */
#define LOOKUP_MS_A_MINUTE                                                                         \
    1 /* not heard of for an hour: a quarter are gone, each a time-out of a quarter second */
#define LOOKUP_PATH_ALPHA                                                                          \
    3 /* of each of several paths: finds as soon as one path of 4, asks no more in all */
#define LOOKUP_PATHS     4           /* disjoint ones, of a get or a publishing [S/Kademlia 2007] */
#define LOOKUP_ASKED_MAX 256         /* by one lookup: a liar can name ever nearer nodes for ever */
#define REPLY_NODES_MAX  (2 * DHT_K) /* nodes believed from one answer */

/* Keys that somebody crowds (density.h). At a quarter of the usual distance chance is out of the
 * question, with an estimate of the network's size that is off by half; and with five honest nodes
 * expected within it, and none there, a hidden key would need luck of one in 150. */
#define DENSITY_SIZE_MAX 1e12 /* nodes: ids can be made to lie as near as one likes */
#define DENSITY_SAMPLES  8    /* lookups that the network's size is estimated from */
#define DENSITY_CROWDED  0.25 /* of the usual distance of the k-th nearest, or less: crowded */
#define DENSITY_HONEST   (DHT_K / 2) /* honest nodes expected within what is looked through */
#define DENSITY_WIDE_MAX (4 * DHT_K) /* most nodes that are asked and given then */

/* Queries. A second of silence is long on any path; what is slower than 2 s is of no use. */
#define RPC_PENDING_MAX   2048
#define RPC_LATE_FIRST_MS 500  /* before any round trip was measured */
#define RPC_LATE_MIN_MS   50   /* sooner another is asked for nothing, whenever a node is busy */
#define RPC_LATE_MAX_MS   1000 /* silent after twice that */
#define RPC_LATE_SLACK_MS 20   /* round trips of one node differ */
#define RPC_SILENT_MIN_MS 250  /* [protocol.md] */
#define RPC_FORGOTTEN_MS  2000 /* an answer counts up to then; nobody is waited for longer */
#define RPC_LATE_FIXED_MS 1000 /* where time-outs are not measured */
#define RPC_SLOW_STEPS    256  /* in so many steps the percentile could come down to nothing */

/* Operations. */
#define WALKS_RUNNING_MAX 256  /* of find and get; our own upkeep and publishing are few */
#define WALKS_WAITING_MAX 1024 /* further ones wait their turn */
#define GET_VALUES_MAX    2000 /* distinct values that one get tells of: two full keys' worth */
#define GET_NODE_PAGES    3    /* further pages asked of one node: `c` continues */
#define GET_PAGES_MAX     16   /* of all nodes together */

/* Publishing: 1,000 files have some 10,000 records; their walks must not burst. */
#define PUBLISHED_MAX            65536 /* records, about 1 KiB each at most */
#define PUBLISH_WALKS_MAX        8
#define PUBLISH_ROUND_MAX        256 /* records that one walk carries along */
#define PUBLISH_NEAR_BITS        3 /* more than the k-th nearest node shares: same k nearest, nearly */
#define PUBLISH_EARLY_PART       8           /* due within an eighth of its pace: may come along */
#define PUBLISH_JITTER_PART      10          /* renewed up to a tenth earlier or later */
#define PUBLISH_RETRY_MS         (30 * 1000) /* stored nowhere: again after this, doubling */
#define PUBLISH_RETRY_DOUBLES    6
#define PUBLISH_CLOCK_STEP_MS    (60 * 1000) /* asleep so long: stored anew */
#define PUBLISH_UNWANTED_DOUBLES 12 /* the same when all refuse it; its pace of renewal at most */

/* Storing. A node with n others nearer to the key keeps it 2^-(n/k) as long [Kademlia 2.5]. */
#define STORE_TOO_FAR_FACTOR 16 /* more than this times k nearer nodes: refused */
#define STORE_FAR_LIFETIME_S (5 * 60)

/* Handing on what proves itself: all keys within four hours, for of twenty nodes that keep a record
 * a fifth or more are still there then [targets: churn]. */
#define HANDOVER_SLOTS     24
#define HANDOVER_SLOT_MS   (10 * 60 * 1000)
#define HANDOVER_SLOT_MAX  512 /* records put anew of one slot */
#define HANDOVER_RARELY    32  /* one of so many not nearest puts anew all the same */
#define HANDOVER_GIVERS    3   /* of the nearest give to a newcomer */
#define HANDOVER_WALKS_MAX 4   /* newcomers given records at a time */
/* To look through 10^5 records for a newcomer takes 4 s, and a hundredth of a core. */
#define HANDOVER_STEP        256              /* records looked through in a step … */
#define HANDOVER_STEP_MS     10               /* … and the next one after this */
#define HANDOVER_WAITING_MAX 8                /* newcomers; others do without */
#define HANDOVER_BYTES_MAX   (128 * 1024)     /* of values given to one */
#define HANDOVER_AGAIN_MS    (60 * 60 * 1000) /* one address is given nothing more for so long */
#define HANDOVER_TICK_MS     1000
#define HANDOVER_TABLE_MAX   1024 /* addresses remembered for that, 8 bytes each; a power of 2 */

/* Joining. */
#define JOIN_CANDIDATES_MAX 64 /* endpoints remembered for when the table is empty */
#define JOIN_CONFIGURED_MAX 32 /* … of them those that somebody named to us: they stay */
#define JOIN_RETRY_MIN_MS   1000
#define JOIN_RETRY_MAX_MS   (60 * 1000)
#define JOIN_RETRY_FAR_MS   (16 * 60 * 1000) /* by others, while none of those has answered */
#define JOIN_FEW_MIN_MS     (2 * 60 * 1000) /* fewer than k contacts: is there more? Doubling … */
#define JOIN_FEW_MAX_MS     (16 * 60 * 1000)
#define JOIN_FEW_ASKED      4   /* … and so many at a time */
#define SAVED_MAX           512 /* saved nodes pinged at a start */

/* Contacts that were lost. A network that fell apart is one again within minutes: each node asks
 * ten or so of those it lost in that time, and one that is back is enough. */
#define LOST_MAX           24
#define LOST_PAUSE_MS      (30 * 1000)
#define LOST_WALK_PAUSE_MS (10 * 60 * 1000)

/* Our own address. Three agree before an id is given up for it: a bootstrap node alone may lie. */
#define VOTES_MAX    16
#define VOTES_FOR_ID 3
#define ID_KEPT_MS   (60 * 60 * 1000) /* who changes places more often goes without a fitting id */

/* Upkeep. */
#define REFRESH_MIN_MS        (15 * 60 * 1000) /* an untouched bucket, while many nodes are silent */
#define REFRESH_MAX_MS        (60 * 60 * 1000) /* [Kademlia 2.3: 1 h] */
#define REFRESH_SILENT_PART   10               /* more than a tenth of those asked silent: many */
#define REFRESH_AFTER_JOIN_MS 2000 /* poor buckets, once the walk to our own id has ended */
#define REFRESH_WALKS_MAX     2
#define REFRESH_K             8 /* a refresh wants contacts, not the k nearest of nothing */
#define REFRESH_ALPHA         3 /* nobody waits for it [Kademlia 2.3] */
#define REFRESH_ENOUGH                                                                             \
    5 /* contacts of a bucket that is left to fill by itself: those who come later ask us, and     \
         each is one more */
#define SUSPECT_PAUSE_MS      (5 * 1000) /* a silent contact is asked again after this */
#define SUSPECT_PINGS_MAX     8          /* of them at a time */
#define NEWCOMER_PINGS_MAX    64 /* pings under way to nodes that asked us: 100 or more a second */
#define NEWCOMERS_WAITING_MAX 64 /* … and nodes that wait for theirs */
#define TRIM_AFTER_MS         (10 * 1000) /* idle this long: working memory is given back */

/* What waits for the owner, who drains both after each input. */
#define DATAGRAM_QUEUE_BYTES (512 * 1024)
#define EVENT_QUEUE_BYTES    (4 * 1024 * 1024)

/* Tokens that others gave us, which spare the padding of the next find or get. */
#define TOKEN_CACHE_MAX    32
#define TOKEN_CACHE_AGE_MS (5 * 60 * 1000) /* good for that long at least */
