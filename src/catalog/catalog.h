/* What survives: shares, downloads, their verified pieces, known nodes, held records (SQLite, WAL,
 * mode 0600). A call that returns STATUS_OK has its facts in the database: they outlive a kill -9;
 * a crash of the machine may lose the last moments (synchronous = NORMAL), which `boot_id` tells.
 * One connection, one thread, but for long info dictionaries. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/dht.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/status.h"

#define CATALOG_ERROR_SIZE 256

struct catalog;

/* Opens or creates; runs migrations in one transaction; an integrity check after an unclean end.
 * STATUS_MALFORMED: not our database, damaged, or made by a newer version: `error` says which. */
enum status catalog_open(const char *path, struct catalog **out, char error[CATALOG_ERROR_SIZE]);
void catalog_close(struct catalog *catalog); /* NULL is allowed */

/* Several calls, all or none, and one sync: begin … end. Not nested. */
enum status catalog_begin(struct catalog *catalog);
enum status catalog_end(struct catalog *catalog, bool commit);

/* ---- transfers: what is shared, what is fetched ---- */

enum catalog_origin { ORIGIN_SHARE = 1, ORIGIN_FETCH = 2 };
enum catalog_wish { WISH_RUN = 1, WISH_PAUSE = 2, WISH_STOP = 3 }; /* STOP: complete, not shared */

struct catalog_transfer {
    int64_t id; /* 1, 2, …: what people type; never used twice */
    struct id infohash;
    enum catalog_origin origin;
    enum catalog_wish wish;
    char *name;    /* what is shown; from metainfo, dn or the hash */
    char *dir;     /* absolute: the folder the content lies in */
    char *target;  /* file or folder name below dir; empty until metainfo is known */
    bool complete; /* all wanted pieces verified, synced, renamed */
    bool unlisted; /* publish the peer record alone */
    bool has_file_sha1;
    bool has_expected_sha1; /* fetched by a file's SHA-1: the whole must have it */
    bool no_seed;
    bool force;          /* may replace a different file */
    struct id file_sha1; /* of a single-file share */
    struct id expected_sha1;
    bool has_group;    /* offered to the members of that private group alone */
    uint8_t group[32]; /* the group's public key */
    bool has_sha256;   /* of the content, one file after the other; of a grouped one: always */
    uint8_t sha256[32];
    struct bytes info;             /* the info dictionary; len 0: not known yet; catalog_set_info */
    struct bytes have;             /* verified pieces as BITFIELD; len 0: none */
    char *peers;                   /* "host:port" of the link, separated by spaces; may be empty */
    char *options;                 /* words of the engine's own; NULL: none */
    struct bytes synced;           /* like `have`: catalog_set_synced; only read here, as is … */
    char *boot_id;                 /* … the run of the machine it was said in; "": never */
    uint64_t size;                 /* bytes, 0 unknown */
    uint64_t uploaded, downloaded; /* payload bytes over all runs */
    int64_t added_unix_s, completed_unix_s; /* 0: not yet */
};

/* A new row: id is filled in. EXISTS: that infohash is there already (id is then its id). */
enum status catalog_add_transfer(struct catalog *catalog, struct catalog_transfer *transfer);
/* Everything but id, infohash, info, synced and boot_id. */
enum status catalog_update_transfer(struct catalog *catalog,
                                    const struct catalog_transfer *transfer);
/* What was asked for by a file's SHA-1 turned out to be this. EXISTS: another row has it. A long
 * info dictionary of the infohash it had is left behind, see below. */
enum status catalog_set_infohash(struct catalog *catalog, int64_t id, const struct id *infohash);
enum status catalog_remove_transfer(struct catalog *catalog, int64_t id); /* likewise */
/* All rows, in the order of their ids; catalog_free_transfers frees array and strings. */
enum status catalog_load_transfers(struct catalog *catalog, struct catalog_transfer **out,
                                   size_t *count);
void catalog_free_transfers(struct catalog_transfer *transfers, size_t count);

/* ---- info dictionaries: by infohash, written once ---- */

#define CATALOG_INFO_SHORT (128 * 1024) /* bytes: up to there, only catalog_set_info is needed */

/* Does nothing where it is there already. What is longer than CATALOG_INFO_SHORT goes through
 * catalog_store_info before, or the caller waits for long. */
enum status catalog_set_info(struct catalog *catalog, const struct id *infohash, struct bytes info);
/* On any thread, with a connection of their own, bit by bit: other connections can write between
 * two bits. `path` is the database's, which is open. What a kill leaves half stored counts as not
 * known, and goes at the next catalog_open, as does what no transfer has. */
enum status catalog_store_info(const char *path, const struct id *infohash, struct bytes info);
/* Of what no transfer has. */
enum status catalog_drop_info(const char *path, const struct id *infohash);

/* What stood around the info dictionary in a .torrent: content/torrent_edit.h. */
enum status catalog_set_around(struct catalog *catalog, int64_t id, struct bytes around);
/* NOT_FOUND; or *out, which the caller frees. */
enum status catalog_get_around(struct catalog *catalog, int64_t id, uint8_t **out, size_t *len);

/* The cheap, frequent ones. */
enum status catalog_set_have(struct catalog *catalog, int64_t id, struct bytes have);
/* These pieces outlive a crash of the machine. After one (another boot id), what is in `have` and
 * not in here has to be hashed again. */
enum status catalog_set_synced(struct catalog *catalog, int64_t id, struct bytes have,
                               const char *boot_id);
enum status catalog_set_wish(struct catalog *catalog, int64_t id, enum catalog_wish wish);
enum status catalog_add_traffic(struct catalog *catalog, int64_t id, uint64_t uploaded,
                                uint64_t downloaded);

/* Size and times of each file when its bytes were last known to be right; tells a changed file. */
struct catalog_file {
    uint32_t index; /* in metainfo.files */
    int64_t mtime_ns;
    int64_t ctime_ns; /* 0: not known */
    uint64_t size;
    uint64_t inode;
};
enum status catalog_set_files(struct catalog *catalog, int64_t id,
                              const struct catalog_file files[], size_t count);
enum status catalog_load_files(struct catalog *catalog, int64_t id, struct catalog_file **out,
                               size_t *count); /* free() *out */

/* ---- nodes and records of the DHT ---- */

enum status catalog_save_nodes(struct catalog *catalog, uint8_t family,
                               const struct dht_contact contacts[], size_t count); /* replaces */
enum status catalog_load_nodes(struct catalog *catalog, uint8_t family, struct dht_contact out[],
                               size_t cap, size_t *count);

/* Replaces all held records of a family. */
struct catalog_record {
    struct id key;
    enum record_kind kind;
    struct bytes value;
    int64_t ends_unix_s; /* 0: not known */
};
enum status catalog_save_records(struct catalog *catalog, uint8_t family,
                                 const struct catalog_record records[], size_t count);
enum status catalog_load_records(struct catalog *catalog, uint8_t family,
                                 struct catalog_record **out, size_t *count);
void catalog_free_records(struct catalog_record *records, size_t count);

/* ---- small facts by name: "node_id/4", "publisher_seed", "boot_id", "clean_end" … ---- */

enum status catalog_set(struct catalog *catalog, const char *name, struct bytes value);
/* NOT_FOUND; or *out, which the caller frees. */
enum status catalog_get(struct catalog *catalog, const char *name, uint8_t **out, size_t *len);
