/* A folder on disk, a layout as text ("a:100 b/c:0 .pad:28:p"), random bytes for all of it, and a
 * storage for the target "root" in that folder. */
#pragma once

#include "support/unit.h"

#include "content/params.h"
#include "content/storage.h"
#include "kadpeer/rng.h"
#include "support/folder.h"

#define PIECE (16u << 10)

struct fixture {
    char *dir;
    struct storage_cache *cache;
    struct metainfo *metainfo;
    struct storage *storage;
    uint8_t *bytes;
    struct storage_error error; /* of the last call that failed */
};

/* Into *state, where end finds it; whatever was there before is ended. */
struct fixture *begin(void **state, const char *layout);
int end(void **state);
#define storage_test(f) cmocka_unit_test_teardown(f, end)

void open_storage(struct fixture *f, const char *target); /* in the place of the one there is */
void close_storage(struct fixture *f);

enum status write_run(struct fixture *f, uint64_t offset, size_t len);
enum status write_all(struct fixture *f);
enum status read_all(struct fixture *f); /* STATUS_OK: and they are the right bytes */
enum status finish(struct fixture *f);
enum status finish_by_force(struct fixture *f);

/* Whether the file at `path` in the folder is file number `file` of the layout. */
bool file_right(struct fixture *f, const char *path, uint32_t file);
