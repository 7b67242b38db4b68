#include "cli/shell_editor.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/memory.h"
#include "cli/shell_history.h"
#include "cli/terminal.h"
#include "cli/text.h"

#define LIST_MAX 200 /* completions shown at a time */

struct shell_editor {
    EditLine *edit;
    History *history;
    struct shell_notices *notices;
    const struct shell_source *source;
    const char *prompt;
    char *line;
    enum editor_end end;
    sigset_t before; /* what was blocked when we came */
    int signals;     /* descriptor */
};

/* ---- signals: blocked, and read from a descriptor while a line is typed ---- */

/* SIGINT and SIGTERM always, so that a command's Ctrl-C is not ours; the others at the prompt. */
static void fill(sigset_t *signals, bool at_prompt)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    if (!at_prompt)
        return;
    sigaddset(signals, SIGWINCH);
    sigaddset(signals, SIGTSTP);
    sigaddset(signals, SIGCONT);
}

static void block(const struct shell_editor *editor, bool at_prompt)
{
    sigset_t signals;
    fill(&signals, at_prompt);
    sigprocmask(SIG_SETMASK, &editor->before, NULL);
    sigprocmask(SIG_BLOCK, &signals, NULL);
}

void shell_editor_restore_signals(const struct shell_editor *editor)
{
    sigprocmask(SIG_SETMASK, &editor->before, NULL);
}

bool shell_editor_drain_signals(struct shell_editor *editor)
{
    struct signalfd_siginfo info;
    bool terminated = false;
    while (read(editor->signals, &info, sizeof info) == (ssize_t)sizeof info)
        terminated = terminated || info.ssi_signo == SIGTERM;
    return terminated;
}

static void refresh(struct shell_editor *editor)
{
    el_set(editor->edit, EL_REFRESH);
}

/* Ctrl-Z: the terminal as it was, then stopped, then again as we want it. */
static void stop_here(struct shell_editor *editor)
{
    el_set(editor->edit, EL_PREP_TERM, 0);
    raise(SIGSTOP);
    el_set(editor->edit, EL_PREP_TERM, 1);
    refresh(editor);
}

/* False: the line ends with it. */
static bool take_signal(struct shell_editor *editor)
{
    struct signalfd_siginfo info;
    if (read(editor->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return true;
    switch (info.ssi_signo) {
    case SIGINT:
        editor->end = EDITOR_DROPPED;
        return false;
    case SIGTERM:
        editor->end = EDITOR_TERMINATED;
        return false;
    case SIGTSTP:
        stop_here(editor);
        return true;
    case SIGWINCH:
        el_resize(editor->edit);
        refresh(editor);
        return true;
    default: /* SIGCONT */
        el_set(editor->edit, EL_PREP_TERM, 1);
        refresh(editor);
        return true;
    }
}

/* ---- above the prompt ---- */

static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return term == NULL || strcmp(term, "dumb") == 0;
}

/* Takes prompt and line off the screen, leaving the cursor where the prompt began. */
static void hide_line(struct shell_editor *editor)
{
    const LineInfoW *line = el_wline(editor->edit);
    size_t cells = text_width(editor->prompt), width = terminal_width(STDOUT_FILENO);
    for (const wchar_t *at = line->buffer; at < line->cursor; at++) {
        int wide = wcwidth(*at);
        cells += wide > 0 ? (size_t)wide : 0;
    }
    size_t rows = width > 0 ? cells / width : 0;
    printf("\r");
    if (rows > 0)
        printf("\x1b[%zuA", rows);
    printf("\x1b[J");
}

static void tell(void *user, const char *notice)
{
    struct shell_editor *editor = user;
    if (is_dumb())
        printf("\n%s\n", notice);
    else {
        hide_line(editor);
        printf("%s\n", notice);
    }
    fflush(stdout);
    refresh(editor);
}

/* ---- reading ---- */

static char *prompt_of(EditLine *edit)
{
    struct shell_editor *editor;
    el_get(edit, EL_CLIENTDATA, &editor);
    return (char *)(uintptr_t)editor->prompt;
}

/* One character of as many bytes as it has. 1, 0 at the end, -1 with errno. */
static int read_character(wchar_t *out)
{
    mbstate_t state = {0};
    for (char byte;;) {
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got <= 0)
            return (int)got;
        size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == 0)
            *out = 0;
        if (used != (size_t)-1 && used != (size_t)-2)
            return 1;
        if (used == (size_t)-1)
            state = (mbstate_t){0}; /* no character: overlooked */
    }
}

static int on_read(EditLine *edit, wchar_t *out)
{
    struct shell_editor *editor;
    el_get(edit, EL_CLIENTDATA, &editor);
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = editor->signals, .events = POLLIN},
                               {.fd = shell_notices_fd(editor->notices), .events = POLLIN}};
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return -1;
        if (fds[1].revents != 0 && !take_signal(editor)) {
            errno = EINTR;
            return -1;
        }
        if (fds[2].revents != 0)
            shell_notices_take(editor->notices, tell, editor);
        if (fds[0].revents == 0)
            continue;
        int got = read_character(out);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN))
            return got;
    }
}

/* ---- completion ---- */

static size_t characters(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((uint8_t)text[i] & 0xc0) != 0x80;
    return count;
}

static void list_choices(const struct shell_names *choices)
{
    size_t width = 0, room = terminal_width(STDOUT_FILENO), column = 0;
    for (size_t i = 0; i < choices->count && i < LIST_MAX; i++) {
        size_t cells = text_width(choices->items[i]);
        width = cells + 2 > width ? cells + 2 : width;
    }
    printf("\n");
    for (size_t i = 0; i < choices->count && i < LIST_MAX; i++) {
        char *safe = text_printable(choices->items[i]);
        size_t cells = text_width(safe);
        if (column > 0 && column + width > room) {
            printf("\n");
            column = 0;
        }
        printf("%s%*s", safe, (int)(width > cells ? width - cells : 1), "");
        column += width;
        free(safe);
    }
    printf("\n");
    if (choices->count > LIST_MAX)
        printf("and %zu more\n", choices->count - LIST_MAX);
    fflush(stdout);
}

/* A candidate from a stranger may hold what a terminal would obey: it is not typed for anybody. */
static bool is_printable(const char *text)
{
    char *safe = text_printable(text);
    bool same = strcmp(safe, text) == 0;
    free(safe);
    return same;
}

static unsigned char on_complete(EditLine *edit, int key)
{
    struct shell_editor *editor;
    struct shell_completion completion;
    const LineInfo *info = el_line(edit);
    size_t len = (size_t)(info->cursor - info->buffer);
    char *line = strndup(info->buffer, len);
    unsigned char result = CC_REFRESH_BEEP;
    (void)key;
    el_get(edit, EL_CLIENTDATA, &editor);
    if (line == NULL)
        return CC_ERROR;
    shell_complete(line, len, editor->source, &completion);
    const char *text = (const char *)completion.text.data;
    bool changes = completion.choices.count > 0 && is_printable(text) &&
                   (strlen(text) != len - completion.start ||
                    memcmp(text, line + completion.start, strlen(text)) != 0);
    if (changes) {
        el_deletestr(edit, (int)characters(line + completion.start, len - completion.start));
        result = el_insertstr(edit, text) == 0 ? CC_REFRESH : CC_ERROR;
    }
    if (completion.choices.count > 1 && !changes) {
        list_choices(&completion.choices);
        result = CC_REDISPLAY;
    }
    shell_completion_dispose(&completion);
    explicit_bzero(line, len);
    free(line);
    return result;
}

/* ---- life ---- */

static void set_up(struct shell_editor *editor)
{
    EditLine *edit = editor->edit;
    HistEvent event;
    el_set(edit, EL_CLIENTDATA, editor);
    el_set(edit, EL_PROMPT, prompt_of);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_SIGNAL, 0);
    el_set(edit, EL_GETCFN, on_read);
    /* wide, or libedit makes copies of the texts that it never frees */
    el_wset(edit, EL_ADDFN, L"kadpeer-complete", L"complete what is typed", on_complete);
    el_source(edit, NULL); /* the person's own ~/.editrc */
    el_set(edit, EL_BIND, "^I", "kadpeer-complete", NULL);
    el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    history(editor->history, &event, H_SETSIZE, SHELL_HISTORY_MAX);
    history(editor->history, &event, H_SETUNIQUE, 1);
    el_set(edit, EL_HIST, history, editor->history);
}

struct shell_editor *shell_editor_new(struct shell_notices *notices,
                                      const struct shell_source *source)
{
    sigset_t signals;
    struct shell_editor *editor = calloc(1, sizeof *editor);
    if (editor == NULL)
        out_of_memory();
    editor->notices = notices;
    editor->source = source;
    editor->prompt = "";
    editor->history = history_init();
    editor->edit = el_init("kadpeer", stdin, stdout, stderr);
    fill(&signals, true);
    sigprocmask(SIG_BLOCK, NULL, &editor->before);
    editor->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (editor->edit == NULL || editor->history == NULL || editor->signals < 0) {
        shell_editor_free(editor);
        return NULL;
    }
    set_up(editor);
    block(editor, false);
    return editor;
}

void shell_editor_free(struct shell_editor *editor)
{
    if (editor->edit != NULL)
        el_end(editor->edit);
    if (editor->history != NULL)
        history_end(editor->history);
    if (editor->signals >= 0)
        close(editor->signals);
    shell_editor_restore_signals(editor);
    free(editor->line);
    free(editor);
}

enum editor_end shell_editor_read(struct shell_editor *editor, const char *prompt, char **line)
{
    int count = 0;
    editor->prompt = prompt;
    editor->end = EDITOR_LINE;
    shell_notices_take(editor->notices, tell, editor);
    block(editor, true);
    el_resize(editor->edit);
    el_set(editor->edit, EL_PREP_TERM, 1); /* before the prompt: who types at once is heard */
    const char *got = el_gets(editor->edit, &count);
    block(editor, false);
    editor->prompt = "";
    if (got == NULL || count <= 0 || editor->end != EDITOR_LINE) {
        printf("\n"); /* what was typed until then comes as a line, but is none */
        fflush(stdout);
        return editor->end != EDITOR_LINE ? editor->end : EDITOR_END;
    }
    size_t len = strcspn(got, "\r\n");
    free(editor->line);
    *line = editor->line = strndup(got, len);
    if (editor->line == NULL)
        out_of_memory();
    return EDITOR_LINE;
}

static void wipe_wide(const wchar_t *from, const wchar_t *to)
{
    explicit_bzero((void *)(uintptr_t)from, (size_t)(to - from) * sizeof *from);
}

/* Its buffers are ours to read only; what they hold by then is of no more use to it. */
void shell_editor_forget(struct shell_editor *editor)
{
    const LineInfo *narrow = el_line(editor->edit);
    const LineInfoW *wide = el_wline(editor->edit);
    explicit_bzero((void *)(uintptr_t)narrow->buffer, (size_t)(narrow->lastchar - narrow->buffer));
    wipe_wide(wide->buffer, wide->lastchar);
    if (editor->line != NULL)
        explicit_bzero(editor->line, strlen(editor->line));
}

void shell_editor_remember(struct shell_editor *editor, const char *line)
{
    HistEvent event;
    history(editor->history, &event, H_ENTER, line);
}
