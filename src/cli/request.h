/* One call's params, written field by field: docs/control.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "kadpeer/bytes.h"

struct request {
    const char *method; /* borrowed */
    msgpack_sbuffer body;
    msgpack_packer packer;
    uint32_t fields;
    bool secret; /* wiped when disposed of */
};

void request_init(struct request *request, const char *method);
void request_dispose(struct request *request);

void request_text(struct request *request, const char *key, const char *value); /* NULL: left out */
void request_bool(struct request *request, const char *key, bool value);
void request_number(struct request *request, const char *key, int64_t value);
void request_double(struct request *request, const char *key, double value);
void request_bytes(struct request *request, const char *key, struct bytes value);
/* Bytes that no copy of is to stay behind. Add them last. */
void request_secret(struct request *request, const char *key, struct bytes value);
void request_texts(struct request *request, const char *key, const char *const values[],
                   size_t count);

/* The whole message [0, msgid, method, params] onto `out`. */
void request_encode(const struct request *request, uint32_t msgid, msgpack_sbuffer *out);
