/* user.*, login, logout, whoami of docs/control.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "base/log.h"
#include "content/names.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "daemon/session_private.h"
#include "daemon/user_search.h"

#define EXIT_CONFLICT 8
#define EXIT_DISK     9
#define EXIT_REFUSED  11
#define EXIT_BAD      12
#define SHOW_WAIT_S   10

/* ---- reading ---- */

static bool read_secret(struct call *call, const char *key, struct password *out)
{
    const msgpack_object *object = call_param(call, key);
    struct bytes text = bytes_of(NULL, 0);
    if (object != NULL && object->type == MSGPACK_OBJECT_BIN)
        text = bytes_of(object->via.bin.ptr, object->via.bin.size);
    else if (object != NULL && object->type == MSGPACK_OBJECT_STR)
        text = bytes_of(object->via.str.ptr, object->via.str.size);
    if (text.len == 0 || text.len > sizeof out->bytes) {
        call_fail(call, "usage", 2, NULL, "a password has 1 to %d bytes", PASSWORD_MAX);
        return false;
    }
    memcpy(out->bytes, text.data, text.len);
    out->len = text.len;
    return true;
}

/* A blank at an end would make two names that look the same. */
static const char *read_name(struct call *call)
{
    const char *name = call_text(call, "name", NULL);
    size_t len = name != NULL ? strlen(name) : 0;
    if (len > 0 && len <= KEYSTORE_NAME_MAX && names_is_safe_part(name, len) &&
        strpbrk(name, "#@") == NULL && strchr(". ", name[0]) == NULL && name[len - 1] != ' ')
        return name;
    call_fail(
        call, "bad_name", EXIT_BAD, NULL,
        "\"%s\" cannot be the name of a user: 1 to %d bytes without '/', '#', '@' and control "
        "characters, no dot in front, no blank at either end",
        name != NULL ? name : "", KEYSTORE_NAME_MAX);
    return NULL;
}

/* NULL: the call has been failed. */
static struct session_job *job_for(struct daemon *daemon, struct call *call,
                                   enum session_job_kind kind)
{
    const char *name = read_name(call);
    struct session_job *job = name != NULL ? session_job_new(daemon->session, kind, call) : NULL;
    if (job != NULL && !session_path(daemon->session, name, job->path)) {
        call_fail(call, "bad_name", EXIT_BAD, NULL, "the name is too long");
        free(job);
        return NULL;
    }
    if (job != NULL)
        snprintf(job->name, sizeof job->name, "%s", name);
    return job;
}

/* One that was not added. */
static void drop_job(struct session_job *job)
{
    keys_wipe(job, sizeof *job);
    free(job);
}

/* ---- answering ---- */

static void pack_user(struct pack *pack, const char *key, const struct session *session,
                      const char *name, const struct public_key *user)
{
    char fingerprint[FINGERPRINT_SIZE];
    bool logged_in = session->logged_in && public_key_equal(&session->keys.public_key, user);
    public_key_fingerprint(user, fingerprint);
    pack_begin_map(pack, key);
    pack_text(pack, "name", name);
    pack_hex(pack, "key", bytes_of(user->bytes, PUBLIC_BYTES));
    pack_text(pack, "fingerprint", fingerprint);
    pack_bool(pack, "logged_in", logged_in);
    pack_bool(pack, "remembered", logged_in && session->remembered);
    pack_time(pack, "created", logged_in ? (int64_t)session->keystore.created_unix_s : 0);
    pack_end(pack);
}

static void pack_self(struct pack *pack, const char *key, const struct session *session)
{
    pack_user(pack, key, session, session->keystore.name, &session->keys.public_key);
}

/* A wrong password, told so, and counted. */
static void fail_wrong(struct session_job *job)
{
    struct session *session = job->session;
    struct tries *tries = session_tries(session, job->name);
    uint64_t wait_s = 0;
    tries->wrong++;
    if (tries->wrong >= TRIES_FREE)
        wait_s = 1ull << (tries->wrong - TRIES_FREE < 6 ? tries->wrong - TRIES_FREE : 6);
    tries->not_before_ms = daemon_now_ms(session->daemon) + wait_s * 1000;
    if (job->call == NULL)
        return;
    struct pack *pack =
        call_fail_begin(job->call, "wrong_password", EXIT_REFUSED, NULL, "wrong password");
    pack_u64(pack, "wait", wait_s);
    call_finish(job->call);
}

static void fail_damaged(struct session_job *job)
{
    char message[PATHS_SIZE + 128], hint[KEYSTORE_NAME_MAX + 64];
    snprintf(message, sizeof message, "the keystore %s is damaged; nothing was changed", job->path);
    snprintf(hint, sizeof hint, "kadpeer login %s --use-backup", job->name);
    struct pack *pack = call_fail_begin(job->call, "damaged_keystore", EXIT_BAD,
                                        job->backup ? hint : NULL, message);
    if (job->backup)
        pack_format(pack, "backup", "%s.backup", job->path);
    else
        pack_nil(pack, "backup");
    call_finish(job->call);
}

static void fail_job(struct session_job *job)
{
    const char *name = job->name;
    if (job->status == STATUS_REFUSED) {
        fail_wrong(job);
        return;
    }
    if (job->call == NULL)
        return;
    bool damaged = job->status == STATUS_MALFORMED || job->status == STATUS_MISMATCH;
    if (damaged && job->kind == JOB_IMPORT)
        call_fail(job->call, "bad_keystore", EXIT_BAD, NULL,
                  "that file is no keystore, or a damaged one");
    else if (damaged)
        fail_damaged(job);
    else if (job->status == STATUS_NOT_FOUND)
        call_fail(job->call, "no_user", 3, "kadpeer user ls shows who there is",
                  "there is no user \"%s\" here", name);
    else if (job->status == STATUS_EXISTS)
        call_fail(job->call, "name_taken", EXIT_CONFLICT, "kadpeer login NAME",
                  "there is a user \"%s\" here already", name);
    else if (job->status == STATUS_UNSUPPORTED)
        call_fail(job->call, "bad_keystore", EXIT_BAD, NULL,
                  "the keystore was made by a newer version");
    else
        call_fail(job->call, status_name(job->status), EXIT_DISK, NULL,
                  "the keystore cannot be read or written: %s", status_text(job->status));
}

static void answer_login(struct session_job *job)
{
    struct session *session = job->session;
    if (job->call == NULL)
        return;
    size_t groups = 0;
    const struct membership *membership = groups_first(session->daemon->groups);
    for (; membership != NULL; membership = membership->next)
        groups++;
    struct pack *pack = call_result(job->call);
    pack_self(pack, "user", session);
    if (job->kind == JOB_LOGIN) {
        pack_u64(pack, "resumed", group_engine_running(session->daemon->engine));
        pack_u64(pack, "groups", groups);
    }
    call_finish(job->call);
}

static void on_opened(struct session_job *job)
{
    struct session *session = job->session;
    session_tries(session, job->keystore.name)->wrong = 0;
    session_open(session, job);
    session->remembered = job->remember || job->kind == JOB_RESUME;
    answer_login(job);
}

static void answer_file(struct session_job *job)
{
    char name[KEYSTORE_NAME_MAX + 1];
    struct public_key user;
    uint8_t salt[16];
    if (job->call == NULL)
        return;
    if (keystore_header(buffer_bytes(&job->file), name, &user, salt) != STATUS_OK) {
        fail_damaged(job);
        return;
    }
    struct pack *pack = call_result(job->call);
    pack_user(pack, "user", job->session, name, &user);
    if (job->kind == JOB_EXPORT)
        pack_bin(pack, "file", job->file.data, job->file.len);
    call_finish(job->call);
}

/* The keystore in use has the new password from now on, too. */
static void on_password_changed(struct session_job *job)
{
    struct session *session = job->session;
    struct session_job *saving;
    if (session->logged_in && strcmp(session->keystore.name, job->keystore.name) == 0) {
        session->key = job->key;
        session_mark_dirty(session);
    }
    DL_FOREACH(session->jobs, saving)
    if (saving->kind == JOB_SAVE && strcmp(saving->keystore.name, job->keystore.name) == 0)
        saving->key = job->key;
    answer_file(job);
}

static void pack_damaged(struct pack *pack, const char *name)
{
    pack_begin_map(pack, NULL);
    pack_text(pack, "name", name);
    pack_nil(pack, "key");
    pack_nil(pack, "fingerprint");
    pack_bool(pack, "logged_in", false);
    pack_bool(pack, "damaged", true);
    pack_end(pack);
}

static void answer_list(struct session_job *job)
{
    if (job->call == NULL)
        return;
    struct pack *pack = call_result(job->call);
    pack_begin_array(pack, "users");
    for (size_t i = 0; i < job->user_count; i++)
        if (job->users[i].damaged)
            pack_damaged(pack, job->users[i].name);
        else
            pack_user(pack, NULL, job->session, job->users[i].name, &job->users[i].key);
    pack_end(pack);
    call_finish(job->call);
}

static void answer_logout(struct session_job *job)
{
    if (job->call == NULL)
        return;
    struct pack *pack = call_result(job->call);
    pack_user(pack, "user", job->session, job->user.name, &job->user.key);
    pack_u64(pack, "paused", job->paused);
    call_finish(job->call);
}

void session_job_done(struct session_job *job)
{
    if (job->kind == JOB_SAVE) {
        session_save_done(job);
        return;
    }
    if (job->kind == JOB_RESUME && job->status != STATUS_OK) {
        if (job->status != STATUS_NOT_FOUND)
            log_warn("session", "the remembered login is of no use: %s", status_text(job->status));
        return;
    }
    if (job->status != STATUS_OK || job->session->daemon->stopping) {
        fail_job(job);
        return;
    }
    switch (job->kind) {
    case JOB_CREATE:
    case JOB_LOGIN:
    case JOB_RESUME:
        on_opened(job);
        break;
    case JOB_PASSWORD:
        on_password_changed(job);
        break;
    case JOB_EXPORT:
    case JOB_IMPORT:
        answer_file(job);
        break;
    case JOB_LIST:
        answer_list(job);
        break;
    case JOB_LOGOUT:
        answer_logout(job);
        break;
    case JOB_SAVE:
        break;
    }
}

/* ---- the methods ---- */

static void create(struct daemon *daemon, struct call *call)
{
    struct session_job *job = job_for(daemon, call, JOB_CREATE);
    if (job == NULL)
        return;
    if (!read_secret(call, "password", &job->new)) {
        drop_job(job);
        return;
    }
    job->remember = call_bool(call, "remember", false);
    snprintf(job->keystore.name, sizeof job->keystore.name, "%s", job->name);
    job->keystore.created_unix_s = (uint64_t)time(NULL);
    rng_fill(&daemon->rng, job->keystore.root, sizeof job->keystore.root);
    session_job_add(job);
}

/* False: three were wrong; the call has been failed. */
static bool may_try(struct daemon *daemon, struct call *call, const char *name)
{
    const struct tries *tries = session_tries(daemon->session, name);
    uint64_t now_ms = daemon_now_ms(daemon);
    if (tries->not_before_ms <= now_ms)
        return true;
    struct pack *pack = call_fail_begin(call, "too_many_tries", EXIT_REFUSED, NULL,
                                        "too many wrong passwords: wait a moment");
    pack_u64(pack, "wait", (tries->not_before_ms - now_ms + 999) / 1000);
    call_finish(call);
    return false;
}

static void log_in(struct daemon *daemon, struct call *call)
{
    struct session_job *job = job_for(daemon, call, JOB_LOGIN);
    if (job == NULL)
        return;
    if (!read_secret(call, "password", &job->old) || !may_try(daemon, call, job->name)) {
        drop_job(job);
        return;
    }
    job->remember = call_bool(call, "remember", false);
    job->use_backup = call_bool(call, "use_backup", false);
    session_job_add(job);
}

static void log_out(struct daemon *daemon, struct call *call)
{
    struct session *session = daemon->session;
    if (!session_need_user(session, call))
        return;
    struct session_job *job = session_job_new(session, JOB_LOGOUT, call);
    if (job == NULL)
        return;
    snprintf(job->user.name, sizeof job->user.name, "%s", session->keystore.name);
    job->user.key = session->keys.public_key;
    job->paused = session_logout(session, true);
    session_job_add(job);
}

static void whoami(struct daemon *daemon, struct call *call)
{
    struct pack *pack = call_result(call);
    if (daemon->session->logged_in)
        pack_self(pack, "user", daemon->session);
    else
        pack_nil(pack, "user");
    pack_u64(pack, "waiting", group_engine_waiting(daemon->engine));
    call_finish(call);
}

static void change_password(struct daemon *daemon, struct call *call)
{
    struct session_job *job = job_for(daemon, call, JOB_PASSWORD);
    if (job == NULL)
        return;
    if (!read_secret(call, "password", &job->old) || !read_secret(call, "new", &job->new) ||
        !may_try(daemon, call, job->name)) {
        drop_job(job);
        return;
    }
    const struct session *session = daemon->session;
    job->remember =
        session->logged_in && session->remembered && strcmp(session->keystore.name, job->name) == 0;
    session_job_add(job);
}

static void export(struct daemon *daemon, struct call *call)
{
    struct session_job *job = job_for(daemon, call, JOB_EXPORT);
    if (job != NULL)
        session_job_add(job);
}

static bool is_in_use(const struct session *session, struct bytes file)
{
    char name[KEYSTORE_NAME_MAX + 1];
    struct public_key user;
    uint8_t salt[16];
    return session->logged_in && keystore_header(file, name, &user, salt) == STATUS_OK &&
           strcmp(name, session->keystore.name) == 0;
}

static void import(struct daemon *daemon, struct call *call)
{
    const msgpack_object *file = call_param(call, "file");
    struct session_job *job;
    if (file == NULL || file->type != MSGPACK_OBJECT_BIN) {
        call_fail(call, "usage", 2, NULL, "which file?");
        return;
    }
    if (is_in_use(daemon->session, bytes_of(file->via.bin.ptr, file->via.bin.size))) {
        call_fail(call, "logged_in", EXIT_CONFLICT, "kadpeer logout",
                  "%s is logged in, and what is saved then would replace the file",
                  daemon->session->keystore.name);
        return;
    }
    job = session_job_new(daemon->session, JOB_IMPORT, call);
    if (job == NULL)
        return;
    if (!read_secret(call, "password", &job->old)) {
        drop_job(job);
        return;
    }
    job->replace = call_bool(call, "force", false);
    buffer_add(&job->file, file->via.bin.ptr, file->via.bin.size);
    session_job_add(job);
}

static void list(struct daemon *daemon, struct call *call)
{
    struct session_job *job = session_job_new(daemon->session, JOB_LIST, call);
    if (job == NULL)
        return;
    paths_join(job->path, daemon->paths.data_dir, "users");
    session_job_add(job);
}

static void show(struct daemon *daemon, struct call *call)
{
    const char *name = call_text(call, "name", NULL);
    struct session *session = daemon->session;
    if (name != NULL) {
        user_search_start(daemon, call, name, call_ms(call, "wait", SHOW_WAIT_S));
        return;
    }
    if (!session_need_user(session, call))
        return;
    struct pack *pack = call_result(call);
    pack_begin_array(pack, "users");
    pack_self(pack, NULL, session);
    pack_end(pack);
    pack_u64(pack, "asked", 0);
    pack_u64(pack, "answered", 0);
    call_finish(call);
}

const struct control_method methods_user[] = {
    {"user.create", create}, {"user.list", list},
    {"user.show", show},     {"user.password", change_password},
    {"user.export", export}, {"user.import", import},
    {"login", log_in},       {"logout", log_out},
    {"whoami", whoami},      {NULL, NULL},
};
