#include "daemon/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/engine_private.h"
#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "daemon/session_private.h"

#define SAVE_SOON_MS  20   /* what changes together is one write */
#define SAVE_AGAIN_MS 5000 /* after one that failed */

/* ---- paths ---- */

static bool users_folder(const struct session *session, char out[PATHS_SIZE])
{
    return paths_join(out, session->daemon->paths.data_dir, "users");
}

bool session_path(const struct session *session, const char *name, char out[PATHS_SIZE])
{
    char folder[PATHS_SIZE], file[KEYSTORE_NAME_MAX + 16];
    snprintf(file, sizeof file, "%s.keystore", name);
    return users_folder(session, folder) && paths_join(out, folder, file);
}

void session_remember_path(const struct session *session, char out[PATHS_SIZE])
{
    char folder[PATHS_SIZE];
    if (!users_folder(session, folder) || !paths_join(out, folder, "remembered"))
        out[0] = 0;
}

static void make_folder(const struct session *session)
{
    char folder[PATHS_SIZE];
    if (users_folder(session, folder) && mkdir(folder, 0700) != 0 && errno != EEXIST)
        log_error("session", "cannot make %s: %s", folder, strerror(errno));
}

/* ---- saving ---- */

static void save_in(struct session *session, uint64_t pause_ms)
{
    session->dirty = true;
    timer_set(session->save_timer, daemon_now_ms(session->daemon) + pause_ms);
}

void session_mark_dirty(struct session *session)
{
    save_in(session, SAVE_SOON_MS);
}

static void answer_all(struct waiting_save **list, enum status status)
{
    struct waiting_save *next, *waiting = *list;
    *list = NULL;
    for (; waiting != NULL; waiting = next) {
        next = waiting->next;
        waiting->done(waiting->user, status);
        free(waiting);
    }
}

/* Who waits does so for this very write, not for one that was begun before. */
static struct session_job *new_save(struct session *session)
{
    struct session_job *job = session_job_new(session, JOB_SAVE, NULL);
    if (job == NULL)
        return NULL;
    session_path(session, session->keystore.name, job->path);
    job->waiting = session->waiting;
    session->waiting = NULL;
    session->dirty = false;
    return job;
}

static void start_save(struct session *session)
{
    struct session_job *job = session->logged_in ? new_save(session) : NULL;
    if (job == NULL)
        return;
    job->status =
        keystore_encode(&session->keystore, &session->key, &session->daemon->rng, &job->file);
    if (job->status == STATUS_OK && job->file.failed)
        job->status = STATUS_NO_MEMORY;
    session_job_add(job);
}

/* One write at a time, and none under a password that is being changed: the end of either job
 * brings us back. */
static bool must_wait(const struct session *session)
{
    const struct session_job *job;
    DL_FOREACH(session->jobs, job)
    if (job->kind == JOB_SAVE || job->kind == JOB_PASSWORD)
        return true;
    return false;
}

static void on_save_timer(void *user)
{
    struct session *session = user;
    if (!session->dirty || must_wait(session))
        return;
    start_save(session);
    if (session->dirty)
        save_in(session, SAVE_AGAIN_MS);
}

void session_save_done(struct session_job *job)
{
    answer_all(&job->waiting, job->status);
    if (job->status != STATUS_OK && job->status != STATUS_CANCELLED)
        save_in(job->session, SAVE_AGAIN_MS);
}

void session_go_on(struct session *session)
{
    if (session->dirty)
        session_mark_dirty(session);
}

void session_save_group(struct session *session, const struct public_key *group, struct bytes state,
                        session_saved *done, void *user)
{
    struct waiting_save *waiting = malloc(sizeof *waiting);
    if (waiting == NULL) {
        log_error("session", "out of memory");
        return;
    }
    *waiting = (struct waiting_save){NULL, done, user};
    enum status status = STATUS_CANCELLED;
    if (session->logged_in)
        status = keystore_set_group(&session->keystore, group, state);
    if (status != STATUS_OK) {
        LL_APPEND(session->refused, waiting);
        timer_set(session->refuse_timer, daemon_now_ms(session->daemon));
        return;
    }
    LL_APPEND(session->waiting, waiting);
    session_mark_dirty(session);
}

void session_forget_group(struct session *session, const struct public_key *group)
{
    if (!session->logged_in)
        return;
    keystore_remove_group(&session->keystore, group);
    session_mark_dirty(session);
}

/* ---- in and out ---- */

const struct keystore *session_keystore(const struct session *session)
{
    return session != NULL && session->logged_in ? &session->keystore : NULL;
}

const struct key_pairs *session_keys(const struct session *session)
{
    return session->logged_in ? &session->keys : NULL;
}

bool session_need_user(struct session *session, struct call *call)
{
    if (!session->logged_in)
        call_fail(call, "not_logged_in", 11, "kadpeer login NAME", "nobody is logged in");
    return session->logged_in;
}

static void tell(struct session *session, const char *what)
{
    pack_text(daemon_event(session->daemon, what), "name", session->keystore.name);
    daemon_event_end(session->daemon);
}

void session_open(struct session *session, struct session_job *job)
{
    if (session->logged_in)
        session_logout(session, false);
    session->keystore = job->keystore;
    job->keystore = (struct keystore){.groups = NULL};
    session->key = job->key;
    if (keys_of_user(session->keystore.root, &session->keys) != STATUS_OK) {
        keystore_dispose(&session->keystore);
        return;
    }
    session->logged_in = true;
    log_info("session", "%s is logged in", session->keystore.name);
    session_publish(session);
    groups_on_login(session->daemon->groups);
    tell(session, "login");
}

/* What is not with a job yet is written by this one, which takes the keystore: sealed when its turn
 * comes, with the password as it is then. */
static void save_what_is_left(struct session *session)
{
    answer_all(&session->waiting, STATUS_CANCELLED);
    struct session_job *job = session->dirty ? new_save(session) : NULL;
    if (job == NULL)
        return;
    job->keystore = session->keystore;
    session->keystore = (struct keystore){.groups = NULL};
    job->key = session->key;
    session_job_add(job);
}

size_t session_logout(struct session *session, bool forget)
{
    char path[PATHS_SIZE];
    if (!session->logged_in)
        return 0;
    tell(session, "logout");
    groups_on_logout(session->daemon->groups);
    session_withdraw(session);
    log_info("session", "%s is logged out", session->keystore.name);
    save_what_is_left(session);
    session->logged_in = session->dirty = session->remembered = false;
    keystore_dispose(&session->keystore);
    keys_wipe(&session->key, sizeof session->key);
    keys_wipe(&session->keys, sizeof session->keys);
    session_remember_path(session, path);
    if (forget)
        unlink(path);
    return group_engine_waiting(session->daemon->engine);
}

struct tries *session_tries(struct session *session, const char *name)
{
    size_t count = sizeof session->tries / sizeof session->tries[0];
    struct tries *free_one = &session->tries[0];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(session->tries[i].name, name) == 0)
            return &session->tries[i];
        if (session->tries[i].not_before_ms < free_one->not_before_ms)
            free_one = &session->tries[i];
    }
    *free_one = (struct tries){.wrong = 0};
    snprintf(free_one->name, sizeof free_one->name, "%s", name);
    return free_one;
}

/* ---- make and free ---- */

static void on_timer(void *user)
{
    session_publish(user);
}

static void on_refuse_timer(void *user)
{
    struct session *session = user;
    log_error("session", "the keystore has no room for what is to be kept of a group");
    answer_all(&session->refused, STATUS_FULL);
}

struct session *session_new(struct daemon *daemon)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    session->daemon = daemon;
    session->timer = timer_new(daemon->loop, on_timer, session);
    session->save_timer = timer_new(daemon->loop, on_save_timer, session);
    session->refuse_timer = timer_new(daemon->loop, on_refuse_timer, session);
    if (session->timer == NULL || session->save_timer == NULL || session->refuse_timer == NULL) {
        session_free(session);
        return NULL;
    }
    return session;
}

void session_start(struct session *session)
{
    struct session_job *job;
    make_folder(session);
    job = session_job_new(session, JOB_RESUME, NULL);
    if (job == NULL)
        return;
    session_remember_path(session, job->path);
    session_job_do(job);
}

void session_stop(struct session *session)
{
    if (session->dirty)
        start_save(session);
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    session->logged_in = false;
    keystore_dispose(&session->keystore);
    timer_free(session->timer);
    timer_free(session->save_timer);
    timer_free(session->refuse_timer);
    answer_all(&session->waiting, STATUS_CANCELLED);
    answer_all(&session->refused, STATUS_CANCELLED);
    keys_wipe(session, sizeof *session);
    free(session);
}
