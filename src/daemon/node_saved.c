/* What the node takes over into its next run: ids, contacts, the records that prove themselves. */
#include "daemon/node_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "catalog/catalog.h"

static const char *fact_of(uint8_t family)
{
    return family == ENDPOINT_IPV6 ? "node_id/6" : "node_id/4";
}

/* ---- the id ---- */

struct id node_saved_id(struct node *node, uint8_t family)
{
    struct overlay *overlay = &node->overlays[family == ENDPOINT_IPV6];
    uint8_t *value = NULL;
    size_t len = 0;
    if (node->setup.catalog != NULL &&
        catalog_get(node->setup.catalog, fact_of(family), &value, &len) == STATUS_OK &&
        len == ID_BYTES)
        memcpy(overlay->saved_id.bytes, value, ID_BYTES);
    free(value);
    return overlay->saved_id;
}

static void save_id(struct node *node, struct overlay *overlay)
{
    struct dht_stats stats;
    dht_stats(overlay->dht, &stats);
    if (id_equal(&stats.id, &overlay->saved_id))
        return;
    overlay->saved_id = stats.id;
    catalog_set(node->setup.catalog, fact_of(overlay->family), bytes_of(stats.id.bytes, ID_BYTES));
}

/* ---- contacts ---- */

static void restore_contacts(struct node *node, struct overlay *overlay)
{
    size_t count = 0;
    struct dht_contact *contacts = calloc(NODE_SAVED_MAX, sizeof *contacts);
    if (contacts == NULL)
        return;
    catalog_load_nodes(node->setup.catalog, overlay->family, contacts, NODE_SAVED_MAX, &count);
    dht_add_saved(overlay->dht, contacts, count, node_now_ms(node));
    overlay->saved_contacts = count;
    free(contacts);
}

static size_t without_failed(struct dht_contact contacts[], size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (contacts[i].failures == 0)
            contacts[kept++] = contacts[i];
    return kept;
}

/* An empty table says nothing of the nodes we knew: they stay. */
static void save_contacts(struct node *node, struct overlay *overlay)
{
    struct dht_contact *contacts = calloc(NODE_SAVED_MAX, sizeof *contacts);
    if (contacts == NULL)
        return;
    size_t count = dht_contacts(overlay->dht, contacts, NODE_SAVED_MAX);
    count = without_failed(contacts, count);
    enum status status = STATUS_OK;
    if (count > 0)
        status = catalog_save_nodes(node->setup.catalog, overlay->family, contacts, count);
    if (status != STATUS_OK)
        log_warn("node", "cannot save the nodes: %s", status_text(status));
    free(contacts);
}

void node_save_contacts(struct node *node)
{
    if (node->setup.catalog == NULL)
        return;
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        if (node->overlays[i].dht == NULL)
            continue;
        save_id(node, &node->overlays[i]);
        save_contacts(node, &node->overlays[i]);
    }
}

/* ---- records ---- */

static int64_t unix_s(const struct node *node, uint64_t time_ms)
{
    return (int64_t)((node->unix_base_ms + time_ms) / 1000);
}

/* Seconds; 0: it has ended. What was saved without an end says itself when that is. */
static uint32_t left_of(const struct node *node, const struct catalog_record *record)
{
    int64_t left_s = record->ends_unix_s - unix_s(node, node_now_ms(node));
    if (record->ends_unix_s == 0 || left_s > UINT32_MAX)
        return UINT32_MAX;
    return left_s > 0 ? (uint32_t)left_s : 0;
}

static void restore_records(struct node *node, struct overlay *overlay)
{
    struct catalog_record *records;
    size_t count, kept = 0;
    if (catalog_load_records(node->setup.catalog, overlay->family, &records, &count) != STATUS_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t left_s = left_of(node, &records[i]);
        if (left_s > 0 &&
            dht_restore_record(overlay->dht, &records[i].key, records[i].kind, records[i].value,
                               left_s, node_now_ms(node)) == STATUS_OK)
            kept++;
    }
    if (count > 0)
        log_debug("node", "%zu of %zu held records are good still", kept, count);
    catalog_free_records(records, count);
}

void node_restore(struct node *node)
{
    if (node->setup.catalog == NULL)
        return;
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        if (node->overlays[i].dht == NULL)
            continue;
        restore_contacts(node, &node->overlays[i]);
        restore_records(node, &node->overlays[i]);
    }
}

/* Copies, for a value is borrowed until the next is asked for. */
struct copies {
    struct catalog_record *records;
    size_t count, room;
};

static bool add_copy(struct copies *copies, const struct id *key, enum record_kind kind,
                     struct bytes value, int64_t ends_unix_s)
{
    if (copies->count == copies->room) {
        size_t room = copies->room == 0 ? 64 : copies->room * 2;
        struct catalog_record *grown = realloc(copies->records, room * sizeof *grown);
        if (grown == NULL)
            return false;
        copies->records = grown;
        copies->room = room;
    }
    uint8_t *data = malloc(value.len + 1);
    if (data == NULL)
        return false;
    memcpy(data, value.data, value.len);
    copies->records[copies->count++] = (struct catalog_record){
        .key = *key, .kind = kind, .value = bytes_of(data, value.len), .ends_unix_s = ends_unix_s};
    return true;
}

static void save_records(struct node *node, struct overlay *overlay)
{
    struct copies copies = {0};
    struct id key;
    enum record_kind kind;
    struct bytes value;
    uint64_t ends_ms;
    for (size_t at = dht_next_record(overlay->dht, 0, &key, &kind, &value, &ends_ms);
         at != 0 && add_copy(&copies, &key, kind, value, unix_s(node, ends_ms));
         at = dht_next_record(overlay->dht, at, &key, &kind, &value, &ends_ms))
        ;
    enum status status =
        catalog_save_records(node->setup.catalog, overlay->family, copies.records, copies.count);
    if (status != STATUS_OK)
        log_warn("node", "cannot save the records held: %s", status_text(status));
    catalog_free_records(copies.records, copies.count);
}

void node_save_records(struct node *node)
{
    if (node->setup.catalog == NULL)
        return;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node->overlays[i].dht != NULL)
            save_records(node, &node->overlays[i]);
}
