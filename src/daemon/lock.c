#include "daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define TEXT_SIZE 64 /* "PID START\n" */

static void read_owner(int fd, struct lock_owner *owner)
{
    char text[TEXT_SIZE];
    long long started = 0;
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    *owner = (struct lock_owner){.pid = 0};
    if (len <= 0)
        return;
    text[len] = 0;
    if (sscanf(text, "%d %lld", &owner->pid, &started) == 2)
        owner->started_unix_s = started;
}

static enum status write_owner(int fd)
{
    char text[TEXT_SIZE];
    int len = snprintf(text, sizeof text, "%d %lld\n", (int)getpid(), (long long)time(NULL));
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len ? STATUS_OK : STATUS_IO;
}

enum status lock_take(const char *path, int *fd, struct lock_owner *owner)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return errno == EACCES || errno == EPERM || errno == EROFS ? STATUS_PERMISSION : STATUS_IO;
    enum status status = STATUS_IO;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        status = write_owner(*fd);
    } else if (errno == EWOULDBLOCK) {
        read_owner(*fd, owner);
        status = STATUS_BUSY;
    }
    if (status != STATUS_OK) {
        close(*fd);
        *fd = -1;
    }
    return status;
}
