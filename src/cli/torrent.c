/* torrent show, link: what a .torrent file says. No daemon is needed. */
#include "cli/torrent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "content/magnet.h"

#define PEERS_MAX MAGNET_PEERS_MAX

json_t *torrent_read(const char *path, struct buffer *data, struct torrent_file *out)
{
    char why[METAINFO_ERROR_SIZE];
    enum status status = file_read(path, TORRENT_BYTES_MAX, data);
    if (status == STATUS_TOO_BIG)
        return failure_new("bad_torrent", EXIT_BAD_INPUT, NULL, "%s is larger than %u MiB", path,
                           TORRENT_BYTES_MAX >> 20);
    if (status != STATUS_OK)
        return failure_of_errno("read", path);
    if (torrent_file_parse(buffer_bytes(data), out, why) != STATUS_OK)
        return failure_new("bad_torrent", EXIT_BAD_INPUT, NULL, "cannot read %s: %s", path, why);
    return NULL;
}

json_t *torrent_load(const char *path, struct torrent_file *out)
{
    struct buffer data;
    buffer_init(&data);
    json_t *error = torrent_read(path, &data, out);
    buffer_dispose(&data);
    return error;
}

char *torrent_magnet(const struct torrent_file *torrent, const struct magnet_peer *peers,
                     size_t peer_count)
{
    const struct metainfo *metainfo = torrent->metainfo;
    struct magnet magnet = {.infohash = metainfo->infohash,
                            .length = metainfo->total_length,
                            .trackers = torrent->trackers,
                            .tracker_count = torrent->tracker_count};
    struct buffer link;
    buffer_init(&link);
    if (strlen(metainfo->name) <= MAGNET_NAME_MAX)
        strcpy(magnet.name, metainfo->name);
    magnet.peer_count = peer_count;
    if (peer_count > 0)
        memcpy(magnet.peers, peers, peer_count * sizeof peers[0]);
    magnet_format(&magnet, &link);
    buffer_add_byte(&link, 0);
    if (link.failed)
        out_of_memory();
    return (char *)buffer_take(&link);
}

/* ---- show ---- */

static json_t *show_json(const struct torrent_file *torrent)
{
    const struct metainfo *metainfo = torrent->metainfo;
    char hash[ID_HEX_SIZE];
    json_t *files = json_array(), *trackers = json_array(), *peers = json_array();
    id_to_hex(&metainfo->infohash, hash);
    for (uint32_t i = 0; i < metainfo->file_count; i++) {
        const struct metainfo_file *file = &metainfo->files[i];
        if (!file->padding)
            json_array_append_new(files, json_pack("{s:i,s:s,s:I}", "index", (int)i, "path",
                                                   file->path, "size", (json_int_t)file->length));
    }
    for (size_t i = 0; i < torrent->tracker_count; i++)
        json_array_append_new(trackers, json_string(torrent->trackers[i]));
    for (size_t i = 0; i < torrent->node_count; i++) {
        char text[ENDPOINT_TEXT_SIZE];
        endpoint_format(&torrent->nodes[i], text);
        json_array_append_new(peers, json_string(text));
    }
    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:b,s:s?,s:s?,s:o,s:o,s:o}", "hash", hash, "name",
                     metainfo->name, "size", (json_int_t)metainfo->total_length, "piece_length",
                     (json_int_t)metainfo->piece_length, "pieces",
                     (json_int_t)metainfo->piece_count, "private", metainfo->is_private, "comment",
                     torrent->comment, "created_by", torrent->created_by, "trackers", trackers,
                     "peers", peers, "files", files);
}

static void show_line(struct cli *cli, const char *name, const char *text)
{
    char *safe = text_printable(text);
    fprintf(cli->out, "%-9s %s\n", name, safe);
    free(safe);
}

static void show_files(struct cli *cli, const struct metainfo *metainfo)
{
    struct table *table = table_new(">#|>SIZE|FILE");
    for (uint32_t i = 0; i < metainfo->file_count; i++) {
        char size[TEXT_SIZE];
        if (metainfo->files[i].padding)
            continue;
        table_cell_format(table, "%u", i);
        table_cell(table, text_bytes(size, (double)metainfo->files[i].length));
        table_cell(table, metainfo->files[i].path);
    }
    table_print(table, cli->out, cli->out_colour);
    table_free(table);
}

static void show_text(struct cli *cli, const struct torrent_file *torrent)
{
    const struct metainfo *metainfo = torrent->metainfo;
    char hash[ID_HEX_SIZE], line[128], size[TEXT_SIZE], each[TEXT_SIZE];
    id_to_hex(&metainfo->infohash, hash);
    show_line(cli, "name", metainfo->name);
    show_line(cli, "hash", hash);
    snprintf(line, sizeof line, "%s, %u piece%s of %s",
             text_bytes(size, (double)metainfo->total_length), metainfo->piece_count,
             metainfo->piece_count == 1 ? "" : "s",
             text_piece_length(each, metainfo->piece_length));
    show_line(cli, "size", line);
    if (metainfo->is_private)
        show_line(cli, "private", "yes: peers come from its trackers alone [BEP 27]");
    if (torrent->comment != NULL)
        show_line(cli, "comment", torrent->comment);
    if (torrent->created_by != NULL)
        show_line(cli, "made by", torrent->created_by);
    for (size_t i = 0; i < torrent->tracker_count; i++)
        show_line(cli, i == 0 ? "trackers" : "", torrent->trackers[i]);
    for (size_t i = 0; i < torrent->node_count; i++) {
        char address[ENDPOINT_TEXT_SIZE];
        endpoint_format(&torrent->nodes[i], address);
        show_line(cli, i == 0 ? "peers" : "", address);
    }
    show_files(cli, metainfo);
}

int verb_torrent_show(struct cli *cli, const struct arguments *arguments)
{
    struct torrent_file torrent;
    json_t *error = torrent_load(arguments->words[0], &torrent);
    if (error != NULL)
        return cli_fail(cli, error);
    json_t *result = show_json(&torrent);
    if (!cli_json_result(cli, result))
        show_text(cli, &torrent);
    json_decref(result);
    torrent_file_dispose(&torrent);
    return EXIT_DONE;
}

/* ---- link ---- */

static json_t *read_peers(const struct arguments *arguments, struct magnet_peer out[PEERS_MAX],
                          size_t *count)
{
    const char *texts[PEERS_MAX];
    *count = arguments_texts(arguments, "peer", texts, PEERS_MAX);
    if (*count > PEERS_MAX)
        return failure_new("usage", EXIT_USAGE, NULL, "at most %d --peer", PEERS_MAX);
    for (size_t i = 0; i < *count; i++) {
        struct bootstrap_entry entry;
        const char *why = bootstrap_parse_address(bytes_of_string(texts[i]), &entry);
        if (why != NULL)
            return failure_new("bad_address", EXIT_BAD_INPUT, NULL, "--peer %s: %s", texts[i], why);
        snprintf(out[i].host, sizeof out[i].host, "%s", entry.host);
        out[i].port = entry.port;
    }
    return NULL;
}

int verb_torrent_link(struct cli *cli, const struct arguments *arguments)
{
    struct torrent_file torrent;
    struct magnet_peer peers[PEERS_MAX];
    size_t count;
    json_t *error = read_peers(arguments, peers, &count);
    if (error == NULL)
        error = torrent_load(arguments->words[0], &torrent);
    if (error != NULL)
        return cli_fail(cli, error);
    char *link = torrent_magnet(&torrent, peers, count);
    json_t *result = json_pack("{s:s}", "link", link);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "%s\n", link);
    json_decref(result);
    free(link);
    torrent_file_dispose(&torrent);
    return EXIT_DONE;
}
