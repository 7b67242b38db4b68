#include "swarm/extension.h"

#include "content/bencode.h"
#include "content/metainfo.h"
#include "swarm/params.h"

/* ---- handshake ---- */

static void put_integer(struct buffer *out, const char *key, int64_t value)
{
    bencode_put_text(out, key);
    bencode_put_integer(out, value);
}

static void put_ids(struct buffer *out, bool pex)
{
    bencode_begin_dict(out);
    put_integer(out, "lt_donthave", EXTENSION_DONT_HAVE);
    put_integer(out, "ut_metadata", EXTENSION_METADATA);
    put_integer(out, "ut_pex", pex ? EXTENSION_PEX : 0);
    bencode_end(out);
}

void extension_write_handshake(const struct extension_offer *offer, struct buffer *out)
{
    bencode_begin_dict(out);
    bencode_put_text(out, "m");
    put_ids(out, offer->pex);
    if (offer->metadata_size > 0)
        put_integer(out, "metadata_size", offer->metadata_size);
    if (offer->port > 0)
        put_integer(out, "p", offer->port);
    put_integer(out, "reqq", offer->requests);
    bencode_put_text(out, "v");
    bencode_put_text(out, offer->client);
    size_t address = endpoint_address_size(&offer->remote);
    if (address > 0) {
        bencode_put_text(out, "yourip");
        bencode_put_string(out, bytes_of(offer->remote.addr, address));
    }
    bencode_end(out);
}

/* True when there is one, from `least` to `most`; another one is absurd. */
static bool read_integer(const struct bencode *dict, const char *key, int64_t least, int64_t most,
                         int64_t *value, bool *absurd)
{
    if (!bencode_find_integer(dict, key, value))
        return false;
    bool fits = *value >= least && *value <= most;
    *absurd = *absurd || !fits;
    return fits;
}

static void read_id(const struct bencode *ids, const char *name, uint8_t *id, bool *absurd)
{
    int64_t value;
    if (read_integer(ids, name, 0, UINT8_MAX, &value, absurd))
        *id = (uint8_t)value;
}

static void read_client(struct bytes text, char out[48])
{
    size_t len = text.len < 47 ? text.len : 47;
    for (size_t i = 0; i < len; i++)
        out[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? (char)text.data[i] : '?';
    out[len] = '\0';
}

enum status extension_read_handshake(struct bytes body, struct extension_peer *peer)
{
    struct bencode dict, ids;
    struct bytes client, rest;
    int64_t value;
    bool absurd = false;
    /* Some clients have bytes after the dictionary; nobody minds. */
    if (bencode_parse(body, &dict, &rest) != STATUS_OK || dict.type != BENCODE_DICT)
        return STATUS_MALFORMED;
    if (bencode_find_container(&dict, "m", BENCODE_DICT, &ids)) {
        read_id(&ids, "ut_metadata", &peer->metadata_id, &absurd);
        read_id(&ids, "ut_pex", &peer->pex_id, &absurd);
        read_id(&ids, "lt_donthave", &peer->dont_have_id, &absurd);
    }
    if (bencode_find_integer(&dict, "metadata_size", &value))
        peer->metadata_size = 0;
    if (read_integer(&dict, "metadata_size", 0, METAINFO_BYTES_MAX, &value, &absurd))
        peer->metadata_size = (uint32_t)value;
    if (read_integer(&dict, "p", 0, UINT16_MAX, &value, &absurd))
        peer->port = (uint16_t)value;
    if (read_integer(&dict, "reqq", 0, INT64_MAX, &value, &absurd) && value > 0)
        peer->requests = value > UINT16_MAX ? UINT16_MAX : (uint32_t)value;
    if (bencode_find_string(&dict, "v", &client))
        read_client(client, peer->client);
    peer->known = true;
    return absurd ? STATUS_REFUSED : STATUS_OK;
}

/* ---- metadata ---- */

enum status extension_read_metadata(struct bytes body, struct metadata_message *out)
{
    struct bencode dict;
    struct bytes rest;
    int64_t part, total = 0;
    if (bencode_parse(body, &dict, &rest) != STATUS_OK || dict.type != BENCODE_DICT ||
        !bencode_find_integer(&dict, "msg_type", &out->type) ||
        !bencode_find_integer(&dict, "piece", &part) || part < 0 ||
        part > METAINFO_BYTES_MAX / METADATA_PART_BYTES)
        return STATUS_MALFORMED;
    if (bencode_find_integer(&dict, "total_size", &total) &&
        (total < 0 || total > METAINFO_BYTES_MAX))
        return STATUS_MALFORMED;
    out->part = (uint32_t)part;
    out->total_size = (uint32_t)total;
    out->data = rest;
    return STATUS_OK;
}

void extension_write_metadata(const struct metadata_message *message, struct buffer *out)
{
    bencode_begin_dict(out);
    put_integer(out, "msg_type", message->type);
    put_integer(out, "piece", message->part);
    if (message->type == METADATA_DATA)
        put_integer(out, "total_size", message->total_size);
    bencode_end(out);
}
