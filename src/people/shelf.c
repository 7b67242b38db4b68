#include "people/shelf.h"

#include <assert.h>
#include <stdlib.h>

#include "kadpeer/records.h"
#include "kadpeer/sha1.h"
#include "people/fields.h"
#include "people/seal.h"

/* Body: u32 epoch, then SEAL of one of these, zero-padded:
 *
 *   list      v uint 1   f array of entries by infohash, each an array:
 *                            str 1 to 255 path, bin 20 infohash, u64 size, bin 32 SHA-256,
 *                            bin 20 SHA-1, u32 piece size, bin 32 SHA-256 of the piece hashes
 *   pointer   v uint 1   h bin 32 SHA-256   s bin 20 SHA-1   l u32 length
 *
 * The blob that a pointer names is SEAL of a list.
 */

enum {
    LIST_PAIRS = 2,
    POINTER_PAIRS = 4,
    ENTRY_ITEMS = 7,
    EPOCH_BYTES = 4,
    /* encoded, at most: all but entries; an entry; a pointer */
    LIST_FIXED_BOUND = 1 + 3 + 2 + 3,
    ENTRY_BOUND = 1 + (3 + SHELF_PATH_MAX) + 22 + 9 + 34 + 22 + 5 + 34,
    ENTRY_LEAST = ENTRY_BOUND - 2 - (SHELF_PATH_MAX - 1) - 8 - 4,
    POINTER_BOUND = 1 + 3 + (2 + 34) + (2 + 22) + (2 + 5),
};

void shelf_dispose(struct shelf *shelf)
{
    free(shelf->entries);
    *shelf = (struct shelf){0};
}

/* ---- encoding ---- */

static void write_entry(struct msgpack_writer *writer, const struct shelf_entry *entry)
{
    msgpack_write_array(writer, ENTRY_ITEMS);
    msgpack_write_string(writer, entry->path);
    msgpack_write_bin(writer, bytes_of(entry->infohash.bytes, ID_BYTES));
    msgpack_write_uint(writer, entry->size);
    msgpack_write_bin(writer, bytes_of(entry->sha256, sizeof entry->sha256));
    msgpack_write_bin(writer, bytes_of(entry->sha1.bytes, ID_BYTES));
    msgpack_write_uint(writer, entry->piece_size);
    msgpack_write_bin(writer, bytes_of(entry->pieces_sha256, sizeof entry->pieces_sha256));
}

static int compare_entries(const void *a, const void *b)
{
    const struct shelf_entry *const *left = a, *const *right = b;
    return id_compare(&(*left)->infohash, &(*right)->infohash);
}

/* By infohash; the caller frees. EXISTS: one of them twice. */
static enum status sort_entries(const struct shelf *shelf, const struct shelf_entry ***out)
{
    const struct shelf_entry **sorted = calloc(shelf->count + 1, sizeof(struct shelf_entry *));
    if (sorted == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < shelf->count; i++)
        sorted[i] = &shelf->entries[i];
    qsort(sorted, shelf->count, sizeof *sorted, compare_entries);
    for (size_t i = 1; i < shelf->count; i++)
        if (id_equal(&sorted[i - 1]->infohash, &sorted[i]->infohash)) {
            free(sorted);
            return STATUS_EXISTS;
        }
    *out = sorted;
    return STATUS_OK;
}

/* Padded. */
static enum status encode_list(const struct shelf *shelf, struct buffer *out)
{
    const struct shelf_entry **sorted;
    enum status status = sort_entries(shelf, &sorted);
    if (status != STATUS_OK)
        return status;
    struct msgpack_writer writer =
        fields_begin(out, LIST_FIXED_BOUND + shelf->count * ENTRY_BOUND, LIST_PAIRS);
    fields_write_key(&writer, 'f');
    msgpack_write_array(&writer, shelf->count);
    for (size_t i = 0; i < shelf->count; i++)
        write_entry(&writer, sorted[i]);
    fields_end(&writer, out);
    fields_pad(out, 0, seal_padded_size(out->len));
    free(sorted);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static void encode_pointer(const struct shelf_pointer *pointer, struct buffer *out)
{
    struct msgpack_writer writer = fields_begin(out, POINTER_BOUND, POINTER_PAIRS);
    fields_write_bin(&writer, 'h', pointer->sha256, sizeof pointer->sha256);
    fields_write_bin(&writer, 's', pointer->sha1.bytes, ID_BYTES);
    fields_write_uint(&writer, 'l', pointer->len);
    fields_end(&writer, out);
    fields_pad(out, 0, seal_padded_size(out->len));
}

static struct shelf_pointer pointer_to(struct bytes blob)
{
    struct shelf_pointer pointer = {.sha1 = sha1_of(blob), .len = (uint32_t)blob.len};
    sha256_of_parts(&blob, 1, pointer.sha256);
    return pointer;
}

/* ---- sealing ---- */

static struct seal_context context_of(const char *type, const struct public_key *group,
                                      const struct public_key *member, uint32_t epoch)
{
    return (struct seal_context){.type = type, .group = group, .epoch = epoch, .signer = member};
}

static enum status seal_body(struct bytes plain, const struct public_key *group,
                             const struct public_key *member, const struct epoch_keys *keys,
                             struct rng *rng, struct buffer *body)
{
    struct seal_context context = context_of("shelf", group, member, keys->epoch);
    uint8_t epoch[EPOCH_BYTES];
    write_u32(epoch, keys->epoch);
    buffer_add(body, epoch, sizeof epoch);
    return body->failed ? STATUS_NO_MEMORY : seal(keys->key[USE_SHELF], &context, plain, rng, body);
}

/* The list is too long for a body: into a blob, and the body points to it. */
static enum status seal_apart(struct bytes list, const struct public_key *group,
                              const struct public_key *member, const struct epoch_keys *keys,
                              struct rng *rng, struct buffer *body, struct buffer *blob)
{
    struct seal_context context = context_of("list", group, member, keys->epoch);
    size_t start = blob->len;
    enum status status = seal(keys->key[USE_SHELF], &context, list, rng, blob);
    if (status != STATUS_OK)
        return status;
    struct shelf_pointer pointer = pointer_to(bytes_of(blob->data + start, blob->len - start));
    struct buffer plain;
    buffer_init(&plain);
    encode_pointer(&pointer, &plain);
    status = plain.failed ? STATUS_NO_MEMORY
                          : seal_body(buffer_bytes(&plain), group, member, keys, rng, body);
    buffer_dispose(&plain);
    return status;
}

enum status shelf_seal(const struct shelf *shelf, const struct public_key *group,
                       const struct public_key *member, const struct epoch_keys *keys,
                       struct rng *rng, struct buffer *body, struct buffer *blob)
{
    if (shelf->count > SHELF_ENTRIES_MAX)
        return STATUS_TOO_BIG;
    struct buffer list;
    buffer_init(&list);
    enum status status = encode_list(shelf, &list);
    if (status == STATUS_OK && EPOCH_BYTES + list.len + SEAL_OVERHEAD <= ITEM_BODY_MAX)
        status = seal_body(buffer_bytes(&list), group, member, keys, rng, body);
    else if (status == STATUS_OK)
        status = seal_apart(buffer_bytes(&list), group, member, keys, rng, body, blob);
    buffer_dispose(&list);
    return status;
}

/* ---- opening ---- */

bool shelf_epoch(struct bytes body, uint32_t *epoch)
{
    if (body.len <= EPOCH_BYTES + SEAL_OVERHEAD || body.len > ITEM_BODY_MAX)
        return false;
    *epoch = read_u32(body.data);
    return *epoch > 0;
}

static bool read_entry(struct msgpack_reader *reader, struct shelf_entry *out)
{
    uint32_t items;
    uint64_t piece_size;
    if (!msgpack_read_array(reader, &items) || items != ENTRY_ITEMS ||
        !fields_read_bare_text(reader, 1, SHELF_PATH_MAX, out->path) ||
        !msgpack_read_fixed(reader, out->infohash.bytes, ID_BYTES) ||
        !msgpack_read_uint(reader, UINT64_MAX, &out->size) ||
        !msgpack_read_fixed(reader, out->sha256, sizeof out->sha256) ||
        !msgpack_read_fixed(reader, out->sha1.bytes, ID_BYTES) ||
        !msgpack_read_uint(reader, UINT32_MAX, &piece_size) || piece_size == 0 ||
        !msgpack_read_fixed(reader, out->pieces_sha256, sizeof out->pieces_sha256))
        return false;
    out->piece_size = (uint32_t)piece_size;
    return true;
}

static enum status read_list(struct msgpack_reader reader, struct bytes plain, struct shelf *out)
{
    uint32_t count;
    if (!fields_read_begin(&reader, LIST_PAIRS) || !fields_read_key(&reader, 'f') ||
        !msgpack_read_array(&reader, &count) || count > SHELF_ENTRIES_MAX ||
        count > (size_t)(reader.end - reader.at) / ENTRY_LEAST)
        return STATUS_MALFORMED;
    out->entries = calloc((size_t)count + 1, sizeof *out->entries);
    if (out->entries == NULL)
        return STATUS_NO_MEMORY;
    for (; out->count < count; out->count++) {
        struct shelf_entry *entry = &out->entries[out->count];
        if (!read_entry(&reader, entry) ||
            (out->count > 0 && id_compare(&entry[-1].infohash, &entry->infohash) >= 0))
            return STATUS_MALFORMED;
    }
    return fields_is_padded(&reader, plain) ? STATUS_OK : STATUS_MALFORMED;
}

static bool read_pointer(struct msgpack_reader reader, struct bytes plain,
                         struct shelf_pointer *out)
{
    return fields_read_begin(&reader, POINTER_PAIRS) &&
           fields_read_fixed(&reader, 'h', out->sha256, sizeof out->sha256) &&
           fields_read_fixed(&reader, 's', out->sha1.bytes, ID_BYTES) &&
           fields_read_u32(&reader, 'l', &out->len) && out->len > SEAL_OVERHEAD &&
           out->len <= LIST_BLOB_MAX && fields_is_padded(&reader, plain);
}

static enum status decode_list(struct bytes plain, struct shelf *out)
{
    enum status status = read_list(msgpack_reader_shortest(plain), plain, out);
    if (status != STATUS_OK)
        shelf_dispose(out);
    return status;
}

static enum status decode_body(struct bytes plain, struct shelf *out, bool *has_pointer,
                               struct shelf_pointer *pointer)
{
    *has_pointer = read_pointer(msgpack_reader_shortest(plain), plain, pointer);
    return *has_pointer ? STATUS_OK : decode_list(plain, out);
}

enum status shelf_open(struct bytes body, const struct public_key *group,
                       const struct public_key *member, const struct epoch_keys *keys,
                       struct shelf *out, bool *has_pointer, struct shelf_pointer *pointer)
{
    uint32_t epoch;
    *out = (struct shelf){0};
    *pointer = (struct shelf_pointer){0};
    *has_pointer = false;
    if (!shelf_epoch(body, &epoch))
        return STATUS_MALFORMED;
    if (epoch != keys->epoch)
        return STATUS_MISMATCH;
    struct seal_context context = context_of("shelf", group, member, epoch);
    struct bytes sealed = bytes_of(body.data + EPOCH_BYTES, body.len - EPOCH_BYTES);
    struct buffer plain;
    buffer_init(&plain);
    enum status status = seal_open(keys->key[USE_SHELF], &context, sealed, &plain);
    if (status == STATUS_OK)
        status = decode_body(buffer_bytes(&plain), out, has_pointer, pointer);
    buffer_dispose(&plain);
    return status;
}

static bool is_what_it_says(struct bytes blob, const struct shelf_pointer *pointer)
{
    if (blob.len != pointer->len || blob.len > LIST_BLOB_MAX)
        return false;
    struct shelf_pointer found = pointer_to(blob);
    return memcmp(found.sha256, pointer->sha256, sizeof found.sha256) == 0 &&
           id_equal(&found.sha1, &pointer->sha1);
}

enum status shelf_open_blob(struct bytes blob, const struct shelf_pointer *pointer,
                            const struct public_key *group, const struct public_key *member,
                            const struct epoch_keys *keys, struct shelf *out)
{
    *out = (struct shelf){0};
    if (!is_what_it_says(blob, pointer))
        return STATUS_MISMATCH;
    struct seal_context context = context_of("list", group, member, keys->epoch);
    struct buffer plain;
    buffer_init(&plain);
    enum status status = seal_open(keys->key[USE_SHELF], &context, blob, &plain);
    if (status == STATUS_OK)
        status = decode_list(buffer_bytes(&plain), out);
    buffer_dispose(&plain);
    return status;
}
