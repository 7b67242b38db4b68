#include "support/link.h"

#include "support/unit.h"

#include <string.h>

#include "kadpeer/buffer.h"
#include "kadpeer/sha1.h"

enum { SYSTEM_BYTES = 4096 }; /* between two sockets, which nobody waits for */

/* ---- the world ---- */

struct chunk {
    struct chunk *next;
    uint64_t ready_ms;
    size_t len, given;
    uint8_t data[];
};

/* One direction: what `from` sends and `to` has not read yet. */
struct pipe {
    struct chunk *first, **last;
    size_t len;
};

struct end {
    unsigned node;
    uint32_t peer; /* handle there; 0: removed */
    struct pipe in;
    bool held; /* reads nothing until ACTION_READ */
    size_t told_backlog;
};

struct link {
    struct end ends[2];
    uint64_t delay_ms;
};

struct check {
    unsigned node;
    uint32_t piece;
    enum status result;
};

struct world {
    struct content content;
    struct rng rng;
    uint64_t now_ms;
    struct node nodes[WORLD_NODES_MAX];
    unsigned node_count;
    struct link links[WORLD_LINKS_MAX];
    unsigned link_count;
    struct check checks[4096];
    unsigned check_count;
};

struct world *world_new(struct content content, uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    world->content = content;
    world->now_ms = WORLD_BEGIN_MS;
    rng_init_seed(&world->rng, seed);
    return world;
}

static void pipe_clear(struct pipe *pipe)
{
    while (pipe->first != NULL) {
        struct chunk *chunk = pipe->first;
        pipe->first = chunk->next;
        free(chunk);
    }
    *pipe = (struct pipe){0};
}

void world_free(struct world *world)
{
    for (unsigned i = 0; i < world->link_count; i++) {
        pipe_clear(&world->links[i].ends[0].in);
        pipe_clear(&world->links[i].ends[1].in);
    }
    for (unsigned i = 0; i < world->node_count; i++) {
        transfer_free(world->nodes[i].transfer);
        metainfo_free(world->nodes[i].metainfo);
        free(world->nodes[i].disk);
    }
    content_dispose(&world->content);
    free(world);
}

uint64_t world_now_ms(const struct world *world)
{
    return world->now_ms;
}

struct node *world_node(struct world *world, unsigned node)
{
    return &world->nodes[node];
}

/* ---- nodes ---- */

static void store_piece(struct world *world, struct node *node, uint32_t piece)
{
    size_t length = world->content.metainfo->piece_length;
    memcpy(node->disk + piece * length, world->content.bytes + piece * length,
           metainfo_piece_size(world->content.metainfo, piece));
}

unsigned world_add(struct world *world, const struct node_config *config)
{
    const struct metainfo *metainfo = world->content.metainfo;
    unsigned number = world->node_count++;
    struct node *node = &world->nodes[number];
    node->alive = true;
    node->endpoint = (struct endpoint){
        .addr = {10, 0, 0, (uint8_t)(number + 1)}, .port = 6881, .family = ENDPOINT_IPV4};
    uint8_t random[12];
    rng_fill(&world->rng, random, sizeof random);
    handshake_make_peer_id(random, node->peer_id);
    node->disk = calloc(1, metainfo->total_length + 1);
    uint8_t *have = calloc(1, metainfo->piece_count / 8 + 1);
    for (uint32_t i = 0; i < metainfo->piece_count; i++) {
        bool has = config->seed ||
                   (config->has != NULL && i < strlen(config->has) && config->has[i] == '1');
        if (!has)
            continue;
        have[i / 8] |= (uint8_t)(0x80 >> i % 8);
        store_piece(world, node, i);
    }
    struct transfer_config settings = {.infohash = metainfo->infohash,
                                       .listen_port = 6881,
                                       .client = "kadpeer/test",
                                       .memory_bytes = config->memory_bytes,
                                       .upload_slots = config->upload_slots};
    memcpy(settings.peer_id, node->peer_id, 20);
    rng_init_seed(&settings.rng, rng_u64(&world->rng));
    node->transfer = transfer_new(&settings, config->without_metadata ? NULL : metainfo,
                                  config->without_metadata ? NULL : have, world->now_ms);
    assert_non_null(node->transfer);
    free(have);
    return number;
}

/* ---- links ---- */

static struct end *end_of(struct world *world, unsigned node, uint32_t peer, struct link **link)
{
    for (unsigned i = 0; i < world->link_count; i++)
        for (int e = 0; e < 2; e++) {
            struct end *end = &world->links[i].ends[e];
            if (end->node == node && end->peer == peer && peer != 0) {
                *link = &world->links[i];
                return end;
            }
        }
    return NULL;
}

static void pump(struct world *world, unsigned node);

static struct handshake handshake_of(const struct world *world, unsigned node,
                                     const struct link_config *config)
{
    struct handshake handshake = {.extension = !config->without_extension,
                                  .fast = !config->without_fast,
                                  .infohash = world->content.metainfo->infohash};
    memcpy(handshake.peer_id, world->nodes[node].peer_id, 20);
    return handshake;
}

/* One end of link `number`; end 0 is the dialler's. */
static void open_end(struct world *world, unsigned number, int e, const struct link_config *config)
{
    struct link *link = &world->links[number];
    unsigned here = link->ends[e].node, there = link->ends[1 - e].node;
    struct handshake theirs = handshake_of(world, there, config);
    struct endpoint remote = world->nodes[there].endpoint, listen = remote;
    if (e == 1) {
        remote.port = (uint16_t)(40000 + number);
        listen = (struct endpoint){0};
    }
    link->ends[e].peer = transfer_add_peer(world->nodes[here].transfer, &remote, &listen, &theirs,
                                           e == 1, world->now_ms);
}

static unsigned new_link(struct world *world, unsigned from, unsigned to,
                         const struct link_config *config)
{
    world->links[world->link_count] =
        (struct link){.ends = {{.node = from}, {.node = to}}, .delay_ms = config->delay_ms};
    return world->link_count++;
}

static const struct link_config plain_link;

unsigned world_dial(struct world *world, unsigned from, unsigned to,
                    const struct link_config *config)
{
    config = config != NULL ? config : &plain_link;
    unsigned number = new_link(world, from, to, config);
    open_end(world, number, 0, config);
    open_end(world, number, 1, config);
    pump(world, from);
    pump(world, to);
    return number;
}

void world_cross(struct world *world, unsigned a, unsigned b, const struct link_config *config,
                 unsigned links[2])
{
    config = config != NULL ? config : &plain_link;
    links[0] = new_link(world, a, b, config);
    links[1] = new_link(world, b, a, config);
    open_end(world, links[0], 0, config);
    open_end(world, links[1], 0, config);
    open_end(world, links[1], 1, config);
    open_end(world, links[0], 1, config);
    pump(world, a);
    pump(world, b);
}

bool world_is_up(const struct world *world, unsigned link)
{
    return world->links[link].ends[0].peer != 0 && world->links[link].ends[1].peer != 0;
}

static void remove_end(struct world *world, struct end *end)
{
    if (end->peer == 0)
        return;
    uint32_t peer = end->peer;
    end->peer = 0;
    transfer_remove_peer(world->nodes[end->node].transfer, peer, world->now_ms);
}

void world_cut(struct world *world, unsigned link)
{
    for (int e = 0; e < 2; e++) {
        remove_end(world, &world->links[link].ends[e]);
        pipe_clear(&world->links[link].ends[e].in);
    }
}

void world_kill(struct world *world, unsigned node)
{
    for (unsigned i = 0; i < world->link_count; i++)
        if (world->links[i].ends[0].node == node || world->links[i].ends[1].node == node)
            world_cut(world, i);
    world->nodes[node].alive = false;
}

static void put(struct world *world, struct link *link, struct end *from, const void *data,
                size_t len)
{
    struct end *to = from == &link->ends[0] ? &link->ends[1] : &link->ends[0];
    if (to->peer == 0)
        return;
    struct chunk *chunk = malloc(sizeof *chunk + len);
    *chunk = (struct chunk){.ready_ms = world->now_ms + link->delay_ms, .len = len};
    memcpy(chunk->data, data, len);
    if (to->in.first == NULL)
        to->in.last = &to->in.first;
    *to->in.last = chunk;
    to->in.last = &chunk->next;
    to->in.len += len;
}

/* ---- what a node's owner does ---- */

static void drain_output(struct world *world, unsigned number, uint32_t peer)
{
    struct node *node = &world->nodes[number];
    struct link *link;
    struct end *end = end_of(world, number, peer, &link);
    struct transfer_output out;
    uint8_t block[128 << 10];
    while (end != NULL && transfer_next_output(node->transfer, peer, &out)) {
        if (out.bytes.len > 0) {
            put(world, link, end, out.bytes.data, out.bytes.len);
            continue;
        }
        assert_true(out.length <= sizeof block);
        memcpy(block,
               node->disk + (size_t)out.piece * world->content.metainfo->piece_length + out.begin,
               out.length);
        if (rng_below(&world->rng, 100) < node->lies_in_100)
            block[rng_below(&world->rng, out.length)] ^= 1;
        put(world, link, end, block, out.length);
    }
}

static void on_check(struct world *world, unsigned number, const struct transfer_action *action)
{
    struct node *node = &world->nodes[number];
    struct id sum = sha1_of(action->data);
    struct id right = metainfo_piece_hash(world->content.metainfo, action->piece);
    bool ok = id_equal(&sum, &right);
    if (ok)
        memcpy(node->disk + (size_t)action->piece * world->content.metainfo->piece_length,
               action->data.data, action->data.len);
    node->bad_checks += !ok;
    enum status result = ok ? STATUS_OK : STATUS_MISMATCH;
    if (ok && node->write_fails > 0) {
        node->write_fails--;
        result = STATUS_IO;
    }
    if (node->check_later)
        world->checks[world->check_count++] = (struct check){number, action->piece, result};
    else
        transfer_piece_checked(node->transfer, action->piece, result, world->now_ms);
}

static enum status read_metadata(struct world *world, struct node *node, struct bytes data)
{
    char error[METAINFO_ERROR_SIZE];
    struct id sum = sha1_of(data);
    if (!id_equal(&sum, &world->content.metainfo->infohash))
        return STATUS_MISMATCH;
    enum status status = metainfo_parse_info(data, &node->metainfo, error);
    if (status != STATUS_OK && status != STATUS_NO_MEMORY)
        fail_msg("%s", error);
    return status;
}

/* Again in the next step when there is no memory for it. */
static void give_metainfo(struct world *world, struct node *node)
{
    enum status status = transfer_set_metainfo(node->transfer, node->metainfo, NULL, world->now_ms);
    node->metainfo_due = status == STATUS_NO_MEMORY;
}

static void on_metadata(struct world *world, struct node *node, struct bytes data)
{
    enum status status = read_metadata(world, node, data);
    transfer_metadata_checked(node->transfer, status, world->now_ms);
    if (status == STATUS_OK)
        give_metainfo(world, node);
}

static void on_close(struct world *world, unsigned number, const struct transfer_action *action)
{
    struct node *node = &world->nodes[number];
    struct link *link;
    struct end *end = end_of(world, number, action->peer, &link);
    node->closes++;
    node->last_close = action->reason;
    node->last_text = action->text;
    if (end == NULL)
        return;
    drain_output(world, number, action->peer);
    remove_end(world, end);
    pipe_clear(&end->in);
}

static void on_ban(struct world *world, struct node *node, const struct endpoint *endpoint)
{
    for (unsigned i = 0; i < world->node_count; i++)
        if (endpoint_same_address(&world->nodes[i].endpoint, endpoint))
            node->banned[i] = true;
}

static void act(struct world *world, unsigned number, const struct transfer_action *action)
{
    struct node *node = &world->nodes[number];
    struct link *link;
    switch (action->type) {
    case ACTION_OUTPUT:
        drain_output(world, number, action->peer);
        break;
    case ACTION_READ:
        end_of(world, number, action->peer, &link)->held = false;
        break;
    case ACTION_CLOSE:
        on_close(world, number, action);
        break;
    case ACTION_CHECK:
        on_check(world, number, action);
        break;
    case ACTION_METADATA:
        on_metadata(world, node, action->data);
        break;
    case ACTION_FOUND:
        node->found++;
        break;
    case ACTION_LISTENS:
        node->listens++;
        break;
    case ACTION_BAN:
        on_ban(world, node, &action->endpoint);
        break;
    case ACTION_HAS_ALL:
        node->finished_peers++;
        break;
    case ACTION_COMPLETE:
        node->complete = true;
        node->complete_ms = world->now_ms;
        break;
    }
}

static void pump(struct world *world, unsigned number)
{
    struct transfer_action action;
    while (transfer_next_action(world->nodes[number].transfer, &action))
        act(world, number, &action);
    if (!transfer_valid(world->nodes[number].transfer))
        fail_msg("node %u is not valid at %llu ms", number,
                 (unsigned long long)(world->now_ms - WORLD_BEGIN_MS));
}

/* ---- time ---- */

static size_t take(struct pipe *pipe, uint8_t *out, size_t most, uint64_t now_ms)
{
    struct chunk *chunk = pipe->first;
    if (chunk == NULL || chunk->ready_ms > now_ms)
        return 0;
    size_t len = chunk->len - chunk->given;
    len = len < most ? len : most;
    memcpy(out, chunk->data + chunk->given, len);
    chunk->given += len;
    pipe->len -= len;
    if (chunk->given == chunk->len) {
        pipe->first = chunk->next;
        free(chunk);
    }
    return len;
}

/* One read, of a random length, to one run or to all that the transfer offers. */
static size_t read_once(struct world *world, struct end *end, size_t most)
{
    struct transfer *transfer = world->nodes[end->node].transfer;
    struct space spaces[TRANSFER_SPACES_MAX];
    size_t count = 1, done = 0;
    if (rng_below(&world->rng, 2) == 0)
        transfer_receive_space(transfer, end->peer, &spaces[0].data, &spaces[0].len);
    else
        count = transfer_receive_spaces(transfer, end->peer, spaces);
    end->held = count == 0 || spaces[0].len == 0;
    if (end->held)
        return 0;
    uint32_t cut = 1 + rng_below(&world->rng, (uint32_t)(spaces[0].len * count));
    if (rng_below(&world->rng, 4) == 0 && cut < most)
        most = cut;
    for (size_t i = 0; i < count && done < most; i++) {
        size_t at = 0, len = spaces[i].len < most - done ? spaces[i].len : most - done, taken;
        while (at < len &&
               (taken = take(&end->in, spaces[i].data + at, len - at, world->now_ms)) > 0)
            at += taken;
        done += at;
        if (at < len)
            break;
    }
    return done;
}

/* Lets `end` read up to `most` bytes, in random splits. Returns how many it read. */
static size_t deliver(struct world *world, struct end *end, size_t most)
{
    size_t done = 0;
    while (end->peer != 0 && !end->held && done < most) {
        size_t len = read_once(world, end, most - done);
        if (len == 0)
            break;
        done += len;
        transfer_received(world->nodes[end->node].transfer, end->peer, len, world->now_ms);
        pump(world, end->node);
    }
    return done;
}

/* The sender's queue is what the reader has not read, but for what the system takes. */
static void tell_backlog(struct world *world, struct end *from, struct end *to)
{
    size_t waits = to->in.len > SYSTEM_BYTES ? to->in.len - SYSTEM_BYTES : 0;
    if (from->peer == 0 || from->told_backlog == waits)
        return;
    from->told_backlog = waits;
    transfer_set_backlog(world->nodes[from->node].transfer, from->peer, waits, world->now_ms);
    pump(world, from->node);
}

/* `to` reads some of what `from` has sent. Returns how much. */
static size_t run_direction(struct world *world, struct end *from, struct end *to, size_t most)
{
    size_t done = deliver(world, to, most);
    tell_backlog(world, from, to);
    if (from->peer == 0 && to->peer != 0 && to->in.len == 0) {
        remove_end(world, to); /* the other end has closed, all is read */
        pump(world, to->node);
    }
    return done;
}

/* The links of one sender share its rate packet by packet, each step another one first. */
static void run_links_from(struct world *world, unsigned sender)
{
    enum { PACKET_BYTES = 1500 };
    uint64_t up_bps = world->nodes[sender].up_bps;
    size_t budget = up_bps == 0 ? SIZE_MAX : (size_t)(up_bps * WORLD_STEP_MS / 1000), before;
    unsigned first = (unsigned)(world->now_ms / WORLD_STEP_MS);
    do {
        before = budget;
        for (unsigned i = 0; i < world->link_count; i++) {
            struct link *link = &world->links[(first + i) % world->link_count];
            for (int e = 0; e < 2; e++)
                if (link->ends[e].node == sender)
                    budget -= run_direction(world, &link->ends[e], &link->ends[1 - e],
                                            budget < PACKET_BYTES ? budget : PACKET_BYTES);
        }
    } while (budget < before && budget > 0);
}

static void answer_checks(struct world *world)
{
    unsigned count = world->check_count;
    world->check_count = 0;
    struct check checks[4096];
    memcpy(checks, world->checks, count * sizeof checks[0]);
    for (unsigned i = 0; i < count; i++) {
        transfer_piece_checked(world->nodes[checks[i].node].transfer, checks[i].piece,
                               checks[i].result, world->now_ms);
        pump(world, checks[i].node);
    }
}

void world_step(struct world *world)
{
    world->now_ms += WORLD_STEP_MS;
    answer_checks(world);
    for (unsigned i = 0; i < world->node_count; i++) {
        if (transfer_deadline(world->nodes[i].transfer) <= world->now_ms)
            transfer_on_time(world->nodes[i].transfer, world->now_ms);
        if (world->nodes[i].metainfo_due)
            give_metainfo(world, &world->nodes[i]);
        pump(world, i);
    }
    for (unsigned i = 0; i < world->node_count; i++)
        run_links_from(world, i);
}

void world_run(struct world *world, uint64_t ms)
{
    for (uint64_t until_ms = world->now_ms + ms; world->now_ms < until_ms;)
        world_step(world);
}

bool world_run_until_complete(struct world *world, unsigned nodes, uint64_t ms)
{
    for (uint64_t until_ms = world->now_ms + ms; world->now_ms < until_ms; world_step(world)) {
        unsigned complete = 0;
        while (complete < nodes && world->nodes[complete].complete)
            complete++;
        if (complete == nodes)
            return true;
    }
    return false;
}

bool world_has_content(struct world *world, unsigned node)
{
    return memcmp(world->nodes[node].disk, world->content.bytes,
                  world->content.metainfo->total_length) == 0;
}

struct transfer_stats world_stats(struct world *world, unsigned node)
{
    struct transfer_stats stats;
    transfer_stats(world->nodes[node].transfer, world->now_ms, &stats);
    return stats;
}
