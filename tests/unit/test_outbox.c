/* What waits to be sent to one peer. Chunks are played here: a state and some bytes. */
#include "daemon/outbox.h"

#include <string.h>

#include "daemon/upload.h"
#include "kadpeer/rng.h"
#include "support/unit.h"

struct chunk {
    enum chunk_state state;
    uint8_t data[64];
    int borrowed;
};

enum chunk_state upload_state(const struct chunk *chunk)
{
    return chunk->state;
}

const uint8_t *upload_data(const struct chunk *chunk)
{
    return chunk->data;
}

uint32_t upload_size(const struct chunk *chunk)
{
    (void)chunk;
    return 256 << 10;
}

void upload_return(struct engine *engine, struct chunk *chunk)
{
    (void)engine;
    chunk->borrowed--;
}

static void add_text(struct outbox *outbox, const char *text)
{
    assert_true(outbox_add_text(outbox, bytes_of_string(text)));
}

static void add_block(struct outbox *outbox, struct chunk *chunk, uint32_t offset, uint32_t length)
{
    chunk->borrowed++;
    assert_true(outbox_add_block(outbox, NULL, chunk, offset, length));
}

/* Everything that can be sent now, as one text. */
static size_t send_all(struct outbox *outbox, uint8_t *out, bool *failed)
{
    struct bytes runs[3];
    size_t len = 0, count;
    while ((count = outbox_begin(outbox, runs, 3, failed)) > 0) {
        for (size_t i = 0; i < count; i++) {
            memcpy(out + len, runs[i].data, runs[i].len);
            len += runs[i].len;
        }
        outbox_sent(outbox, NULL);
    }
    return len;
}

static void a_block_not_read_yet_holds_back_what_is_behind_it(void **state)
{
    (void)state;
    struct outbox outbox;
    struct chunk chunk = {.state = CHUNK_READING};
    uint8_t out[64];
    bool failed;
    memcpy(chunk.data, "0123456789", 10);
    outbox_init(&outbox);
    add_text(&outbox, "one ");
    add_block(&outbox, &chunk, 2, 3);
    add_text(&outbox, " two");
    assert_int_equal(outbox.bytes, 11);
    assert_int_equal(send_all(&outbox, out, &failed), 4);
    assert_false(failed);
    assert_int_equal(outbox.bytes, 7);
    chunk.state = CHUNK_READY;
    assert_int_equal(send_all(&outbox, out, &failed), 7);
    assert_memory_equal(out, "234 two", 7);
    assert_int_equal(chunk.borrowed, 0);
    assert_int_equal(outbox.bytes, 0);
    outbox_dispose(&outbox, NULL);
}

static void a_block_that_cannot_be_read_is_told_when_its_turn_comes(void **state)
{
    (void)state;
    struct outbox outbox;
    struct chunk chunk = {.state = CHUNK_FAILED};
    uint8_t out[64];
    struct bytes runs[4];
    bool failed;
    outbox_init(&outbox);
    add_text(&outbox, "before");
    add_block(&outbox, &chunk, 0, 5);
    assert_int_equal(outbox_begin(&outbox, runs, 4, &failed), 1);
    assert_true(failed);
    outbox_sent(&outbox, NULL);
    assert_int_equal(send_all(&outbox, out, &failed), 0);
    assert_true(failed);
    outbox_dispose(&outbox, NULL);
    assert_int_equal(chunk.borrowed, 0);
}

static void chunks_are_given_back_when_a_connection_ends(void **state)
{
    (void)state;
    struct outbox outbox;
    struct chunk chunk = {.state = CHUNK_READY};
    struct bytes runs[2];
    bool failed;
    outbox_init(&outbox);
    for (int i = 0; i < 5; i++)
        add_block(&outbox, &chunk, 0, 8);
    outbox_begin(&outbox, runs, 2, &failed);
    outbox_dispose(&outbox, NULL);
    assert_int_equal(chunk.borrowed, 0);
}

/* As many blocks as find room, each with its head, `per_chunk` of them from each chunk. */
static size_t fill(struct outbox *outbox, struct chunk chunks[], size_t count, size_t per_chunk)
{
    size_t blocks = 0;
    while (outbox_has_room(outbox)) {
        assert_in_range(blocks / per_chunk, 0, count - 1);
        add_text(outbox, "its head");
        add_block(outbox, &chunks[blocks++ / per_chunk], 0, 16 << 10);
    }
    return blocks;
}

static void blocks_from_here_and_there_take_up_little_memory(void **state)
{
    (void)state;
    struct outbox outbox;
    static struct chunk chunks[32];
    outbox_init(&outbox);
    assert_in_range(fill(&outbox, chunks, 32, 16), 255, 256); /* in order: all that may wait */
    outbox_dispose(&outbox, NULL);
    assert_in_range(fill(&outbox, chunks, 32, 1), 2, 4);
    assert_int_equal(outbox.held / 1024, 256 * (outbox.count / 2));
    outbox_dispose(&outbox, NULL);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(chunks[i].borrowed, 0);
}

/* Against a plain string: texts of any size, sent in portions, around the end of the ring. */
static void any_mixture_comes_out_as_it_went_in(void **state)
{
    (void)state;
    static uint8_t wanted[1 << 20], got[1 << 20], text[6000];
    struct rng rng;
    struct outbox outbox;
    struct chunk chunk = {.state = CHUNK_READY};
    size_t in = 0, out = 0;
    rng_init_seed(&rng, test_seed(0x0b0c));
    rng_fill(&rng, chunk.data, sizeof chunk.data);
    outbox_init(&outbox);
    while (in < sizeof wanted - sizeof text) {
        bool block = rng_below(&rng, 4) == 0, failed;
        size_t most = rng_below(&rng, 20) == 0 ? sizeof text : 60;
        size_t len = block ? 1 + rng_below(&rng, sizeof chunk.data) : 1 + rng_below(&rng, most);
        if (block) {
            add_block(&outbox, &chunk, (uint32_t)(sizeof chunk.data - len), (uint32_t)len);
            memcpy(wanted + in, chunk.data + sizeof chunk.data - len, len);
        } else {
            rng_fill(&rng, text, len);
            assert_true(outbox_add_text(&outbox, bytes_of(text, len)));
            memcpy(wanted + in, text, len);
        }
        in += len;
        struct bytes runs[7];
        size_t count = rng_below(&rng, 3) > 0 ? outbox_begin(&outbox, runs, 7, &failed) : 0;
        if (rng_below(&rng, 2) == 0) /* something comes while these are with the socket */
            add_text(&outbox, "x"), wanted[in++] = 'x';
        for (size_t i = 0; i < count; i++) {
            memcpy(got + out, runs[i].data, runs[i].len);
            out += runs[i].len;
        }
        outbox_sent(&outbox, NULL);
        assert_int_equal(outbox.bytes, in - out);
    }
    bool failed;
    out += send_all(&outbox, got + out, &failed);
    assert_int_equal(out, in);
    assert_memory_equal(got, wanted, in);
    assert_int_equal(chunk.borrowed, 0);
    outbox_dispose(&outbox, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_not_read_yet_holds_back_what_is_behind_it),
        cmocka_unit_test(a_block_that_cannot_be_read_is_told_when_its_turn_comes),
        cmocka_unit_test(chunks_are_given_back_when_a_connection_ends),
        cmocka_unit_test(blocks_from_here_and_there_take_up_little_memory),
        cmocka_unit_test(any_mixture_comes_out_as_it_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
