/* What the DHT node of each family takes over into its next run: contacts and held records. */
#include "catalog/catalog.h"

#include <stdlib.h>

#include "catalog/catalog_private.h"

static enum status clear(struct catalog *catalog, enum statement which, uint8_t family)
{
    struct query query;
    query_start(&query, catalog, which);
    query_bind_int(&query, family);
    return query_run(&query);
}

static enum status add_node(struct catalog *catalog, uint8_t family,
                            const struct dht_contact *contact)
{
    char address[ENDPOINT_TEXT_SIZE];
    endpoint_format(&contact->endpoint, address);
    struct query query;
    query_start(&query, catalog, STATEMENT_NODES_ADD);
    query_bind_int(&query, family);
    query_bind_id(&query, &contact->id);
    query_bind_text(&query, address);
    query_bind_int(&query, contact->rtt_ms);
    query_bind_int(&query, contact->failures);
    return query_run(&query);
}

enum status catalog_save_nodes(struct catalog *catalog, uint8_t family,
                               const struct dht_contact contacts[], size_t count)
{
    bool own;
    enum status status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    status = clear(catalog, STATEMENT_NODES_CLEAR, family);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = add_node(catalog, family, &contacts[i]);
    return catalog_leave(catalog, own, status);
}

static bool read_node(struct query *query, struct dht_contact *out)
{
    *out = (struct dht_contact){0};
    char *address = query_text(query, 1);
    bool good =
        query_id(query, 0, &out->id) && address != NULL && endpoint_parse(address, &out->endpoint);
    free(address);
    out->rtt_ms = (uint32_t)query_count(query, 2);
    out->failures = (uint16_t)query_count(query, 3);
    return good;
}

enum status catalog_load_nodes(struct catalog *catalog, uint8_t family, struct dht_contact out[],
                               size_t cap, size_t *count)
{
    *count = 0;
    struct query query;
    query_start(&query, catalog, STATEMENT_NODES_LOAD);
    query_bind_int(&query, family);
    query_bind_count(&query, cap);
    while (*count < cap && query_row(&query)) {
        if (read_node(&query, &out[*count]))
            (*count)++;
    }
    return query_end(&query);
}

static enum status add_record(struct catalog *catalog, uint8_t family,
                              const struct catalog_record *record)
{
    struct query query;
    query_start(&query, catalog, STATEMENT_RECORDS_ADD);
    query_bind_int(&query, family);
    query_bind_id(&query, &record->key);
    query_bind_int(&query, record->kind);
    query_bind_bytes(&query, record->value);
    query_bind_int(&query, record->ends_unix_s);
    return query_run(&query);
}

enum status catalog_save_records(struct catalog *catalog, uint8_t family,
                                 const struct catalog_record records[], size_t count)
{
    bool own;
    enum status status = catalog_enter(catalog, &own);
    if (status != STATUS_OK)
        return status;
    status = clear(catalog, STATEMENT_RECORDS_CLEAR, family);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = add_record(catalog, family, &records[i]);
    return catalog_leave(catalog, own, status);
}

static void read_record(struct query *query, struct catalog_record *out)
{
    uint8_t *value = NULL;
    size_t len = 0;
    query_id(query, 0, &out->key);
    out->kind = (enum record_kind)query_int(query, 1);
    query_bytes(query, 2, &value, &len);
    out->value = bytes_of(value, len);
    out->ends_unix_s = query_int(query, 3);
}

enum status catalog_load_records(struct catalog *catalog, uint8_t family,
                                 struct catalog_record **out, size_t *count)
{
    struct catalog_record *rows = NULL;
    size_t used = 0, room = 0;
    enum status status = STATUS_OK;
    struct query query;
    query_start(&query, catalog, STATEMENT_RECORDS_LOAD);
    query_bind_int(&query, family);
    while (status == STATUS_OK && query_row(&query)) {
        status = query_grow((void **)&rows, &room, used, sizeof *rows);
        if (status == STATUS_OK)
            read_record(&query, &rows[used++]);
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    if (status != STATUS_OK) {
        catalog_free_records(rows, used);
        rows = NULL;
        used = 0;
    }
    *out = rows;
    *count = used;
    return status;
}

void catalog_free_records(struct catalog_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)records[i].value.data);
    free(records);
}
