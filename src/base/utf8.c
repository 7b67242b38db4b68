#include "kadpeer/utf8.h"

/* Bytes of the UTF-8 sequence that `text` begins with; 0: not one  [RFC 3629 4]. */
static size_t sequence(struct bytes text)
{
    uint8_t first = text.data[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len == 1)
        return 1;
    if (first < 0xc2 || first > 0xf4 || len > text.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((text.data[i] & 0xc0) != 0x80)
            return 0;
    uint8_t second = text.data[1];
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second >= 0xa0;
    bool beyond = first == 0xf4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : len;
}

static bool is_control(struct bytes text)
{
    uint8_t first = text.data[0];
    return first < 0x20 || first == 0x7f || (first == 0xc2 && text.data[1] < 0xa0);
}

bool utf8_is_text(struct bytes text)
{
    while (text.len > 0) {
        size_t len = sequence(text);
        if (len == 0 || text.data[0] == 0)
            return false;
        text.data += len;
        text.len -= len;
    }
    return true;
}

bool utf8_is_printable(struct bytes text)
{
    while (text.len > 0) {
        size_t len = sequence(text);
        if (len == 0 || is_control(text))
            return false;
        text.data += len;
        text.len -= len;
    }
    return true;
}
