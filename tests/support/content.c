#include "support/content.h"

#include "support/unit.h"

#include <stdlib.h>

#include "kadpeer/buffer.h"
#include "kadpeer/rng.h"
#include "kadpeer/sha1.h"

struct content content_make(uint32_t piece_length, uint64_t total_length, bool is_private,
                            uint64_t seed)
{
    struct content content = {.bytes = malloc(total_length + 1)};
    struct rng rng;
    rng_init_seed(&rng, seed);
    rng_fill(&rng, content.bytes, total_length);
    struct buffer hashes, info;
    buffer_init(&hashes);
    buffer_init(&info);
    for (uint64_t at = 0; at < total_length; at += piece_length) {
        uint64_t left = total_length - at;
        struct id sum =
            sha1_of(bytes_of(content.bytes + at, left < piece_length ? left : piece_length));
        buffer_add(&hashes, sum.bytes, ID_BYTES);
    }
    struct metainfo_source_file file = {"content", total_length};
    assert_int_equal(metainfo_build_info("content", true, &file, 1, piece_length,
                                         buffer_bytes(&hashes), is_private, &info),
                     STATUS_OK);
    char error[METAINFO_ERROR_SIZE];
    if (metainfo_parse_info(buffer_bytes(&info), &content.metainfo, error) != STATUS_OK)
        fail_msg("%s", error);
    buffer_dispose(&hashes);
    buffer_dispose(&info);
    return content;
}

void content_dispose(struct content *content)
{
    free(content->bytes);
    metainfo_free(content->metainfo);
}
