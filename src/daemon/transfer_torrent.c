/* transfer.torrent: the .torrent of a transfer whose pieces are known. */
#include <stdlib.h>
#include <string.h>

#include "content/torrent_edit.h"
#include "daemon/daemon.h"
#include "daemon/item.h"
#include "daemon/methods_transfer.h"
#include "daemon/node.h"
#include "daemon/transfer_target.h"

#define OWN_ADDRESSES_MAX 8

/* Who has no tracker finds us by the addresses in it. What stood in the .torrent that was given, if
 * one was, stands in it again. */
static enum status build(struct daemon *daemon, const struct item *item, const char *comment,
                         struct buffer *out)
{
    struct endpoint own[OWN_ADDRESSES_MAX];
    struct torrent_edit edit = {
        .nodes = own,
        .node_count = node_own_endpoints(daemon->node, own, OWN_ADDRESSES_MAX),
        .comment = comment,
        .author = "kadpeer " KADPEER_VERSION,
    };
    uint8_t *around;
    size_t len;
    enum status status = catalog_get_around(daemon->catalog, item->row.id, &around, &len);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        status = torrent_edit_apply(bytes_of(around, len),
                                    bytes_of(item->metainfo->info, item->metainfo->info_len), &edit,
                                    out);
    free(around);
    return status;
}

void transfer_torrent(struct daemon *daemon, struct call *call)
{
    const struct item *item = transfer_target(daemon->engine, call);
    struct buffer torrent;
    if (item == NULL)
        return;
    if (item->metainfo == NULL) {
        call_fail(call, "not_known", 3, NULL, "%s: its pieces are not known yet", item->row.name);
        return;
    }
    buffer_init(&torrent);
    enum status status = build(daemon, item, call_text(call, "comment", NULL), &torrent);
    if (status == STATUS_OK) {
        struct pack *pack = call_result(call);
        pack_i64(pack, "id", item->row.id);
        pack_id(pack, "hash", &item->row.infohash);
        pack_bin(pack, "torrent", torrent.data, torrent.len);
        call_finish(call);
    } else {
        call_fail(call, status_name(status), 1, NULL, "the torrent file cannot be made: %s",
                  status_text(status));
    }
    buffer_dispose(&torrent);
}
