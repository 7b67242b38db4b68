#include "support/unit.h"

#include <pthread.h>

#include "cli/client.h"
#include "support/fake_daemon.h"

static struct client *client;
static int daemon_end;

static int set_up(void **state)
{
    (void)state;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return -1;
    client = client_new(fds[0]);
    daemon_end = fds[1];
    return client == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_free(client);
    if (daemon_end >= 0)
        close(daemon_end);
    return 0;
}

static uint64_t soon(void)
{
    return client_now_ms() + 20000;
}

static void a_request_is_sent_as_the_protocol_has_it(void **state)
{
    (void)state;
    struct request request;
    uint32_t msgid;
    const char *texts[] = {"a", "b"};
    request_init(&request, "transfer.add");
    request_text(&request, "link", "magnet:?x");
    request_text(&request, "name", NULL);
    request_bool(&request, "force", true);
    request_number(&request, "n", -5);
    request_texts(&request, "from", texts, 2);
    request_bytes(&request, "torrent", bytes_of("\x01\xff", 2));
    assert_int_equal(client_send(client, &request, &msgid), STATUS_OK);
    request_dispose(&request);
    json_t *asked = fake_asked(daemon_end);
    char *text = json_dumps(asked, JSON_COMPACT);
    assert_string_equal(text, "[0,1,\"transfer.add\",{\"link\":\"magnet:?x\",\"force\":true,"
                              "\"n\":-5,\"from\":[\"a\",\"b\"],\"torrent\":\"01ff\"}]");
    free(text);
    json_decref(asked);
}

static void notifications_come_before_the_response(void **state)
{
    (void)state;
    struct message message;
    fake_says(daemon_end, "[2,\"progress\",{\"msgid\":7,\"v\":1,\"done\":5}]");
    fake_says(daemon_end, "[1,7,null,{\"id\":3}]");
    fake_says(daemon_end, "[1,8,{\"code\":\"no_source\",\"exit\":3},null]");
    fake_says(daemon_end, "[1,9,null,null]");
    assert_int_equal(client_next(client, soon(), &message), STATUS_OK);
    assert_false(message.response);
    assert_int_equal(message.msgid, 7);
    assert_string_equal(message.event, "progress");
    assert_int_equal(json_whole(message.body, "done", 0), 5);
    assert_null(json_at(message.body, "msgid"));
    message_dispose(&message);
    assert_int_equal(client_next(client, soon(), &message), STATUS_OK);
    assert_true(message.response);
    assert_null(message.error);
    assert_int_equal(json_whole(message.body, "id", 0), 3);
    message_dispose(&message);
    assert_int_equal(client_next(client, soon(), &message), STATUS_OK);
    assert_null(message.body);
    assert_string_equal(json_text(message.error, "code", ""), "no_source");
    message_dispose(&message);
    assert_int_equal(client_next(client, soon(), &message), STATUS_OK);
    assert_int_equal(json_object_size(message.body), 0);
    message_dispose(&message);
}

static void *write_in_crumbs(void *user)
{
    const msgpack_sbuffer *data = user;
    for (size_t at = 0; at < data->size;) {
        size_t len = at < 100 || data->size - at < 100 ? 1 : data->size - at - 50;
        ssize_t wrote = write(daemon_end, data->data + at, len);
        if (wrote < 0)
            return NULL;
        at += (size_t)wrote;
    }
    return NULL;
}

static void a_large_message_arrives_in_any_split(void **state)
{
    (void)state;
    enum { FILES = 20000 };
    msgpack_sbuffer data;
    msgpack_packer packer;
    pthread_t thread;
    struct message message;
    msgpack_sbuffer_init(&data);
    msgpack_packer_init(&packer, &data, msgpack_sbuffer_write);
    json_t *files = json_array();
    for (int i = 0; i < FILES; i++)
        json_array_append_new(files, json_pack("{s:i,s:s}", "index", i, "path", "a/b/c.txt"));
    json_t *whole = json_pack("[i,i,n,{s:o}]", 1, 4, "files", files);
    pack_json(&packer, whole);
    json_decref(whole);
    assert_int_equal(pthread_create(&thread, NULL, write_in_crumbs, &data), 0);
    assert_int_equal(client_next(client, soon(), &message), STATUS_OK);
    pthread_join(thread, NULL);
    assert_int_equal(json_array_size(json_list(message.body, "files")), FILES);
    message_dispose(&message);
    msgpack_sbuffer_destroy(&data);
}

static void waiting_ends_at_the_deadline(void **state)
{
    (void)state;
    struct message message;
    assert_int_equal(client_next(client, client_now_ms(), &message), STATUS_TIMED_OUT);
    fake_says(daemon_end, "[1,1,null,{}]");
    assert_int_equal(client_next(client, soon(), &message), STATUS_OK);
    message_dispose(&message);
}

static void a_watched_descriptor_ends_the_wait(void **state)
{
    (void)state;
    struct message message;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    client_watch(client, fds[0]);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(client_next(client, soon(), &message), STATUS_CANCELLED);
    close(fds[0]);
    close(fds[1]);
}

static void a_daemon_that_goes_away_is_noticed(void **state)
{
    (void)state;
    struct message message;
    fake_says(daemon_end, "[1,1,null,{}]");
    close(daemon_end);
    daemon_end = -1;
    assert_int_equal(client_next(client, soon(), &message), STATUS_OK);
    message_dispose(&message);
    assert_int_equal(client_next(client, soon(), &message), STATUS_CLOSED);
    struct request request;
    uint32_t msgid;
    request_init(&request, "status");
    assert_int_equal(client_send(client, &request, &msgid), STATUS_CLOSED);
    request_dispose(&request);
}

static void what_is_not_the_protocol_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "[1,2]",
                                      "[0,1,\"x\",{}]",
                                      "[1,1,null,5]",
                                      "[1,-1,null,{}]",
                                      "[2,5,{}]",
                                      "[2,\"e\",[]]",
                                      "[2,\"an event with much too long a name to be one\",{}]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct message message;
        fake_says(daemon_end, bad[i]);
        if (client_next(client, soon(), &message) != STATUS_MALFORMED)
            fail_msg("taken: %s", bad[i]);
    }
}

static void a_length_that_lies_is_refused_before_it_costs_anything(void **state)
{
    (void)state;
    struct message message;
    assert_int_equal(write(daemon_end, "\xdd\xff\xff\xff\xff", 5), 5);
    assert_int_equal(client_next(client, soon(), &message), STATUS_MALFORMED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_sent_as_the_protocol_has_it),
        TEST(notifications_come_before_the_response),
        TEST(a_large_message_arrives_in_any_split),
        TEST(waiting_ends_at_the_deadline),
        TEST(a_watched_descriptor_ends_the_wait),
        TEST(a_daemon_that_goes_away_is_noticed),
        TEST(what_is_not_the_protocol_is_malformed),
        TEST(a_length_that_lies_is_refused_before_it_costs_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
