/* Limits and paces of the peer protocol. What an owner may change is in struct transfer_config. */
#pragma once

/* ---- peer_list ---- */

#define PEER_LIST_BANS_MAX      500          /* addresses remembered as banned; oldest out first */
#define PEER_RETRY_FAILED_MS    5000         /* after the first failed dial, doubled each time */
#define PEER_RETRY_LOST_MS      2000         /* a peer that worked is wanted back [interop 1.6] */
#define PEER_RETRY_EARLY_MS     10000        /* it may not have the file */
#define PEER_RETRY_CROWDED_MS   100          /* a handshake takes a round trip or two */
#define PEER_RETRY_MAX_MS       (15 * 60000) /* no address is given up for good */
#define PEER_RETRY_DUPLICATE_MS (10 * 60000) /* its other connection tells when it ends */
#define PEER_RETRY_SEED_MS      (30 * 60000) /* seeds have no use for each other */
#define PEER_LASTED_MS          60000        /* connected that long: earlier failures forgotten */

/* ---- wire ---- */

#define BLOCK_BYTES       16384      /* the only safe request size [interop 1.5] */
#define MESSAGE_BYTES_MAX (1u << 20) /* longer frames end the connection [interop 4] */
#define REQUEST_BYTES_MAX                                                                          \
    (128u << 10)              /* what we serve in one block; some clients ask for more             \
                                 than 16 KiB [interop 4] */
#define WIRE_SMALL_BYTES 4096 /* gathered per connection: 240 requests in one read */
#define WIRE_AHEAD_MAX   16   /* blocks placed in one read beyond the one under way: 256 KiB */
#define EXTENDED_BYTES_MAX                                                                         \
    (128u << 10)            /* longer extended messages are skipped: a part of                     \
                               metadata is 16 KiB, a first exchange a few KiB */
#define PIECES_MAX 1572864u /* METAINFO_BYTES_MAX / 20: hashes that fit */

/* ---- peers and connections ---- */

#define PEERS_MAX           200         /* connections of one transfer */
#define PEERS_CLOSING_MAX   40          /* more whose owner has yet to remove them */
#define KEEP_ALIVE_MS       100000      /* of silence from us; a tick later at most [interop 5] */
#define PEER_SILENT_MS      200000      /* without a byte from it: closed */
#define BOTH_SEEDS_MS       5000        /* a moment for the last peer exchange */
#define USELESS_MS          60000       /* without interest either way: makes way when full */
#define USELESS_NEVER_MS    5000        /* the same of one that never had any */
#define STRIKES_MAX         64          /* small offences until the connection ends */
#define CHOKED_REQUESTS_MAX 500         /* asked while choked, until the connection ends */
#define UNFINISHED_MS       120000      /* for one message, or STEADY_BYTES of it: closed */
#define STEADY_BYTES        4096        /* less of it at a time is no progress */
#define IDLE_SLOT_MS        60000       /* unchoked, interested, and asks for nothing */
#define HAVES_WAIT_BYTES    1024        /* protocol bytes that wait for company at most */
#define OUT_BYTES_MAX       (2u << 20)  /* protocol bytes waiting: the peer does not read */
#define BACKLOG_FATAL_BYTES (32u << 20) /* in the owner's queue: the same */
#define PAST_PEERS_MAX      512         /* addresses of peers that left, for a late verdict */
#define ACTIONS_PER_PEER    7    /* OUTPUT, READ, CLOSE, BAN, LISTENS, HAS_ALL, one to spare */
#define ACTIONS_OF_ALL      8    /* METADATA, COMPLETE more than once */
#define ACTIONS_FOUND_MAX   1000 /* ACTION_FOUND waiting; more are dropped */

/* ---- chatter: messages that move nothing, each paid for with time, or with blocks ---- */

#define CHATTER_MAX_MS      60000 /* owed: the connection ends. A burst of 3,000, say */
#define CHATTER_MS          20 /* a message: 50 a second for good, more than anybody honest says */
#define CHATTER_PIECES      1024 /* a whole bitfield: 1 ms more for so many pieces */
#define CHATTER_INTEREST_MS 5    /* two leechers may have nothing for each other at every piece */
#define CHATTER_TURN_MS     500  /* choked again, or a handshake again: all is asked for anew */
#define CHATTER_BLOCK_MS    100 /* paid back by a block given or taken: its CANCEL, HAVE, REJECT … */

/* ---- requests ---- */

#define REQUESTS_MIN         4      /* in flight at least, when it may be asked at all */
#define REQUESTS_UNSAID      250    /* a peer that says no reqq takes [BEP 10] */
#define REQUESTS_FOREIGN_MAX 511    /* more make some clients reject [interop 4] */
#define REQUESTS_OURS_MAX    2000   /* between two of ours: 32 MiB in flight */
#define REQUESTS_TAKEN       512    /* reqq we tell others */
#define REQUESTS_BATCH_MAX   64     /* topped up in runs of at most this many */
#define REQUESTS_AHEAD_MS    1000   /* worth of its rate asked ahead */
#define SNUBBED_MS           10000  /* asked, and no payload came: its blocks go to others */
#define UNANSWERED_MS        120000 /* the same without a sign: closed */
#define REJECT_PAUSE_MS      1000   /* after a REJECT while unchoked, doubled up to … */
#define REJECT_PAUSE_MAX_MS  16000
#define CANCELLED_KEPT       256 /* cancelled requests remembered for what crosses them */
#define ENDGAME_COPIES       3   /* peers asked for one block at most */
#define ENDGAME_MARGIN_MS    250 /* sooner by this much, or it is not worth asking twice … */
#define ENDGAME_MARGIN_BLOCKS                                                                      \
    16                                    /* … or by the time that so many blocks take           \
                                             the other, if that is less */
#define ENDGAME_MARGIN_MIN_MS 10          /* clocks tell no less, nor is it worth a look */
#define STEAL_MARGIN_MS       2000        /* the same while there are pieces left to begin */
#define STEAL_PAUSE_MS        100         /* between two vain looks for a block to ask twice */
#define RATE_UNKNOWN_BPS      (1u << 20)  /* taken for a peer that has not sent a block yet */
#define RATE_FLOOR_BPS        BLOCK_BYTES /* taken for the slowest */
#define ALLOWED_FAST_COUNT    5           /* pieces given to a choked newcomer [BEP 6] */
#define ALLOWED_FAST_PEERS    4           /* newcomers that use them at a time */
#define SUGGEST_AHEAD         2    /* pieces a seed names before they are asked for [BEP 6] */
#define SUGGEST_LOOKS         4096 /* pieces looked at for one suggestion */
#define PROMISES_MAX          16   /* pieces a seed takes to be on their way to one peer */
#define SUGGESTED_MAX         8    /* of theirs that we remember */
#define ALLOWED_FAST_MAX      32   /* of theirs that we remember */

/* ---- memory ---- */

#define MEMORY_DEFAULT_BYTES (40u << 20) /* piece buffers of one transfer */
#define MEMORY_PIECES_MIN    3           /* whatever that is: one coming, one checked, one more */
#define BUDGET_FLOOR_BYTES   (1u << 20)  /* one transfer may always have, of what all share */

/* ---- serving ---- */

#define SLOTS_USUAL        8            /* served at a time on a slow link … */
#define SLOTS_MIN          4            /* … with pieces so large that they come too late … */
#define SLOTS_PIECE_MS     16000        /* … where all slots at SLOT_WORTH_BPS take longer … */
#define SLOTS_PIECES_MANY  256          /* … unless one of them is little of the whole … */
#define SLOTS_MAX          14           /* … and on a fast one: a small group on a LAN at once */
#define SLOT_WORTH_BPS     (512u << 10) /* to each of them at least, when there are more */
#define SLOTS_GROW_SECONDS 4            /* longer than rate_recent_bps remembers */
#define SLOTS_REST_ROUNDS  6            /* of the choker, before one more or less is tried */
#define CHOKER_ROUND_MS    10000        /* [BEP 3]; some clients drop who flips faster */
#define OPTIMISTIC_MS      30000        /* [BEP 3] */
#define NEWCOMER_MS        60000        /* is three times as likely to be the optimistic one */
#define SEED_TURN_MS       30000        /* served by a seed for at least that long */
#define SPREADING_PIECES   4            /* who has no more has nothing to trade … */
#define SPREADING_WAIT_MS  250          /* … and waits so long to hear who has least */
#define HOARD_PIECES       8            /* given to nobody else: a seed serves others first … */
#define GIVEN_KEPT         16           /* … as it finds by the last so many it gave */
#define BACKLOG_BYTES      (1u << 20)   /* blocks waiting in the owner's queue … */
#define BACKLOG_MAX_BYTES  (4u << 20)   /* … or 10 ms of the upload rate, up to this */
#define UNREAD_MS          10000        /* not a byte of the backlog taken: no slot */
#define UNREAD_FATAL_MS    30000        /* closed: what waits for it takes up memory */
#define METADATA_OUT_BYTES (256u << 10) /* metadata waiting to be sent; more is rejected */

/* ---- limiter ---- */

#define LIMITER_BURST_MS    250         /* worth of a limit that may move at once after a pause */
#define LIMITER_BLOCK_BYTES BLOCK_BYTES /* … or this, where that is more */
#define LIMITER_KEPT_MS     100         /* reserved and not used: goes back */
#define LIMITER_PACE_MS                                                                            \
    10                     /* between two rounds of giving, so that a fast limit does not          \
                              wake us for each block */
#define LIMITER_SHARE_MS 5 /* worth of a limit that one gets at a time in a round */
#define LIMITER_BEHIND_MS                                                                          \
    100 /* worth of a limit that somebody may be behind others and get first */
#define LIMITER_GRAINS      16                  /* reads a second at least, of a slow limit … */
#define LIMITER_GRAIN_BYTES 1024                /* … that are worth their system call */
#define LIMITER_MIN_BPS     1024                /* less is a mistake, say 500 for 500K */
#define LIMITER_MAX_BPS     (UINT64_C(1) << 40) /* a second's worth can be counted */
#define HELD_MS             3000 /* after we held a peer back its slowness is still ours */
#define SLOT_BPS                                                                                   \
    4096 /* served slower than this, a peer takes us for dead: with a low                          \
            limit fewer are served at a time */

/* ---- metadata [BEP 9] ---- */

#define METADATA_PART_BYTES 16384
#define METADATA_AHEAD      4     /* parts asked of one peer at a time */
#define METADATA_WAIT_MS    5000  /* for one part; then others are asked */
#define METADATA_PAUSE_MS   20000 /* a peer that rejected or was silent is left alone */

/* ---- exchange [BEP 11] ---- */

#define PEX_FIRST_MS        2000 /* after the extension handshake */
#define PEX_PERIOD_MS       60000
#define PEX_PERIOD_MIN_MS   45000 /* theirs; faster ones are ignored */
#define PEX_ADDED_MAX       50
#define PEX_FIRST_ADDED_MAX 200

/* ---- availability records ---- */

#define HOLDERS_MAX       500          /* as many as a key of the network holds */
#define HOLDERS_BYTES_MAX (8u << 20)   /* of bitfields of holders */
#define HOLDER_LIFE_MS    (30 * 60000) /* kind 2, docs/protocol.md section 2 */

/* ---- judge ---- */

#define SUSPECTS_MAX 64 /* failed pieces remembered, oldest out first */

/* ---- time ---- */

#define TICK_BUSY_MS        1000 /* while blocks or metadata are on their way */
#define TICK_IDLE_MS        10000
#define RATE_SECONDS        20 /* averaged over */
#define RATE_RECENT_SECONDS 3
