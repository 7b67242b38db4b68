#include "content/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/params.h"

#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void beneath_init(struct beneath *beneath, int root)
{
    beneath->root = root;
    beneath->folder = -1;
    beneath->folder_path[0] = 0;
}

static void close_folder(struct beneath *beneath)
{
    if (beneath->folder >= 0)
        close(beneath->folder);
    beneath->folder = -1;
}

void beneath_dispose(struct beneath *beneath)
{
    close_folder(beneath);
}

static int open_folder(int at, const char *name, bool make)
{
    int fd = openat(at, name, FOLDER_FLAGS);
    if (fd >= 0 || errno != ENOENT || !make)
        return fd;
    if (mkdirat(at, name, STORAGE_FOLDER_MODE) != 0 && errno != EEXIST)
        return -1;
    return openat(at, name, FOLDER_FLAGS);
}

/* Opens the folder of that path, "" being the root, one part after the other. */
static int descend(int root, const char *path, bool make)
{
    char part[BENEATH_PATH_SIZE];
    int fd = openat(root, ".", FOLDER_FLAGS);
    while (fd >= 0 && *path != 0) {
        size_t len = strcspn(path, "/");
        memcpy(part, path, len);
        part[len] = 0;
        int next = open_folder(fd, part, make);
        int error = errno;
        close(fd);
        errno = error;
        fd = next;
        path += len + (path[len] == '/');
    }
    return fd;
}

int beneath_folder_of(struct beneath *beneath, const char *path, bool make, const char **last)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    *last = slash != NULL ? slash + 1 : path;
    if (len >= sizeof beneath->folder_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (beneath->folder >= 0 && strlen(beneath->folder_path) == len &&
        memcmp(beneath->folder_path, path, len) == 0)
        return beneath->folder;
    close_folder(beneath);
    memcpy(beneath->folder_path, path, len);
    beneath->folder_path[len] = 0;
    beneath->folder = descend(beneath->root, beneath->folder_path, make);
    return beneath->folder;
}

static int check_regular(int fd)
{
    struct stat stat;
    int error = 0;
    if (fstat(fd, &stat) != 0)
        error = errno;
    else if (S_ISDIR(stat.st_mode))
        error = EISDIR;
    else if (!S_ISREG(stat.st_mode))
        error = ENXIO;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

int beneath_open(struct beneath *beneath, const char *path, bool write, bool *made)
{
    /* Non-blocking: a pipe in the way must not hold the thread. */
    const int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (write ? O_RDWR : O_RDONLY);
    const char *last;
    int folder = beneath_folder_of(beneath, path, write, &last);
    if (made != NULL)
        *made = false;
    if (folder < 0)
        return -1;
    int fd = openat(folder, last, flags);
    if (fd < 0 && errno == ENOENT && write) {
        fd = openat(folder, last, flags | O_CREAT, STORAGE_FILE_MODE);
        if (made != NULL)
            *made = fd >= 0;
    }
    return fd < 0 ? -1 : check_regular(fd);
}

static int sync_folder(int root, const char *path)
{
    int handle = descend(root, path, false);
    if (handle < 0)
        return -1;
    int fd = openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    int error = errno;
    if (fd >= 0)
        close(fd);
    close(handle);
    errno = error;
    return result;
}

/* Cuts the last part off. False when nothing is left to cut. */
static bool cut_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL && *path == 0)
        return false;
    *(slash != NULL ? slash : path) = 0;
    return true;
}

int beneath_sync_folders(struct beneath *beneath, const char *path)
{
    char folder[BENEATH_PATH_SIZE];
    if (strlen(path) >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(folder, path);
    while (cut_last(folder))
        if (sync_folder(beneath->root, folder) != 0)
            return -1;
    return 0;
}

void beneath_remove_folders(struct beneath *beneath, const char *path)
{
    char folder[BENEATH_PATH_SIZE];
    if (strlen(path) >= sizeof folder)
        return;
    strcpy(folder, path);
    while (cut_last(folder) && folder[0] != 0) {
        const char *last;
        int parent = beneath_folder_of(beneath, folder, false, &last);
        if (parent >= 0 && unlinkat(parent, last, AT_REMOVEDIR) != 0 && errno != ENOENT)
            return;
    }
}
