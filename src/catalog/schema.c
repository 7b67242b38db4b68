#include "catalog/schema.h"

#include <assert.h>
#include <stdio.h>

/* Step N leads from version N to N + 1. A step that was released is never changed: what has to be
 * different is another step. STRICT: a column holds its type and nothing else. */
static const char *const steps[SCHEMA_VERSION] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE transfers ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT," /* a number that was typed once never changes meaning
                                              */
    " infohash BLOB NOT NULL UNIQUE CHECK (length(infohash) = 20),"
    " origin INTEGER NOT NULL CHECK (origin BETWEEN 1 AND 2)," /* 1 share, 2 fetch */
    " wish INTEGER NOT NULL CHECK (wish BETWEEN 1 AND 3),"     /* 1 run, 2 pause, 3 stop */
    " name TEXT NOT NULL,"
    " dir TEXT NOT NULL,"
    " target TEXT NOT NULL,"
    " complete INTEGER NOT NULL,"
    " unlisted INTEGER NOT NULL,"
    " no_seed INTEGER NOT NULL,"
    " force INTEGER NOT NULL,"
    " file_sha1 BLOB CHECK (length(file_sha1) = 20),"
    " expected_sha1 BLOB CHECK (length(expected_sha1) = 20),"
    " peers TEXT NOT NULL,"
    " options TEXT NOT NULL," /* words of the engine's */
    " size INTEGER NOT NULL,"
    " added INTEGER NOT NULL,"     /* Unix time */
    " completed INTEGER NOT NULL," /* Unix time, 0 not yet */
    " info BLOB NOT NULL"          /* last: long, and read at the start only */
    ") STRICT;"
    /* Written every few seconds while a transfer runs: apart, so that the long info dictionary is
     * not written along. */
    "CREATE TABLE progress ("
    " id INTEGER PRIMARY KEY NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,"
    " uploaded INTEGER NOT NULL DEFAULT 0,"
    " downloaded INTEGER NOT NULL DEFAULT 0,"
    " have BLOB NOT NULL,"
    " synced BLOB NOT NULL DEFAULT x''," /* what was surely on disk at the last sync */
    " boot_id TEXT NOT NULL DEFAULT ''"  /* of the machine's run in which that was */
    ") STRICT;"
    "CREATE TABLE files ("
    " id INTEGER NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL," /* in metainfo.files */
    " mtime_ns INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " inode INTEGER NOT NULL,"
    " PRIMARY KEY (id, number)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE nodes ("
    " position INTEGER PRIMARY KEY NOT NULL,"
    " family INTEGER NOT NULL,"
    " node BLOB NOT NULL CHECK (length(node) = 20),"
    " address TEXT NOT NULL," /* host:port */
    " rtt_ms INTEGER NOT NULL,"
    " failures INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE records ("
    " position INTEGER PRIMARY KEY NOT NULL,"
    " family INTEGER NOT NULL,"
    " key BLOB NOT NULL CHECK (length(key) = 20),"
    " kind INTEGER NOT NULL,"
    " value BLOB NOT NULL"
    ") STRICT;",
    /* What is shared in a private group, and the digest that its members know it by. */
    ("ALTER TABLE transfers ADD COLUMN group_key BLOB CHECK (length(group_key) = 32);"
     "ALTER TABLE transfers ADD COLUMN sha256 BLOB CHECK (length(sha256) = 32);"),
    /* Of a record that does not say itself when it ends. */
    "ALTER TABLE records ADD COLUMN ends_unix_s INTEGER NOT NULL DEFAULT 0;",
    /* Info dictionaries have up to 30 MiB: apart, so that they are written once, and in slices, so
     * that nobody waits for a whole one. One is there when all its slices are; see catalog_info.c.
     */
    ("CREATE TABLE infos ("
     " infohash BLOB NOT NULL CHECK (length(infohash) = 20),"
     " number INTEGER NOT NULL," /* of the slice, from 0 */
     " last INTEGER NOT NULL,"   /* 1: none comes after it */
     " slice BLOB NOT NULL,"
     " UNIQUE (infohash, number)"
     ") STRICT;"
     "INSERT INTO infos SELECT infohash, 0, 1, info FROM transfers WHERE length(info) > 0;"
     "ALTER TABLE transfers DROP COLUMN info;"),
    /* Of a .torrent that somebody gave: what stands around its info dictionary. */
    ("CREATE TABLE torrents ("
     " id INTEGER PRIMARY KEY NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,"
     " around BLOB NOT NULL"
     ") STRICT;"),
    /* The time of a file's last change of any kind; 0: not known, as in rows from before. */
    "ALTER TABLE files ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;",
};

static int run_steps(sqlite3 *db, int from, int to)
{
    for (int i = from; i < to; i++) {
        int code = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
        if (code != SQLITE_OK)
            return code;
    }
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", to);
    return sqlite3_exec(db, pragma, NULL, NULL, NULL);
}

int schema_migrate(sqlite3 *db, int from, int to)
{
    assert(from >= 0 && to <= SCHEMA_VERSION);
    if (from >= to)
        return SQLITE_OK;
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return code;
    code = run_steps(db, from, to);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}
