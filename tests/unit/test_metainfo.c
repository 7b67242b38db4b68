#include "support/unit.h"

#include <string.h>

#include "content/bencode.h"
#include "content/metainfo.h"
#include "content/params.h"
#include "kadpeer/rng.h"
#include "kadpeer/sha1.h"

#define HASH "aaaaaaaaaaaaaaaaaaaa"

static struct metainfo *parsed(const char *text, size_t len)
{
    struct metainfo *metainfo = NULL;
    char error[METAINFO_ERROR_SIZE];
    if (metainfo_parse_info(bytes_of(text, len), &metainfo, error) != STATUS_OK)
        fail_msg("refused: %s", error);
    return metainfo;
}

static void assert_refused(const char *text, const char *wanted)
{
    struct metainfo *metainfo = NULL;
    char error[METAINFO_ERROR_SIZE];
    assert_int_not_equal(metainfo_parse_info(bytes_of_string(text), &metainfo, error), STATUS_OK);
    if (strstr(error, wanted) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", wanted, error);
}

/* An info dictionary whose files are given as bencode, of 16 bytes and so one piece in all. */
static const char *with_files(const char *files)
{
    static char text[4096];
    snprintf(text, sizeof text, "d5:filesl%se4:name4:root12:piece lengthi16384e6:pieces20:%se",
             files, HASH);
    return text;
}

static void a_single_file_is_read(void **state)
{
    (void)state;
    const char text[] = "d6:lengthi16385e4:name5:a.bin12:piece lengthi16384e6:pieces40:" HASH HASH
                        "7:privatei1e1:x3:unke";
    struct metainfo *m = parsed(text, sizeof text - 1);
    assert_true(m->single_file && m->is_private);
    assert_string_equal(m->name, "a.bin");
    assert_string_equal(m->files[0].path, "a.bin");
    assert_int_equal(m->total_length, 16385);
    assert_int_equal(m->piece_count, 2);
    assert_int_equal(metainfo_piece_size(m, 0), 16384);
    assert_int_equal(metainfo_piece_size(m, 1), 1);
    assert_int_equal(metainfo_piece_size(m, 2), 0);
    struct id hash = sha1_of(bytes_of(text, sizeof text - 1)), piece = metainfo_piece_hash(m, 1);
    assert_true(id_equal(&m->infohash, &hash));
    assert_memory_equal(piece.bytes, HASH, ID_BYTES);
    assert_int_equal(m->info_len, sizeof text - 1);
    assert_memory_equal(m->info, text, m->info_len);
    metainfo_free(m);
}

static void a_folder_is_read(void **state)
{
    (void)state;
    const char *text = with_files("d6:lengthi7e4:pathl1:b1:ceed4:attr1:p6:lengthi4e4:pathl4:.pad1:4"
                                  "eed6:lengthi0e4:pathl1:eeed6:lengthi5e4:pathl2:\xc3\xbc"
                                  "ee");
    struct metainfo *m = parsed(text, strlen(text));
    assert_false(m->single_file || m->is_private);
    assert_int_equal(m->file_count, 4);
    assert_string_equal(m->files[0].path, "b/c");
    assert_true(m->files[1].padding && !m->files[0].padding);
    assert_string_equal(m->files[3].path, "\xc3\xbc");
    assert_int_equal(m->files[3].offset, 11);
    assert_int_equal(m->total_length, 16);
    metainfo_free(m);
}

static void unsafe_names_are_refused(void **state)
{
    (void)state;
    assert_refused("d6:lengthi1e4:name2:..12:piece lengthi16384e6:pieces20:" HASH "e",
                   "the name \"..\" is not safe");
    assert_refused("d6:lengthi1e4:name4:/etc12:piece lengthi16384e6:pieces20:" HASH "e",
                   "the name \"/etc\"");
    assert_refused("d6:lengthi1e4:name0:12:piece lengthi16384e6:pieces20:" HASH "e",
                   "the name \"\"");
    assert_refused("d6:lengthi1e4:name3:a\x1b[12:piece lengthi16384e6:pieces20:" HASH "e",
                   "the name \"a?[\"");
    assert_refused("d6:lengthi1e4:name2:\xff/"
                   "12:piece lengthi16384e6:pieces20:" HASH "e",
                   "the name \"?/\"");
    assert_refused(with_files("d6:lengthi16e4:pathl2:..1:aee"), "the path part \"..\"");
    assert_refused(with_files("d6:lengthi16e4:pathl1:a0:1:bee"), "the path part \"\"");
    assert_refused(with_files("d6:lengthi16e4:pathl3:a/bee"), "the path part \"a/b\"");
    assert_refused(with_files("d6:lengthi16e4:pathlee"), "empty path");
    assert_refused(with_files("d6:lengthi16e4:pathli1eee"), "not a string");
    assert_refused(with_files("d6:lengthi16ee"), "no path");
}

static void a_name_that_is_not_utf8_may_have_a_better_one(void **state)
{
    (void)state;
    const char text[] = "d6:lengthi1e4:name2:a\xff"
                        "10:name.utf-82:ok12:piece lengthi16384e"
                        "6:pieces20:" HASH "e";
    struct metainfo *m = parsed(text, sizeof text - 1);
    assert_string_equal(m->name, "ok");
    metainfo_free(m);
    const char *many = with_files("d6:lengthi16e4:pathl1:\xff"
                                  "e10:path.utf-8l1:a1:bee");
    m = parsed(many, strlen(many));
    assert_string_equal(m->files[0].path, "a/b");
    metainfo_free(m);
}

static void names_in_an_unknown_encoding_are_escaped_and_stay_different(void **state)
{
    (void)state;
    const char text[] = "d6:lengthi1e4:name8:50%caf\xe9\n"
                        "12:piece lengthi16384e6:pieces20:" HASH "e";
    assert_refused(text, "not safe to create"); /* the line end is */
    char latin[sizeof text];
    memcpy(latin, text, sizeof text);
    *strchr(latin, '\n') = '!';
    struct metainfo *m = parsed(latin, sizeof latin - 1);
    struct id infohash = sha1_of(bytes_of_string(latin));
    assert_string_equal(m->name, "50%25caf%e9!");
    assert_string_equal(m->files[0].path, "50%25caf%e9!");
    assert_true(id_equal(&m->infohash, &infohash));
    metainfo_free(m);
    const char *many = with_files("d6:lengthi8e4:pathl1:\xe9"
                                  "1:\xff"
                                  "eed6:lengthi8e4:pathl1:\xe9"
                                  "3:%feee");
    m = parsed(many, strlen(many));
    assert_string_equal(m->files[0].path, "%e9/%ff");
    assert_string_equal(m->files[1].path, "%e9/%fe");
    metainfo_free(m);
    assert_refused(with_files("d6:lengthi8e4:pathl1:\xff"
                              "eed6:lengthi8e4:pathl3:%ffee"),
                   "two files are called \"%ff\"");
    char long_name[300];
    snprintf(long_name, sizeof long_name, "d6:lengthi1e4:name100:%.100s", text);
    memset(strstr(long_name, "name100:") + 8, '\xe9', 100);
    strcpy(strstr(long_name, "name100:") + 108, "12:piece lengthi16384e6:pieces20:" HASH "e");
    assert_refused(long_name, "not safe to create"); /* too long */
}

static void paths_do_not_collide(void **state)
{
    (void)state;
    assert_refused(
        with_files("d6:lengthi8e4:pathl1:aeed6:lengthi4e4:pathl1:beed6:lengthi4e4:pathl1:"
                   "aee"),
        "two files are called \"a\"");
    /* "a b" sorts between "a" and "a/c" by bytes; the folder is found all the same */
    assert_refused(with_files("d6:lengthi8e4:pathl1:aeed6:lengthi4e4:pathl3:a beed6:lengthi4e4:"
                              "pathl1:a1:cee"),
                   "\"a\" is both a file and a folder");
    const char *fine = with_files("d4:attr1:p6:lengthi4e4:pathl1:xeed4:attr1:p6:lengthi4e4:pathl1:x"
                                  "eed6:lengthi4e4:pathl2:abeed6:lengthi4e4:pathl1:a1:bee");
    metainfo_free(parsed(fine, strlen(fine)));
}

static void numbers_fit_together(void **state)
{
    (void)state;
#define INFO(length, piece_length, pieces)                                                         \
    "d6:length" length "4:name1:a12:piece length" piece_length "6:pieces" pieces "e"
    assert_refused(INFO("i1e", "i3e", "20:" HASH), "piece length 3 is not from 16384 to 67108864");
    assert_refused(INFO("i1e", "i-1e", "20:" HASH), "piece length -1");
    assert_refused(INFO("i1e", "i67108865e", "20:" HASH), "piece length 67108865");
    assert_refused(INFO("i-1e", "i16384e", "20:" HASH), "length -1");
    assert_refused(INFO("i9223372036854775807e", "i16384e", "20:" HASH), "too long together");
    assert_refused(INFO("i16385e", "i16384e", "20:" HASH), "do not fit 2 pieces");
    assert_refused(INFO("i1e", "i16384e", "40:" HASH HASH), "do not fit 1 pieces");
    assert_refused(INFO("i1e", "i16384e", "19:aaaaaaaaaaaaaaaaaaa"), "do not fit 1 pieces");
    assert_refused(INFO("i0e", "i16384e", "20:" HASH), "do not fit 0 pieces");
    metainfo_free(parsed(INFO("i0e", "i16384e", "0:"), strlen(INFO("i0e", "i16384e", "0:"))));
    assert_refused(with_files("d6:lengthi9223372036787666943e4:pathl1:aeed6:lengthi1e4:pathl1:bee"),
                   "too long together");
    assert_refused(with_files(""), "no files");
    assert_refused("d5:filesle6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:" HASH "e",
                   "both");
    assert_refused("d4:name1:a12:piece lengthi16384e6:pieces20:" HASH "e", "no list of files");
    assert_refused("d6:lengthi1e4:name1:a12:piece lengthi16384ee", "version 2");
    assert_refused("le", "not bencode");
    assert_refused("d6:lengthi1e", "not bencode");
    assert_refused("", "not bencode");
}

static void too_long_paths_are_refused(void **state)
{
    (void)state;
    char part[201], files[3000] = "d6:lengthi16e4:pathl";
    memset(part, 'p', 200);
    part[200] = 0;
    for (int i = 0; i < 6; i++)
        sprintf(files + strlen(files), "200:%s", part);
    strcat(files, "ee");
    assert_refused(with_files(files), "longer than 1024 bytes");
}

/* Random layouts: what spans say against a walk byte by byte. */
static void spans_cover_each_byte_once(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(5));
    for (int round = 0; round < 200; round++) {
        struct metainfo_file files[12];
        struct metainfo m = {.files = files, .file_count = 1 + (uint32_t)rng_below(&rng, 12)};
        for (uint32_t i = 0; i < m.file_count; i++) {
            files[i] = (struct metainfo_file){.offset = m.total_length,
                                              .length = rng_below(&rng, 3) * rng_below(&rng, 20)};
            m.total_length += files[i].length;
        }
        uint64_t offset = rng_below(&rng, m.total_length + 2);
        uint64_t length = rng_below(&rng, m.total_length + 9), at = offset;
        struct metainfo_span spans[12];
        size_t count = metainfo_spans(&m, offset, length, spans, 12);
        assert_int_equal(metainfo_spans(&m, offset, length, NULL, 0), count);
        for (size_t i = 0; i < count; i++) {
            const struct metainfo_file *file = &files[spans[i].file];
            assert_true(spans[i].length > 0);
            assert_true(file->offset + spans[i].file_offset == at);
            assert_true(spans[i].file_offset + spans[i].length <= file->length);
            assert_int_equal(metainfo_file_at(&m, at), spans[i].file);
            at += spans[i].length;
        }
        uint64_t end = offset + length < m.total_length ? offset + length : m.total_length;
        assert_true(at == (offset < end ? end : offset));
    }
}

static void default_piece_lengths_follow_the_rule(void **state)
{
    (void)state;
    const uint64_t mib = 1 << 20;
    assert_int_equal(metainfo_default_piece_length(0), 256u << 10);
    assert_int_equal(metainfo_default_piece_length(512 * mib), 256u << 10);
    assert_int_equal(metainfo_default_piece_length(512 * mib + 1), 512u << 10);
    assert_int_equal(metainfo_default_piece_length(1024 * mib + 1), 1u << 20);
    assert_int_equal(metainfo_default_piece_length(32768 * mib), 16u << 20);
    assert_int_equal(metainfo_default_piece_length(UINT64_MAX), 16u << 20);
}

static void what_is_built_is_read(void **state)
{
    (void)state;
    const struct metainfo_source_file files[] = {{"a", 3}, {"b/c d", 0}, {"b/e", 16383}};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(
        metainfo_build_info("root", false, files, 3, 16384, bytes_of_string(HASH HASH), true, &out),
        STATUS_OK);
    struct metainfo *m = parsed((const char *)out.data, out.len);
    assert_int_equal(m->file_count, 3);
    assert_string_equal(m->files[1].path, "b/c d");
    assert_true(m->is_private);
    metainfo_free(m);
    buffer_dispose(&out);
}

static enum status build(const char *name, bool single, const char *a, const char *b)
{
    const struct metainfo_source_file files[] = {{a, 1}, {b, 1}};
    struct buffer out;
    buffer_init(&out);
    enum status status = metainfo_build_info(name, single, files, single ? 1 : 2, 16384,
                                             bytes_of_string(HASH), false, &out);
    buffer_dispose(&out);
    return status;
}

static void what_could_not_be_read_is_not_built(void **state)
{
    (void)state;
    assert_int_equal(build("root", false, "a", "b"), STATUS_OK);
    assert_int_equal(build("root", false, "b", "a"), STATUS_REFUSED);
    assert_int_equal(build("root", false, "a", "a"), STATUS_REFUSED);
    assert_int_equal(build("root", false, "../a", "b"), STATUS_REFUSED);
    assert_int_equal(build("root", false, "a//b", "b"), STATUS_REFUSED);
    assert_int_equal(build("root", false, "a/", "b"), STATUS_REFUSED);
    assert_int_equal(build("a/b", true, "a", ""), STATUS_REFUSED);
    assert_int_equal(build("a\n", true, "a", ""), STATUS_REFUSED);
}

/* ---- .torrent files ---- */

static struct torrent_file torrent(const char *text)
{
    struct torrent_file out;
    char error[METAINFO_ERROR_SIZE];
    if (torrent_file_parse(bytes_of_string(text), &out, error) != STATUS_OK)
        fail_msg("refused: %s", error);
    return out;
}

/* Made by another tool: unknown keys outside and inside, keys of the info out of order. */
#define FOREIGN_INFO                                                                               \
    "d4:name1:a6:lengthi1e12:piece lengthi16384e6:pieces20:" HASH                                  \
    "6:source3:abc9:x-unknownld1:ai-7eeee"
#define FOREIGN                                                                                    \
    "d8:announce8:http://a13:announce-listll8:http://a8:http://beli3eel8:http://bee"               \
    "10:created by5:other13:creation datei1700000000e4:info" FOREIGN_INFO                          \
    "7:comment2:hi8:url-list3:abc13:kadpeer-peersl14:192.0.2.1:6881i9e1:x18:[2001:db8::1]:6881ee"

static void surroundings_are_read(void **state)
{
    (void)state;
    struct torrent_file t = torrent(FOREIGN);
    assert_int_equal(t.tracker_count, 2);
    assert_string_equal(t.trackers[0], "http://a");
    assert_string_equal(t.trackers[1], "http://b");
    assert_string_equal(t.comment, "hi");
    assert_string_equal(t.created_by, "other");
    assert_int_equal(t.creation_date, 1700000000);
    assert_int_equal(t.node_count, 2);
    assert_int_equal(t.nodes[0].port, 6881);
    torrent_file_dispose(&t);
}

static void an_info_dictionary_stays_as_it_came(void **state)
{
    (void)state;
    struct torrent_file t = torrent(FOREIGN);
    struct id wanted = sha1_of(bytes_of_string(FOREIGN_INFO));
    assert_true(id_equal(&t.metainfo->infohash, &wanted));
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(torrent_file_build(bytes_of(t.metainfo->info, t.metainfo->info_len), &t, &out),
                     STATUS_OK);
    buffer_add_byte(&out, 0);
    assert_false(out.failed);
    struct torrent_file again = torrent((const char *)out.data);
    assert_true(id_equal(&again.metainfo->infohash, &wanted));
    assert_int_equal(again.tracker_count, 2);
    assert_string_equal(again.comment, "hi");
    assert_int_equal(again.creation_date, 1700000000);
    assert_int_equal(again.node_count, 2);
    torrent_file_dispose(&again);
    torrent_file_dispose(&t);
    buffer_clear(&out);
    assert_int_equal(torrent_file_build(bytes_of_string(FOREIGN_INFO), NULL, &out), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_of_string("d4:info" FOREIGN_INFO "e")));
    buffer_dispose(&out);
}

static void what_follows_a_torrent_is_passed_over(void **state)
{
    (void)state;
    static const char *const more[] = {"\n", "\r\n", "x", "de", FOREIGN};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        struct torrent_file out;
        struct buffer text;
        char error[METAINFO_ERROR_SIZE] = "";
        struct id infohash = sha1_of(bytes_of_string(FOREIGN_INFO));
        buffer_init(&text);
        buffer_add_format(&text, "%s%s", FOREIGN, more[i]);
        assert_int_equal(torrent_file_parse(buffer_bytes(&text), &out, error), STATUS_OK);
        assert_true(id_equal(&out.metainfo->infohash, &infohash));
        torrent_file_dispose(&out);
        buffer_dispose(&text);
    }
}

static void what_is_no_torrent_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"", "de", "d4:infoi1ee", "le", "d4:infode", "hello", "x" FOREIGN};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct torrent_file out;
        char error[METAINFO_ERROR_SIZE] = "";
        assert_int_equal(torrent_file_parse(bytes_of_string(bad[i]), &out, error),
                         STATUS_MALFORMED);
        assert_string_equal(error, "it is not a .torrent file");
        torrent_file_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_file_is_read),
        cmocka_unit_test(a_folder_is_read),
        cmocka_unit_test(unsafe_names_are_refused),
        cmocka_unit_test(a_name_that_is_not_utf8_may_have_a_better_one),
        cmocka_unit_test(names_in_an_unknown_encoding_are_escaped_and_stay_different),
        cmocka_unit_test(paths_do_not_collide),
        cmocka_unit_test(numbers_fit_together),
        cmocka_unit_test(too_long_paths_are_refused),
        cmocka_unit_test(spans_cover_each_byte_once),
        cmocka_unit_test(default_piece_lengths_follow_the_rule),
        cmocka_unit_test(what_is_built_is_read),
        cmocka_unit_test(what_could_not_be_read_is_not_built),
        cmocka_unit_test(surroundings_are_read),
        cmocka_unit_test(an_info_dictionary_stays_as_it_came),
        cmocka_unit_test(what_follows_a_torrent_is_passed_over),
        cmocka_unit_test(what_is_no_torrent_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
