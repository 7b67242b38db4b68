/* In front of the calls to sockets, and of those that serve sockets and files. */
#include "faults_private.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- sockets ---- */

int socket(int family, int type, int protocol)
{
    NEXT(socket);
    return faults_fails(CALLER, CALL_SOCKET) ? -1 : next(family, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    NEXT(bind);
    return faults_fails(CALLER, CALL_BIND) ? -1 : next(fd, address, len);
}

int listen(int fd, int backlog)
{
    NEXT(listen);
    return faults_fails(CALLER, CALL_BIND) ? -1 : next(fd, backlog);
}

int accept(int fd, struct sockaddr *address, socklen_t *len)
{
    NEXT(accept);
    return faults_fails(CALLER, CALL_ACCEPT) ? -1 : next(fd, address, len);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    NEXT(accept4);
    return faults_fails(CALLER, CALL_ACCEPT) ? -1 : next(fd, address, len, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    NEXT(connect);
    return faults_fails(CALLER, CALL_CONNECT) ? -1 : next(fd, address, len);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    NEXT(send);
    bool half = false;
    if (faults_fails_or_halves(CALLER, CALL_SEND, &half))
        return -1;
    return next(fd, data, faults_share_of(len, half), flags);
}

ssize_t recv(int fd, void *out, size_t len, int flags)
{
    NEXT(recv);
    bool half = false;
    if (faults_fails_or_halves(CALLER, CALL_RECEIVE, &half))
        return -1;
    return next(fd, out, faults_share_of(len, half), flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    NEXT(sendmsg);
    return faults_fails(CALLER, CALL_SEND) ? -1 : next(fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    NEXT(sendmmsg);
    return faults_fails(CALLER, CALL_SEND) ? -1 : next(fd, messages, count, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    NEXT(recvmsg);
    return faults_fails(CALLER, CALL_RECEIVE) ? -1 : next(fd, message, flags);
}

/* ---- both ---- */

static bool is_socket(int fd)
{
    struct stat stat;
    NEXT(fstat);
    return next(fd, &stat) == 0 && S_ISSOCK(stat.st_mode);
}

/* What a library writes to itself to wake up is let alone: it could do nothing but end. */
static bool is_file(int fd)
{
    struct stat stat;
    NEXT(fstat);
    return next(fd, &stat) == 0 && S_ISREG(stat.st_mode);
}

/* Of read and write, which serve both. */
bool faults_stream_fails(const void *address, int fd, enum faults_kind of_file,
                         enum faults_kind of_socket, bool *half)
{
    if (is_socket(fd))
        return faults_fails_or_halves(address, of_socket, half);
    return is_file(fd) && faults_fails_or_halves(address, of_file, half);
}

ssize_t read(int fd, void *out, size_t len)
{
    NEXT(read);
    bool half = false;
    if (faults_stream_fails(CALLER, fd, CALL_READ, CALL_RECEIVE, &half))
        return -1;
    return next(fd, out, faults_share_of(len, half));
}

ssize_t write(int fd, const void *data, size_t len)
{
    NEXT(write);
    bool half = false;
    faults_note_write(CALLER, fd, NULL);
    if (faults_stream_fails(CALLER, fd, CALL_APPEND, CALL_SEND, &half))
        return -1;
    return next(fd, data, faults_share_of(len, half));
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    NEXT(readv);
    bool half = false;
    if (faults_stream_fails(CALLER, fd, CALL_READ, CALL_RECEIVE, &half))
        return -1;
    return next(fd, parts, half && count > 1 ? count / 2 : count);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    NEXT(writev);
    bool half = false;
    faults_note_write(CALLER, fd, NULL);
    if (faults_stream_fails(CALLER, fd, CALL_APPEND, CALL_SEND, &half))
        return -1;
    return next(fd, parts, half && count > 1 ? count / 2 : count);
}

/* ---- from a file to a socket ---- */

#define SENDS_FILE(name)                                                                           \
    ssize_t name(int to, int from, off_t *at, size_t len)                                          \
    {                                                                                              \
        NEXT(name);                                                                                \
        bool half = false;                                                                         \
        if (faults_fails_or_halves(CALLER, CALL_SEND, &half))                                      \
            return -1;                                                                             \
        return next(to, from, at, faults_share_of(len, half));                                     \
    }
SENDS_FILE(sendfile)
SENDS_FILE(sendfile64)
