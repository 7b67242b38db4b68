#include "content/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/beneath.h"
#include "content/names.h"
#include "content/params.h"

/* One tree_scan. Folders wait in `pending` until they are read: nothing recurses. */
struct scan {
    struct tree *tree;
    struct beneath walk;
    const char *const *exclude;
    size_t exclude_count;
    char **pending;
    size_t pending_count, pending_cap;
    size_t file_cap;
    char *error; /* TREE_ERROR_SIZE */
};

/* ---- errors ---- */

static enum status refuse(char error[TREE_ERROR_SIZE], enum status status, const char *path,
                          const char *why)
{
    char *shown = names_printable(path, strlen(path));
    snprintf(error, TREE_ERROR_SIZE, "%.*s: %s", METAINFO_PATH_MAX, shown != NULL ? shown : "?",
             why);
    free(shown);
    return status;
}

static enum status refuse_errno(char error[TREE_ERROR_SIZE], const char *path)
{
    char space[80];
    int code = errno;
    enum status status = STATUS_IO;
    if (code == EACCES || code == EPERM)
        status = STATUS_PERMISSION;
    else if (code == ENOENT)
        status = STATUS_NOT_FOUND;
    else if (code == ENOMEM)
        status = STATUS_NO_MEMORY;
    return refuse(error, status, path, strerror_r(code, space, sizeof space));
}

/* ---- the list ---- */

static enum status append_file(struct scan *scan, char *take_path, const struct stat *stat)
{
    struct tree *tree = scan->tree;
    if (tree->file_count == METAINFO_FILES_MAX)
        return refuse(scan->error, STATUS_TOO_BIG, tree->target, "holds more than a million files");
    if ((uint64_t)stat->st_size > METAINFO_TOTAL_MAX - tree->total_length)
        return refuse(scan->error, STATUS_TOO_BIG, tree->target, "is too long altogether");
    if (tree->file_count == scan->file_cap) {
        size_t cap = scan->file_cap == 0 ? 16 : 2 * scan->file_cap;
        struct tree_file *files = reallocarray(tree->files, cap, sizeof *files);
        if (files == NULL)
            return STATUS_NO_MEMORY;
        tree->files = files;
        scan->file_cap = cap;
    }
    tree->files[tree->file_count++] = (struct tree_file){
        .path = take_path,
        .length = (uint64_t)stat->st_size,
        .mtime_ns = (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec,
        .inode = stat->st_ino};
    tree->total_length += (uint64_t)stat->st_size;
    return STATUS_OK;
}

static enum status push_folder(struct scan *scan, char *take_path)
{
    if (scan->pending_count == scan->pending_cap) {
        size_t cap = scan->pending_cap == 0 ? 16 : 2 * scan->pending_cap;
        char **pending = reallocarray(scan->pending, cap, sizeof *pending);
        if (pending == NULL)
            return STATUS_NO_MEMORY;
        scan->pending = pending;
        scan->pending_cap = cap;
    }
    scan->pending[scan->pending_count++] = take_path;
    return STATUS_OK;
}

/* ---- one folder ---- */

static bool is_excluded(const struct scan *scan, const char *path, const char *name)
{
    for (size_t i = 0; i < scan->exclude_count; i++) {
        const char *glob = scan->exclude[i];
        bool whole = strchr(glob, '/') != NULL;
        if (fnmatch(glob, whole ? path : name, whole ? FNM_PATHNAME : 0) == 0)
            return true;
    }
    return false;
}

/* `folder` is "" for the root. */
static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s%s", folder, *folder != 0 ? "/" : "", name);
    return path;
}

static enum status check_entry(struct scan *scan, int folder, const char *path, const char *name,
                               bool is_folder)
{
    if (!names_is_safe_part(name, strlen(name)))
        return refuse(scan->error, STATUS_REFUSED, path,
                      "its name cannot be shared (not UTF-8, or with control characters)");
    if (strlen(path) > METAINFO_PATH_MAX)
        return refuse(scan->error, STATUS_REFUSED, path, "its path is too long to be shared");
    if (!is_folder && faccessat(folder, name, R_OK, AT_EACCESS) != 0)
        return refuse_errno(scan->error, path);
    return STATUS_OK;
}

/* A file or folder; on success `path` is taken. */
static enum status take_entry(struct scan *scan, int folder, char *path, const char *name,
                              const struct stat *stat)
{
    bool is_folder = S_ISDIR(stat->st_mode);
    enum status status = check_entry(scan, folder, path, name, is_folder);
    if (status != STATUS_OK)
        return status;
    return is_folder ? push_folder(scan, path) : append_file(scan, path, stat);
}

static enum status scan_entry(struct scan *scan, int folder, const char *folder_path,
                              const char *name)
{
    struct stat stat;
    char *path = join(folder_path, name);
    if (path == NULL)
        return STATUS_NO_MEMORY;
    enum status status = STATUS_OK;
    bool taken = false;
    if (is_excluded(scan, path, name)) {
        scan->tree->skipped_excluded++;
    } else if (fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
        status = refuse_errno(scan->error, path);
    } else if (S_ISLNK(stat.st_mode)) {
        scan->tree->skipped_links++;
    } else if (!S_ISDIR(stat.st_mode) && !S_ISREG(stat.st_mode)) {
        scan->tree->skipped_special++;
    } else {
        status = take_entry(scan, folder, path, name, &stat);
        taken = status == STATUS_OK;
    }
    if (!taken)
        free(path);
    return status;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *open_folder(struct scan *scan, const char *path)
{
    const char *last = ".";
    int parent = *path != 0 ? beneath_folder_of(&scan->walk, path, false, &last) : scan->walk.root;
    int fd =
        parent < 0 ? -1 : openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL && fd >= 0)
        close(fd);
    return folder;
}

static enum status scan_folder(struct scan *scan, const char *path)
{
    DIR *folder = open_folder(scan, path);
    if (folder == NULL)
        return refuse_errno(scan->error, *path != 0 ? path : scan->tree->target);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0)
                status = refuse_errno(scan->error, *path != 0 ? path : scan->tree->target);
            break;
        }
        if (!is_dot(entry->d_name))
            status = scan_entry(scan, dirfd(folder), path, entry->d_name);
    }
    closedir(folder);
    return status;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct tree_file *)a)->path, ((const struct tree_file *)b)->path);
}

static enum status scan_folders(struct scan *scan)
{
    enum status status = scan_folder(scan, "");
    while (status == STATUS_OK && scan->pending_count > 0) {
        char *path = scan->pending[--scan->pending_count];
        status = scan_folder(scan, path);
        free(path);
    }
    struct tree *tree = scan->tree;
    if (status == STATUS_OK && tree->file_count == 0)
        return refuse(scan->error, STATUS_NOT_FOUND, tree->target, "holds no file to share");
    if (status == STATUS_OK)
        qsort(tree->files, tree->file_count, sizeof *tree->files, compare_files);
    return status;
}

/* ---- the path itself ---- */

/* Last part of the path as typed, without slashes behind it. */
static char *typed_name(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t start = len;
    while (start > 0 && path[start - 1] != '/')
        start--;
    char *name = strndup(path + start, len - start);
    if (name != NULL && (*name == 0 || is_dot(name))) {
        free(name);
        return NULL;
    }
    return name;
}

static enum status locate(struct scan *scan, const char *path, struct stat *stat)
{
    struct tree *tree = scan->tree;
    char *real = realpath(path, NULL);
    if (real == NULL || lstat(real, stat) != 0) {
        enum status status = refuse_errno(scan->error, path);
        free(real);
        return status;
    }
    char *slash = strrchr(real, '/');
    tree->target = strdup(slash + 1);
    tree->name = typed_name(path);
    if (tree->name == NULL)
        tree->name = strdup(slash + 1);
    tree->dir = slash == real ? strdup("/") : strndup(real, (size_t)(slash - real));
    bool is_root = slash[1] == 0;
    free(real);
    if (tree->target == NULL || tree->name == NULL || tree->dir == NULL)
        return STATUS_NO_MEMORY;
    if (is_root)
        return refuse(scan->error, STATUS_REFUSED, path, "the root folder cannot be shared");
    tree->single_file = S_ISREG(stat->st_mode);
    if (!tree->single_file && !S_ISDIR(stat->st_mode))
        return refuse(scan->error, STATUS_REFUSED, path, "neither a file nor a folder");
    return STATUS_OK;
}

static enum status scan_single(struct scan *scan, const char *path, const struct stat *stat)
{
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        return refuse_errno(scan->error, path);
    char *name = strdup(scan->tree->name);
    if (name == NULL)
        return STATUS_NO_MEMORY;
    enum status status = append_file(scan, name, stat);
    if (status != STATUS_OK)
        free(name);
    return status;
}

static enum status scan_below(struct scan *scan, const char *path)
{
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return refuse_errno(scan->error, path);
    beneath_init(&scan->walk, root);
    enum status status = scan_folders(scan);
    beneath_dispose(&scan->walk);
    close(root);
    return status;
}

enum status tree_scan(const char *path, const char *const exclude[], size_t exclude_count,
                      struct tree **out, char error[TREE_ERROR_SIZE])
{
    struct scan scan = {.exclude = exclude, .exclude_count = exclude_count, .error = error};
    struct stat stat;
    snprintf(error, TREE_ERROR_SIZE, "out of memory");
    scan.tree = calloc(1, sizeof *scan.tree);
    if (scan.tree == NULL)
        return STATUS_NO_MEMORY;
    enum status status = locate(&scan, path, &stat);
    if (status == STATUS_OK)
        status = scan.tree->single_file ? scan_single(&scan, path, &stat) : scan_below(&scan, path);
    for (size_t i = 0; i < scan.pending_count; i++)
        free(scan.pending[i]);
    free(scan.pending);
    if (status != STATUS_OK) {
        tree_free(scan.tree);
        return status;
    }
    *out = scan.tree;
    return STATUS_OK;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    for (uint32_t i = 0; i < tree->file_count; i++)
        free(tree->files[i].path);
    free(tree->files);
    free(tree->dir);
    free(tree->target);
    free(tree->name);
    free(tree);
}

/* ---- what is made of it ---- */

static bool copy_files(const struct tree *tree, struct metainfo *metainfo)
{
    size_t size = strlen(metainfo->name) + 1;
    for (uint32_t i = 0; i < tree->file_count; i++)
        size += strlen(tree->files[i].path) + 1;
    metainfo->paths = malloc(size);
    metainfo->files = calloc(tree->file_count, sizeof *metainfo->files);
    if (metainfo->paths == NULL || metainfo->files == NULL)
        return false;
    char *path = metainfo->paths;
    for (uint32_t i = 0; i < tree->file_count; i++) {
        strcpy(path, tree->single_file ? metainfo->name : tree->files[i].path);
        metainfo->files[i] = (struct metainfo_file){
            .path = path, .length = tree->files[i].length, .offset = metainfo->total_length};
        metainfo->total_length += tree->files[i].length;
        path += strlen(path) + 1;
    }
    metainfo->file_count = tree->file_count;
    return true;
}

static uint64_t count_pieces(const struct tree *tree, uint32_t piece_length)
{
    return (tree->total_length + piece_length - 1) / piece_length;
}

enum status tree_check_torrent(const struct tree *tree, const char *name, uint32_t piece_length,
                               char error[TREE_ERROR_SIZE])
{
    uint64_t pieces = count_pieces(tree, piece_length), most = METAINFO_BYTES_MAX / ID_BYTES;
    char why[128];
    if (!names_is_safe_part(name, strlen(name)))
        return refuse(
            error, STATUS_REFUSED, name,
            "not a name to share by (1 to 255 bytes of UTF-8, no / or control character)");
    if (pieces <= most)
        return STATUS_OK;
    snprintf(why, sizeof why,
             "%" PRIu64 " pieces, and %" PRIu64 " are the most: --piece-size, larger", pieces,
             most);
    return refuse(error, STATUS_TOO_BIG, name, why);
}

struct metainfo *tree_layout(const struct tree *tree, const char *name, uint32_t piece_length)
{
    uint64_t pieces = count_pieces(tree, piece_length);
    if (pieces > METAINFO_BYTES_MAX / ID_BYTES)
        return NULL;
    struct metainfo *metainfo = calloc(1, sizeof *metainfo);
    if (metainfo == NULL)
        return NULL;
    metainfo->single_file = tree->single_file;
    metainfo->piece_length = piece_length;
    metainfo->name = strdup(name);
    if (metainfo->name == NULL || !copy_files(tree, metainfo)) {
        metainfo_free(metainfo);
        return NULL;
    }
    metainfo->piece_count = (uint32_t)pieces;
    return metainfo;
}

enum status tree_build_info(const struct tree *tree, const char *name, uint32_t piece_length,
                            struct bytes pieces, bool is_private, struct buffer *out)
{
    struct metainfo_source_file *files = calloc(tree->file_count, sizeof *files);
    if (files == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < tree->file_count; i++)
        files[i] = (struct metainfo_source_file){.path = tree->files[i].path,
                                                 .length = tree->files[i].length};
    enum status status = metainfo_build_info(name, tree->single_file, files, tree->file_count,
                                             piece_length, pieces, is_private, out);
    free(files);
    return status;
}

static bool is_same(const struct tree_file *file, const struct storage_stat *stat)
{
    return stat->exists && stat->size == file->length && stat->mtime_ns == file->mtime_ns &&
           stat->inode == file->inode;
}

enum status tree_check_unchanged(const struct tree *tree, struct storage *storage,
                                 char error[TREE_ERROR_SIZE])
{
    struct storage_error failure;
    struct storage_stat *stats = calloc(tree->file_count, sizeof *stats);
    if (stats == NULL)
        return refuse(error, STATUS_NO_MEMORY, tree->name, "out of memory");
    enum status status = storage_stat_files(storage, stats, &failure);
    if (status != STATUS_OK)
        storage_error_text(status, &failure, error);
    for (uint32_t i = 0; i < tree->file_count && status == STATUS_OK; i++)
        if (!is_same(&tree->files[i], &stats[i]))
            status = refuse(error, STATUS_CONFLICT, tree->files[i].path,
                            "changed while it was being read");
    free(stats);
    return status;
}
