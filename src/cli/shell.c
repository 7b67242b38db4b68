#include "cli/shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/verbs.h"

/* ---- a line ---- */

int shell_run_here(struct shell *shell, const struct shell_command *command)
{
    return cli_run(shell->cli, command->argc, (const char *const *)command->argv,
                   command->password);
}

static int run_command(struct shell *shell, const struct shell_line *line, size_t from,
                       size_t count, bool *had_password)
{
    struct shell_command command;
    int status = EXIT_DONE;
    shell_command_make(line, from, count, &command);
    *had_password = *had_password || command.password != NULL;
    if (command.quit)
        shell->quit = true;
    else
        status = shell->run(shell, &command);
    shell_command_dispose(&command);
    outcome_add(&shell->outcome, status);
    return status;
}

static json_t *failure_of_line(const struct shell_line *line)
{
    if (line->open_quote != 0)
        return failure_new("usage", EXIT_USAGE, NULL, "a quote (%c) is not closed",
                           line->open_quote);
    return line->dangling ? failure_new("usage", EXIT_USAGE, NULL, "the line ends in \\") : NULL;
}

int shell_run_line(struct shell *shell, const char *text, size_t len, bool *had_password)
{
    struct shell_line line;
    int status = EXIT_DONE;
    *had_password = false;
    shell_line_split(text, len, &line);
    json_t *error = failure_of_line(&line);
    bool whole = error == NULL; /* cli_fail takes the error */
    if (!whole) {
        status = cli_fail(shell->cli, error);
        outcome_add(&shell->outcome, status);
    }
    for (size_t from = whole ? 0 : line.count, to; from < line.count && !shell->quit; from = to) {
        for (to = from; to < line.count && line.words[to].command == line.words[from].command;)
            to++;
        if (status == EXIT_DONE || shell->keep_going)
            status = run_command(shell, &line, from, to - from, had_password);
    }
    if (*had_password && shell->cli->interactive)
        cli_note(shell->cli,
                 "note: the password stood in the line; the history leaves that line out");
    shell_line_dispose(&line);
    return status;
}

/* ---- a script ---- */

static void say_stopped(struct shell *shell, const char *name, size_t number, int status)
{
    if (name != NULL)
        cli_note(shell->cli, "stopped at line %zu of %s, status %d; -k goes on", number, name,
                 status);
}

/* `name` NULL: what -c said. */
static int run_script(struct shell *shell, FILE *file, const char *name)
{
    char *line = NULL;
    size_t size = 0, number = 0;
    int status = EXIT_DONE;
    bool had_password;
    for (ssize_t len; !shell->quit && (len = getline(&line, &size, file)) >= 0;) {
        number++;
        status = shell_run_line(shell, line, (size_t)len, &had_password);
        explicit_bzero(line, (size_t)len);
        if (status == EXIT_INTERRUPTED || status == EXIT_TERMINATED)
            break;
        if (status != EXIT_DONE && !shell->keep_going) {
            say_stopped(shell, name, number, status);
            break;
        }
    }
    if (line != NULL)
        explicit_bzero(line, size);
    free(line);
    if (status == EXIT_INTERRUPTED || status == EXIT_TERMINATED)
        return status;
    return shell->keep_going ? outcome_status(&shell->outcome) : status;
}

static int run_text(struct shell *shell, const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    if (file == NULL)
        return EXIT_DONE; /* an empty text */
    int status = run_script(shell, file, NULL);
    fclose(file);
    return status;
}

static int run_file(struct shell *shell, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return cli_fail(shell->cli, failure_of_errno("read", path));
    int status = run_script(shell, file, path);
    fclose(file);
    return status;
}

/* ---- the verb ---- */

bool shell_can_prompt(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

/* Commands find the same daemon as the shell itself. */
static void pass_on(const struct cli *cli)
{
    setenv("KADPEER_PROFILE", cli->paths.profile, 1);
    setenv("KADPEER_SOCKET", cli->paths.socket, 1);
    if (!cli->autostart)
        setenv("KADPEER_AUTOSTART", "0", 1);
}

int verb_shell(struct cli *cli, const struct arguments *arguments)
{
    struct shell shell = {
        .cli = cli, .keep_going = arguments_has(arguments, "keep-going"), .run = shell_run_here};
    const char *text = arguments_text(arguments, "command", NULL);
    const char *path = arguments_text(arguments, "file", NULL);
    if (cli->in_shell)
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL, "this is the shell already"));
    if (text != NULL && path != NULL)
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL, "-c or -f, not both"));
    pass_on(cli);
    cli->in_shell = true;
    if (text == NULL && path == NULL && shell_can_prompt() && !cli->json)
        return shell_prompt(&shell);
    cli->out_colour = cli->err_colour = false;
    if (text != NULL)
        return run_text(&shell, text);
    if (path != NULL && strcmp(path, "-") != 0)
        return run_file(&shell, path);
    return run_script(&shell, stdin, "stdin");
}
