#include "content/piece_check.h"

#include "base/sha1_lanes.h"

_Static_assert(PIECE_CHECKS_MAX == SHA1_LANES, "a lane each");

size_t piece_checks_wanted(void)
{
    return sha1_lanes_wanted();
}

static void write_piece(struct storage *storage, struct piece_check *check)
{
    uint64_t offset = (uint64_t)check->piece * storage_metainfo(storage)->piece_length;
    check->status = storage_write(storage, offset, check->data, &check->error);
    if (check->status == STATUS_NO_SPACE)
        storage_free_space(storage, &check->free_bytes, NULL);
    else if (check->status == STATUS_MISMATCH)
        check->status = STATUS_IO; /* of a piece, MISMATCH is about its SHA-1 */
}

void piece_checks_run(struct storage *storage, struct piece_check checks[], size_t count)
{
    struct bytes data[PIECE_CHECKS_MAX] = {{NULL, 0}};
    struct id found[PIECE_CHECKS_MAX];
    for (size_t i = 0; i < count; i++)
        data[i] = checks[i].data;
    sha1_of_each(data, count, found);
    for (size_t i = 0; i < count; i++) {
        struct id wanted = metainfo_piece_hash(storage_metainfo(storage), checks[i].piece);
        if (id_equal(&found[i], &wanted))
            write_piece(storage, &checks[i]);
        else
            checks[i].status = STATUS_MISMATCH;
    }
}
