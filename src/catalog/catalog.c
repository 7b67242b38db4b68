/* Opening, closing, transactions and the small facts.
 *
 * The order of opening, each step refusing before the next may change the file:
 *   1. the file's own header: a database, ours, not cut short
 *   2. its version: not newer than this program
 *   3. after an unclean end (no "clean_end" fact): SQLite's quick_check
 *   4. migrations
 *   5. info dictionaries of no use go
 *   6. "clean_end" is taken out; catalog_close puts it back */
#include "catalog/catalog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog/catalog_private.h"
#include "catalog/database_file.h"
#include "catalog/params.h"
#include "catalog/schema.h"

#define CLEAN_END "clean_end"

static const char *shown(const char *path)
{
    size_t len = strlen(path);
    return len > CATALOG_PATH_SHOWN ? path + len - CATALOG_PATH_SHOWN : path;
}

static void say(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An overlong text is cut at its end. */
static void say(char *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, CATALOG_ERROR_SIZE, format, args);
    va_end(args);
}

/* What happened and what to do about it. */
static enum status refuse(const char *path, enum status status, const char *reason, char *error)
{
    const char *advice = "";
    if (status == STATUS_MALFORMED)
        advice = "; put back a copy of it, or move it away to start with an empty one";
    else if (status == STATUS_NO_SPACE)
        advice = "; make room there";
    else if (status == STATUS_BUSY)
        advice = "; end the other program that uses it";
    else if (status == STATUS_PERMISSION)
        advice = "; this user must be able to write it and its folder";
    say(error, "cannot use the database %s: %.*s%s", shown(path), CATALOG_REASON_SHOWN, reason,
        advice);
    return status;
}

static enum status explain(sqlite3 *db, const char *path, int code, char *error)
{
    enum status status = catalog_status(db, code);
    return refuse(path, status,
                  status == STATUS_INTERNAL ? sqlite3_errstr(code) : status_text(status), error);
}

static enum status check_file(const char *path, bool *empty, char *error)
{
    const char *why;
    enum status status = database_file_check(path, empty, &why);
    if (status == STATUS_OK)
        return STATUS_OK;
    return refuse(path, status, why != NULL ? why : status_text(status), error);
}

/* The first column of the first row of a statement that is used once. */
static int ask_int(sqlite3 *db, const char *sql, int *out)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    *out = code == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int prepare_connection(sqlite3 *db, bool empty)
{
    char sql[256];
    /* The application id goes into the file itself, before there is a log. */
    if (empty) {
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d", SCHEMA_APPLICATION_ID);
        int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
        if (code != SQLITE_OK)
            return code;
    }
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
             "PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = %d",
             CATALOG_LOG_KEPT_BYTES);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static enum status check_integrity(sqlite3 *db, const char *path, char *error)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return explain(db, path, code, error);
    code = sqlite3_step(statement);
    const char *answer =
        code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    enum status status = STATUS_OK;
    if (answer == NULL) {
        status = explain(db, path, code, error);
    } else if (strcmp(answer, "ok") != 0) {
        status = refuse(path, STATUS_MALFORMED, answer, error);
    }
    sqlite3_finalize(statement);
    return status;
}

static enum status check_unclean_end(sqlite3 *db, const char *path, char *error)
{
    int clean = 0;
    int code = ask_int(db, "SELECT count(*) FROM meta WHERE name = '" CLEAN_END "'", &clean);
    if (code != SQLITE_OK)
        return explain(db, path, code, error);
    return clean > 0 ? STATUS_OK : check_integrity(db, path, error);
}

static enum status bring_up(sqlite3 *db, const char *path, bool empty, char *error)
{
    int version = 0;
    int code = ask_int(db, "PRAGMA user_version", &version);
    if (code != SQLITE_OK)
        return explain(db, path, code, error);
    if (version < 0 || version > SCHEMA_VERSION) {
        say(error,
            "the database %s was made by a newer kadpeer (version %d of its tables, this one "
            "knows %d); use that kadpeer",
            shown(path), version, SCHEMA_VERSION);
        return STATUS_MALFORMED;
    }
    code = prepare_connection(db, empty);
    if (code != SQLITE_OK)
        return explain(db, path, code, error);
    enum status status = version > 0 ? check_unclean_end(db, path, error) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    code = schema_migrate(db, version, SCHEMA_VERSION);
    if (code == SQLITE_OK)
        code = catalog_sweep_infos(db);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "DELETE FROM meta WHERE name = '" CLEAN_END "'", NULL, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : explain(db, path, code, error);
}

static enum status connect(const char *path, sqlite3 **out, char *error)
{
    bool empty;
    enum status status = check_file(path, &empty, error);
    if (status != STATUS_OK)
        return status;
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        status = explain(db, path, code, error);
        sqlite3_close(db);
        return status;
    }
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, CATALOG_BUSY_MS);
    /* Until it is known to be good, closing must not write the log into the database. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    status = bring_up(db, path, empty, error);
    if (status != STATUS_OK) {
        sqlite3_close(db);
        return status;
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    *out = db;
    return STATUS_OK;
}

enum status catalog_open(const char *path, struct catalog **out, char error[CATALOG_ERROR_SIZE])
{
    *out = NULL;
    error[0] = '\0';
    struct catalog *catalog = calloc(1, sizeof *catalog);
    if (catalog == NULL) {
        say(error, "%s", status_text(STATUS_NO_MEMORY));
        return STATUS_NO_MEMORY;
    }
    enum status status = connect(path, &catalog->db, error);
    if (status != STATUS_OK) {
        free(catalog);
        return status;
    }
    *out = catalog;
    return STATUS_OK;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    if (catalog->in_transaction)
        catalog_end(catalog, false);
    catalog_set(catalog, CLEAN_END, bytes_of_string("1"));
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(catalog->statements[i]);
    sqlite3_close(catalog->db);
    free(catalog);
}

static enum status run(struct catalog *catalog, enum statement which)
{
    struct query query;
    query_start(&query, catalog, which);
    return query_run(&query);
}

enum status catalog_begin(struct catalog *catalog)
{
    if (catalog->in_transaction)
        return STATUS_INTERNAL;
    enum status status = run(catalog, STATEMENT_BEGIN);
    catalog->in_transaction = status == STATUS_OK;
    catalog->failed = STATUS_OK;
    return status;
}

/* SQLite itself undoes a transaction that found no room; then there is nothing left to end. */
enum status catalog_end(struct catalog *catalog, bool commit)
{
    if (!catalog->in_transaction)
        return STATUS_INTERNAL;
    catalog->in_transaction = false;
    enum status status = catalog->failed;
    if (commit && status == STATUS_OK)
        status = run(catalog, STATEMENT_COMMIT);
    if (!sqlite3_get_autocommit(catalog->db))
        run(catalog, STATEMENT_ROLLBACK);
    return commit ? status : STATUS_OK;
}

enum status catalog_enter(struct catalog *catalog, bool *own)
{
    *own = !catalog->in_transaction;
    return *own ? catalog_begin(catalog) : STATUS_OK;
}

enum status catalog_leave(struct catalog *catalog, bool own, enum status status)
{
    if (!own)
        return status;
    enum status ended = catalog_end(catalog, status == STATUS_OK);
    return status != STATUS_OK ? status : ended;
}

enum status catalog_set(struct catalog *catalog, const char *name, struct bytes value)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_META_SET);
    query_bind_text(&query, name);
    query_bind_bytes(&query, value);
    return query_run(&query);
}

enum status catalog_get(struct catalog *catalog, const char *name, uint8_t **out, size_t *len)
{
    *out = NULL;
    *len = 0;
    struct query query;
    query_start(&query, catalog, STATEMENT_META_GET);
    query_bind_text(&query, name);
    bool found = query_row(&query) && query_bytes(&query, 0, out, len);
    enum status status = query_end(&query);
    return status != STATUS_OK || found ? status : STATUS_NOT_FOUND;
}
