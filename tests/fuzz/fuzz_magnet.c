/* Links, and the names in them. What is read and written again reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "content/magnet.h"
#include "content/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct magnet *magnet)
{
    struct magnet again;
    struct buffer out;
    char error[MAGNET_ERROR_SIZE];
    buffer_init(&out);
    magnet_format(magnet, &out);
    buffer_add_byte(&out, 0);
    if (out.failed || magnet_parse((const char *)out.data, &again, error) != STATUS_OK ||
        !id_equal(&magnet->infohash, &again.infohash) || strcmp(magnet->name, again.name) != 0 ||
        magnet->length != again.length || magnet->peer_count != again.peer_count)
        abort();
    buffer_dispose(&out);
}

static void use_name(const char *name)
{
    struct names_words words;
    char *normal, *shown = names_printable(name, strlen(name));
    if (names_normalize(name, &normal) == STATUS_OK) {
        names_split_words(normal, &words);
        free(normal);
    }
    if (shown == NULL || !names_is_utf8(shown, strlen(shown)))
        abort();
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct magnet magnet;
    const char *rest;
    char error[MAGNET_ERROR_SIZE];
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = 0;
    link_classify(text, false, &rest);
    use_name(text);
    if (magnet_parse(text, &magnet, error) == STATUS_OK) {
        use_name(magnet.name);
        round_trip(&magnet);
    }
    free(text);
    return 0;
}
