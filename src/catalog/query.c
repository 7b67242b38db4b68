#include "catalog/query.h"

#include <errno.h>
#include <stdlib.h>

#include "base/errors.h"
#include "catalog/catalog_private.h"

static const char *const texts[STATEMENT_COUNT] = {
#define X(name, sql) [STATEMENT_##name] = sql,
    CATALOG_STATEMENTS(X)
#undef X
};

void query_start(struct query *query, struct catalog *catalog, enum statement which)
{
    *query = (struct query){.catalog = catalog};
    sqlite3_stmt **kept = &catalog->statements[which];
    if (*kept == NULL)
        query->code = sqlite3_prepare_v3(catalog->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                         kept, NULL);
    query->statement = *kept;
}

static void note(struct query *query, int code)
{
    if (query->code == SQLITE_OK)
        query->code = code;
}

void query_bind_int(struct query *query, int64_t value)
{
    note(query, sqlite3_bind_int64(query->statement, ++query->bound, value));
}

void query_bind_count(struct query *query, uint64_t value)
{
    query_bind_int(query, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void query_bind_text(struct query *query, const char *text)
{
    note(query, sqlite3_bind_text(query->statement, ++query->bound, text != NULL ? text : "", -1,
                                  SQLITE_STATIC));
}

void query_bind_bytes(struct query *query, struct bytes bytes)
{
    const void *data = bytes.len > 0 ? (const void *)bytes.data : "";
    note(query,
         sqlite3_bind_blob64(query->statement, ++query->bound, data, bytes.len, SQLITE_STATIC));
}

void query_bind_fixed(struct query *query, const void *data, size_t len)
{
    if (data != NULL)
        query_bind_bytes(query, bytes_of(data, len));
    else
        note(query, sqlite3_bind_null(query->statement, ++query->bound));
}

void query_bind_id(struct query *query, const struct id *id)
{
    query_bind_fixed(query, id != NULL ? id->bytes : NULL, ID_BYTES);
}

bool query_row(struct query *query)
{
    if (query->code != SQLITE_OK)
        return false;
    int code = sqlite3_step(query->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        query->code = code;
    return code == SQLITE_ROW;
}

int64_t query_int(struct query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

uint64_t query_count(struct query *query, int column)
{
    int64_t value = query_int(query, column);
    return value < 0 ? 0 : (uint64_t)value;
}

bool query_bytes(struct query *query, int column, uint8_t **out, size_t *len)
{
    const void *data = sqlite3_column_blob(query->statement, column);
    *len = (size_t)sqlite3_column_bytes(query->statement, column);
    *out = malloc(*len + 1); /* room for the zero of query_text */
    if (*out == NULL) {
        note(query, SQLITE_NOMEM);
        *len = 0;
        return false;
    }
    if (*len > 0)
        memcpy(*out, data, *len);
    return true;
}

size_t query_copy(struct query *query, int column, uint8_t *out, size_t cap)
{
    const void *data = sqlite3_column_blob(query->statement, column);
    size_t len = (size_t)sqlite3_column_bytes(query->statement, column);
    len = len < cap ? len : cap;
    if (len > 0)
        memcpy(out, data, len);
    return len;
}

char *query_text(struct query *query, int column)
{
    uint8_t *text;
    size_t len;
    if (!query_bytes(query, column, &text, &len))
        return NULL;
    text[len] = '\0';
    return (char *)text;
}

bool query_fixed(struct query *query, int column, void *out, size_t len)
{
    const void *data = sqlite3_column_blob(query->statement, column);
    if (data == NULL || sqlite3_column_bytes(query->statement, column) != (int)len)
        return false;
    memcpy(out, data, len);
    return true;
}

bool query_id(struct query *query, int column, struct id *out)
{
    return query_fixed(query, column, out->bytes, ID_BYTES);
}

enum status query_end(struct query *query)
{
    enum status status = catalog_status(query->catalog->db, query->code);
    if (query->statement != NULL) {
        sqlite3_reset(query->statement);
        sqlite3_clear_bindings(query->statement);
    }
    if (status != STATUS_OK && query->catalog->failed == STATUS_OK)
        query->catalog->failed = status;
    return status;
}

enum status query_run(struct query *query)
{
    while (query_row(query)) {
    }
    return query_end(query);
}

enum status query_run_one(struct query *query)
{
    enum status status = query_run(query);
    if (status != STATUS_OK)
        return status;
    return sqlite3_changes(query->catalog->db) > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status query_grow(void **rows, size_t *room, size_t used, size_t row_bytes)
{
    if (used == *room) {
        size_t wanted = *room > 0 ? 2 * *room : 16;
        void *grown = reallocarray(*rows, wanted, row_bytes);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        *rows = grown;
        *room = wanted;
    }
    memset((char *)*rows + used * row_bytes, 0, row_bytes);
    return STATUS_OK;
}

/* A limit on the size of files is a disk that is full. */
static enum status status_of_write(int error)
{
    return error == EFBIG ? STATUS_NO_SPACE : status_of_errno(error);
}

/* What the system said when SQLite last failed to read or write: its own sqlite3_system_errno is
 * often overwritten by what it did to clean up; each of its files remembers better. */
static int errno_behind(sqlite3 *db)
{
    int error = 0;
    sqlite3_file *log = NULL;
    if (db == NULL)
        return 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    if (error == 0)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
    return error != 0 ? error : sqlite3_system_errno(db);
}

enum status catalog_status(sqlite3 *db, int code)
{
    switch (code & 0xff) { /* the low byte is the code, the rest its detail */
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return STATUS_OK;
    case SQLITE_NOMEM:
        return STATUS_NO_MEMORY;
    case SQLITE_FULL:
        return STATUS_NO_SPACE;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return status_of_write(errno_behind(db));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return STATUS_PERMISSION;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return STATUS_MALFORMED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return STATUS_BUSY;
    case SQLITE_TOOBIG:
        return STATUS_TOO_BIG;
    case SQLITE_CONSTRAINT:
        return STATUS_CONFLICT;
    default:
        return STATUS_INTERNAL;
    }
}
