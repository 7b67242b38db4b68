#include "cli/request.h"

#include <string.h>

void request_init(struct request *request, const char *method)
{
    request->method = method;
    request->fields = 0;
    request->secret = false;
    msgpack_sbuffer_init(&request->body);
    msgpack_packer_init(&request->packer, &request->body, msgpack_sbuffer_write);
}

void request_dispose(struct request *request)
{
    if (request->secret && request->body.data != NULL)
        explicit_bzero(request->body.data, request->body.size);
    msgpack_sbuffer_destroy(&request->body);
}

static void put_text(msgpack_packer *packer, const char *text)
{
    size_t len = strlen(text);
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, text, len);
}

static msgpack_packer *begin_field(struct request *request, const char *key)
{
    request->fields++;
    put_text(&request->packer, key);
    return &request->packer;
}

void request_text(struct request *request, const char *key, const char *value)
{
    if (value != NULL)
        put_text(begin_field(request, key), value);
}

void request_bool(struct request *request, const char *key, bool value)
{
    msgpack_packer *packer = begin_field(request, key);
    if (value)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
}

void request_number(struct request *request, const char *key, int64_t value)
{
    msgpack_pack_int64(begin_field(request, key), value);
}

void request_double(struct request *request, const char *key, double value)
{
    msgpack_pack_double(begin_field(request, key), value);
}

void request_bytes(struct request *request, const char *key, struct bytes value)
{
    msgpack_packer *packer = begin_field(request, key);
    msgpack_pack_bin(packer, value.len);
    msgpack_pack_bin_body(packer, value.data, value.len);
}

void request_secret(struct request *request, const char *key, struct bytes value)
{
    request->secret = true;
    request_bytes(request, key, value);
}

void request_texts(struct request *request, const char *key, const char *const values[],
                   size_t count)
{
    msgpack_packer *packer = begin_field(request, key);
    msgpack_pack_array(packer, count);
    for (size_t i = 0; i < count; i++)
        put_text(packer, values[i]);
}

void request_encode(const struct request *request, uint32_t msgid, msgpack_sbuffer *out)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_int(&packer, 0);
    msgpack_pack_uint32(&packer, msgid);
    put_text(&packer, request->method);
    msgpack_pack_map(&packer, request->fields);
    msgpack_sbuffer_write(out, request->body.data, request->body.size);
}
