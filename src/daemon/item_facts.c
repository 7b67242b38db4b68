#include "daemon/item_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/mover.h"
#include "daemon/selection.h"

static bool has_bit(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (7 - i % 8) & 1) != 0;
}

size_t item_bitfield_bytes(const struct item *item)
{
    return item->metainfo != NULL ? (item->metainfo->piece_count + 7u) / 8 : 0;
}

bool item_wants(const struct item *item, uint32_t piece)
{
    return item->wanted == NULL || has_bit(item->wanted, piece);
}

bool item_is_running(const struct item *item)
{
    if (item->removing || item->engine->stopping || item->row.wish != WISH_RUN || item->changed ||
        !item->discoverable || item->options.reselects || mover_is_due(item))
        return false;
    return item->transfer != NULL ||
           (item->row.complete && item->placed && item->trouble == TROUBLE_NONE &&
            item->to_verify == NULL && item->reshare == NULL);
}

bool item_is_fetching(const struct item *item)
{
    return item_is_running(item) && item->transfer != NULL &&
           (item->metainfo == NULL || item->missing > 0) && !item->row.complete &&
           item->trouble == TROUBLE_NONE;
}

bool item_is_looked_into(const struct item *item)
{
    return item->look != LOOK_NONE && item->row.complete && item->metainfo != NULL &&
           !item->removing && !item->engine->stopping;
}

bool item_begins_again(const struct item *item)
{
    bool lost = item->trouble == TROUBLE_MISSING_FILES ||
                (item->trouble == TROUBLE_CHANGED && item->look_forces);
    return lost && item_is_looked_into(item) && item->row.origin == ORIGIN_FETCH;
}

bool item_is_private(const struct item *item)
{
    return item->metainfo != NULL && item->metainfo->is_private;
}

bool item_is_alone(const struct item *item)
{
    return item->by_peer == NULL && item->dialling == 0 &&
           (item->finder.rounds > 0 || item_is_private(item)) &&
           peer_list_due(item->peers) > engine_now(item->engine);
}

/* ---- pieces ---- */

static void count_pieces(struct item *item)
{
    item->have_count = item->missing = 0;
    item->missing_bytes = 0;
    for (uint32_t i = 0; i < item->metainfo->piece_count; i++) {
        bool have = has_bit(item->have, i);
        item->have_count += have;
        if (have || !item_wants(item, i))
            continue;
        item->missing++;
        item->missing_bytes += metainfo_piece_size(item->metainfo, i);
    }
}

void item_set_have(struct item *item, const uint8_t *have)
{
    size_t len = item_bitfield_bytes(item);
    if (have == NULL)
        memset(item->have, 0, len);
    else if (have != item->have)
        memcpy(item->have, have, len);
    if (item->metainfo->piece_count % 8 != 0)
        item->have[len - 1] &= (uint8_t)(0xff << (8 - item->metainfo->piece_count % 8));
    item->row.have = bytes_of(item->have, len);
    count_pieces(item);
}

void item_add_piece(struct item *item, uint32_t piece)
{
    if (has_bit(item->have, piece))
        return;
    item->have[piece / 8] |= (uint8_t)(0x80 >> piece % 8);
    item->have_count++;
    if (!item_wants(item, piece))
        return;
    item->missing--;
    item->missing_bytes -= metainfo_piece_size(item->metainfo, piece);
}

void item_doubt_piece(struct item *item, uint32_t piece)
{
    uint8_t bit = (uint8_t)(0x80 >> piece % 8);
    if (!has_bit(item->have, piece))
        return;
    item->have[piece / 8] &= (uint8_t)~bit;
    count_pieces(item);
    if (item->to_verify == NULL)
        item->to_verify = calloc(1, item_bitfield_bytes(item) + 1);
    if (item->to_verify != NULL)
        item->to_verify[piece / 8] |= bit;
}

void item_mark_pieces(const struct item *item, uint32_t number, uint8_t *bits)
{
    const struct metainfo_file *file = &item->metainfo->files[number];
    if (file->length == 0)
        return;
    uint32_t first = (uint32_t)(file->offset / item->metainfo->piece_length);
    uint32_t last = (uint32_t)((file->offset + file->length - 1) / item->metainfo->piece_length);
    for (uint32_t i = first; i <= last; i++)
        bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

/* What was chosen before it was known which files there are. */
static void resolve_choice(struct item *item)
{
    char error[SELECTION_ERROR_SIZE];
    if (item->options.choice == NULL)
        return;
    enum status status = STATUS_REFUSED;
    if (item->row.has_expected_sha1 && selection_is_blind(item->metainfo))
        snprintf(error, sizeof error, "%s", SELECTION_BLIND);
    else
        status = selection_resolve(&item->options, item->metainfo, item->options.choice, error);
    if (status != STATUS_OK)
        item_set_trouble(item, TROUBLE_SELECTION, status, "cannot select \"%.100s\": %s",
                         item->options.choice, error);
}

void item_apply_selection(struct item *item)
{
    resolve_choice(item);
    if (item->options.one_file && item->trouble == TROUBLE_NONE &&
        selection_has_several(&item->options, item->metainfo))
        item_set_trouble(item, TROUBLE_SELECTION, STATUS_FULL, "%s has several files",
                         item->row.name);
    free(item->wanted);
    item->wanted = NULL;
    if (item->options.selected_count > 0)
        item->wanted = calloc(1, item_bitfield_bytes(item) + 1);
    for (size_t i = 0; i < item->options.selected_count && item->wanted != NULL; i++)
        if (item->options.selected[i] < item->metainfo->file_count)
            item_mark_pieces(item, item->options.selected[i], item->wanted);
    count_pieces(item);
}

uint64_t item_wanted_bytes(const struct item *item)
{
    uint64_t bytes = 0;
    if (item->metainfo == NULL)
        return item->row.size;
    if (item->wanted == NULL)
        return item->metainfo->total_length;
    for (uint32_t i = 0; i < item->metainfo->piece_count; i++)
        bytes += has_bit(item->wanted, i) ? metainfo_piece_size(item->metainfo, i) : 0;
    return bytes;
}

uint64_t item_done_bytes(const struct item *item)
{
    return item->metainfo != NULL ? item_wanted_bytes(item) - item->missing_bytes : 0;
}

unsigned item_source_count(const struct item *item)
{
    struct transfer_peer_stats peers[PEERS_AT_ONCE_MAX];
    unsigned count = item->past_sources;
    if (item->transfer == NULL)
        return count;
    size_t known =
        transfer_peers(item->transfer, engine_now(item->engine), peers, PEERS_AT_ONCE_MAX);
    for (size_t i = 0; i < known && i < PEERS_AT_ONCE_MAX; i++)
        count += peers[i].bytes_down > 0;
    return count;
}

/* ---- the state ---- */

static const char *const state_names[ITEM_STATES] = {
    [ITEM_SEARCHING] = "searching", [ITEM_METADATA] = "metadata",
    [ITEM_QUEUED] = "queued",       [ITEM_DOWNLOADING] = "downloading",
    [ITEM_VERIFYING] = "verifying", [ITEM_SHARING] = "sharing",
    [ITEM_PAUSED] = "paused",       [ITEM_COMPLETE] = "complete",
    [ITEM_NO_SPACE] = "no_space",   [ITEM_MISSING_FILES] = "missing_files",
    [ITEM_ERROR] = "error",
};

const char *item_state_name(enum item_state state)
{
    return state_names[state];
}

static enum item_state state_of_trouble(enum item_trouble trouble)
{
    switch (trouble) {
    case TROUBLE_NO_SPACE:
        return ITEM_NO_SPACE;
    case TROUBLE_MISSING_FILES:
        return ITEM_MISSING_FILES;
    default:
        return ITEM_ERROR;
    }
}

enum item_state item_state(const struct item *item)
{
    bool hindered = item->trouble != TROUBLE_NONE && item->trouble != TROUBLE_NO_SPACE;
    bool must_verify =
        (item->to_verify != NULL && !hindered) || (item->changed && item->trouble == TROUBLE_NONE);
    if (item->verifier != NULL || (must_verify && item->row.wish == WISH_RUN))
        return ITEM_VERIFYING;
    if (item->trouble != TROUBLE_NONE)
        return state_of_trouble(item->trouble);
    if (item->row.wish == WISH_PAUSE)
        return ITEM_PAUSED;
    if (item->row.wish == WISH_STOP)
        return ITEM_COMPLETE;
    if (!item->discoverable)
        return ITEM_PAUSED;
    if (item->metainfo == NULL)
        return item->by_peer != NULL || item->metadata_job != NULL ? ITEM_METADATA : ITEM_SEARCHING;
    if (item->row.complete)
        return ITEM_SHARING;
    if (item->missing == 0)
        return item->row.has_expected_sha1 ? ITEM_VERIFYING : ITEM_DOWNLOADING;
    return item->waits_for_slot ? ITEM_QUEUED : ITEM_DOWNLOADING;
}
