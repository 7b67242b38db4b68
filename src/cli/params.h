/* Every limit of the command line, with its unit, its reason and where it comes from. */
#pragma once

/* Bytes of one message from the daemon. The largest is the list of a transfer's files: a million
 * of them (METAINFO_FILES_MAX) at some 200 bytes. Memory follows what has come, not this. */
#define CLIENT_MESSAGE_MAX (256u << 20)

#define CLIENT_READ_BYTES 65536 /* asked for at a time */

/* A daemon that is there answers `hello` from its loop at once; one that hangs is reported. */
#define CLIENT_HELLO_MS 5000

/* From exec to ready: opening the database after an unclean end checks it first. */
#define AUTOSTART_WAIT_MS  5000
#define AUTOSTART_DIAL_MS  500  /* from taking the lock to listening */
#define AUTOSTART_LINE_MAX 4096 /* bytes of the ready line */

/* A daemon has to end within 5 s, with --now within 1 s [cli-design 4]; then a moment for its exit.
 */
#define STOP_WAIT_MS     6000
#define STOP_NOW_WAIT_MS 2000

#define WAITING_NOTE_MS 3000 /* nothing waits longer without saying so [cli-design 1.4] */

#define PROGRESS_REDRAW_MS     100   /* at most ten times a second */
#define PROGRESS_FIRST_LINE_MS 500   /* what is done by then needs no lines */
#define PROGRESS_LINE_MS       30000 /* not a terminal: a line per 10 % or this */
#define PROGRESS_LINE_PERCENT  10
#define PROGRESS_BAR_MAX       30 /* cells */

/* Calls on one connection are limited to 16 by the daemon (docs/control.md): one is kept free for
 * pausing. */
#define GET_FOLLOW_MAX 15
#define GET_WAIT_S     60  /* without a first source [cli-design 1.4] */
#define GET_WHOLE_PART 0.9 /* of it: a little comes between asking and following */
#define SEARCH_WAIT_S  10
#define JOIN_WAIT_S    10
#define FIND_WAIT_S    30

#define LOGS_LINES    200 /* shown without -n */
#define LOGS_POLL_MS  250 /* how often -f looks for more */
#define LOGS_LINE_MAX 65536

#define QR_COLUMNS_MAX 80 /* what any terminal has */

#define TORRENT_BYTES_MAX   (32u << 20) /* METAINFO_BYTES_MAX and what stands around it */
#define TORRENT_THREADS_MAX 8
#define TRACKERS_MAX        64   /* given to one command; what is read of a file [content] */
#define TRACKER_BYTES_MAX   4096 /* likewise */

#define PEOPLE_WAIT_S      10         /* for users and groups in the network */
#define GROUP_JOIN_WAIT_S  30         /* for the owner, who has to be online for an answer */
#define KEYSTORE_BYTES_MAX (64 << 20) /* what the daemon takes as one */

#define LOGIN_TRIES      3  /* a person is asked so often */
#define LOGIN_WAIT_MAX_S 10 /* longer waits are left to them */

#define INVITE_LETTERS_MIN                                                                         \
    70 /* base32 of key, token and digest has 84: a cut one is still told                          \
        */

#define SHELL_ASK_MS 1000 /* what the prompt and a completion wait for the daemon */
