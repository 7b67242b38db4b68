#include "base/bootstrap_file.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_DIGITS_MAX 5
#define LABEL_MAX       63 /* bytes between two dots [RFC 1035] */

/* ---- one address ---- */

static bool is_ipv4(const char *host)
{
    uint8_t address[4];
    return inet_pton(AF_INET, host, address) == 1;
}

static bool is_ipv6(const char *host)
{
    uint8_t address[16];
    return inet_pton(AF_INET6, host, address) == 1;
}

/* Letters, digits, '-' and '_' between dots; one dot may end it. What is all digits and dots was
 * meant as an address. */
static bool is_name(const char *host)
{
    size_t label = 0;
    bool letter = false;
    for (const char *p = host; *p != 0; p++) {
        if (*p == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return false;
        letter = letter || !isdigit((unsigned char)*p);
        if (++label > LABEL_MAX)
            return false;
    }
    return letter;
}

static bool read_port(struct bytes text, uint16_t *out)
{
    unsigned port = 0;
    if (text.len == 0 || text.len > PORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit(text.data[i]))
            return false;
        port = port * 10 + (text.data[i] - '0');
    }
    *out = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

static const char *split(struct bytes text, struct bytes *host, struct bytes *port, bool *brackets)
{
    *brackets = text.len > 0 && text.data[0] == '[';
    const uint8_t *end = *brackets      ? memchr(text.data, ']', text.len)
                         : text.len > 0 ? memrchr(text.data, ':', text.len)
                                        : NULL;
    if (end == NULL)
        return *brackets ? "no ] after the address" : "no port";
    size_t len = (size_t)(end - text.data);
    *host = *brackets ? bytes_of(text.data + 1, len - 1) : bytes_of(text.data, len);
    size_t colon = *brackets ? len + 1 : len;
    if (colon >= text.len || text.data[colon] != ':')
        return "no port";
    *port = bytes_of(text.data + colon + 1, text.len - colon - 1);
    if (!*brackets && memchr(host->data, ':', host->len) != NULL)
        return "an IPv6 address needs brackets: [address]:port";
    return NULL;
}

const char *bootstrap_parse_address(struct bytes text, struct bootstrap_entry *out)
{
    struct bytes host, port;
    bool brackets;
    const char *wrong = split(text, &host, &port, &brackets);
    if (wrong != NULL)
        return wrong;
    if (host.len == 0)
        return "no host";
    if (host.len >= BOOTSTRAP_HOST_SIZE || memchr(host.data, 0, host.len) != NULL)
        return "not a host name or address";
    memcpy(out->host, host.data, host.len);
    out->host[host.len] = 0;
    if (brackets ? !is_ipv6(out->host) : !is_ipv4(out->host) && !is_name(out->host))
        return brackets ? "not an IPv6 address" : "not a host name or address";
    return read_port(port, &out->port) ? NULL : "the port is not a number from 1 to 65535";
}

void bootstrap_format_address(const struct bootstrap_entry *entry, char out[BOOTSTRAP_ADDRESS_SIZE])
{
    const char *form = strchr(entry->host, ':') != NULL ? "[%s]:%u" : "%s:%u";
    snprintf(out, BOOTSTRAP_ADDRESS_SIZE, form, entry->host, entry->port);
}

/* ---- the list ---- */

static void add_bad(struct bootstrap_file *file, unsigned line, struct bytes text, const char *why)
{
    if (file->bad_count++ >= BOOTSTRAP_BAD_MAX)
        return;
    struct bootstrap_bad_line *bad = &file->bad[file->bad_count - 1];
    size_t len = text.len < BOOTSTRAP_TEXT_SIZE ? text.len : BOOTSTRAP_TEXT_SIZE - 1;
    bad->line = line;
    bad->why = why;
    for (size_t i = 0; i < len; i++)
        bad->text[i] = text.data[i] >= 0x20 && text.data[i] < 0x7f ? (char)text.data[i] : '?';
    bad->text[len] = 0;
}

static bool has(const struct bootstrap_file *file, const struct bootstrap_entry *entry)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].port == entry->port &&
            strcasecmp(file->entries[i].host, entry->host) == 0)
            return true;
    return false;
}

static enum status add(struct bootstrap_file *file, const struct bootstrap_entry *entry)
{
    if ((file->count & (file->count - 1)) == 0) { /* full at each power of two */
        size_t cap = file->count == 0 ? 1 : file->count * 2;
        struct bootstrap_entry *grown = realloc(file->entries, cap * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        file->entries = grown;
    }
    file->entries[file->count++] = *entry;
    return STATUS_OK;
}

/* A comment ends a line; it begins at its start or behind white space. */
static struct bytes trim(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '#' && (i == 0 || isspace(line.data[i - 1])))
            line.len = i;
    }
    while (line.len > 0 && isspace(line.data[line.len - 1]))
        line.len--;
    while (line.len > 0 && isspace(line.data[0]))
        line = bytes_of(line.data + 1, line.len - 1);
    return line;
}

static enum status take_line(struct bootstrap_file *file, unsigned number, struct bytes line)
{
    struct bootstrap_entry entry = {.line = number};
    struct bytes text = trim(line);
    if (text.len == 0)
        return STATUS_OK;
    const char *wrong = bootstrap_parse_address(text, &entry);
    if (wrong == NULL && has(file, &entry))
        return STATUS_OK;
    if (wrong == NULL && file->count == BOOTSTRAP_ENTRIES_MAX)
        wrong = "the list is full";
    if (wrong == NULL)
        return add(file, &entry);
    add_bad(file, number, text, wrong);
    return STATUS_OK;
}

enum status bootstrap_file_parse(struct bytes text, struct bootstrap_file *out)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    memset(out, 0, sizeof *out);
    if (text.len > BOOTSTRAP_FILE_MAX)
        return STATUS_TOO_BIG;
    if (text.len >= sizeof mark && memcmp(text.data, mark, sizeof mark) == 0)
        text = bytes_of(text.data + sizeof mark, text.len - sizeof mark);
    for (unsigned number = 1; text.len > 0; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        size_t next = end != NULL ? len + 1 : len;
        enum status status = take_line(out, number, bytes_of(text.data, len));
        if (status != STATUS_OK) {
            bootstrap_file_dispose(out);
            return status;
        }
        text = bytes_of(text.data + next, text.len - next);
    }
    return STATUS_OK;
}

static enum status read_all(int fd, uint8_t *data, size_t cap, size_t *len)
{
    *len = 0;
    while (*len < cap) {
        ssize_t got = read(fd, data + *len, cap - *len);
        if (got == 0)
            return STATUS_OK;
        if (got < 0 && errno != EINTR)
            return STATUS_IO;
        if (got > 0)
            *len += (size_t)got;
    }
    return STATUS_TOO_BIG;
}

enum status bootstrap_file_load(const char *path, struct bootstrap_file *out)
{
    memset(out, 0, sizeof *out);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND
               : errno == EACCES                   ? STATUS_PERMISSION
                                                   : STATUS_IO;
    uint8_t *data = malloc(BOOTSTRAP_FILE_MAX + 1);
    size_t len = 0;
    enum status status =
        data != NULL ? read_all(fd, data, BOOTSTRAP_FILE_MAX + 1, &len) : STATUS_NO_MEMORY;
    close(fd);
    if (status == STATUS_OK)
        status = bootstrap_file_parse(bytes_of(data, len), out);
    free(data);
    return status;
}

void bootstrap_file_dispose(struct bootstrap_file *file)
{
    free(file->entries);
    memset(file, 0, sizeof *file);
}
