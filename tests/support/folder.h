/* A temporary folder for tests of files, and small helpers to fill and look at it. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int folder_remove_one(const char *path, const struct stat *stat, int type,
                                    struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Makes a folder, or ends the program; free() the path after folder_remove. */
static inline char *folder_make(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/kadpeer-test-XXXXXX", base != NULL ? base : "/tmp") < 0 ||
        mkdtemp(path) == NULL) {
        perror("a temporary folder");
        abort();
    }
    return path;
}

static inline void folder_remove(const char *path)
{
    nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* "FOLDER/NAME", of which the last 16 stay valid. */
static inline const char *folder_path(const char *folder, const char *name)
{
    static char paths[16][4096];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Makes the folders that lead to it, too. */
static inline bool folder_write(const char *folder, const char *name, const void *data, size_t len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *c = path + strlen(folder) + 1; *c != 0; c++) {
        if (*c != '/')
            continue;
        *c = 0;
        mkdir(path, 0755);
        *c = '/';
    }
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool ok = len == 0 || fwrite(data, 1, len, file) == len;
    return fclose(file) == 0 && ok;
}

/* Whether the file holds exactly these bytes. */
static inline bool folder_holds(const char *folder, const char *name, const void *data, size_t len)
{
    FILE *file = fopen(folder_path(folder, name), "rb");
    if (file == NULL)
        return false;
    char *got = malloc(len + 1);
    bool same = got != NULL && fread(got, 1, len + 1, file) == len &&
                (len == 0 || memcmp(got, data, len) == 0);
    free(got);
    fclose(file);
    return same;
}

static inline bool folder_has(const char *folder, const char *name)
{
    struct stat stat;
    return lstat(folder_path(folder, name), &stat) == 0;
}
