#include "support/unit.h"

#include <string.h>

#include "content/names.h"
#include "kadpeer/rng.h"

static void assert_normal(const char *name, const char *wanted)
{
    char *normal = NULL;
    assert_int_equal(names_normalize(name, &normal), STATUS_OK);
    assert_string_equal(normal, wanted);
    free(normal);
}

static void names_that_read_the_same_are_the_same(void **state)
{
    (void)state;
    assert_normal("Notes.PDF", "notes.pdf");
    assert_normal("  two \t\n words\u00a0here ", "two words here");
    assert_normal("A\u030angstr\u00f6m", "\u00e5ngstr\u00f6m"); /* A and ring apart */
    assert_normal("\u212bngstrom", "\u00e5ngstrom");            /* the Angstrom sign */
    assert_normal("Stra\u00dfe", "strasse");
    assert_normal("\uff21\uff22\uff23 \u2460", "abc 1"); /* full width, circled */
    assert_normal("\ufb01le", "file");                   /* the fi ligature */
    assert_normal("\u65e5\u672c\u8a9e", "\u65e5\u672c\u8a9e");
}

static void names_without_content_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {"", "  \t ", "\u3000", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "\xc0\xaf"};
    char *normal;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(names_normalize(bad[i], &normal), STATUS_MALFORMED);
}

/* Else a name and its normal form would have two keys. */
static void normalizing_twice_changes_nothing(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(11));
    for (int round = 0; round < 20000; round++) {
        char name[80];
        size_t len = 0;
        for (int i = 0; i < 8; i++) {
            uint32_t rune = (uint32_t)rng_below(&rng, round % 2 ? 0x3000 : 0x10ffff) + 1;
            if (rune >= 0xd800 && rune < 0xe000)
                rune = 'x';
            if (rune < 0x80) {
                name[len++] = (char)rune;
            } else if (rune < 0x800) {
                name[len++] = (char)(0xc0 | rune >> 6);
                name[len++] = (char)(0x80 | (rune & 63));
            } else {
                if (rune >= 0x10000)
                    name[len++] = (char)(0xf0 | rune >> 18);
                name[len++] =
                    (char)(rune >= 0x10000 ? 0x80 | (rune >> 12 & 63) : 0xe0 | rune >> 12);
                name[len++] = (char)(0x80 | (rune >> 6 & 63));
                name[len++] = (char)(0x80 | (rune & 63));
            }
        }
        name[len] = 0;
        char *once, *twice;
        if (names_normalize(name, &once) != STATUS_OK)
            continue;
        assert_int_equal(names_normalize(once, &twice), STATUS_OK);
        assert_string_equal(once, twice);
        free(once);
        free(twice);
    }
}

static void assert_words(const char *normal, const char *wanted)
{
    struct names_words words;
    char joined[1024] = "";
    names_split_words(normal, &words);
    for (size_t i = 0; i < words.count; i++) {
        strcat(joined, i > 0 ? "|" : "");
        strcat(joined, words.words[i]);
    }
    assert_string_equal(joined, wanted);
}

static void words_are_letters_and_digits(void **state)
{
    (void)state;
    assert_words("linear algebra, lecture_03 (2024).mp4", "linear|algebra|lecture|03|2024|mp4");
    assert_words("a b cd e", "cd");
    assert_words("cd-cd cd", "cd");
    assert_words("...", "");
    assert_words("", "");
    assert_words("\u00fcber\u2013\u65e5\u672c", "\u00fcber|\u65e5\u672c");
    assert_words("\u0915\u093f\u0924\u093e\u092c x",
                 "\u0915\u093f\u0924\u093e\u092c"); /* marks stay */
}

static void words_are_bounded(void **state)
{
    (void)state;
    assert_words("a2345678901234567890123456789012345678901 ok", "ok"); /* 41 bytes */
    assert_words("a234567890123456789012345678901234567890",
                 "a234567890123456789012345678901234567890");
    struct names_words words;
    char many[200] = "";
    for (int i = 10; i < 50; i++)
        sprintf(many + strlen(many), "%d ", i);
    names_split_words(many, &words);
    assert_int_equal(words.count, NAMES_WORDS_MAX);
    assert_string_equal(words.words[15], "25");
}

static void unsafe_parts_are_known(void **state)
{
    (void)state;
    const char *good[] = {"a", "...", ".hidden", "a b", "\u00fc", "a\\b", "con", "-rf", "~"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(names_is_safe_part(good[i], strlen(good[i])));
    const char *bad[] = {"",      ".",    "..",       "a/b",  "/",        "a\n",
                         "a\x7f", "\x1b", "\xc2\x85", "\xff", "a\xc0\xaf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(names_is_safe_part(bad[i], strlen(bad[i])));
    assert_false(names_is_safe_part("a\0b", 3));
    char longest[256];
    memset(longest, 'x', sizeof longest);
    assert_true(names_is_safe_part(longest, 255));
    assert_false(names_is_safe_part(longest, 256));
}

static void assert_printable(const char *text, size_t len, const char *wanted)
{
    char *shown = names_printable(text, len);
    assert_string_equal(shown, wanted);
    free(shown);
}

static void printable_text_moves_no_cursor(void **state)
{
    (void)state;
    assert_printable("a\x1b[31mb", 7, "a?[31mb");
    assert_printable("a\0b", 3, "a?b");
    assert_printable("gpj.\u202etxt", 10, "gpj.txt");
    assert_printable("\xff\xc3", 2, "??");
    assert_printable("\u65e5\u672c", 6, "\u65e5\u672c");
    assert_printable("x\u2028y", 5, "x?y");
    assert_printable("", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_read_the_same_are_the_same),
        cmocka_unit_test(names_without_content_are_refused),
        cmocka_unit_test(normalizing_twice_changes_nothing),
        cmocka_unit_test(words_are_letters_and_digits),
        cmocka_unit_test(words_are_bounded),
        cmocka_unit_test(unsafe_parts_are_known),
        cmocka_unit_test(printable_text_moves_no_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
