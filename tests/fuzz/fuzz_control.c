/* What a program that speaks something else, or badly, sends to the control socket. The first byte
 * says how the rest is cut in two. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/daemon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void echo(struct daemon *daemon, struct call *call)
{
    const char *texts[8];
    (void)daemon;
    struct pack *out = call_result(call);
    pack_text(out, "text", call_text(call, "text", "none"));
    pack_bool(out, "bool", call_bool(call, "bool", false));
    pack_i64(out, "number", call_number(call, "number", 0));
    pack_double(out, "double", call_double(call, "double", 0));
    size_t count = call_texts(call, "texts", texts, 8);
    pack_begin_array(out, "texts");
    for (size_t i = 0; i < count; i++)
        pack_text(out, NULL, texts[i]);
    pack_end(out);
    call_finish(call);
}

static void stay(struct daemon *daemon, struct call *call)
{
    (void)daemon;
    call_notify(call, "here");
    call_notify_end(call);
}

static const struct control_method methods[] = {{"echo", echo}, {"stay", stay}, {NULL, NULL}};
static const struct control_method *const tables[] = {methods, NULL};

static void feed(uv_loop_t *loop, int fd, const uint8_t *data, size_t size)
{
    if (size > 0 && send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        uv_run(loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uv_loop_t loop;
    struct daemon daemon = {.loop = &loop};
    int ends[2];
    signal(SIGPIPE, SIG_IGN); /* as the daemon does: it may have more to say to who has left */
    if (size == 0 || size > 100000 || uv_loop_init(&loop) != 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    struct control *control = control_new(&daemon, tables);
    if (control == NULL || control_adopt(control, ends[1]) != STATUS_OK)
        abort();
    size_t first = (size - 1) * data[0] / 255;
    feed(&loop, ends[0], data + 1, first);
    feed(&loop, ends[0], data + 1 + first, size - 1 - first);
    struct control_counts counts = control_counts(control);
    if (counts.calls > 16 || counts.connections > 1)
        abort();
    close(ends[0]);
    control_free(control);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) != 0)
        abort();
    return 0;
}
