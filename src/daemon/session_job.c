/* What takes long: scrypt and the files of keystores, in the pool, one after the other. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/errors.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/engine_private.h"
#include "daemon/session_private.h"

/* Who asked to be remembered: the file has what opens the keystore without the password. */
#define REMEMBER_MAGIC "kadpeer session 1\n"
#define REMEMBER_BYTES (sizeof REMEMBER_MAGIC - 1 + KEYSTORE_NAME_MAX + sizeof(struct keystore_key))

/* ---- files ---- */

static enum status remember(const struct session_job *job)
{
    uint8_t file[REMEMBER_BYTES] = REMEMBER_MAGIC;
    char path[PATHS_SIZE];
    size_t at = sizeof REMEMBER_MAGIC - 1;
    memcpy(file + at, job->keystore.name, strlen(job->keystore.name));
    memcpy(file + at + KEYSTORE_NAME_MAX, &job->key, sizeof job->key);
    session_remember_path(job->session, path);
    enum status status = keystore_replace(path, bytes_of(file, sizeof file));
    keys_wipe(file, sizeof file);
    return status;
}

/* ---- opening ---- */

static enum status open_file(struct session_job *job)
{
    char name[KEYSTORE_NAME_MAX + 1];
    struct public_key user;
    struct bytes file = buffer_bytes(&job->file);
    enum status status = keystore_header(file, name, &user, job->key.salt);
    if (status == STATUS_OK)
        status = keystore_check(file);
    if (status == STATUS_OK && job->kind != JOB_RESUME)
        status = keystore_key_derive(bytes_of(job->old.bytes, job->old.len), &job->key);
    if (status == STATUS_OK)
        status = keystore_decode(file, &job->key, &job->keystore);
    return status;
}

static bool is_damage(enum status status)
{
    return status == STATUS_MALFORMED || status == STATUS_MISMATCH;
}

static void backup_of(const struct session_job *job, char out[PATHS_SIZE + 8])
{
    snprintf(out, PATHS_SIZE + 8, "%s.backup", job->path);
}

static void look_for_backup(struct session_job *job)
{
    char path[PATHS_SIZE + 8];
    struct buffer file;
    buffer_init(&file);
    backup_of(job, path);
    job->backup =
        keystore_read(path, &file) == STATUS_OK && keystore_check(buffer_bytes(&file)) == STATUS_OK;
    buffer_dispose(&file);
}

/* The damaged one is kept beside, and the backup stays where it is. */
static enum status restore_backup(struct session_job *job)
{
    char damaged[PATHS_SIZE + 16];
    snprintf(damaged, sizeof damaged, "%s.damaged", job->path);
    if (rename(job->path, damaged) != 0 && errno != ENOENT)
        return status_of_errno(errno);
    return keystore_write(job->path, buffer_bytes(&job->file));
}

static void run_login(struct session_job *job)
{
    char path[PATHS_SIZE + 8];
    snprintf(path, sizeof path, "%s", job->path);
    if (job->use_backup)
        backup_of(job, path);
    job->status = keystore_read(path, &job->file);
    if (job->status == STATUS_OK)
        job->status = open_file(job);
    if (is_damage(job->status) && !job->use_backup)
        look_for_backup(job);
    if (job->status == STATUS_OK && job->use_backup)
        job->status = restore_backup(job);
    if (job->status == STATUS_OK && job->remember)
        job->status = remember(job);
}

static void run_resume(struct session_job *job)
{
    struct buffer file;
    size_t at = sizeof REMEMBER_MAGIC - 1;
    char name[KEYSTORE_NAME_MAX + 1] = "";
    buffer_init(&file);
    job->status = keystore_read(job->path, &file);
    if (job->status == STATUS_OK &&
        (file.len != REMEMBER_BYTES || memcmp(file.data, REMEMBER_MAGIC, at) != 0))
        job->status = STATUS_MALFORMED;
    if (job->status == STATUS_OK) {
        memcpy(name, file.data + at, KEYSTORE_NAME_MAX);
        memcpy(&job->key, file.data + at + KEYSTORE_NAME_MAX, sizeof job->key);
        if (!session_path(job->session, name, job->path))
            job->status = STATUS_MALFORMED;
    }
    if (file.data != NULL)
        keys_wipe(file.data, file.len);
    buffer_dispose(&file);
    if (job->status == STATUS_OK)
        job->status = keystore_read(job->path, &job->file);
    if (job->status == STATUS_OK)
        job->status = open_file(job);
}

/* ---- making ---- */

static enum status seal_and_write(struct session_job *job)
{
    buffer_clear(&job->file);
    enum status status = keystore_encode(&job->keystore, &job->key, &job->rng, &job->file);
    if (status == STATUS_OK && job->file.failed)
        status = STATUS_NO_MEMORY;
    return status == STATUS_OK ? keystore_write(job->path, buffer_bytes(&job->file)) : status;
}

static void run_create(struct session_job *job)
{
    if (access(job->path, F_OK) == 0) {
        job->status = STATUS_EXISTS;
        return;
    }
    rng_fill(&job->rng, job->key.salt, sizeof job->key.salt);
    job->status = keystore_key_derive(bytes_of(job->new.bytes, job->new.len), &job->key);
    if (job->status == STATUS_OK)
        job->status = seal_and_write(job);
    if (job->status == STATUS_OK && job->remember)
        job->status = remember(job);
}

/* Written twice, or the backup would still open with the old password. */
static void run_password(struct session_job *job)
{
    job->status = keystore_read(job->path, &job->file);
    if (job->status == STATUS_OK)
        job->status = open_file(job);
    if (job->status != STATUS_OK)
        return;
    rng_fill(&job->rng, job->key.salt, sizeof job->key.salt);
    job->status = keystore_key_derive(bytes_of(job->new.bytes, job->new.len), &job->key);
    for (int i = 0; i < 2 && job->status == STATUS_OK; i++)
        job->status = seal_and_write(job);
    if (job->status == STATUS_OK && job->remember)
        job->status = remember(job);
}

static void run_import(struct session_job *job)
{
    job->status = open_file(job);
    if (job->status != STATUS_OK)
        return;
    snprintf(job->name, sizeof job->name, "%s", job->keystore.name);
    if (!session_path(job->session, job->keystore.name, job->path))
        job->status = STATUS_TOO_BIG;
    else if (access(job->path, F_OK) == 0 && !job->replace)
        job->status = STATUS_EXISTS;
    else
        job->status = keystore_write(job->path, buffer_bytes(&job->file));
}

/* ---- listing ---- */

static void list_one(struct session_job *job, const char *folder, const char *file)
{
    static const char ending[] = ".keystore";
    size_t len = strlen(file), end = sizeof ending - 1;
    char path[PATHS_SIZE];
    uint8_t salt[16];
    struct buffer content;
    struct session_user *user = &job->users[job->user_count];
    if (len <= end || strcmp(file + len - end, ending) != 0 || job->user_count == USERS_MAX ||
        !paths_join(path, folder, file))
        return;
    buffer_init(&content);
    user->damaged =
        keystore_read(path, &content) != STATUS_OK ||
        keystore_header(buffer_bytes(&content), user->name, &user->key, salt) != STATUS_OK;
    if (user->damaged)
        snprintf(user->name, sizeof user->name, "%.*s", (int)(len - end), file);
    job->user_count++;
    buffer_dispose(&content);
}

static int compare_users(const void *a, const void *b)
{
    const struct session_user *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void run_list(struct session_job *job)
{
    DIR *folder = opendir(job->path);
    struct dirent *entry;
    job->users = calloc(USERS_MAX + 1, sizeof *job->users);
    job->status = job->users != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    while (folder != NULL && job->users != NULL && (entry = readdir(folder)) != NULL)
        list_one(job, job->path, entry->d_name);
    if (folder != NULL)
        closedir(folder);
    if (job->users != NULL)
        qsort(job->users, job->user_count, sizeof *job->users, compare_users);
}

void session_job_run(struct session_job *job)
{
    switch (job->kind) {
    case JOB_CREATE:
        run_create(job);
        break;
    case JOB_LOGIN:
        run_login(job);
        break;
    case JOB_RESUME:
        run_resume(job);
        break;
    case JOB_PASSWORD:
        run_password(job);
        break;
    case JOB_EXPORT:
        job->status = keystore_read(job->path, &job->file);
        break;
    case JOB_IMPORT:
        run_import(job);
        break;
    case JOB_LIST:
        run_list(job);
        break;
    case JOB_SAVE:
        if (job->status == STATUS_OK && job->file.len == 0)
            job->status = seal_and_write(job);
        else if (job->status == STATUS_OK)
            job->status = keystore_write(job->path, buffer_bytes(&job->file));
        break;
    case JOB_LOGOUT:
        break;
    }
}

/* ---- one after the other ---- */

static void start_first(struct session *session);

static void free_job(struct session_job *job)
{
    DL_DELETE(job->session->jobs, job);
    keystore_dispose(&job->keystore);
    buffer_dispose(&job->file);
    free(job->users);
    keys_wipe(job, sizeof *job);
    free(job);
}

static void on_done(void *user, bool cancelled)
{
    struct session_job *job = user;
    struct session *session = job->session;
    struct engine *engine = session->daemon->engine;
    if (cancelled)
        job->status = STATUS_CANCELLED;
    session_job_done(job);
    free_job(job);
    session_go_on(session);
    start_first(session);
    engine_job_ends(engine);
}

static void run(void *user)
{
    session_job_run(user);
}

static void start_first(struct session *session)
{
    struct session_job *job = session->jobs;
    if (job == NULL)
        return;
    engine_job_begins(session->daemon->engine);
    work_start(&job->work, session->daemon->loop, run, on_done, job);
}

static void on_cancel(void *user)
{
    struct session_job *job = user;
    job->call = NULL;
}

struct session_job *session_job_new(struct session *session, enum session_job_kind kind,
                                    struct call *call)
{
    struct session_job *job = calloc(1, sizeof *job);
    uint8_t key[16];
    if (job == NULL) {
        if (call != NULL)
            call_fail(call, "no_memory", 1, NULL, "out of memory");
        return NULL;
    }
    job->session = session;
    job->kind = kind;
    job->call = call;
    buffer_init(&job->file);
    rng_fill(&session->daemon->rng, key, sizeof key);
    rng_init(&job->rng, key);
    return job;
}

void session_job_add(struct session_job *job)
{
    struct session *session = job->session;
    bool idle = session->jobs == NULL;
    DL_APPEND(session->jobs, job);
    if (job->call != NULL)
        call_on_cancel(job->call, on_cancel, job);
    if (idle)
        start_first(session);
}

void session_job_do(struct session_job *job)
{
    DL_APPEND(job->session->jobs, job);
    session_job_run(job);
    session_job_done(job);
    free_job(job);
}
