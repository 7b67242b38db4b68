/* What the files of this folder share and nobody else sees. */
#pragma once

#include "catalog/catalog.h"
#include "catalog/query.h"

struct catalog {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use */
    bool in_transaction;                       /* between catalog_begin and catalog_end */
    enum status failed;                        /* the first failure in there: nothing is kept */
};

/* Statuses from SQLite's codes; `db`, which may be NULL, tells the system's error behind one. */
enum status catalog_status(sqlite3 *db, int code);

/* A transaction of its own, unless the caller is in one already; `*own` goes to catalog_leave,
 * which keeps what was done when `status` is OK. */
enum status catalog_enter(struct catalog *catalog, bool *own);
enum status catalog_leave(struct catalog *catalog, bool own, enum status status);
