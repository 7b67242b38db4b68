/* A .torrent; what is accepted keeps every promise of metainfo.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "content/metainfo.h"
#include "content/names.h"
#include "content/torrent_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok)
{
    if (!ok)
        abort();
}

static void check_path(const char *path)
{
    need(strlen(path) <= METAINFO_PATH_MAX);
    for (;;) {
        size_t len = strcspn(path, "/");
        need(names_is_safe_part(path, len));
        if (path[len] == 0)
            return;
        path += len + 1;
    }
}

static void check(const struct metainfo *metainfo)
{
    uint64_t total = 0, covered = 0;
    need(names_is_safe_part(metainfo->name, strlen(metainfo->name)));
    need(metainfo->file_count > 0);
    for (uint32_t i = 0; i < metainfo->file_count; i++) {
        check_path(metainfo->files[i].path);
        need(metainfo->files[i].offset == total);
        total += metainfo->files[i].length;
    }
    need(total == metainfo->total_length);
    for (uint32_t i = 0; i < metainfo->piece_count; i++) {
        metainfo_piece_hash(metainfo, i);
        covered += metainfo_piece_size(metainfo, i);
    }
    need(covered == total);
    struct metainfo_span spans[4];
    metainfo_spans(metainfo, total / 2, total, spans, 4);
}

/* What stands around it is handed on, and edited, without touching what it names. */
static void check_edited(struct bytes data, const struct metainfo *metainfo)
{
    static const char *const added[] = {"http://a", "udp://b"};
    const struct torrent_edit edit = {.add = added, .add_count = 2, .comment = "c", .author = "a"};
    struct bytes info = bytes_of(metainfo->info, metainfo->info_len);
    struct torrent_file again;
    struct buffer around, out;
    char error[METAINFO_ERROR_SIZE];
    buffer_init(&around);
    buffer_init(&out);
    need(torrent_edit_around(data, &around) == STATUS_OK && around.len <= TORRENT_AROUND_MAX);
    need(torrent_edit_apply(buffer_bytes(&around), info, &edit, &out) == STATUS_OK);
    need(torrent_file_parse(buffer_bytes(&out), &again, error) == STATUS_OK);
    need(id_equal(&metainfo->infohash, &again.metainfo->infohash));
    need(again.tracker_count >= 1 && strcmp(again.comment, "c") == 0);
    torrent_file_dispose(&again);
    buffer_dispose(&around);
    buffer_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct torrent_file torrent, again;
    struct buffer out;
    char error[METAINFO_ERROR_SIZE];
    if (torrent_file_parse(bytes_of(data, size), &torrent, error) != STATUS_OK)
        return 0;
    check(torrent.metainfo);
    check_edited(bytes_of(data, size), torrent.metainfo);
    buffer_init(&out);
    struct bytes info = bytes_of(torrent.metainfo->info, torrent.metainfo->info_len);
    need(torrent_file_build(info, &torrent, &out) == STATUS_OK);
    need(torrent_file_parse(buffer_bytes(&out), &again, error) == STATUS_OK);
    need(id_equal(&torrent.metainfo->infohash, &again.metainfo->infohash));
    torrent_file_dispose(&again);
    torrent_file_dispose(&torrent);
    buffer_dispose(&out);
    return 0;
}
