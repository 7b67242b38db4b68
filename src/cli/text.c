#include "cli/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "cli/memory.h"
#include "content/names.h"

static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
#define UNIT_LAST 5

/* What is printed as 1024 of a unit is 1.0 of the next. */
static unsigned unit_of(double bytes)
{
    unsigned unit = 0;
    for (double value = bytes; value >= 1023.5 && unit < UNIT_LAST; value /= 1024)
        unit++;
    return unit;
}

static double in_unit(double bytes, unsigned unit)
{
    return bytes / (double)(1ULL << (10 * unit));
}

static int decimals(double value, unsigned unit)
{
    return unit == 0 || (unit == 1 && value >= 9.95) ? 0 : 1;
}

const char *text_bytes(char out[TEXT_SIZE], double bytes)
{
    unsigned unit = unit_of(bytes);
    double value = in_unit(bytes, unit);
    if (bytes < 0)
        return strcpy(out, "-");
    snprintf(out, TEXT_SIZE, "%.*f %s", decimals(value, unit), value, units[unit]);
    return out;
}

const char *text_piece_length(char out[TEXT_SIZE], double bytes)
{
    unsigned unit = unit_of(bytes);
    if (bytes < 0 || in_unit(bytes, unit) != (double)(unsigned long)in_unit(bytes, unit))
        return text_bytes(out, bytes);
    snprintf(out, TEXT_SIZE, "%.0f %s", in_unit(bytes, unit), units[unit]);
    return out;
}

const char *text_part(char out[TEXT_SIZE], double part, double whole)
{
    unsigned unit = unit_of(whole);
    int places = decimals(in_unit(whole, unit), unit);
    if (whole < 0)
        return text_bytes(out, part);
    snprintf(out, TEXT_SIZE, "%.*f/%.*f %s", places, in_unit(part, unit), places,
             in_unit(whole, unit), units[unit]);
    return out;
}

const char *text_rate(char out[TEXT_SIZE], double bytes_per_second)
{
    if (bytes_per_second < 1)
        return strcpy(out, "-");
    text_bytes(out, bytes_per_second);
    strcat(out, "/s");
    return out;
}

const char *text_duration(char out[TEXT_SIZE], double seconds)
{
    if (seconds < 0 || seconds > 1e9)
        return strcpy(out, "-");
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s < 60)
        snprintf(out, TEXT_SIZE, "%lus", s);
    else if (s < 3600)
        snprintf(out, TEXT_SIZE, "%lum%02lus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, TEXT_SIZE, "%luh%02lum", s / 3600, s / 60 % 60);
    else
        snprintf(out, TEXT_SIZE, "%lud%02luh", s / 86400, s / 3600 % 24);
    return out;
}

const char *text_elapsed(char out[TEXT_SIZE], double seconds)
{
    if (seconds < 0 || seconds >= 59.95)
        return text_duration(out, seconds);
    snprintf(out, TEXT_SIZE, "%.1fs", seconds);
    return out;
}

const char *text_percent(char out[TEXT_SIZE], double part, double whole)
{
    if (whole <= 0)
        return strcpy(out, "-");
    double share = part >= whole ? 1 : part <= 0 ? 0 : part / whole;
    snprintf(out, TEXT_SIZE, "%u%%", (unsigned)(share * 100));
    return out;
}

const char *text_short_hash(char out[TEXT_SIZE], const char *hex)
{
    size_t len = strlen(hex);
    if (len < 12)
        snprintf(out, TEXT_SIZE, "%s", hex);
    else
        snprintf(out, TEXT_SIZE, "%.4s...%s", hex, hex + len - 4);
    return out;
}

const char *text_count(char out[TEXT_SIZE], int64_t count, const char *one, const char *many)
{
    snprintf(out, TEXT_SIZE, "%lld %s", (long long)count, count == 1 ? one : many);
    return out;
}

/* One character's bytes and cells; what is no UTF-8 is one byte in one cell. */
static size_t next_character(const char *text, size_t *cells)
{
    utf8proc_int32_t code;
    utf8proc_ssize_t took = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &code);
    int width = took > 0 ? utf8proc_charwidth(code) : 1;
    *cells = width > 0 ? (size_t)width : 0;
    return took > 0 ? (size_t)took : 1;
}

size_t text_width(const char *text)
{
    size_t width = 0, cells;
    for (; *text != 0; text += next_character(text, &cells), width += cells)
        ;
    return width;
}

char *text_fit(const char *text, size_t cells)
{
    size_t used = 0, len = 0, wide;
    bool cut = text_width(text) > cells;
    size_t room = !cut ? cells : cells > 3 ? cells - 3 : 0;
    while (text[len] != 0) {
        size_t took = next_character(text + len, &wide);
        if (used + wide > room)
            break;
        used += wide;
        len += took;
    }
    char *out = malloc(len + 4);
    if (out == NULL)
        out_of_memory();
    memcpy(out, text, len);
    memcpy(out + len, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

char *text_printable(const char *text)
{
    char *safe = names_printable(text, strlen(text));
    if (safe == NULL)
        out_of_memory();
    return safe;
}

static bool is_plain(char byte)
{
    return (byte & 0x80) != 0 || isalnum((unsigned char)byte) ||
           (byte != 0 && strchr("-_./:@%+=,#", byte) != NULL);
}

const char *text_quoted(char out[TEXT_QUOTED_SIZE], const char *text)
{
    size_t len = 0;
    bool plain = text[0] != 0 && text[0] != '-' && text[0] != '#';
    for (const char *at = text; *at != 0 && plain; at++)
        plain = is_plain(*at);
    if (!plain)
        out[len++] = '\'';
    for (; *text != 0 && len < TEXT_QUOTED_SIZE - 8; text++) {
        if (*text == '\'') {
            memcpy(out + len, "'\\''", 4);
            len += 4;
        } else {
            out[len++] = *text;
        }
    }
    if (!plain)
        out[len++] = '\'';
    out[len] = 0;
    return out;
}

const char *text_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != 0 ? slash + 1 : path;
}
