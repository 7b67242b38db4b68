#include "base/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/errors.h"

#define NAME_SIZE 96 /* "kadpeer-" and a profile */

static const char *home(void)
{
    const char *set = getenv("HOME");
    if (set != NULL && set[0] == '/')
        return set;
    const struct passwd *entry = getpwuid(getuid());
    return entry != NULL && entry->pw_dir != NULL && entry->pw_dir[0] == '/' ? entry->pw_dir : "/";
}

bool paths_join(char out[PATHS_SIZE], const char *folder, const char *name)
{
    size_t len = strlen(folder);
    const char *between = len > 0 && folder[len - 1] == '/' ? "" : "/";
    int written = snprintf(out, PATHS_SIZE, "%s%s%s", folder, between, name);
    return written >= 0 && written < PATHS_SIZE;
}

bool paths_expand(const char *text, char out[PATHS_SIZE])
{
    if (text[0] == '~' && text[1] == '/')
        return paths_join(out, home(), text + 2);
    int written = snprintf(out, PATHS_SIZE, "%s", strcmp(text, "~") == 0 ? home() : text);
    return written >= 0 && written < PATHS_SIZE;
}

/* A variable that is not absolute counts as unset [XDG Base Directory Specification]. */
static bool xdg_folder(char out[PATHS_SIZE], const char *variable, const char *below_home,
                       const char *name)
{
    char base[PATHS_SIZE];
    const char *set = getenv(variable);
    if (set != NULL && set[0] == '/')
        return paths_join(out, set, name);
    return paths_join(base, home(), below_home) && paths_join(out, base, name);
}

static bool runtime_folder(char out[PATHS_SIZE], const char *name)
{
    char base[64];
    const char *set = getenv("XDG_RUNTIME_DIR");
    if (set != NULL && set[0] == '/')
        return paths_join(out, set, name);
    snprintf(base, sizeof base, "/tmp/%s-%u", name, (unsigned)getuid());
    return paths_expand(base, out);
}

static bool profile_valid(const char *profile)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.";
    size_t len = strlen(profile);
    return len > 0 && len < sizeof((struct paths *)0)->profile && strspn(profile, allowed) == len &&
           profile[0] != '.' && profile[0] != '-';
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != 0 ? value : NULL;
}

/* A setting that names one file, or that file below its folder. */
static bool chosen_or_below(char out[PATHS_SIZE], const char *chosen, const char *folder,
                            const char *name)
{
    return chosen != NULL ? paths_expand(chosen, out) : paths_join(out, folder, name);
}

enum status paths_init(struct paths *paths, const char *profile, const char *socket)
{
    char name[NAME_SIZE] = "kadpeer";
    memset(paths, 0, sizeof *paths);
    if (profile == NULL)
        profile = "default";
    if (!profile_valid(profile))
        return STATUS_REFUSED;
    strcpy(paths->profile, profile);
    if (strcmp(profile, "default") != 0)
        snprintf(name, sizeof name, "kadpeer-%s", profile);
    if (socket == NULL)
        socket = environment("KADPEER_SOCKET");
    bool fits = xdg_folder(paths->config_dir, "XDG_CONFIG_HOME", ".config", name) &&
                xdg_folder(paths->data_dir, "XDG_DATA_HOME", ".local/share", name) &&
                xdg_folder(paths->state_dir, "XDG_STATE_HOME", ".local/state", name) &&
                runtime_folder(paths->runtime_dir, name) &&
                chosen_or_below(paths->config_file, environment("KADPEER_CONFIG"),
                                paths->config_dir, "config.ini") &&
                paths_join(paths->bootstrap_file, paths->config_dir, "bootstrap_nodes.txt") &&
                paths_join(paths->database, paths->data_dir, "kadpeer.db") &&
                paths_join(paths->log_file, paths->state_dir, "kadpeer.log") &&
                chosen_or_below(paths->socket, socket, paths->runtime_dir, "control.sock") &&
                paths_join(paths->lock, paths->runtime_dir, "lock");
    if (!fits || strlen(paths->socket) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return STATUS_TOO_BIG;
    return STATUS_OK;
}

/* A file in the place of a folder is no missing one. */
static enum status status_of_folder(void)
{
    return errno == ENOTDIR ? STATUS_IO : status_of_errno(errno);
}

/* Makes `path` and the folders above it. */
static enum status make_folder(const char *path)
{
    char copy[PATHS_SIZE];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
            int error = errno; /* of a folder that is there it may be EROFS or EACCES as well */
            bool there = access(copy, F_OK) == 0;
            errno = error;
            if (!there)
                return status_of_folder();
        }
        *slash = '/';
    }
    if (mkdir(copy, 0700) != 0 && errno != EEXIST)
        return status_of_folder();
    struct stat info;
    if (stat(copy, &info) != 0)
        return status_of_folder();
    errno = ENOTDIR;
    return S_ISDIR(info.st_mode) ? STATUS_OK : STATUS_IO;
}

/* Below /tmp somebody else may have made it first, or a symlink. */
static enum status check_ours(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return status_of_errno(errno);
    errno = EPERM;
    return S_ISDIR(info.st_mode) && info.st_uid == getuid() && (info.st_mode & 077) == 0
               ? STATUS_OK
               : STATUS_PERMISSION;
}

enum status paths_create(const struct paths *paths, const char **failed)
{
    const char *const folders[] = {paths->config_dir, paths->data_dir, paths->state_dir,
                                   paths->runtime_dir};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        enum status status = make_folder(folders[i]);
        if (status == STATUS_OK && folders[i] == paths->runtime_dir)
            status = check_ours(folders[i]);
        if (status != STATUS_OK) {
            *failed = folders[i];
            return status;
        }
    }
    return STATUS_OK;
}

/* An installed program is PREFIX/bin/kadpeer, its data lies in PREFIX/share/kadpeer. */
const char *paths_installed_bootstrap(void)
{
    static char path[PATHS_SIZE];
    char program[PATHS_SIZE], folder[PATHS_SIZE];
    const char *set = environment("KADPEER_DATADIR");
    if (set != NULL)
        return paths_join(path, set, "bootstrap_nodes.txt") ? path : NULL;
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0)
        return NULL;
    program[len] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(program, '/');
        if (slash == NULL)
            return NULL;
        *slash = 0;
    }
    return paths_join(folder, program, "share/kadpeer") &&
                   paths_join(path, folder, "bootstrap_nodes.txt")
               ? path
               : NULL;
}
