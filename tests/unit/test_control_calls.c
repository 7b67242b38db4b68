#include "support/control_fixture.h"

#include <string.h>
#include <sys/socket.h>

/* Calls over the control socket: requests, answers, notifications, and their ends. */

/* ---- requests and answers ---- */

static void encode_echo(msgpack_packer *packer)
{
    encode_request(packer, 4000000000u, "echo");
    msgpack_pack_map(packer, 5);
    msgpack_pack_str_with_body(packer, "text", 4);
    msgpack_pack_str_with_body(packer, "good day", 8);
    msgpack_pack_str_with_body(packer, "number", 6);
    msgpack_pack_double(packer, 60.0);
    msgpack_pack_str_with_body(packer, "double", 6);
    msgpack_pack_int(packer, -3);
    msgpack_pack_str_with_body(packer, "bool", 4);
    msgpack_pack_true(packer);
    msgpack_pack_str_with_body(packer, "texts", 5);
    msgpack_pack_array(packer, 3);
    msgpack_pack_str_with_body(packer, "a", 1);
    msgpack_pack_int(packer, 7);
    msgpack_pack_str_with_body(packer, "b", 1);
}

static void a_request_in_any_split_is_answered(void **state)
{
    struct fixture *f = *state;
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    encode_echo(&packer);
    for (size_t split = 1; split <= out.size; split++) {
        msgpack_unpacked unpacked;
        const msgpack_object *error, *result;
        send_bytes(f, out.data, split);
        turn(f);
        send_bytes(f, out.data + split, out.size - split);
        receive_response(f, 4000000000u, &unpacked, &error, &result);
        assert_int_equal(error->type, MSGPACK_OBJECT_NIL);
        assert_true(is_text(field(result, "text"), "good day"));
        assert_int_equal(field(result, "number")->via.u64, 60);
        assert_true(field(result, "double")->via.f64 == -3.0);
        assert_true(field(result, "bool")->via.boolean);
        assert_int_equal(field(result, "texts")->via.u64, 2); /* the 7 is no text */
        msgpack_unpacked_destroy(&unpacked);
    }
    msgpack_sbuffer_destroy(&out);
}

static void absent_mistyped_and_zero_ridden_params_count_as_absent(void **state)
{
    struct fixture *f = *state;
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    encode_request(&packer, 1, "echo");
    msgpack_pack_map(&packer, 2);
    msgpack_pack_str_with_body(&packer, "text", 4);
    msgpack_pack_str_with_body(&packer, "a\0b", 3);
    msgpack_pack_str_with_body(&packer, "number", 6);
    msgpack_pack_str_with_body(&packer, "12", 2);
    send_bytes(f, out.data, out.size);
    assert_done(f, 1);
    assert_string_equal(f->text, "none");
    assert_int_equal(f->number, -1);
    msgpack_sbuffer_destroy(&out);
}

static void params_may_be_nil_and_requests_come_in_a_row(void **state)
{
    struct fixture *f = *state;
    static const char row[] = "\x94\x00\x01\xa4"
                              "echo"
                              "\xc0"
                              "\x94\x00\x02\xa4"
                              "echo"
                              "\x80";
    send_bytes(f, row, sizeof row - 1);
    assert_done(f, 1);
    assert_done(f, 2);
}

static void an_unknown_method_is_an_error_of_that_call(void **state)
{
    struct fixture *f = *state;
    send_request(f, 5, "ech");
    assert_fails(f, 5, "unknown_method");
    send_request(f, 6, "echo");
    assert_done(f, 6);
}

static void a_failure_has_code_exit_message_and_hint(void **state)
{
    struct fixture *f = *state;
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    send_request(f, 9, "refuse");
    receive_response(f, 9, &unpacked, &error, &result);
    assert_true(is_text(field(error, "code"), "bad_link"));
    assert_int_equal(field(error, "exit")->via.u64, 12);
    assert_true(is_text(field(error, "message"), "cannot read \"\""));
    assert_true(is_text(field(error, "hint"), "a hint"));
    assert_int_equal(result->type, MSGPACK_OBJECT_NIL);
    msgpack_unpacked_destroy(&unpacked);
}

static void notifications_come_before_the_one_response(void **state)
{
    struct fixture *f = *state;
    send_request(f, 3, "count");
    for (unsigned i = 1; i <= 3; i++) {
        msgpack_unpacked unpacked;
        assert_true(receive(f, &unpacked));
        const msgpack_object_array *array = &unpacked.data.via.array;
        assert_int_equal(array->size, 3);
        assert_int_equal(array->ptr[0].via.u64, 2);
        assert_true(is_text(&array->ptr[1], "count"));
        assert_int_equal(field(&array->ptr[2], "msgid")->via.u64, 3);
        assert_int_equal(field(&array->ptr[2], "v")->via.u64, 1);
        assert_int_equal(field(&array->ptr[2], "i")->via.u64, i);
        msgpack_unpacked_destroy(&unpacked);
    }
    assert_done(f, 3);
}

static void params_outlive_a_call_whose_request_was_taken(void **state)
{
    struct fixture *f = *state;
    static char block[100000];
    memset(block, 'b', sizeof block);
    msgpack_sbuffer out;
    msgpack_packer packer;
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
    encode_request(&packer, 1, "keep");
    msgpack_pack_map(&packer, 1);
    msgpack_pack_str_with_body(&packer, "bytes", 5);
    msgpack_pack_bin_with_body(&packer, block, sizeof block);
    send_bytes(f, out.data, out.size);
    msgpack_sbuffer_destroy(&out);
    assert_done(f, 1);
    assert_int_equal(counts_of(f).calls, 0);
    assert_true(bytes_equal(f->kept_bytes, bytes_of(block, sizeof block)));
}

static void an_answer_may_be_bigger_than_the_backlog(void **state)
{
    struct fixture *f = *state;
    msgpack_unpacked unpacked;
    const msgpack_object *error, *result;
    send_request(f, 1, "big");
    receive_response(f, 1, &unpacked, &error, &result);
    assert_int_equal(field(result, "blocks")->via.array.size, 6);
    msgpack_unpacked_destroy(&unpacked);
    send_request(f, 2, "echo");
    assert_done(f, 2);
}

/* ---- calls that are cancelled ---- */

static void a_client_that_goes_away_cancels_its_calls(void **state)
{
    struct fixture *f = *state;
    send_request(f, 1, "wait");
    send_request(f, 2, "wait");
    turn(f);
    assert_int_equal(counts_of(f).calls, 2);
    shutdown(f->fd, SHUT_RDWR);
    while (counts_of(f).connections > 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->cancelled, 2);
    assert_int_equal(counts_of(f).calls, 0);
}

static void the_end_of_the_server_cancels_calls_and_says_so(void **state)
{
    struct fixture *f = *state;
    send_request(f, 1, "wait");
    turn(f);
    assert_int_equal(f->waiting_count, 1);
    control_free(f->control);
    assert_int_equal(f->cancelled, 1);
    f->control = NULL;
    assert_fails(f, 1, "stopping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        control_test(a_request_in_any_split_is_answered),
        control_test(absent_mistyped_and_zero_ridden_params_count_as_absent),
        control_test(params_may_be_nil_and_requests_come_in_a_row),
        control_test(an_unknown_method_is_an_error_of_that_call),
        control_test(a_failure_has_code_exit_message_and_hint),
        control_test(notifications_come_before_the_one_response),
        control_test(params_outlive_a_call_whose_request_was_taken),
        control_test(an_answer_may_be_bigger_than_the_backlog),
        control_test(a_client_that_goes_away_cancels_its_calls),
        control_test(the_end_of_the_server_cancels_calls_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
