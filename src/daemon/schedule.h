/* When which limits hold: "mon-fri 08:00-18:00" by the local clock. It is told the time.
 *
 * Where several hold at a time, of each kind of limit the one added last counts. A kind that none
 * of them says is as `limit` said it; so are all of them at other times. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/item_limits.h"
#include "kadpeer/buffer.h"
#include "kadpeer/status.h"

#define SCHEDULE_MAX       100 /* far more than anybody's week has */
#define SCHEDULE_TEXT_SIZE 32  /* "mon,tue,wed,thu,fri,sat", "08:00-18:00" */

struct schedule_entry {
    unsigned number;   /* what people type, from 1 */
    uint8_t days;      /* bit 0: Monday */
    uint16_t from, to; /* minutes of the day; `to` not behind `from`: it is the next day's */
    struct item_limits limits; /* LIMIT_UNSAID: says nothing of it */
};

struct schedule {
    struct schedule_entry entries[SCHEDULE_MAX]; /* in the order they were added */
    size_t count;
};

/* "mon-fri", "sat,sun", "fri-mon", "daily"; names may be in capitals. False: it is none. */
bool schedule_parse_days(const char *text, uint8_t *days);
/* "08:00-18:00", "22:00-6:00", "00:00-24:00". */
bool schedule_parse_time(const char *text, uint16_t *from, uint16_t *to);
void schedule_format_days(uint8_t days, char out[SCHEDULE_TEXT_SIZE]);
void schedule_format_time(const struct schedule_entry *entry, char out[SCHEDULE_TEXT_SIZE]);

/* Gives it a number, one above the highest. TOO_BIG: there are SCHEDULE_MAX. */
enum status schedule_add(struct schedule *schedule, struct schedule_entry *entry);
bool schedule_remove(struct schedule *schedule, unsigned number); /* false: there is none */

/* `day` 0: Monday; `minute` of that day. */
bool schedule_holds(const struct schedule_entry *entry, unsigned day, unsigned minute);
void schedule_apply(const struct schedule *schedule, unsigned day, unsigned minute,
                    struct item_limits *limits);

/* As text for the catalog, a line each; what is no line of it is passed over. */
void schedule_format(const struct schedule *schedule, struct buffer *out);
void schedule_parse(struct schedule *schedule, char *text); /* which is taken apart */
