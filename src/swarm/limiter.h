/* How many bytes a second may move: one limiter for all transfers, one for each under it, and the
 * connections that share them. Rules:
 *
 * - A limiter fills at its rate, up to LIMITER_BURST_MS worth or LIMITER_BLOCK_BYTES, whichever is
 *   more. It begins empty.
 * - Before bytes move they are reserved: they leave the limiter and the one above it. What was
 *   reserved and not used within LIMITER_KEPT_MS goes back.
 * - Who finds too little waits. What comes in goes to the transfer that got least so far of those
 *   that wait, and in it to the connection that got least: equal shares between transfers, and
 *   between the connections of one. What somebody does not want is for the others.
 * - A transfer that its own limit holds back holds up nobody else.
 *
 * Sans I/O: the time is handed in. Whoever waits asks limiter_deadline, and calls limiter_run
 * then; limited_take_granted says who got something. Who is not limited calls nothing of this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limited;

struct limiter {
    uint64_t rate_bps; /* bytes per second; 0: no limit of its own */
    int64_t level;     /* thousandths of a byte; below 0 after what was larger than its room */
    uint64_t filled_ms, ran_ms;
    struct limiter *above;       /* NULL: none */
    struct limiter *below;       /* utlist: those below where somebody waits */
    struct limiter *prev, *next; /* above->below */
    struct limited *waiting;     /* utlist */
    size_t granted;              /* connections that are to be told */
    uint64_t given;              /* bytes, as counted for its turn among those under `above` */
    uint64_t turn;               /* `given` of who was served last here */
};

/* One connection in one direction. {0}: not limited. */
struct limited {
    struct limiter *limiter;
    struct limited *prev, *next; /* limiter->waiting */
    bool waits, granted;
    size_t need, want; /* it waits for so much at least, and could use so much */
    size_t reserved;
    uint64_t reserved_ms;
    uint64_t given; /* as above */
};

/* `above` (may be NULL) outlives it, and has none above itself. */
void limiter_init(struct limiter *limiter, struct limiter *above, uint64_t now_ms);
void limiter_dispose(struct limiter *limiter); /* nobody is under it any more */
void limiter_set_rate(struct limiter *limiter, uint64_t rate_bps, uint64_t now_ms);
bool limiter_is_on(const struct limiter *limiter); /* it or the one above has a limit */
/* The smaller rate of both; UINT64_MAX: none. */
uint64_t limiter_rate(const struct limiter *limiter);
/* Bytes to reserve at a time where less than a block will do: so many that a slow limit still
 * moves some several times a second. */
size_t limiter_grain(const struct limiter *limiter);

/* Gives to those who wait what has come in. UINT64_MAX: nobody waits. O(who waits). */
void limiter_run(struct limiter *limiter, uint64_t now_ms);
uint64_t limiter_deadline(const struct limiter *limiter);

void limited_join(struct limited *limited, struct limiter *limiter);
void limited_leave(struct limited *limited); /* waits no more, gives back what it has reserved */
/* Returns how much it has reserved, at least `need`; or 0: it waits, and could use up to `want`. */
size_t limited_reserve(struct limited *limited, size_t need, size_t want, uint64_t now_ms);
/* So much has moved; more than was reserved is owed by the limiter. */
void limited_spend(struct limited *limited, size_t len);
/* What it waited for has come; told once, and to be used now. */
bool limited_take_granted(struct limited *limited, uint64_t now_ms);
