#include "daemon/verifier.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "content/hasher.h"
#include "daemon/item.h"
#include "daemon/verify_call.h"
#include "io/work.h"

/* A range of pieces, of which one job after the other hashes some. */
struct slice {
    struct work work;
    struct verifier *verifier;
    struct hasher *hasher;
    uint64_t done_bytes; /* by the last job */
    bool running, ended;
    enum status status; /* not OK: what could not be read, for a reason that is not the file's */
    struct storage_error error;
};

struct verifier {
    struct item *item;
    struct storage *storage;
    uint8_t *checked, *good; /* each slice writes whole bytes of its own */
    uint32_t next;
    unsigned running;
    atomic_bool cancelled; /* read in the pool, too */
    enum status status;    /* of the first slice that failed */
    struct storage_error error;
    uint64_t done_bytes, total_bytes;
    struct slice slices[VERIFY_JOBS];
};

static bool has_bit(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (7 - i % 8) & 1) != 0;
}

/* A file that is short, gone or no file has lost the piece; one that cannot be read may have it. */
static bool is_about_piece(enum status status)
{
    return status == STATUS_OK || status == STATUS_MISMATCH || status == STATUS_NOT_FOUND ||
           status == STATUS_REFUSED;
}

static void note_results(struct slice *slice)
{
    const struct hasher_result *results;
    size_t count = hasher_results(slice->hasher, &results);
    for (size_t i = 0; i < count; i++) {
        uint32_t piece = results[i].piece;
        enum status status = hasher_check(slice->hasher, &results[i]);
        if (!is_about_piece(status) && slice->status == STATUS_OK) {
            slice->status = status;
            slice->error = *results[i].error;
        }
        if (status == STATUS_OK)
            slice->verifier->good[piece / 8] |= (uint8_t)(0x80 >> piece % 8);
    }
}

static void run_slice(void *user)
{
    struct slice *slice = user;
    slice->status = STATUS_OK;
    slice->done_bytes = 0;
    while (slice->done_bytes < VERIFY_BYTES && slice->status == STATUS_OK &&
           !slice->verifier->cancelled && !slice->ended) {
        uint64_t left = VERIFY_BYTES - slice->done_bytes;
        slice->ended = !hasher_step(slice->hasher, left, &slice->done_bytes);
        if (!slice->ended)
            note_results(slice);
    }
    hasher_rest(slice->hasher); /* there may be very many of us in the queue */
}

static void free_verifier(struct verifier *verifier)
{
    for (size_t i = 0; i < VERIFY_JOBS; i++)
        hasher_free(verifier->slices[i].hasher);
    free(verifier->checked);
    free(verifier->good);
    free(verifier);
}

/* Nothing is known of any piece; it is done again from the start when somebody says so, or the
 * trouble passes. */
static void on_unreadable(struct item *item, const struct verifier *verifier)
{
    if (item->probe != NULL) {
        storage_free(item->probe);
        item->probe = NULL;
        free(item->to_verify);
        item->to_verify = NULL;
    }
    item->placed = false;
    item_cannot(item, "read", verifier->status, &verifier->error);
    verify_calls_fail(item);
}

static void end(struct verifier *verifier)
{
    struct item *item = verifier->item;
    struct verified verified = {.checked = verifier->checked, .good = verifier->good};
    for (uint32_t i = 0; i < item->metainfo->piece_count; i++) {
        if (!has_bit(verifier->checked, i))
            continue;
        bool good = has_bit(verifier->good, i);
        bool was_there = item->probe != NULL || has_bit(item->have, i);
        verified.good_count += good;
        verified.bad_count += !good && was_there;
        verified.missing_count += !good && !was_there;
    }
    item->verifier = NULL;
    if (verifier->status != STATUS_OK && !item->removing) {
        on_unreadable(item, verifier);
    } else if (!verifier->cancelled && !item->removing) {
        free(item->to_verify);
        item->to_verify = NULL;
        item_verified(item, &verified);
    }
    item_mark(item);
    free_verifier(verifier);
}

static void slice_done(void *user, bool cancelled);

/* Enough to fill the lanes. A slice ends at a multiple of 8 pieces, so that no two share a byte.
 * False: none are left. */
static bool take_slice(struct verifier *verifier, struct slice *slice)
{
    const struct metainfo *metainfo = verifier->item->metainfo;
    uint64_t bytes = 0;
    size_t count = 0;
    while (verifier->next < metainfo->piece_count && !has_bit(verifier->checked, verifier->next))
        verifier->next++;
    uint32_t first = verifier->next;
    while (verifier->next < metainfo->piece_count &&
           (bytes < VERIFY_PORTION_BYTES || count < hasher_lanes() || verifier->next % 8 != 0)) {
        if (has_bit(verifier->checked, verifier->next)) {
            bytes += metainfo_piece_size(metainfo, verifier->next);
            count++;
        }
        verifier->next++;
    }
    hasher_begin(slice->hasher, first, verifier->next, verifier->checked);
    slice->ended = first == verifier->next;
    return !slice->ended;
}

/* Goes on with the slice, or with another one. */
static bool start_slice(struct verifier *verifier, struct slice *slice)
{
    if (verifier->cancelled || (slice->ended && !take_slice(verifier, slice)))
        return false;
    slice->running = true;
    verifier->running++;
    verifier->item->jobs++;
    engine_job_begins(verifier->item->engine);
    work_start(&slice->work, verifier->item->engine->daemon->loop, run_slice, slice_done, slice);
    return true;
}

static void slice_done(void *user, bool cancelled)
{
    struct slice *slice = user;
    struct verifier *verifier = slice->verifier;
    struct item *item = verifier->item;
    struct engine *engine = item->engine;
    if (!cancelled && slice->status != STATUS_OK && verifier->status == STATUS_OK) {
        verifier->status = slice->status;
        verifier->error = slice->error;
    }
    verifier->cancelled = verifier->cancelled || cancelled || verifier->status != STATUS_OK;
    verifier->done_bytes += cancelled ? 0 : slice->done_bytes;
    slice->running = false;
    verifier->running--;
    item->jobs--;
    item_mark(item);
    if (!start_slice(verifier, slice) && verifier->running == 0)
        end(verifier);
    engine_job_ends(engine);
}

/* NULL: no memory. */
static struct verifier *new_verifier(struct item *item)
{
    size_t len = item_bitfield_bytes(item);
    struct verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier == NULL)
        return NULL;
    verifier->item = item;
    verifier->storage = item->probe != NULL ? item->probe : item->storage;
    verifier->checked = malloc(len + 1);
    verifier->good = calloc(1, len + 1);
    bool have = verifier->checked != NULL && verifier->good != NULL;
    for (size_t i = 0; i < VERIFY_JOBS; i++) {
        struct slice *slice = &verifier->slices[i];
        *slice = (struct slice){
            .verifier = verifier, .hasher = hasher_new(verifier->storage), .ended = true};
        have = have && slice->hasher != NULL;
    }
    if (!have) {
        free_verifier(verifier);
        return NULL;
    }
    memcpy(verifier->checked, item->to_verify, len);
    return verifier;
}

void verifier_start(struct item *item)
{
    struct verifier *verifier = new_verifier(item);
    if (verifier == NULL) {
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < item->metainfo->piece_count; i++)
        if (has_bit(verifier->checked, i))
            verifier->total_bytes += metainfo_piece_size(item->metainfo, i);
    item->verifier = verifier;
    bool any = false;
    for (size_t i = 0; i < VERIFY_JOBS; i++)
        any = start_slice(verifier, &verifier->slices[i]) || any;
    if (!any)
        end(verifier);
}

void verifier_cancel(struct item *item)
{
    struct verifier *verifier = item->verifier;
    if (verifier == NULL || verifier->cancelled)
        return;
    verifier->cancelled = true;
    for (size_t i = 0; i < VERIFY_JOBS; i++)
        if (verifier->slices[i].running)
            work_cancel(&verifier->slices[i].work);
}

void verifier_progress(const struct verifier *verifier, uint64_t *done, uint64_t *total)
{
    *done = verifier->done_bytes;
    *total = verifier->total_bytes;
}
