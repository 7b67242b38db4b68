#include "content/magnet.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "content/params.h"

#define HASH_BASE32_DIGITS 32
#define HASH_HEX_DIGITS    (ID_HEX_SIZE - 1)
#define PREFIX_DIGITS_MIN  6  /* of an infohash that designates a transfer */
#define ID_DIGITS_MAX      18 /* of a transfer's number: fits an int64 */

static enum status refuse(char error[MAGNET_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum status refuse(char error[MAGNET_ERROR_SIZE], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, MAGNET_ERROR_SIZE, format, args);
    va_end(args);
    return STATUS_MALFORMED;
}

/* ---- hashes ---- */

static int base32_digit(char c)
{
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z' ? c - 'a' : -1;
}

static bool hash_from_base32(const char *text, struct id *out)
{
    uint32_t bits = 0;
    unsigned held = 0, n = 0;
    for (size_t i = 0; i < HASH_BASE32_DIGITS; i++) {
        int digit = base32_digit(text[i]);
        if (digit < 0)
            return false;
        bits = bits << 5 | (uint32_t)digit;
        held += 5;
        if (held >= 8) {
            held -= 8;
            out->bytes[n++] = (uint8_t)(bits >> held);
        }
    }
    return true;
}

static enum status parse_hash(const char *text, size_t len, struct id *out,
                              char error[MAGNET_ERROR_SIZE])
{
    static const char rule[] = "a hash has 40 hexadecimal digits (or 32 of base32), this has";
    if (len == HASH_HEX_DIGITS) {
        if (id_from_hex(text, len, out))
            return STATUS_OK;
        return refuse(error, "%s other characters", rule);
    }
    if (len == HASH_BASE32_DIGITS) {
        if (hash_from_base32(text, out))
            return STATUS_OK;
        return refuse(error, "%s other characters", rule);
    }
    return refuse(error, "%s %zu", rule, len);
}

/* ---- percent encoding ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into `out`, cut to `cap` - 1 bytes. '+' is a space, as web forms write it; a '%' without
 * two digits stands for itself; NUL is dropped. Returns the length, with a final zero behind it. */
static size_t decode(struct bytes text, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len && n + 1 < cap; i++) {
        char c = (char)text.data[i];
        if (c == '%' && i + 2 < text.len && hex_digit((char)text.data[i + 1]) >= 0 &&
            hex_digit((char)text.data[i + 2]) >= 0) {
            c = (char)(hex_digit((char)text.data[i + 1]) << 4 | hex_digit((char)text.data[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c != 0)
            out[n++] = c;
    }
    out[n] = 0;
    return n;
}

static void encode(const char *text, struct buffer *out)
{
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL))
            buffer_add_byte(out, c);
        else
            buffer_add_format(out, "%%%02X", c);
    }
}

/* ---- peers ---- */

static bool is_host(const char *host, bool bracketed)
{
    const char *also = bracketed ? ":." : "-._";
    for (const char *c = host; *c != 0; c++) {
        bool plain = bracketed ? isxdigit((unsigned char)*c) : isalnum((unsigned char)*c);
        if ((*c & 0x80) != 0 || (!plain && strchr(also, *c) == NULL))
            return false;
    }
    return *host != 0;
}

static bool parse_port(const char *text, uint16_t *port)
{
    size_t len = strspn(text, "0123456789");
    unsigned long value = len > 0 && len <= 5 && text[len] == 0 ? strtoul(text, NULL, 10) : 0;
    if (value == 0 || value > 65535)
        return false;
    *port = (uint16_t)value;
    return true;
}

/* "host:port", "192.0.2.1:80", "[2001:db8::1]:80". */
static bool parse_peer(const char *text, struct magnet_peer *out)
{
    bool bracketed = text[0] == '[';
    const char *start = text + bracketed;
    const char *end = bracketed ? strchr(start, ']') : strrchr(start, ':');
    if (end == NULL || (size_t)(end - start) >= sizeof out->host)
        return false;
    memcpy(out->host, start, (size_t)(end - start));
    out->host[end - start] = 0;
    const char *colon = end + bracketed;
    if (bracketed && strchr(out->host, ':') == NULL)
        return false;
    return is_host(out->host, bracketed) && *colon == ':' && parse_port(colon + 1, &out->port);
}

/* ---- links ---- */

/* What has been seen of a link so far. */
struct link_reading {
    struct magnet *magnet;
    char *error; /* MAGNET_ERROR_SIZE */
    bool has_hash, has_name;
    size_t keys;
    char **trackers; /* room for `tracker_max` */
    size_t tracker_count, tracker_max;
};

/* "xt", and "xt.1", "xt.2" where a link has several. */
static bool is_key(struct bytes key, const char *name)
{
    size_t len = strlen(name);
    return key.len >= len && memcmp(key.data, name, len) == 0 &&
           (key.len == len || key.data[len] == '.');
}

static enum status take_topic(struct link_reading *reading, struct bytes value)
{
    static const char prefix[] = "urn:btih:";
    char topic[512];
    size_t len = decode(value, topic, sizeof topic), skip = sizeof prefix - 1;
    if (reading->has_hash || strncasecmp(topic, prefix, skip) != 0)
        return STATUS_OK;
    reading->has_hash = true;
    return parse_hash(topic + skip, len - skip, &reading->magnet->infohash, reading->error);
}

static void take_length(struct magnet *magnet, struct bytes value)
{
    char text[24];
    size_t len = decode(value, text, sizeof text);
    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return;
    magnet->length = strtoull(text, NULL, 10);
}

static void take_peer(struct magnet *magnet, struct bytes value)
{
    char text[300];
    decode(value, text, sizeof text);
    if (magnet->peer_count < MAGNET_PEERS_MAX &&
        parse_peer(text, &magnet->peers[magnet->peer_count]))
        magnet->peer_count++;
}

static enum status take_tracker(struct link_reading *reading, struct bytes value)
{
    reading->magnet->names_trackers = true;
    if (reading->tracker_count == reading->tracker_max || value.len > 3 * TORRENT_TEXT_MAX)
        return STATUS_OK;
    char *text = malloc(value.len + 1);
    if (text == NULL)
        return STATUS_NO_MEMORY;
    size_t len = decode(value, text, value.len + 1);
    if (len > 0 && len <= TORRENT_TEXT_MAX)
        reading->trackers[reading->tracker_count++] = text;
    else
        free(text);
    return STATUS_OK;
}

static enum status take_pair(struct link_reading *reading, struct bytes key, struct bytes value)
{
    reading->keys++;
    if (is_key(key, "xt"))
        return take_topic(reading, value);
    if (bytes_equal(key, bytes_of_string("dn")) && !reading->has_name) {
        reading->has_name = true;
        decode(value, reading->magnet->name, sizeof reading->magnet->name);
    } else if (bytes_equal(key, bytes_of_string("xl"))) {
        take_length(reading->magnet, value);
    } else if (bytes_equal(key, bytes_of_string("x.pe"))) {
        take_peer(reading->magnet, value);
    } else if (is_key(key, "tr")) {
        return take_tracker(reading, value);
    }
    return STATUS_OK;
}

/* One "key=value"; "amp;" before it is what is left of an '&' copied out of HTML. */
static enum status take_part(struct link_reading *reading, struct bytes part)
{
    if (part.len > 4 && memcmp(part.data, "amp;", 4) == 0)
        part = bytes_of(part.data + 4, part.len - 4);
    const uint8_t *equals = part.len > 0 ? memchr(part.data, '=', part.len) : NULL;
    if (equals == NULL)
        return STATUS_OK;
    size_t key_len = (size_t)(equals - part.data);
    return take_pair(reading, bytes_of(part.data, key_len),
                     bytes_of(equals + 1, part.len - key_len - 1));
}

static enum status parse_query(struct bytes query, struct link_reading *reading)
{
    while (query.len > 0) {
        const uint8_t *amp = memchr(query.data, '&', query.len);
        size_t len = amp != NULL ? (size_t)(amp - query.data) : query.len;
        enum status status = take_part(reading, bytes_of(query.data, len));
        if (status != STATUS_OK)
            return status;
        len += amp != NULL;
        query = bytes_of(query.data + len, query.len - len);
    }
    if (!reading->has_hash)
        return refuse(reading->error, "the link has no xt=urn:btih: with the hash of its content");
    reading->magnet->bare = reading->keys == 1;
    return STATUS_OK;
}

/* Without the white space that copying leaves at the ends. */
static struct bytes trim(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return bytes_of(text, len);
}

static bool has_scheme(struct bytes text, const char *scheme)
{
    size_t len = strlen(scheme);
    return text.len >= len && strncasecmp((const char *)text.data, scheme, len) == 0;
}

static enum status parse_link(struct bytes link, struct link_reading *reading)
{
    return parse_query(bytes_of(link.data + 8, link.len - 8), reading);
}

enum status magnet_parse(const char *text, struct magnet *out, char error[MAGNET_ERROR_SIZE])
{
    *out = (struct magnet){.length = 0};
    struct bytes link = trim(text);
    if (has_scheme(link, "magnet:?"))
        return parse_link(link, &(struct link_reading){.magnet = out, .error = error});
    if (has_scheme(link, "magnet:"))
        return refuse(error, "a magnet link begins with magnet:?xt=urn:btih:");
    if (strstr(text, "://") != NULL)
        return refuse(error, "web addresses are not fetched, only magnet links and .torrent files");
    return parse_hash((const char *)link.data, link.len, &out->infohash, error);
}

enum status magnet_trackers(const char *text, char **out, size_t max, size_t *count)
{
    char error[MAGNET_ERROR_SIZE];
    struct bytes link = trim(text);
    struct magnet *magnet = calloc(1, sizeof *magnet);
    struct link_reading reading = {
        .magnet = magnet, .error = error, .trackers = out, .tracker_max = max};
    enum status status = magnet == NULL                 ? STATUS_NO_MEMORY
                         : has_scheme(link, "magnet:?") ? parse_link(link, &reading)
                                                        : STATUS_OK;
    *count = reading.tracker_count;
    free(magnet);
    return status;
}

void magnet_format(const struct magnet *magnet, struct buffer *out)
{
    char hex[ID_HEX_SIZE];
    id_to_hex(&magnet->infohash, hex);
    buffer_add_format(out, "magnet:?xt=urn:btih:%s", hex);
    if (magnet->name[0] != 0) {
        buffer_add_string(out, "&dn=");
        encode(magnet->name, out);
    }
    if (magnet->length > 0)
        buffer_add_format(out, "&xl=%llu", (unsigned long long)magnet->length);
    for (size_t i = 0; i < magnet->tracker_count; i++) {
        buffer_add_string(out, "&tr=");
        encode(magnet->trackers[i], out);
    }
    for (size_t i = 0; i < magnet->peer_count; i++) {
        const struct magnet_peer *peer = &magnet->peers[i];
        bool bracketed = strchr(peer->host, ':') != NULL;
        buffer_add_format(out, bracketed ? "&x.pe=[%s]:%u" : "&x.pe=%s:%u", peer->host, peer->port);
    }
}

/* ---- what an argument is ---- */

static bool is_base32_hash(const char *text, size_t len)
{
    return len == HASH_BASE32_DIGITS && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == len;
}

static enum link_type classify_digits(size_t len, bool decimal)
{
    if (len == HASH_HEX_DIGITS)
        return LINK_HASH;
    if (len > HASH_HEX_DIGITS)
        return LINK_BAD;
    if (decimal && len <= ID_DIGITS_MAX)
        return LINK_ID;
    return len >= PREFIX_DIGITS_MIN ? LINK_PREFIX : LINK_NAME;
}

enum link_type link_classify(const char *text, bool is_file, const char **rest)
{
    size_t len = strlen(text);
    *rest = text;
    if (strncmp(text, "name:", 5) == 0 && len > 5) {
        *rest = text + 5;
        return LINK_NAME;
    }
    if (is_file)
        return LINK_TORRENT;
    if (has_scheme(trim(text), "magnet:")) {
        struct magnet magnet;
        char error[MAGNET_ERROR_SIZE];
        return magnet_parse(text, &magnet, error) == STATUS_OK ? LINK_MAGNET : LINK_BAD;
    }
    if (strstr(text, "://") != NULL)
        return LINK_BAD;
    if (len > 8 && strcasecmp(text + len - 8, ".torrent") == 0)
        return LINK_TORRENT;
    if (len > 0 && strspn(text, "0123456789abcdefABCDEF") == len)
        return classify_digits(len, strspn(text, "0123456789") == len);
    return is_base32_hash(text, len) ? LINK_MAGNET : LINK_NAME;
}
