#include "support/storage_fixture.h"

static struct metainfo *layout(const char *text)
{
    struct metainfo *metainfo = calloc(1, sizeof *metainfo);
    char *rest = strdup(text), *at = rest, *word;
    metainfo->files = calloc(strlen(text), sizeof *metainfo->files);
    metainfo->paths = rest;
    metainfo->piece_length = PIECE;
    metainfo->single_file = strchr(text, ' ') == NULL && strchr(text, '/') == NULL;
    while ((word = strsep(&at, " ")) != NULL) {
        struct metainfo_file *file = &metainfo->files[metainfo->file_count++];
        file->path = strsep(&word, ":");
        file->offset = metainfo->total_length;
        file->length = strtoull(strsep(&word, ":"), NULL, 10);
        file->padding = word != NULL;
        metainfo->total_length += file->length;
    }
    metainfo->piece_count = (uint32_t)((metainfo->total_length + PIECE - 1) / PIECE);
    metainfo->name = strdup("root");
    return metainfo;
}

void close_storage(struct fixture *f)
{
    storage_free(f->storage);
    f->storage = NULL;
}

void open_storage(struct fixture *f, const char *target)
{
    close_storage(f);
    assert_int_equal(storage_new(f->metainfo, f->dir, target, true, f->cache, &f->storage),
                     STATUS_OK);
}

struct fixture *begin(void **state, const char *text)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct rng rng;
    assert_non_null(f);
    end(state);
    *state = f;
    f->dir = folder_make();
    f->cache = storage_cache_new();
    f->metainfo = layout(text);
    f->bytes = malloc(f->metainfo->total_length + 1);
    rng_init_seed(&rng, 1);
    rng_fill(&rng, f->bytes, f->metainfo->total_length);
    for (uint32_t i = 0; i < f->metainfo->file_count; i++)
        if (f->metainfo->files[i].padding)
            memset(f->bytes + f->metainfo->files[i].offset, 0, f->metainfo->files[i].length);
    open_storage(f, "root");
    return f;
}

int end(void **state)
{
    struct fixture *f = *state;
    if (f == NULL)
        return 0;
    storage_free(f->storage);
    storage_cache_free(f->cache);
    metainfo_free(f->metainfo);
    folder_remove(f->dir);
    free(f->dir);
    free(f->bytes);
    free(f);
    *state = NULL;
    return 0;
}

enum status write_run(struct fixture *f, uint64_t offset, size_t len)
{
    return storage_write(f->storage, offset, bytes_of(f->bytes + offset, len), &f->error);
}

enum status write_all(struct fixture *f)
{
    return write_run(f, 0, f->metainfo->total_length);
}

enum status read_all(struct fixture *f)
{
    uint8_t *got = malloc(f->metainfo->total_length + 1);
    enum status status = storage_read(f->storage, 0, f->metainfo->total_length, got, &f->error);
    if (status == STATUS_OK)
        assert_memory_equal(got, f->bytes, f->metainfo->total_length);
    free(got);
    return status;
}

enum status finish(struct fixture *f)
{
    return storage_finish(f->storage, false, &f->error);
}

enum status finish_by_force(struct fixture *f)
{
    return storage_finish(f->storage, true, &f->error);
}

bool file_right(struct fixture *f, const char *path, uint32_t file)
{
    return folder_holds(f->dir, path, f->bytes + f->metainfo->files[file].offset,
                        f->metainfo->files[file].length);
}
