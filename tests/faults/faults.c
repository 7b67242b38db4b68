#include "faults_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- who calls ---- */

struct range {
    uintptr_t begin, end;
    enum faults_caller caller;
};

static struct range ranges[64];
static size_t range_count;
static uintptr_t base; /* of the program */

static enum faults_caller caller_named(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    if (*name == 0)
        return BY_US; /* the program */
    if (strncmp(name, "libsqlite3", 10) == 0)
        return BY_SQLITE;
    if (strncmp(name, "libuv", 5) == 0)
        return BY_LIBUV;
    if (strncmp(name, "libcrypto", 9) == 0 || strncmp(name, "libssl", 6) == 0)
        return BY_CRYPTO;
    return BY_OTHERS;
}

static int note_object(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    (void)user;
    enum faults_caller caller = caller_named(info->dlpi_name);
    if (caller == BY_US)
        base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum && caller != BY_OTHERS; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || range_count == 64)
            continue;
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        ranges[range_count++] = (struct range){begin, begin + part->p_memsz, caller};
    }
    return 0;
}

static enum faults_caller caller_of(const void *address)
{
    uintptr_t at = (uintptr_t)address;
    for (size_t i = 0; i < range_count; i++)
        if (at >= ranges[i].begin && at < ranges[i].end)
            return ranges[i].caller;
    return BY_OTHERS;
}

/* ---- the rules ---- */

static struct faults_page own_page;
static uint64_t failed_at;
static struct faults_page *page; /* NULL: not begun */

static struct faults_page *map_page(const char *path)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return &own_page;
    void *mapped = mmap(NULL, sizeof own_page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    return mapped != MAP_FAILED ? mapped : &own_page;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("KADPEER_FAULTS");
    dl_iterate_phdr(note_object, NULL);
    page = path != NULL ? map_page(path) : &own_page;
}

struct faults_page *faults_page(void)
{
    return page;
}

bool faults_fails_or_halves(const void *address, enum faults_kind kind, bool *half)
{
    if (page == NULL)
        return false;
    struct faults_rule *rule = &page->rules[caller_of(address)][kind];
    uint64_t number = ++rule->calls, first = rule->first;
    if (first == 0 || number < first || number > rule->last)
        return false;
    int error = (int)rule->error;
    if (error == FAULTS_SHORT && half == NULL)
        return false;
    rule->failed++;
    rule->failed_at = (uintptr_t)address - base;
    if (error == FAULTS_SHORT) {
        *half = true;
        return false;
    }
    errno = error;
    return true;
}

bool faults_fails(const void *address, enum faults_kind kind)
{
    return faults_fails_or_halves(address, kind, NULL);
}

bool faults_without_sync(void)
{
    return page != NULL && page->without_sync != 0;
}

size_t faults_share_of(size_t len, bool half)
{
    return half && len > 1 ? len / 2 : len;
}

void faults_arm(enum faults_caller caller, enum faults_kind kind, uint64_t first, uint64_t last,
                int error)
{
    struct faults_rule *rule = &page->rules[caller][kind];
    faults_disarm();
    rule->calls = rule->failed = 0;
    rule->error = error;
    rule->last = last;
    rule->first = first;
}

uint64_t faults_failed_at(void)
{
    return failed_at;
}

uint64_t faults_disarm(void)
{
    uint64_t failed = 0;
    for (int caller = 0; caller < CALLERS; caller++)
        for (int kind = 0; kind < KINDS; kind++) {
            struct faults_rule *rule = &page->rules[caller][kind];
            rule->first = 0;
            if (rule->failed > 0)
                failed_at = rule->failed_at;
            failed += rule->failed;
            rule->failed = 0;
        }
    return failed;
}

/* ---- writes from the loop's thread ---- */

void faults_note_write(const void *address, int at, const char *name)
{
    char path[PATH_MAX] = "", link[64];
    if (page == NULL || page->folder[0] == 0 || caller_of(address) != BY_US ||
        syscall(SYS_gettid) != getpid())
        return;
    size_t len = 0;
    if (name == NULL || name[0] != '/') {
        snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
        ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
        len = n > 0 ? (size_t)n : 0;
    }
    if (name != NULL)
        snprintf(path + len, sizeof path - len, "%s%s", len > 0 ? "/" : "", name);
    if (strncmp(path, page->folder, strlen(page->folder)) != 0)
        return;
    if (page->loop_writes++ == 0)
        snprintf(page->loop_write, sizeof page->loop_write, "%.500s", path);
}

/* ---- allocations ---- */

enum { LIVE_MAX = 1 << 17 };

struct live {
    void *pointer;
    void *where;
};

static struct live *live;
static bool watching;
static pthread_mutex_t live_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t slot_of(const void *pointer)
{
    return ((uintptr_t)pointer >> 4) * 0x9e3779b97f4a7c15u >> 47;
}

static void *taken(void *pointer, void *where)
{
    if (!watching || pointer == NULL || caller_of(where) != BY_US)
        return pointer;
    pthread_mutex_lock(&live_lock);
    size_t i = slot_of(pointer);
    while (live[i].pointer != NULL && live[i].pointer != (void *)-1)
        i = (i + 1) % LIVE_MAX;
    live[i] = (struct live){pointer, where};
    pthread_mutex_unlock(&live_lock);
    return pointer;
}

static void given(void *pointer)
{
    if (!watching || pointer == NULL)
        return;
    pthread_mutex_lock(&live_lock);
    for (size_t i = slot_of(pointer); live[i].pointer != NULL; i = (i + 1) % LIVE_MAX)
        if (live[i].pointer == pointer) {
            live[i].pointer = live[(i + 1) % LIVE_MAX].pointer != NULL ? (void *)-1 : NULL;
            break;
        }
    pthread_mutex_unlock(&live_lock);
}

void faults_watch(void)
{
    size_t size = LIVE_MAX * sizeof *live;
    if (live == NULL)
        live = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_lock(&live_lock);
    memset(live, 0, size);
#ifndef FAULTS_SANITIZED
    watching = true;
#endif
    pthread_mutex_unlock(&live_lock);
}

size_t faults_leaks(uint64_t *where)
{
    size_t count = 0;
    pthread_mutex_lock(&live_lock);
    watching = false;
    for (size_t i = 0; i < LIVE_MAX; i++)
        if (live[i].pointer != NULL && live[i].pointer != (void *)-1 && count++ == 0)
            *where = (uintptr_t)live[i].where - base;
    pthread_mutex_unlock(&live_lock);
    return count;
}

static void *next_malloc(size_t size)
{
    NEXT(malloc);
    return next(size);
}

static void *next_calloc(size_t count, size_t size)
{
    NEXT(calloc);
    return next(count, size);
}

static void *next_realloc(void *pointer, size_t size)
{
    NEXT(realloc);
    return next(pointer, size);
}

void *malloc(size_t size)
{
    return faults_fails(CALLER, CALL_ALLOCATE) ? NULL : taken(next_malloc(size), CALLER);
}

void *calloc(size_t count, size_t size)
{
    return faults_fails(CALLER, CALL_ALLOCATE) ? NULL : taken(next_calloc(count, size), CALLER);
}

static void *grow(void *pointer, size_t size, void *where)
{
    if (faults_fails(where, CALL_ALLOCATE))
        return NULL;
    void *grown = next_realloc(pointer, size);
    if (grown == NULL)
        return NULL;
    given(pointer);
    return taken(grown, where);
}

void *realloc(void *pointer, size_t size)
{
    return grow(pointer, size, CALLER);
}

void *reallocarray(void *pointer, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return grow(pointer, count * size, CALLER);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    NEXT(posix_memalign);
    if (faults_fails(CALLER, CALL_ALLOCATE))
        return ENOMEM;
    int result = next(out, alignment, size);
    if (result == 0)
        taken(*out, CALLER);
    return result;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    NEXT(aligned_alloc);
    return faults_fails(CALLER, CALL_ALLOCATE) ? NULL : taken(next(alignment, size), CALLER);
}

/* The sanitizers free before they are ready to, and count leaks themselves. */
#ifndef FAULTS_SANITIZED
void free(void *pointer)
{
    NEXT(free);
    given(pointer);
    next(pointer);
}
#endif

static char *copy(const char *text, size_t len, void *where)
{
    char *out = faults_fails(where, CALL_ALLOCATE) ? NULL : taken(next_malloc(len + 1), where);
    if (out == NULL)
        return NULL;
    memcpy(out, text, len);
    out[len] = 0;
    return out;
}

char *strdup(const char *text)
{
    return copy(text, strlen(text), CALLER);
}

char *strndup(const char *text, size_t most)
{
    return copy(text, strnlen(text, most), CALLER);
}

static int print(char **out, const char *format, va_list args, void *where)
{
    NEXT(vasprintf);
    int len = faults_fails(where, CALL_ALLOCATE) ? -1 : next(out, format, args);
    if (len >= 0)
        taken(*out, where);
    return len;
}

int vasprintf(char **out, const char *format, va_list args)
{
    return print(out, format, args, CALLER);
}

int asprintf(char **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = print(out, format, args, CALLER);
    va_end(args);
    return len;
}

FILE *open_memstream(char **out, size_t *len)
{
    NEXT(open_memstream);
    return faults_fails(CALLER, CALL_ALLOCATE) ? NULL : next(out, len);
}

char *realpath(const char *path, char *out)
{
    NEXT(realpath);
    return faults_fails(CALLER, CALL_STAT) ? NULL : next(path, out);
}

void *spared_malloc(size_t size)
{
    return next_malloc(size);
}

void *spared_calloc(size_t count, size_t size)
{
    return next_calloc(count, size);
}

void *spared_realloc(void *pointer, size_t size)
{
    return next_realloc(pointer, size);
}

char *spared_strdup(const char *text)
{
    char *out = next_malloc(strlen(text) + 1);
    return out != NULL ? strcpy(out, text) : NULL;
}
