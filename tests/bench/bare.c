/* The bare bound of a transfer: one process sends a file over loopback TCP with sendfile; the other
 * receives it into piece buffers while a second thread takes SHA-1 of each piece and writes it.
 * Nothing that checks and keeps what it fetches can be faster with two threads.
 *
 *   bench_bare SOURCE TARGET [PIECE_BYTES]
 * prints: seconds, MiB/s, CPU seconds of the sender, CPU seconds of the receiver */
#include "loopback.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define BUFFERS 8 /* pieces between the receiving and the hashing thread */

struct ring {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint8_t *data[BUFFERS];
    size_t len[BUFFERS]; /* 0: free */
    size_t piece_bytes;
    uint64_t total;
    int target;
};

/* Waits until the slot is full (or free); returns its length. */
static size_t wait_for(struct ring *ring, unsigned slot, bool full)
{
    pthread_mutex_lock(&ring->mutex);
    while ((ring->len[slot] != 0) != full)
        pthread_cond_wait(&ring->changed, &ring->mutex);
    size_t len = ring->len[slot];
    pthread_mutex_unlock(&ring->mutex);
    return len;
}

static void mark(struct ring *ring, unsigned slot, size_t len)
{
    pthread_mutex_lock(&ring->mutex);
    ring->len[slot] = len;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->mutex);
}

static void *hash_and_write(void *user)
{
    struct ring *ring = user;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint64_t offset = 0;
    for (unsigned slot = 0; offset < ring->total; slot = (slot + 1) % BUFFERS) {
        size_t len = wait_for(ring, slot, true);
        uint8_t digest[20];
        EVP_DigestInit_ex(context, EVP_sha1(), NULL);
        EVP_DigestUpdate(context, ring->data[slot], len);
        EVP_DigestFinal_ex(context, digest, NULL);
        need(pwrite(ring->target, ring->data[slot], len, (off_t)offset) == (ssize_t)len, "write");
        offset += len;
        mark(ring, slot, 0);
    }
    EVP_MD_CTX_free(context);
    return NULL;
}

static void receive(int fd, struct ring *ring)
{
    uint64_t got = 0;
    for (unsigned slot = 0; got < ring->total; slot = (slot + 1) % BUFFERS) {
        wait_for(ring, slot, false);
        uint64_t left = ring->total - got;
        size_t want = left < ring->piece_bytes ? (size_t)left : ring->piece_bytes;
        for (size_t have = 0; have < want;) {
            ssize_t n = recv(fd, ring->data[slot] + have, want - have, 0);
            need(n > 0, "recv");
            have += (size_t)n;
        }
        got += want;
        mark(ring, slot, want);
    }
}

static void send_file(int listener, int source, uint64_t total)
{
    int fd = accept(listener, NULL, NULL);
    need(fd >= 0, "accept");
    for (uint64_t sent = 0; sent < total;) {
        ssize_t n = sendfile(fd, source, NULL, total - sent);
        need(n > 0, "sendfile");
        sent += (uint64_t)n;
    }
    exit(0);
}

static void ring_init(struct ring *ring, size_t piece_bytes, uint64_t total, int target)
{
    *ring = (struct ring){.piece_bytes = piece_bytes, .total = total, .target = target};
    pthread_mutex_init(&ring->mutex, NULL);
    pthread_cond_init(&ring->changed, NULL);
    for (unsigned i = 0; i < BUFFERS; i++) {
        ring->data[i] = malloc(piece_bytes);
        need(ring->data[i] != NULL, "malloc");
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: bench_bare SOURCE TARGET [PIECE_BYTES]\n", stderr);
        return 2;
    }
    struct stat st;
    int source = open(argv[1], O_RDONLY);
    need(source >= 0 && fstat(source, &st) == 0, argv[1]);
    int target = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    need(target >= 0, argv[2]);
    struct ring ring;
    ring_init(&ring, argc > 3 ? strtoull(argv[3], NULL, 0) : 1 << 20, (uint64_t)st.st_size, target);

    struct sockaddr_in address;
    int listener = listen_on_loopback(&address);
    pid_t sender = fork();
    need(sender >= 0, "fork");
    if (sender == 0)
        send_file(listener, source, ring.total);

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    double start = now_s();
    need(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    pthread_t thread;
    need(pthread_create(&thread, NULL, hash_and_write, &ring) == 0, "thread");
    receive(fd, &ring);
    pthread_join(thread, NULL);
    double seconds = now_s() - start;

    print_transfer(sender, ring.total, seconds);
    return 0;
}
