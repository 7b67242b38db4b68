/* What session.c (who is logged in), session_job.c (scrypt and files, in the pool),
 * session_profile.c (what others can find) and methods_user.c share. */
#pragma once

#include "base/paths.h"
#include "daemon/session.h"
#include "io/timer.h"
#include "io/work.h"

#define USERS_MAX        64 /* keystores listed */
#define TRIES_FREE       3  /* wrong passwords before a wait of 1, 2, 4 … s */
#define TRIES_WAIT_MAX_S 64
#define PASSWORD_MAX     1024 /* bytes */

enum session_job_kind {
    JOB_CREATE,
    JOB_LOGIN,
    JOB_PASSWORD,
    JOB_EXPORT,
    JOB_IMPORT,
    JOB_LIST,
    JOB_SAVE,
    JOB_LOGOUT, /* nothing to be done: those before it are on disk */
    JOB_RESUME, /* who asked to be remembered */
};

struct session_user {
    char name[KEYSTORE_NAME_MAX + 1];
    struct public_key key;
    bool damaged; /* the keystore: the name is that of the file, the key is not known */
};

struct password {
    uint8_t bytes[PASSWORD_MAX];
    size_t len;
};

/* One thing to be done in the pool; the next begins when it has ended. */
struct session_job {
    struct session_job *prev, *next; /* session->jobs */
    struct session *session;
    struct work work;
    enum session_job_kind kind;
    struct call *call;                /* NULL: nobody waits */
    char name[KEYSTORE_NAME_MAX + 1]; /* as asked for; may be empty */
    char path[PATHS_SIZE];
    struct password old, new; /* `old` is the one there is */
    bool remember, use_backup, replace;
    struct buffer file;       /* sealed: to be written, or as read */
    struct keystore keystore; /* opened, or to be made */
    struct keystore_key key;
    struct rng rng;
    enum status status;
    bool backup;                /* what failed to open has one that opens */
    struct session_user *users; /* of JOB_LIST */
    size_t user_count;
    struct session_user user;     /* of JOB_LOGOUT, and how many … */
    size_t paused;                /* … transfers stand still now */
    struct waiting_save *waiting; /* of JOB_SAVE: who is told when it is on disk */
};

struct waiting_save {
    struct waiting_save *next;
    session_saved *done;
    void *user;
};

struct tries {
    char name[KEYSTORE_NAME_MAX + 1];
    unsigned wrong;
    uint64_t not_before_ms;
};

struct session {
    struct daemon *daemon;
    bool logged_in, remembered, dirty;
    struct keystore keystore;
    struct keystore_key key;
    struct key_pairs keys;
    struct session_job *jobs;     /* utlist; the first one runs */
    struct waiting_save *waiting; /* for the next write */
    struct waiting_save *refused; /* there will be none for them: told from the loop */
    struct tries tries[8];
    struct timer *timer, *save_timer, *refuse_timer; /* profile; save; those refused */
    struct id profile_key, name_key;
    bool profile_published;
    uint64_t signed_unix_s; /* the profile */
};

/* ---- session.c ---- */

void session_open(struct session *session, struct session_job *job); /* takes keystore and key */
size_t session_logout(struct session *session, bool forget); /* transfers that stand still now */
void session_mark_dirty(struct session *session);
void session_save_done(struct session_job *job);
void session_go_on(struct session *session); /* a job has ended: what waited for that is saved */
bool session_path(const struct session *session, const char *name, char out[PATHS_SIZE]);
struct tries *session_tries(struct session *session, const char *name);

/* ---- session_job.c ---- */

/* NULL: no memory, and the call has been failed. */
struct session_job *session_job_new(struct session *session, enum session_job_kind kind,
                                    struct call *call);
void session_job_add(struct session_job *job);
void session_job_do(struct session_job *job); /* here and now: at the start */
/* In the pool; on the loop, when `run` has ended: methods_user.c. */
void session_job_run(struct session_job *job);
void session_job_done(struct session_job *job);
void session_remember_path(const struct session *session, char out[PATHS_SIZE]);

/* ---- session_profile.c ---- */

void session_publish(struct session *session); /* and again each day */
void session_withdraw(struct session *session);
