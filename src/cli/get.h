/* get: one or many transfers, followed to their end.
 *
 * All arguments are added first, then all are followed at once on the one connection, as many as
 * the daemon allows; the others as soon as one has ended. */
#pragma once

#include "cli/cli.h"
#include "cli/get_stream.h"
#include "cli/wanted.h"

enum stage { STAGE_READY, STAGE_FOLLOWED, STAGE_ENDED };

struct fetch {
    struct wanted wanted;
    enum stage stage;
    uint32_t msgid;
    bool fetched; /* it was seen to want something */
    bool paused;  /* by somebody else, since it is followed */
    bool figures; /* its progress is told, which has the reason when nothing comes */
};

struct get {
    struct cli *cli;
    struct fetch *fetches;
    size_t count;
    enum progress_style style;
    struct progress *progress;
    struct outcome outcome;
    struct get_stream *stream; /* -o -; NULL: none */
    json_t *done;              /* how it ended, while there is more to write */
    int interrupt;             /* descriptor, or -1 */
};

int get_follow(struct get *get); /* to the end of all; the exit status */

/* ---- what is said of one: get_report.c ---- */

void get_report_done(struct get *get, const struct fetch *fetch, const json_t *result);
/* By a wish, that is: what waits for its group says so itself. */
void get_note_pause(struct get *get, struct fetch *fetch, const json_t *params);
void get_show_progress(struct get *get, struct fetch *fetch, const char *event,
                       const json_t *params);

/* ---- ends that are no success: get_end.c ---- */

void get_fail(struct get *get, struct fetch *fetch, json_t *error); /* error: taken */
void get_fail_all(struct get *get, enum status status);
/* The exit status. */
int get_leave_all(struct get *get); /* in a shell with a prompt Ctrl-C ends the waiting alone */
int get_pause_all(struct get *get); /* Ctrl-C: how to go on is said */
/* Whoever read stdout is gone, or the disk behind it is full: no need to go on fetching. */
int get_end_unwritten(struct get *get);
