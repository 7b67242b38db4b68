/* One run of a prepared statement: bind in order, step, read columns, end. The statements are
 * prepared at first use and kept. The first error sticks; query_end tells it. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/id.h"
#include "kadpeer/status.h"

#define CATALOG_STATEMENTS(X)                                                                      \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(META_SET, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)")                         \
    X(META_GET, "SELECT value FROM meta WHERE name = ?")                                           \
    X(TRANSFER_FIND, "SELECT id FROM transfers WHERE infohash = ?")                                \
    X(TRANSFER_ADD, "INSERT INTO transfers (infohash, origin, wish, name, dir, target, complete,"  \
                    " unlisted, no_seed, force, file_sha1, expected_sha1, peers, options, size,"   \
                    " added, completed, group_key, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?,"        \
                    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                                           \
    X(TRANSFER_UPDATE, "UPDATE transfers SET origin = ?, wish = ?, name = ?, dir = ?, target = ?," \
                       " complete = ?, unlisted = ?, no_seed = ?, force = ?, file_sha1 = ?,"       \
                       " expected_sha1 = ?, peers = ?, options = ?, size = ?, added = ?,"          \
                       " completed = ?, group_key = ?, sha256 = ? WHERE id = ?")                   \
    X(TRANSFER_REMOVE, "DELETE FROM transfers WHERE id = ?")                                       \
    X(TRANSFER_LOAD, "SELECT id, infohash, origin, wish, name, dir, target, complete, unlisted,"   \
                     " no_seed, force, file_sha1, expected_sha1, peers, options, size, added,"     \
                     " completed, uploaded, downloaded, have, synced, boot_id,"                    \
                     " group_key, sha256"                                                          \
                     " FROM transfers JOIN progress USING (id) ORDER BY id")                       \
    X(TRANSFER_HASH, "UPDATE transfers SET infohash = ? WHERE id = ?")                             \
    X(TRANSFER_WISH, "UPDATE transfers SET wish = ? WHERE id = ?")                                 \
    X(INFO_SIZE, "SELECT count(*), max(number), sum(last), sum(length(slice)) FROM infos"          \
                 " WHERE infohash = ?")                                                            \
    X(INFO_LOAD, "SELECT slice FROM infos WHERE infohash = ? ORDER BY number")                     \
    X(INFO_ADD, "INSERT INTO infos (infohash, number, last, slice) VALUES (?, ?, ?, ?)"            \
                " ON CONFLICT (infohash, number) DO NOTHING")                                      \
    X(INFO_CLEAR, "DELETE FROM infos WHERE infohash = ?")                                          \
    X(INFO_CLEAR_SHORT, "DELETE FROM infos WHERE number = 0 AND last = 1"                          \
                        " AND infohash = (SELECT infohash FROM transfers WHERE id = ?)")           \
    X(INFO_DROP, "DELETE FROM infos"                                                               \
                 " WHERE rowid = (SELECT rowid FROM infos WHERE infohash = ?1 LIMIT 1)"            \
                 " AND NOT EXISTS (SELECT 1 FROM transfers WHERE infohash = ?1)")                  \
    X(TORRENT_SET, "INSERT OR REPLACE INTO torrents (id, around) VALUES (?, ?)")                   \
    X(TORRENT_GET, "SELECT around FROM torrents WHERE id = ?")                                     \
    X(PROGRESS_SET, "INSERT INTO progress (id, uploaded, downloaded, have) VALUES (?, ?, ?, ?)"    \
                    " ON CONFLICT (id) DO UPDATE SET uploaded = excluded.uploaded,"                \
                    " downloaded = excluded.downloaded, have = excluded.have")                     \
    X(PROGRESS_HAVE, "UPDATE progress SET have = ? WHERE id = ?")                                  \
    X(PROGRESS_SYNCED, "UPDATE progress SET synced = ?, boot_id = ? WHERE id = ?")                 \
    X(PROGRESS_TRAFFIC, "UPDATE progress SET uploaded = uploaded + ?,"                             \
                        " downloaded = downloaded + ? WHERE id = ?")                               \
    X(FILES_CLEAR, "DELETE FROM files WHERE id = ?")                                               \
    X(FILES_ADD,                                                                                   \
      "INSERT INTO files (id, number, mtime_ns, ctime_ns, size, inode) VALUES (?, ?, ?, ?, ?, ?)") \
    X(FILES_LOAD,                                                                                  \
      "SELECT number, mtime_ns, ctime_ns, size, inode FROM files WHERE id = ? ORDER BY number")    \
    X(NODES_CLEAR, "DELETE FROM nodes WHERE family = ?")                                           \
    X(NODES_ADD, "INSERT INTO nodes (family, node, address, rtt_ms, failures)"                     \
                 " VALUES (?, ?, ?, ?, ?)")                                                        \
    X(NODES_LOAD, "SELECT node, address, rtt_ms, failures FROM nodes WHERE family = ?"             \
                  " ORDER BY position LIMIT ?")                                                    \
    X(RECORDS_CLEAR, "DELETE FROM records WHERE family = ?")                                       \
    X(RECORDS_ADD, "INSERT INTO records (family, key, kind, value, ends_unix_s)"                   \
                   " VALUES (?, ?, ?, ?, ?)")                                                      \
    X(RECORDS_LOAD,                                                                                \
      "SELECT key, kind, value, ends_unix_s FROM records WHERE family = ? ORDER BY position")

enum statement {
#define X(name, sql) STATEMENT_##name,
    CATALOG_STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

struct catalog;

struct query {
    struct catalog *catalog;
    sqlite3_stmt *statement; /* NULL: it could not be prepared */
    int bound;               /* how many parameters have a value */
    int code;                /* the first SQLite error; SQLITE_OK none */
};

void query_start(struct query *query, struct catalog *catalog, enum statement which);

/* Each gives the next parameter its value, borrowed until query_end. */
void query_bind_int(struct query *query, int64_t value);
void query_bind_count(struct query *query, uint64_t value);  /* over INT64_MAX: that */
void query_bind_text(struct query *query, const char *text); /* NULL: empty */
void query_bind_bytes(struct query *query, struct bytes bytes);
void query_bind_id(struct query *query, const struct id *id);             /* NULL: none */
void query_bind_fixed(struct query *query, const void *data, size_t len); /* NULL: none */

bool query_row(struct query *query); /* the next row; false: no more, or an error */

/* Columns of the row, from 0. Copies are the caller's; without memory the query fails. */
int64_t query_int(struct query *query, int column);
uint64_t query_count(struct query *query, int column); /* negative: 0 */
char *query_text(struct query *query, int column);
bool query_bytes(struct query *query, int column, uint8_t **out, size_t *len); /* never NULL */
/* What fits of it; returns how much that is. */
size_t query_copy(struct query *query, int column, uint8_t *out, size_t cap);
bool query_id(struct query *query, int column, struct id *out); /* false: NULL, not 20 bytes */
bool query_fixed(struct query *query, int column, void *out, size_t len); /* likewise */

enum status query_end(struct query *query);
enum status query_run(struct query *query);     /* rows are passed over, then query_end */
enum status query_run_one(struct query *query); /* NOT_FOUND when it changed no row */

/* Makes room for row number `used` of a growing array, and zeroes it. */
enum status query_grow(void **rows, size_t *room, size_t used, size_t row_bytes);
