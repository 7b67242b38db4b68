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

/* The info dictionary of that infohash, to be freed; len 0: it is not there, or not all of it. */
enum status catalog_load_info(struct catalog *catalog, const struct id *infohash,
                              struct bytes *out);
/* What no transfer has, and what was left half stored, goes. Returns an SQLite result code. */
int catalog_sweep_infos(sqlite3 *db);
/* Takes that of a transfer out, when it is so short that nobody notices. */
enum status catalog_clear_short_info(struct catalog *catalog, int64_t id);

/* A transaction of its own, unless the caller is in one already; `*own` goes to catalog_leave,
 * which keeps what was done when `status` is OK. */
enum status catalog_enter(struct catalog *catalog, bool *own);
enum status catalog_leave(struct catalog *catalog, bool own, enum status status);
