#include "daemon/reshare.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/item.h"

void reshare_free(struct reshare *reshare)
{
    if (reshare == NULL)
        return;
    free(reshare->dir);
    free(reshare->target);
    free(reshare->stats);
    metainfo_free(reshare->metainfo);
    free(reshare);
}

static void forget_old_plans(struct item *item)
{
    storage_free(item->probe);
    item->probe = NULL;
    free(item->to_verify);
    item->to_verify = NULL;
    free(item->seen);
    item->seen = NULL;
    free(item->reopen_have);
    item->reopen_have = NULL;
    item->options.metadata_only = false;
    free(item->adopt_have);
    item->adopt_have = NULL;
    item->options.reselects = item->reselecting = false;
    item->leftover = item->final_is_other = item->look_at_final = false;
    item_options_select(&item->options, NULL, 0);
    free(item->options.choice);
    item->options.choice = NULL;
    free(item->wanted);
    item->wanted = NULL;
}

static void take_place(struct item *item, struct reshare *reshare)
{
    free(item->row.dir);
    free(item->row.target);
    item->row.dir = reshare->dir;
    item->row.target = reshare->target;
    reshare->dir = reshare->target = NULL;
    item->row.origin = ORIGIN_SHARE;
    item->row.wish = WISH_RUN;
    item->row.unlisted = reshare->unlisted;
    if (reshare->has_file_sha1) { /* the same content has the same */
        item->row.has_file_sha1 = true;
        item->row.file_sha1 = reshare->file_sha1;
    }
    item->options.quiet = reshare->quiet;
}

void reshare_apply(struct item *item)
{
    struct reshare *reshare = item->reshare;
    item->reshare = NULL;
    if (item->metainfo == NULL) { /* was being fetched, and not known yet what it is */
        item_set_metainfo(item, reshare->metainfo);
        reshare->metainfo = NULL;
    }
    if (item->metainfo == NULL) {
        reshare_free(reshare);
        return;
    }
    forget_old_plans(item);
    take_place(item, reshare);
    memset(item->have, 0xff, item_bitfield_bytes(item));
    item_set_have(item, item->have);
    item_clear_trouble(item);
    if (item_open_storage(item, false) == STATUS_OK) {
        item_complete(item, reshare->stats);
        reshare->stats = NULL;
    }
    reshare_free(reshare);
    item_mark(item);
}
