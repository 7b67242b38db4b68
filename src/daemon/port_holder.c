/* Who holds a port, by /proc [proc(5)]: the socket's inode from /proc/net, then the process that
 * has it open. Other people's processes do not show their files to us; then nobody is named. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ports.h"

#define TCP_LISTENING 0x0a /* the state column of /proc/net/tcp */
#define TEXT_MAX      4096 /* bytes of a command line or environment that are looked at */

/* sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode; addresses are
 * HEX:PORT. 0: no such socket. */
static unsigned long inode_in(const char *path, uint16_t port, bool udp)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (found == 0 && fgets(line, sizeof line, file) != NULL) {
        unsigned local, state;
        unsigned long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*d %lu",
                   &local, &state, &inode) == 3 &&
            local == port && (udp || state == TCP_LISTENING))
            found = inode;
    }
    fclose(file);
    return found;
}

static bool has_socket(const char *pid, unsigned long inode)
{
    char folder[64], wanted[64];
    bool found = false;
    struct dirent *entry;
    snprintf(folder, sizeof folder, "/proc/%.16s/fd", pid);
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    DIR *files = opendir(folder);
    if (files == NULL)
        return false;
    while (!found && (entry = readdir(files)) != NULL) {
        char target[64];
        ssize_t len = readlinkat(dirfd(files), entry->d_name, target, sizeof target - 1);
        if (len > 0) {
            target[len] = 0;
            found = strcmp(target, wanted) == 0;
        }
    }
    closedir(files);
    return found;
}

static int pid_of(unsigned long inode)
{
    int found = 0;
    struct dirent *entry;
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return 0;
    while (found == 0 && (entry = readdir(processes)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]) && has_socket(entry->d_name, inode))
            found = atoi(entry->d_name);
    closedir(processes);
    return found;
}

/* A file of /proc/PID; texts in it end with zeros. Returns its length. */
static size_t read_of(int pid, const char *name, char out[TEXT_MAX])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "re");
    size_t len = file != NULL ? fread(out, 1, TEXT_MAX - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    out[len] = 0;
    return len;
}

static const char *next_text(const char *text, const char *end)
{
    const char *next = text + strlen(text) + 1;
    return next < end ? next : NULL;
}

/* By `--profile NAME` or `--profile=NAME`, else by KADPEER_PROFILE, else "default". */
static void find_profile(int pid, char out[64])
{
    char texts[TEXT_MAX];
    const char *found = NULL;
    size_t len = read_of(pid, "cmdline", texts);
    for (const char *text = texts; text != NULL && found == NULL;
         text = next_text(text, texts + len))
        if (strcmp(text, "--profile") == 0)
            found = next_text(text, texts + len);
        else if (strncmp(text, "--profile=", 10) == 0)
            found = text + 10;
    if (found == NULL) {
        len = read_of(pid, "environ", texts);
        for (const char *text = texts; text != NULL && found == NULL;
             text = next_text(text, texts + len))
            if (strncmp(text, "KADPEER_PROFILE=", 16) == 0 && text[16] != 0)
                found = text + 16;
    }
    snprintf(out, 64, "%.63s", found != NULL ? found : "default");
}

void ports_find_holder(uint16_t port, bool udp, struct port_holder *out)
{
    char name[TEXT_MAX];
    unsigned long inode = inode_in(udp ? "/proc/net/udp" : "/proc/net/tcp", port, udp);
    if (inode == 0)
        inode = inode_in(udp ? "/proc/net/udp6" : "/proc/net/tcp6", port, udp);
    *out = (struct port_holder){.pid = inode != 0 ? pid_of(inode) : 0};
    if (out->pid == 0) {
        strcpy(out->text, "another program");
        return;
    }
    read_of(out->pid, "comm", name);
    name[strcspn(name, "\n")] = 0;
    out->is_kadpeer = strcmp(name, "kadpeer") == 0;
    if (out->is_kadpeer) {
        find_profile(out->pid, out->profile);
        snprintf(out->text, sizeof out->text, "process %d (kadpeer, profile %s)", out->pid,
                 out->profile);
    } else {
        snprintf(out->text, sizeof out->text, "process %d (%.32s)", out->pid, name);
    }
}
