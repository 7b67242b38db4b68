#include "support/control_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fixture *fixture_of(struct daemon *daemon)
{
    return (struct fixture *)daemon;
}

/* ---- the methods of this server ---- */

static void echo(struct daemon *daemon, struct call *call)
{
    const char *texts[4];
    struct fixture *f = fixture_of(daemon);
    snprintf(f->text, sizeof f->text, "%s", call_text(call, "text", "none"));
    f->number = call_number(call, "number", -1);
    struct pack *out = call_result(call);
    pack_text(out, "text", f->text);
    pack_i64(out, "number", f->number);
    pack_double(out, "double", call_double(call, "double", 0.5));
    pack_bool(out, "bool", call_bool(call, "bool", false));
    pack_u64(out, "texts", call_texts(call, "texts", texts, 4));
    call_finish(call);
}

static void on_cancel(void *user)
{
    ((struct fixture *)user)->cancelled++;
}

static void wait_for_ever(struct daemon *daemon, struct call *call)
{
    struct fixture *f = fixture_of(daemon);
    f->waiting[f->waiting_count++] = call;
    call_on_cancel(call, on_cancel, f);
}

static void count_to_three(struct daemon *daemon, struct call *call)
{
    (void)daemon;
    for (unsigned i = 1; i <= 3; i++) {
        struct pack *note = call_notify(call, "count");
        pack_u64(note, "i", i);
        call_notify_end(call);
    }
    call_finish(call);
}

static void refuse(struct daemon *daemon, struct call *call)
{
    (void)daemon;
    call_result(call); /* begun, then it goes wrong */
    call_fail(call, "bad_link", 12, "a hint", "cannot read \"%s\"", call_text(call, "link", ""));
}

static void big(struct daemon *daemon, struct call *call)
{
    (void)daemon;
    static char block[1 << 20];
    struct pack *out = call_result(call);
    pack_begin_array(out, "blocks");
    for (unsigned i = 0; i < 6; i++)
        pack_bin(out, NULL, block, sizeof block);
    pack_end(out);
    call_finish(call);
}

static void keep(struct daemon *daemon, struct call *call)
{
    struct fixture *f = fixture_of(daemon);
    const msgpack_object *bytes = call_param(call, "bytes");
    f->kept_bytes = bytes_of(bytes->via.bin.ptr, bytes->via.bin.size);
    f->kept = call_take_request(call);
    call_result(call);
    call_finish(call);
}

static const struct control_method some[] = {{"echo", echo},
                                             {"status", echo},
                                             {"wait", wait_for_ever},
                                             {"count", count_to_three},
                                             {NULL, NULL}};
static const struct control_method others[] = {
    {"refuse", refuse}, {"big", big}, {"keep", keep}, {NULL, NULL}};
static const struct control_method *const tables[] = {some, others, NULL};

/* ---- the server and its client ---- */

void turn(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

struct control_counts counts_of(const struct fixture *f)
{
    return control_counts(f->control);
}

static int connect_client(struct fixture *f)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(control_adopt(f->control, ends[1]), STATUS_OK);
    return ends[0];
}

void new_client(struct fixture *f)
{
    close(f->fd);
    f->fd = connect_client(f);
}

void end_server(struct fixture *f)
{
    control_free(f->control);
    f->control = NULL;
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

int control_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->daemon.loop = &f->loop;
    f->control = control_new(&f->daemon, tables);
    f->fd = connect_client(f);
    buffer_init(&f->in);
    *state = f;
    return 0;
}

int control_tear_down(void **state)
{
    struct fixture *f = *state;
    close(f->fd);
    end_server(f);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    buffer_dispose(&f->in);
    free(f->kept);
    free(f);
    return 0;
}

/* ---- sending ---- */

void send_bytes(struct fixture *f, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t sent = send(f->fd, at, len, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        }
        turn(f);
        if (sent < 0 && errno != EAGAIN)
            return;
    }
}

void encode_request(msgpack_packer *packer, uint32_t msgid, const char *method)
{
    msgpack_pack_array(packer, 4);
    msgpack_pack_int(packer, 0);
    msgpack_pack_uint32(packer, msgid);
    msgpack_pack_str_with_body(packer, method, strlen(method));
}

void send_request(struct fixture *f, uint32_t msgid, const char *method)
{
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    encode_request(&packer, msgid, method);
    msgpack_pack_map(&packer, 0);
    send_bytes(f, out.data, out.size);
    msgpack_sbuffer_destroy(&out);
}

/* ---- receiving ---- */

bool receive(struct fixture *f, msgpack_unpacked *out)
{
    buffer_drop_front(&f->in, f->taken);
    f->taken = 0;
    for (;;) {
        size_t at = 0;
        msgpack_unpacked_init(out);
        if (f->in.len > 0 && msgpack_unpack_next(out, (const char *)f->in.data, f->in.len, &at) ==
                                 MSGPACK_UNPACK_SUCCESS) {
            f->taken = at;
            return true;
        }
        msgpack_unpacked_destroy(out);
        char block[65536];
        ssize_t got = recv(f->fd, block, sizeof block, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        if (got > 0)
            buffer_add(&f->in, block, (size_t)got);
        else
            turn(f);
    }
}

bool is_text(const msgpack_object *object, const char *text)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(text) &&
           memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

const msgpack_object *field(const msgpack_object *map, const char *key)
{
    assert_int_equal(map->type, MSGPACK_OBJECT_MAP);
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (is_text(&map->via.map.ptr[i].key, key))
            return &map->via.map.ptr[i].val;
    fail_msg("no field %s", key);
    return NULL;
}

void receive_response(struct fixture *f, uint32_t msgid, msgpack_unpacked *unpacked,
                      const msgpack_object **error, const msgpack_object **result)
{
    assert_true(receive(f, unpacked));
    const msgpack_object_array *array = &unpacked->data.via.array;
    assert_int_equal(unpacked->data.type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(array->size, 4);
    assert_int_equal(array->ptr[0].via.u64, 1);
    assert_int_equal(array->ptr[1].via.u64, msgid);
    *error = &array->ptr[2];
    *result = &array->ptr[3];
}

void assert_fails(struct fixture *f, uint32_t msgid, const char *code)
{
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    receive_response(f, msgid, &unpacked, &error, &result);
    assert_true(is_text(field(error, "code"), code));
    assert_int_equal(result->type, MSGPACK_OBJECT_NIL);
    msgpack_unpacked_destroy(&unpacked);
}

void assert_done(struct fixture *f, uint32_t msgid)
{
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    receive_response(f, msgid, &unpacked, &error, &result);
    assert_int_equal(error->type, MSGPACK_OBJECT_NIL);
    assert_int_equal(result->type, MSGPACK_OBJECT_MAP);
    msgpack_unpacked_destroy(&unpacked);
}

void assert_closed(struct fixture *f)
{
    msgpack_unpacked unpacked;
    assert_false(receive(f, &unpacked));
    turn(f);
    assert_int_equal(counts_of(f).connections, 0);
}
