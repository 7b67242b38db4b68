#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/shell.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

/* Wrong usage has to be answered as JSON too, when that much was understood. */
static bool wants_json(size_t argc, const char *const argv[])
{
    for (size_t i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != 0 ? value : NULL;
}

static bool autostart_allowed(const struct arguments *arguments)
{
    const char *set = environment("KADPEER_AUTOSTART");
    return !arguments_has(arguments, "no-autostart") && (set == NULL || strcmp(set, "0") != 0);
}

/* "//" and "/./" mean "/", and so does "/." at the end; ".." is for the system to follow. */
static void clean(char *path)
{
    char *to = path;
    for (const char *from = path; *from != 0;) {
        size_t dot = from[0] == '/' && from[1] == '.' && (from[2] == '/' || from[2] == 0) ? 2 : 0;
        if (dot > 0 && from[2] == 0)
            *to++ = '/';
        if (dot > 0)
            from += dot;
        else if (from[0] == '/' && from[1] == '/')
            from++;
        else
            *to++ = *from++;
    }
    *to = 0;
}

bool cli_absolute(const char *path, char out[PATHS_SIZE])
{
    char folder[PATHS_SIZE];
    errno = ENAMETOOLONG;
    bool fits = path[0] == '/'
                    ? snprintf(out, PATHS_SIZE, "%s", path) < PATHS_SIZE
                    : getcwd(folder, sizeof folder) != NULL && paths_join(out, folder, path);
    if (fits)
        clean(out);
    return fits;
}

/* The daemon we start works in another folder. */
static bool make_absolute(char path[PATHS_SIZE])
{
    char relative[PATHS_SIZE];
    strcpy(relative, path);
    return cli_absolute(relative, path);
}

static json_t *set_paths(struct cli *cli)
{
    const char *profile = arguments_text(cli->arguments, "profile", environment("KADPEER_PROFILE"));
    const char *socket = arguments_text(cli->arguments, "socket", NULL);
    enum status status = paths_init(&cli->paths, profile, socket);
    if (status == STATUS_REFUSED)
        return failure_new("usage", EXIT_USAGE, NULL,
                           "a profile's name is letters, digits, '-', '_', '.', not \"%s\"",
                           profile);
    if (status != STATUS_OK || !make_absolute(cli->paths.socket) ||
        !make_absolute(cli->paths.config_file))
        return failure_new("usage", EXIT_USAGE, "--socket PATH, or a shorter XDG_RUNTIME_DIR",
                           "a path is too long: %s", cli->paths.socket);
    if (environment("KADPEER_CONFIG") != NULL)
        setenv("KADPEER_CONFIG", cli->paths.config_file, 1);
    return NULL;
}

static void set_flags(struct cli *cli)
{
    const struct arguments *arguments = cli->arguments;
    const char *colour = arguments_text(arguments, "color", "auto");
    double timeout_s = arguments_number(arguments, "timeout", 0);
    cli->json = arguments_has(arguments, "json");
    cli->quiet = arguments_has(arguments, "quiet");
    cli->yes = arguments_has(arguments, "yes");
    cli->verbose = (unsigned)arguments_count(arguments, "verbose");
    cli->autostart = autostart_allowed(arguments);
    cli->out_colour = terminal_colour(STDOUT_FILENO, colour);
    cli->err_colour = terminal_colour(STDERR_FILENO, colour);
    if (timeout_s > 0)
        cli->deadline_ms = client_now_ms() + (uint64_t)(timeout_s * 1000);
}

static void inherit(struct cli *cli, const struct cli *outer)
{
    cli->json = cli->json || outer->json;
    cli->quiet = cli->quiet || outer->quiet;
    cli->yes = cli->yes || outer->yes;
    cli->verbose += outer->verbose;
    if (outer->deadline_ms < cli->deadline_ms)
        cli->deadline_ms = outer->deadline_ms;
    if (!arguments_has(cli->arguments, "color")) {
        cli->out_colour = outer->out_colour;
        cli->err_colour = outer->err_colour;
    }
}

/* The shell, without its name. */
static int run_shell(struct cli *cli)
{
    json_t *error = set_paths(cli);
    return error != NULL ? cli_fail(cli, error) : verb_shell(cli, cli->arguments);
}

static int run_without_command(struct cli *cli)
{
    if (arguments_has(cli->arguments, "version"))
        return verb_version(cli, cli->arguments);
    if (arguments_has(cli->arguments, "help")) {
        if (cli->arguments->group != NULL)
            help_group(cli->arguments->group, cli->out);
        else
            help_overview(cli->out);
        return EXIT_DONE;
    }
    if (cli->arguments->group != NULL)
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL,
                                         "%s wants to know what: see kadpeer %s -h",
                                         cli->arguments->group, cli->arguments->group));
    if (!cli->json && !cli->in_shell && shell_can_prompt())
        return run_shell(cli);
    if (cli->json)
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, "kadpeer help", "no command given"));
    help_overview(cli->err);
    return EXIT_USAGE;
}

static int run_command(struct cli *cli)
{
    const struct command *command = cli->arguments->command;
    if (command == NULL)
        return run_without_command(cli);
    if (arguments_has(cli->arguments, "help")) {
        help_short(command, cli->out);
        return EXIT_DONE;
    }
    json_t *error = set_paths(cli);
    return error != NULL ? cli_fail(cli, error) : command->run(cli, cli->arguments);
}

static bool asks_for_help(const struct cli *cli)
{
    const struct arguments *arguments = cli->arguments;
    if (arguments->command == NULL && arguments_has(arguments, "version"))
        return false;
    return arguments_has(arguments, "help") ||
           (arguments->command != NULL && arguments->command->run == verb_help);
}

/* Help is a text for people; with --json it is one string. */
static int help_as_json(struct cli *cli)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = cli->out;
    cli->out = open_memstream(&text, &len);
    if (cli->out == NULL)
        out_of_memory();
    int status = run_command(cli);
    fclose(cli->out);
    cli->out = out;
    json_t *result = status == EXIT_DONE ? json_pack("{s:s}", "help", text) : NULL;
    if (result != NULL)
        cli_json_result(cli, result);
    else
        fputs(text, out); /* a failure, which is JSON already */
    json_decref(result);
    free(text);
    return status;
}

static int dispatch(struct cli *cli)
{
    return cli->json && asks_for_help(cli) ? help_as_json(cli) : run_command(cli);
}

/* Parses and runs, in a cli whose streams are set. */
static int run(struct cli *cli, const struct cli *outer, size_t argc, const char *const argv[])
{
    struct arguments arguments;
    struct usage_error usage;
    int status;
    cli->arguments = &arguments;
    if (arguments_parse(argc, argv, &arguments, &usage) != STATUS_OK) {
        json_t *error = failure_new("usage", EXIT_USAGE, usage.hint[0] != 0 ? usage.hint : NULL,
                                    "%s", usage.message);
        status = cli_fail(cli, error);
    } else {
        set_flags(cli);
        if (outer != NULL)
            inherit(cli, outer);
        status = dispatch(cli);
    }
    client_free(cli->client);
    arguments_dispose(&arguments);
    return status;
}

int cli_run(const struct cli *outer, size_t argc, const char *const argv[], const char *password)
{
    struct cli cli = {
        .json = outer->json || wants_json(argc, argv),
        .deadline_ms = outer->deadline_ms,
        .out = outer->out,
        .err = outer->err,
        .run_daemon = outer->run_daemon,
        .typed_password = password,
        .in_shell = true,
        .interactive = outer->interactive,
    };
    int status = run(&cli, outer, argc, argv);
    fflush(cli.out);
    return status;
}

int cli_main(int argc, const char *const argv[], daemon_runner *run_daemon)
{
    size_t count = argc > 0 ? (size_t)argc - 1 : 0;
    struct cli cli = {
        .json = wants_json(count, argv + 1),
        .deadline_ms = CLIENT_FOREVER,
        .out = stdout,
        .err = stderr,
        .run_daemon = run_daemon,
    };
    setvbuf(stderr, NULL, _IOLBF, 0); /* a redrawn line is one write */
    int status = run(&cli, NULL, count, argv + 1);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE)
        status = EXIT_DISK;
    return status;
}
