/* A group's channel without memory: either all that is said arrives, or an end is told so. Nobody
 * waits for an answer to what was never asked. */
#include "people/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"

static const uint8_t session[CHANNEL_EXPORT_BYTES] = "what both of them have exported";
static const struct id wanted = {{8}};

struct ends {
    struct key_pairs member[2];
    struct channel *channel[2]; /* client, server */
    struct buffer wire;
    struct channel_event last[2];
};

/* False: that end is to be closed, and knows it. */
static bool make(struct ends *ends, unsigned who)
{
    struct channel_config config = {.role = who == 0 ? CHANNEL_CLIENT : CHANNEL_SERVER,
                                    .footing = CHANNEL_MEMBERS,
                                    .member = &ends->member[who]};
    memcpy(config.exported, session, sizeof config.exported);
    ends->channel[who] = channel_new(&config);
    return ends->channel[who] != NULL;
}

static bool pass(struct ends *ends, unsigned from)
{
    struct channel *to = ends->channel[!from];
    if (channel_is_broken(ends->channel[from]))
        return false;
    channel_take_out(ends->channel[from], &ends->wire);
    struct bytes bytes = buffer_bytes(&ends->wire);
    while (bytes.len > 0) {
        uint8_t *space;
        size_t len;
        channel_space(to, &space, &len);
        len = len < bytes.len ? len : bytes.len;
        memcpy(space, bytes.data, len);
        bytes = bytes_of(bytes.data + len, bytes.len - len);
        enum status status = channel_received(to, len);
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        if (status != STATUS_OK)
            return false;
        channel_next_event(to, &ends->last[!from]);
    }
    return true;
}

static bool converse(struct ends *ends)
{
    if (!make(ends, 0) || !make(ends, 1) || !pass(ends, 0) || !pass(ends, 1))
        return false;
    channel_send_head(ends->channel[0], bytes_of(session, sizeof session));
    channel_send_transfer(ends->channel[0], &wanted);
    if (!pass(ends, 0))
        return false;
    channel_send_transfer(ends->channel[1], &wanted);
    return pass(ends, 1);
}

static void ask_for_a_transfer(void *user)
{
    struct public_key group = {{7}};
    struct ends ends = {.wire = {0}};
    (void)user;
    for (unsigned who = 0; who < 2; who++) {
        uint8_t root[ROOT_BYTES] = {(uint8_t)(who + 1)};
        assert_int_equal(keys_of_member(root, &group, &ends.member[who]), STATUS_OK);
    }
    sweep_begin();
    bool done = converse(&ends);
    bool failed = sweep_cure();
    assert_true(done || failed);
    for (unsigned who = 0; who < 2; who++) {
        if (done)
            assert_int_equal(ends.last[who].type, FRAME_TRANSFER);
        channel_free(ends.channel[who]);
    }
    buffer_dispose(&ends.wire);
}

static void what_is_said_arrives_or_its_sender_is_told(void **state)
{
    struct sweep once = {.error = ENOMEM};
    struct sweep forever = {.error = ENOMEM, .mode = SWEEP_FOREVER};
    (void)state;
    assert_true(sweep(&once, ask_for_a_transfer, NULL) > 0);
    assert_true(sweep(&forever, ask_for_a_transfer, NULL) > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_said_arrives_or_its_sender_is_told, sweep_tell),
    };
    (void)argc;
    setenv("KADPEER_FAULTS_STRIDE", "1", 0); /* there are few */
    sweep_load(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
