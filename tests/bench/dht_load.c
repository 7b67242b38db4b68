#include "dht_load.h"

#include <netinet/in.h>
#include <poll.h>

#include "dht/codec_msgpack.h"
#include "kadpeer/records.h"
#include "kadpeer/rng.h"
#include "loopback.h"

#define BATCH       32
#define SILENCE_MS  200                        /* then what is under way is lost */
#define PATIENCE_MS 5000                       /* where nothing may be lost */
#define FILL_WINDOW (16 * MESSAGE_RECORDS_MAX) /* records on their way */
#define FIRST_TXID  0x10000000u
#define TXID_AT     3 /* in a message whose txid is of five bytes */

/* A message of each kind, and where in it what differs is. */
struct template
{
    uint8_t bytes[DHT_DATAGRAM_MAX];
    size_t len, id_at, target_at, token_at; /* 0: nowhere */
};

struct batch {
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    uint8_t data[BATCH][DHT_DATAGRAM_MAX];
    struct sockaddr_in to;
    struct source {
        _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control[BATCH];
};

struct load {
    int fd;
    struct rng rng;
    struct template templates[LOAD_METHODS];
    uint8_t tokens[LOAD_SOURCES][TOKEN_BYTES];
    uint8_t value[64]; /* of a peer record */
    size_t value_len;
    uint32_t next_txid;
    unsigned next_source;
    double longest_wait_s; /* of the fill */
    struct batch out, in;
};

static struct id key_of(uint64_t number)
{
    struct rng rng;
    struct id key;
    rng_init_seed(&rng, 1 + number);
    rng_fill(&rng, key.bytes, sizeof key.bytes);
    return key;
}

static struct id id_of(unsigned source)
{
    return key_of(UINT64_MAX / 2 + source);
}

static struct in_addr address_of(unsigned source)
{
    return (struct in_addr){htonl(0x7f400001 + (source / 250 << 8) + source % 250)};
}

/* ---- messages ---- */

static size_t find(const struct template *template, const void *what, size_t len)
{
    const uint8_t *at = memmem(template->bytes, template->len, what, len);
    return at != NULL ? (size_t)(at - template->bytes) : 0;
}

static void query_init(struct message *message, enum message_method method)
{
    message_init(message, MESSAGE_QUERY);
    message_set_txid(message, FIRST_TXID);
    message->method = method;
    memset(message->id.bytes, 0xa1, ID_BYTES);
    memset(message->target.bytes, 0xa2, ID_BYTES);
    message->version_len = 13;
    memcpy(message->version, "kadpeer 0.0.0", 13);
}

/* As a walk asks a node it has no token from. */
static void make_template(struct load *load, enum load_method which, enum message_method method)
{
    struct template *template = &load->templates[which];
    struct message message;
    query_init(&message, method);
    if (method == METHOD_FIND || method == METHOD_GET)
        message.pad_to = MESSAGE_PAD_TO;
    message.kind = KIND_PEER;
    if (method == METHOD_PUT) {
        message.token_len = TOKEN_BYTES;
        memset(message.token, 0xa3, TOKEN_BYTES);
        message.records[message.record_count++] =
            (struct message_record){.key = message.target,
                                    .kind = KIND_PEER,
                                    .value = bytes_of(load->value, load->value_len)};
    }
    template->len = codec_msgpack.encode(&message, template->bytes, DHT_DATAGRAM_MAX).len;
    template->id_at = find(template, message.id.bytes, ID_BYTES);
    template->target_at = find(template, message.target.bytes, ID_BYTES);
    template->token_at = find(template, message.token, message.token_len);
    need(template->len > 0, "a message");
}

static void fill_in(const struct load *load, const struct template *template, uint32_t txid,
                    unsigned source, const struct id *target, uint8_t *out)
{
    memcpy(out, template->bytes, template->len);
    write_u32(out + TXID_AT, txid);
    struct id id = id_of(source);
    memcpy(out + template->id_at, id.bytes, ID_BYTES);
    if (template->target_at > 0)
        memcpy(out + template->target_at, target->bytes, ID_BYTES);
    if (template->token_at > 0)
        memcpy(out + template->token_at, load->tokens[source], TOKEN_BYTES);
}

/* ---- batches ---- */

static void set_receiver(struct load *load, const struct endpoint *to)
{
    load->out.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(to->port)};
    memcpy(&load->out.to.sin_addr, to->addr, 4);
}

/* Makes what is in data[i] leave from the address of `source`. */
static void address(struct load *load, size_t i, unsigned source, size_t len)
{
    struct batch *out = &load->out;
    out->parts[i] = (struct iovec){out->data[i], len};
    out->headers[i].msg_hdr = (struct msghdr){.msg_name = &out->to,
                                              .msg_namelen = sizeof out->to,
                                              .msg_iov = &out->parts[i],
                                              .msg_iovlen = 1,
                                              .msg_control = &out->control[i],
                                              .msg_controllen = sizeof out->control[i]};
    struct cmsghdr *head = CMSG_FIRSTHDR(&out->headers[i].msg_hdr);
    head->cmsg_level = IPPROTO_IP;
    head->cmsg_type = IP_PKTINFO;
    head->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    struct in_pktinfo info = {.ipi_spec_dst = address_of(source)};
    memcpy(CMSG_DATA(head), &info, sizeof info);
}

static void send_batch(struct load *load, size_t count)
{
    for (size_t sent = 0; sent < count;) {
        int n = sendmmsg(load->fd, load->out.headers + sent, (unsigned)(count - sent), 0);
        need(n > 0, "sendmmsg");
        sent += (size_t)n;
    }
}

/* How many came; 0: none in that time. */
static size_t receive_batch(struct load *load, int silence_ms)
{
    struct batch *in = &load->in;
    for (size_t i = 0; i < BATCH; i++) {
        in->parts[i] = (struct iovec){in->data[i], sizeof in->data[i]};
        in->headers[i].msg_hdr = (struct msghdr){.msg_iov = &in->parts[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(load->fd, in->headers, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0) {
        struct pollfd poll_fd = {.fd = load->fd, .events = POLLIN};
        double start = now_s();
        if (poll(&poll_fd, 1, silence_ms) <= 0)
            return 0;
        double waited_s = now_s() - start;
        load->longest_wait_s = waited_s > load->longest_wait_s ? waited_s : load->longest_wait_s;
        n = recvmmsg(load->fd, in->headers, BATCH, MSG_DONTWAIT, NULL);
    }
    return n > 0 ? (size_t)n : 0;
}

static struct bytes received(const struct load *load, size_t i)
{
    return bytes_of(load->in.data[i], load->in.headers[i].msg_len);
}

static bool has(struct bytes data, const char *text)
{
    return data.data != NULL && memmem(data.data, data.len, text, strlen(text)) != NULL;
}

/* An answer without an error, as far as it can be told quickly. Nodes also ping who asks them. */
static bool is_answer(struct bytes data)
{
    return data.len > 8 && data.data[0] == 0x94 && data.data[1] == 1 && data.data[2] == 0xce;
}

static bool is_good(struct bytes data, enum load_method method)
{
    switch (method) {
    case LOAD_ECHO:
        return true;
    case LOAD_PUT:
        return memmem(data.data, data.len,
                      "\xa5"
                      "codes\x91\x00",
                      8) != NULL;
    case LOAD_GET:
        return has(data, "\xa4vals") && !has(data, "\xa4vals\x90") && has(data, "nodes");
    default:
        return data.data[7] == 0xc0;
    }
}

/* ---- life ---- */

struct load *load_new(void)
{
    struct load *load = calloc(1, sizeof *load);
    need(load != NULL, "calloc");
    rng_init_seed(&load->rng, 5);
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&(struct peer_record){.tcp_port = 6881, .pieces_held = 100}, &value);
    load->value_len = buffer_bytes(&value).len;
    need(load->value_len <= sizeof load->value, "a value");
    memcpy(load->value, buffer_bytes(&value).data, load->value_len);
    buffer_dispose(&value);
    make_template(load, LOAD_ECHO, METHOD_PING);
    make_template(load, LOAD_PING, METHOD_PING);
    make_template(load, LOAD_FIND, METHOD_FIND);
    make_template(load, LOAD_GET, METHOD_GET);
    make_template(load, LOAD_PUT, METHOD_PUT);
    load->next_txid = FIRST_TXID;
    int bytes = 4 << 20;
    struct sockaddr_in any = {.sin_family = AF_INET};
    load->fd = socket(AF_INET, SOCK_DGRAM, 0);
    need(load->fd >= 0 && bind(load->fd, (struct sockaddr *)&any, sizeof any) == 0, "a socket");
    setsockopt(load->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return load;
}

void load_free(struct load *load)
{
    close(load->fd);
    free(load);
}

/* ---- runs ---- */

static void drop_leftovers(struct load *load)
{
    while (recvmmsg(load->fd, load->in.headers, BATCH, MSG_DONTWAIT, NULL) > 0)
        continue;
}

/* A record is always put by the same source. */
static unsigned source_of(uint64_t record)
{
    return (unsigned)(record % LOAD_SOURCES);
}

static void add_request(struct load *load, size_t i, enum load_method method, uint64_t keys)
{
    const struct template *template = &load->templates[method];
    uint64_t number = rng_below(&load->rng, keys);
    struct id target = key_of(method == LOAD_FIND ? UINT64_MAX - number : number);
    unsigned source = method == LOAD_PUT ? source_of(number) : load->next_source++ % LOAD_SOURCES;
    fill_in(load, template, load->next_txid++, source, &target, load->out.data[i]);
    address(load, i, source, template->len);
}

uint64_t load_run(struct load *load, const struct endpoint *to, enum load_method method,
                  uint64_t count, unsigned window, uint64_t keys)
{
    uint64_t sent = 0, done = 0, good = 0;
    drop_leftovers(load);
    set_receiver(load, to);
    while (done < count) {
        size_t room = window - (size_t)(sent - done), n = 0;
        for (; n < BATCH && n < room && sent + n < count; n++)
            add_request(load, n, method, keys);
        send_batch(load, n);
        sent += n;
        size_t came = receive_batch(load, SILENCE_MS);
        if (came == 0)
            done = sent; /* lost */
        for (size_t i = 0; i < came; i++) {
            struct bytes data = received(load, i);
            bool answer = method == LOAD_ECHO || is_answer(data);
            done += answer && done < sent;
            good += answer && is_good(data, method);
        }
    }
    return good;
}

/* ---- tokens ---- */

static void take_token(struct load *load, struct bytes data, unsigned *missing)
{
    struct message answer;
    if (codec_msgpack.decode(data, &answer) != DECODE_OK || answer.type != MESSAGE_RESPONSE)
        return;
    unsigned source = message_txid(&answer) - FIRST_TXID;
    need(source < LOAD_SOURCES && answer.token_len == TOKEN_BYTES, "a token");
    memcpy(load->tokens[source], answer.token, TOKEN_BYTES);
    (*missing)--;
}

void load_meet(struct load *load, const struct endpoint *node)
{
    unsigned missing = LOAD_SOURCES;
    struct id target = key_of(0);
    drop_leftovers(load);
    set_receiver(load, node);
    for (unsigned source = 0; source < LOAD_SOURCES; source++) {
        const struct template *template = &load->templates[LOAD_GET];
        fill_in(load, template, FIRST_TXID + source, source, &target, load->out.data[0]);
        address(load, 0, source, template->len);
        send_batch(load, 1);
        while (LOAD_SOURCES - missing + BATCH < source) {
            size_t came = receive_batch(load, PATIENCE_MS);
            need(came > 0, "a token");
            for (size_t i = 0; i < came; i++)
                take_token(load, received(load, i), &missing);
        }
    }
    while (missing > 0) {
        size_t came = receive_batch(load, PATIENCE_MS);
        need(came > 0, "a token");
        for (size_t i = 0; i < came; i++)
            take_token(load, received(load, i), &missing);
    }
}

/* ---- filling ---- */

/* Records of one source from `record` on, as many as one put carries. Returns the next one. */
static uint64_t make_put(struct load *load, uint64_t record, uint64_t end, uint64_t keys)
{
    struct message message;
    unsigned source = source_of(record);
    query_init(&message, METHOD_PUT);
    message_set_txid(&message, load->next_txid++);
    message.id = id_of(source);
    message.token_len = TOKEN_BYTES;
    memcpy(message.token, load->tokens[source], TOKEN_BYTES);
    for (; record < end && message.record_count < MESSAGE_RECORDS_MAX - 12; record += LOAD_SOURCES)
        message.records[message.record_count++] =
            (struct message_record){.key = key_of(record % keys),
                                    .kind = KIND_PEER,
                                    .value = bytes_of(load->value, load->value_len)};
    struct message_fit fit = codec_msgpack.encode(&message, load->out.data[0], DHT_DATAGRAM_MAX);
    need(fit.records == message.record_count, "a put");
    address(load, 0, source, fit.len);
    return record;
}

/* How many records of a put were; every one has to be. */
static unsigned kept(struct bytes data)
{
    struct message answer;
    unsigned count = 0;
    if (codec_msgpack.decode(data, &answer) != DECODE_OK || answer.type != MESSAGE_RESPONSE)
        return 0;
    for (; count < answer.code_count; count++)
        if (answer.codes[count] != CODE_OK) {
            fprintf(stderr, "a record was refused: %u\n", answer.codes[count]);
            exit(1);
        }
    return count;
}

double load_fill(struct load *load, const struct endpoint *node, uint64_t first, uint64_t end,
                 uint64_t keys)
{
    uint64_t total = end - first, sent = 0, done = 0;
    load->longest_wait_s = 0;
    drop_leftovers(load);
    set_receiver(load, node);
    for (unsigned lane = 0; lane < LOAD_SOURCES; lane++) {
        uint64_t next;
        for (uint64_t at = first + lane; at < end; at = next) {
            next = make_put(load, at, end, keys);
            sent += (next - at) / LOAD_SOURCES;
            send_batch(load, 1);
            while (done + FILL_WINDOW < sent) {
                size_t came = receive_batch(load, PATIENCE_MS);
                need(came > 0, "an answer to a put");
                for (size_t i = 0; i < came; i++)
                    done += kept(received(load, i));
            }
        }
    }
    while (done < total) {
        size_t came = receive_batch(load, PATIENCE_MS);
        need(came > 0, "an answer to the last puts");
        for (size_t i = 0; i < came; i++)
            done += kept(received(load, i));
    }
    return load->longest_wait_s;
}
