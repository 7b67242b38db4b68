/* The shell with a person at it. Every command runs in a child: Ctrl-C ends that alone, and what a
 * command does to its process is gone with it. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/memory.h"
#include "cli/shell.h"
#include "cli/shell_daemon.h"
#include "cli/shell_editor.h"
#include "cli/shell_history.h"
#include "cli/shell_notices.h"

struct prompt {
    struct shell *shell;
    struct shell_daemon *daemon;
    struct shell_notices *notices;
    struct shell_editor *editor;
    char history[PATHS_SIZE];
    bool terminated;
};

/* ---- a command ---- */

/* What it prints itself does not come as a notice, too. */
static struct shell_hush hush_of(const struct shell_command *command)
{
    const char *first = command->argc > 0 ? command->argv[0] : "";
    struct shell_hush hush = {.groups = strcmp(first, "group") == 0};
    for (size_t i = 1; i < command->argc; i++) {
        const char *word = command->argv[i];
        hush.transfers = hush.transfers || strcmp(word, "-w") == 0 || strcmp(word, "--follow") == 0;
    }
    return hush;
}

/* What the daemon told while a command ran. */
struct told {
    char *text;
    size_t len;
    FILE *file;
};

static void keep(void *user, const char *line)
{
    fprintf(user, "%s\n", line);
}

/* Events are taken meanwhile, and told when it has ended: the daemon does not wait for those who do
 * not read. */
static int wait_for(struct prompt *prompt, pid_t child, FILE *later)
{
    int process = (int)syscall(SYS_pidfd_open, child, 0), status = 0;
    for (bool ended = process < 0; !ended;) {
        struct pollfd fds[] = {{.fd = process, .events = POLLIN},
                               {.fd = shell_notices_fd(prompt->notices), .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents != 0)
            shell_notices_take(prompt->notices, keep, later);
        ended = fds[0].revents != 0;
    }
    if (process >= 0)
        close(process);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        printf("\n");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_in_child(struct shell *shell, const struct shell_command *command)
{
    struct prompt *prompt = shell->user;
    struct told told = {0};
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return cli_fail(shell->cli, failure_of_errno("start", "a child"));
    if (child == 0) {
        shell_editor_restore_signals(prompt->editor);
        int status = shell_run_here(shell, command);
        fflush(NULL);
        _exit(status);
    }
    told.file = open_memstream(&told.text, &told.len);
    if (told.file == NULL)
        out_of_memory();
    shell_notices_hush(prompt->notices, hush_of(command));
    int status = wait_for(prompt, child, told.file);
    shell_notices_connect(prompt->notices);
    shell_notices_take(prompt->notices, keep, told.file);
    shell_notices_hush(prompt->notices, (struct shell_hush){0});
    fclose(told.file);
    fputs(told.text, stdout);
    fflush(stdout);
    free(told.text);
    prompt->terminated = shell_editor_drain_signals(prompt->editor) || prompt->terminated;
    return status;
}

/* ---- the prompt ---- */

static void make_prompt(struct prompt *prompt, char out[96])
{
    const char *user = shell_daemon_user(prompt->daemon);
    const char *profile = prompt->shell->cli->paths.profile;
    bool other = strcmp(profile, "default") != 0;
    snprintf(out, 96, "%s%skadpeer%s%s> ", user, user[0] != 0 ? "@" : "", other ? ":" : "",
             other ? profile : "");
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t")] == 0;
}

/* One line; false: the person leaves. */
static bool turn(struct prompt *prompt)
{
    char text[96], *line;
    bool had_password = false;
    shell_notices_connect(prompt->notices);
    make_prompt(prompt, text);
    enum editor_end end = shell_editor_read(prompt->editor, text, &line);
    if (end == EDITOR_DROPPED)
        return true;
    prompt->terminated = prompt->terminated || end == EDITOR_TERMINATED;
    if (end != EDITOR_LINE)
        return false;
    if (is_blank(line))
        return true;
    shell_run_line(prompt->shell, line, strlen(line), &had_password);
    if (had_password) {
        shell_editor_forget(prompt->editor);
    } else {
        shell_editor_remember(prompt->editor, line);
        shell_history_add(prompt->history, line);
    }
    return !prompt->shell->quit && !prompt->terminated;
}

/* Typed text is UTF-8, whatever the locale says of itself. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static void remember(void *user, const char *line)
{
    shell_editor_remember(user, line);
}

static void open_history(struct prompt *prompt)
{
    const char *failed;
    const struct paths *paths = &prompt->shell->cli->paths;
    if (!paths_join(prompt->history, paths->state_dir, "shell_history") ||
        paths_create(paths, &failed) != STATUS_OK ||
        shell_history_load(prompt->history, remember, prompt->editor) != STATUS_OK)
        cli_note(prompt->shell->cli, "note: the history of %s cannot be kept", paths->state_dir);
}

/* A daemon to begin with, as any command would start it; without one much still works. */
static void begin(struct prompt *prompt)
{
    struct cli *cli = prompt->shell->cli;
    json_t *error = cli_connect(cli);
    client_free(cli->client);
    cli->client = NULL;
    if (error != NULL)
        cli_print_failure(cli, error);
    json_decref(error);
    cli_note(cli, "kadpeer %s; 'help' lists the commands, 'quit' leaves", KADPEER_VERSION);
}

int shell_prompt(struct shell *shell)
{
    struct prompt prompt = {.shell = shell};
    struct cli *cli = shell->cli;
    set_locale();
    prompt.daemon = shell_daemon_new(cli);
    prompt.notices = shell_notices_new(cli);
    struct shell_source source = {shell_daemon_names, prompt.daemon};
    prompt.editor = shell_editor_new(prompt.notices, &source);
    if (prompt.editor == NULL) {
        shell_notices_free(prompt.notices);
        shell_daemon_free(prompt.daemon);
        return cli_fail(cli, failure_new("terminal", EXIT_FAILED, NULL,
                                         "this terminal cannot be used for a prompt"));
    }
    shell->run = run_in_child;
    shell->user = &prompt;
    cli->interactive = true;
    open_history(&prompt);
    begin(&prompt);
    while (turn(&prompt))
        ;
    if (!prompt.terminated && shell_daemon_answers(prompt.daemon))
        cli_note(cli, "the daemon goes on running; 'kadpeer stop' ends it");
    shell_editor_free(prompt.editor);
    shell_notices_free(prompt.notices);
    shell_daemon_free(prompt.daemon);
    return prompt.terminated ? EXIT_TERMINATED : EXIT_DONE;
}
