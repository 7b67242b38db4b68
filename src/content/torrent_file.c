/* .torrent files: an info dictionary and what people put around it. Declared in metainfo.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/bencode.h"
#include "content/metainfo.h"
#include "content/params.h"

/* ---- reading ---- */

/* A C string of a bencoded one; NULL when it is too long, holds a NUL, or memory is out. */
static char *text_of(struct bytes string)
{
    if (string.len == 0 || string.len > TORRENT_TEXT_MAX ||
        memchr(string.data, 0, string.len) != NULL)
        return NULL;
    return strndup((const char *)string.data, string.len);
}

static void add_tracker(struct torrent_file *torrent, struct bytes address)
{
    char *text = torrent->tracker_count < TORRENT_TRACKERS_MAX ? text_of(address) : NULL;
    if (text == NULL)
        return;
    for (size_t i = 0; i < torrent->tracker_count; i++) {
        if (strcmp(torrent->trackers[i], text) == 0) {
            free(text);
            return;
        }
    }
    torrent->trackers[torrent->tracker_count++] = text;
}

/* A list of tiers, each a list of addresses [BEP 12]. */
static void add_tiers(struct torrent_file *torrent, const struct bencode *tiers)
{
    struct bencode_cursor outer = bencode_first(tiers);
    struct bencode tier, address;
    while (bencode_next(&outer, NULL, &tier)) {
        struct bencode_cursor inner = bencode_first(&tier);
        while (tier.type == BENCODE_LIST && bencode_next(&inner, NULL, &address))
            if (address.type == BENCODE_STRING)
                add_tracker(torrent, address.string);
    }
}

static void add_nodes(struct torrent_file *torrent, const struct bencode *list)
{
    struct bencode_cursor cursor = bencode_first(list);
    struct bencode node;
    while (torrent->node_count < TORRENT_NODES_MAX && bencode_next(&cursor, NULL, &node)) {
        char *text = node.type == BENCODE_STRING ? text_of(node.string) : NULL;
        if (text != NULL && endpoint_parse(text, &torrent->nodes[torrent->node_count]))
            torrent->node_count++;
        free(text);
    }
}

static void read_surroundings(struct torrent_file *torrent, const struct bencode *dict)
{
    struct bytes text;
    struct bencode list;
    if (bencode_find_string(dict, "announce", &text))
        add_tracker(torrent, text);
    if (bencode_find_container(dict, "announce-list", BENCODE_LIST, &list))
        add_tiers(torrent, &list);
    if (bencode_find_string(dict, "comment", &text))
        torrent->comment = text_of(text);
    if (bencode_find_string(dict, "created by", &text))
        torrent->created_by = text_of(text);
    bencode_find_integer(dict, "creation date", &torrent->creation_date);
    if (bencode_find_container(dict, TORRENT_PEERS_KEY, BENCODE_LIST, &list))
        add_nodes(torrent, &list);
}

enum status torrent_file_parse(struct bytes data, struct torrent_file *out,
                               char error[METAINFO_ERROR_SIZE])
{
    struct bencode dict, info;
    struct bytes rest; /* line ends and the like that some have */
    *out = (struct torrent_file){0};
    if (data.len > TORRENT_FILE_BYTES_MAX) {
        snprintf(error, METAINFO_ERROR_SIZE, "it has %zu bytes, more than %u", data.len,
                 TORRENT_FILE_BYTES_MAX);
        return STATUS_TOO_BIG;
    }
    if (bencode_parse(data, &dict, &rest) != STATUS_OK ||
        !bencode_find_container(&dict, "info", BENCODE_DICT, &info)) {
        snprintf(error, METAINFO_ERROR_SIZE, "it is not a .torrent file");
        return STATUS_MALFORMED;
    }
    enum status status = metainfo_parse_info(info.raw, &out->metainfo, error);
    if (status != STATUS_OK)
        return status;
    out->trackers = calloc(TORRENT_TRACKERS_MAX, sizeof *out->trackers);
    out->nodes = calloc(TORRENT_NODES_MAX, sizeof *out->nodes);
    if (out->trackers == NULL || out->nodes == NULL) {
        snprintf(error, METAINFO_ERROR_SIZE, "out of memory");
        torrent_file_dispose(out);
        return STATUS_NO_MEMORY;
    }
    read_surroundings(out, &dict);
    return STATUS_OK;
}

void torrent_file_dispose(struct torrent_file *torrent)
{
    metainfo_free(torrent->metainfo);
    for (size_t i = 0; i < torrent->tracker_count; i++)
        free(torrent->trackers[i]);
    free(torrent->trackers);
    free(torrent->comment);
    free(torrent->created_by);
    free(torrent->nodes);
    *torrent = (struct torrent_file){0};
}

/* ---- writing ---- */

static void put_trackers(const struct torrent_file *extra, struct buffer *out)
{
    if (extra->tracker_count == 0)
        return;
    bencode_put_text(out, "announce");
    bencode_put_text(out, extra->trackers[0]);
    if (extra->tracker_count == 1)
        return;
    bencode_put_text(out, "announce-list");
    bencode_begin_list(out);
    for (size_t i = 0; i < extra->tracker_count; i++) {
        bencode_begin_list(out);
        bencode_put_text(out, extra->trackers[i]);
        bencode_end(out);
    }
    bencode_end(out);
}

static void put_optional(const char *key, const char *value, struct buffer *out)
{
    if (value == NULL)
        return;
    bencode_put_text(out, key);
    bencode_put_text(out, value);
}

static void put_nodes(const struct torrent_file *extra, struct buffer *out)
{
    if (extra->node_count == 0)
        return;
    bencode_put_text(out, TORRENT_PEERS_KEY);
    bencode_begin_list(out);
    for (size_t i = 0; i < extra->node_count; i++) {
        char text[ENDPOINT_TEXT_SIZE];
        endpoint_format(&extra->nodes[i], text);
        bencode_put_text(out, text);
    }
    bencode_end(out);
}

enum status torrent_file_build(struct bytes info, const struct torrent_file *extra,
                               struct buffer *out)
{
    static const struct torrent_file nothing = {0};
    if (extra == NULL)
        extra = &nothing;
    bencode_begin_dict(out);
    put_trackers(extra, out);
    put_optional("comment", extra->comment, out);
    put_optional("created by", extra->created_by, out);
    if (extra->creation_date != 0) {
        bencode_put_text(out, "creation date");
        bencode_put_integer(out, extra->creation_date);
    }
    bencode_put_text(out, "info");
    buffer_add(out, info.data, info.len);
    put_nodes(extra, out);
    bencode_end(out);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}
