/* The other end of a control connection, played by the test: what the daemon says is written as
 * JSON before the command line asks, what it was asked is read afterwards. And a command line whose
 * stdout and stderr are kept. */
#pragma once

#include <jansson.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"

static inline void pack_json(msgpack_packer *packer, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        msgpack_pack_map(packer, json_object_size(value));
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            msgpack_pack_str(packer, strlen(key));
            msgpack_pack_str_body(packer, key, strlen(key));
            pack_json(packer, item);
        }
        break;
    case JSON_ARRAY:
        msgpack_pack_array(packer, json_array_size(value));
        json_array_foreach(value, index, item) pack_json(packer, item);
        break;
    case JSON_STRING:
        msgpack_pack_str(packer, json_string_length(value));
        msgpack_pack_str_body(packer, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(packer, json_integer_value(value));
        break;
    case JSON_REAL:
        msgpack_pack_double(packer, json_real_value(value));
        break;
    case JSON_TRUE:
        msgpack_pack_true(packer);
        break;
    case JSON_FALSE:
        msgpack_pack_false(packer);
        break;
    case JSON_NULL:
        msgpack_pack_nil(packer);
        break;
    }
}

/* `text` is a whole message: "[1, 1, null, {…}]". */
static inline void fake_says(int fd, const char *text)
{
    json_error_t why;
    json_t *value = json_loads(text, 0, &why);
    if (value == NULL)
        fail_msg("test's own JSON: %s in %s", why.text, text);
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    pack_json(&packer, value);
    assert_int_equal(write(fd, out.data, out.size), out.size);
    msgpack_sbuffer_destroy(&out);
    json_decref(value);
}

/* The next request as JSON; the caller frees it. */
static inline json_t *fake_asked(int fd)
{
    char data[65536];
    ssize_t got = recv(fd, data, sizeof data, MSG_PEEK | MSG_DONTWAIT);
    assert_true(got > 0);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    assert_int_equal(msgpack_unpack_next(&unpacked, data, (size_t)got, &used),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(read(fd, data, used), used);
    json_t *value = json_from_msgpack(&unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return value;
}

struct fake_cli {
    struct cli cli;
    struct arguments arguments;
    int daemon; /* the daemon's end */
    char *out, *err;
    size_t out_len, err_len;
};

static inline void fake_cli_init(struct fake_cli *fake, size_t argc, const char *const argv[])
{
    int fds[2];
    struct usage_error usage;
    memset(fake, 0, sizeof *fake);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(arguments_parse(argc, argv, &fake->arguments, &usage), STATUS_OK);
    assert_int_equal(paths_init(&fake->cli.paths, NULL, "/nonexistent/control.sock"), STATUS_OK);
    fake->daemon = fds[1];
    fake->cli.client = client_new(fds[0]);
    fake->cli.deadline_ms = client_now_ms() + 20000; /* a test that hangs fails */
    fake->cli.out = open_memstream(&fake->out, &fake->out_len);
    fake->cli.err = open_memstream(&fake->err, &fake->err_len);
    fake->cli.arguments = &fake->arguments;
    fake->cli.json = arguments_has(&fake->arguments, "json");
    fake->cli.quiet = arguments_has(&fake->arguments, "quiet");
    fake->cli.yes = arguments_has(&fake->arguments, "yes");
}

/* Runs the command; its output is in `out` and `err` then. */
static inline int fake_cli_run(struct fake_cli *fake)
{
    int status = fake->arguments.command->run(&fake->cli, &fake->arguments);
    fflush(fake->cli.out);
    fflush(fake->cli.err);
    return status;
}

static inline void fake_cli_dispose(struct fake_cli *fake)
{
    client_free(fake->cli.client);
    close(fake->daemon);
    fclose(fake->cli.out);
    fclose(fake->cli.err);
    free(fake->out);
    free(fake->err);
    arguments_dispose(&fake->arguments);
}

/* A command of these words, against a daemon that says `says` (NULL ends it). */
#define FAKE_CLI(fake, ...)                                                                        \
    fake_cli_init(&(fake), sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                 \
                  (const char *[]){__VA_ARGS__})
