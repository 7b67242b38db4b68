/* Limits and paces of private groups: unit, reason, source [groups-design 5]. */
#pragma once

#include "people/group_records.h"

#define MINUTE_MS 60000ull
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define HOUR_S    3600ull
#define DAY_S     (24 * HOUR_S)

/* ---- news ---- */

#define HEAD_POLL_MS      (10 * MINUTE_MS) /* +- 20 % */
#define HEAD_POLL_PART    5
#define HEAD_WATCH_MS     5000 /* our own HEAD is out: another device's? after 5, 10, 20 … s */
#define HEAD_HINT_MS      (30 * 1000) /* a shelf of an unknown epoch asks for HEAD, not sooner */
#define APPLY_FIRST_MS    1000        /* an applicant polls after 1, 2, 4 … s */
#define APPLY_GAP_MAX_MS  16000       /* of these: who is accepted notices soon */
#define APPLY_FAST_MS     (5 * MINUTE_MS)
#define APPLY_SLOW_PAGES  2  /* last pages looked at while HEAD stays the same */
#define READ_WINDOW       16 /* lookups of parts under way */
#define READ_PAGES_WINDOW 4  /* of key pages, once the first guesses were wrong */
#define READ_GUESSES      2
#define RETRY_FIRST_MS    5000 /* what was not found is looked for again after 5, 10, 20 … s */
#define RETRY_MAX_MS      (10 * MINUTE_MS)
#define EPOCH_KEPT_S      (7 * DAY_S) /* for latecomers */
#define EPOCHS_LIVE_MAX   16          /* kept for latecomers at most, the newest among them */

/* ---- owner ---- */

#define HEAD_LIFE_DEFAULT_S   (30 * DAY_S)
#define HEAD_LIFE_MIN_S       (7 * DAY_S)
#define ITEM_LIFE_MAX_S       (90 * DAY_S)
#define EXPIRY_RANDOM_MIN     720         /* minutes less: equal times would link two groups */
#define PAGE_SLACK_S          (7 * DAY_S) /* pages that end sooner before HEAD are signed anew */
#define HEAD_RENEW_S          DAY_S
#define ROTATE_S              (30 * DAY_S)
#define OWNER_READ_TRIES      8 /* for 20 minutes; then the owner writes over it */
#define READ_BACK_WINDOW      32
#define READ_BACK_SAMPLE      4 /* records of those that half of the nodes say they keep */
#define READ_BACK_TRIES       5 /* then what was found at all will do: nobody may block a removal */
#define MAIL_POLL_MS          (30 * 1000)      /* policy: on request; a person may be waiting */
#define MAIL_POLL_QUIET_MS    (10 * MINUTE_MS) /* invite only: leaves alone arrive there */
#define INVITE_POLL_MS        5000             /* while somebody is likely to type it in … */
#define INVITE_FRESH_S        HOUR_S           /* … that long after it was made */
#define INVITE_POLL_SLOW_MS   (60 * 1000)
#define INVITES_MAX           32
#define INVITE_USES_MAX       GROUP_MEMBERS_MAX
#define INVITE_LIFE_DEFAULT_S (7 * DAY_S)
#define REQUESTS_MAX          64 /* oldest out */
#define REJECTED_MAX          256
#define PENDING_MAX           GROUP_MEMBERS_MAX
#define JOURNAL_MAX           64   /* changes that can be done again after a fork */
#define CHANGES_MAX           1024 /* times of members' last changes; older ones: one floor for all */
#define MAIL_SEEN_MAX         2048        /* drops that need no second look */
#define MAIL_OPEN_MAX         128         /* boxes opened of one lookup: 0.2 ms each */
#define REQUEST_AGE_S         (8 * DAY_S) /* renewed every 3 days, kept 7: older ones are replays */
#define CLOCKS_DIFFER_S       DAY_S

/* ---- what lists a group ---- */

#define LISTING_LIFE_S (7 * DAY_S) /* of entries; the caller makes them anew daily */

/* ---- drops of ours ---- */

#define POST_RENEW_S   (3 * DAY_S)
#define POST_BITS_STEP 2

/* ---- upkeep, shelves ---- */

#define UPKEEP_MS              HOUR_MS      /* +- 30 % */
#define UPKEEP_RECORDS         8            /* pages and parts one member looks after an hour */
#define PART_RENEW_MS          (2 * DAY_MS) /* nodes keep parts for 7 days */
#define SHELF_SLOTS            4            /* devices of one member that have a list each */
#define SHELF_MISSES           2            /* looks at the slot before ours that found nothing */
#define SHELF_LIFE_S           (30 * DAY_S)
#define SHELF_RENEW_S          (20 * DAY_S) /* signed anew when less is left of it than that */
#define SHELF_GAP_MS           1000         /* between two versions of ours */
#define SHELF_CHECK_MS         5000         /* then it is looked at, as others see it */
#define SHELF_QUARREL_FIRST_MS 5000 /* another device of ours wrote it too: again after that … */
#define SHELF_QUARREL_MS       (10 * MINUTE_MS) /* … doubled up to this */
#define SHELVES_WINDOW         4
#define SHELVES_CYCLE_MS       (10 * MINUTE_MS) /* all members' shelves once, as often as HEAD */
#define SHELVES_GAP_MIN_MS     (30 * 1000)      /* between two; a person who asks does not wait */
#define GROUP_ENTRIES_MAX      100000           /* of all shelves: about 40 MB */
