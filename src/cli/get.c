#include "cli/get.h"

#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/verbs.h"
#include "cli/verify_only.h"

static json_t *add(struct cli *cli, const char *group, const char *word, struct wanted *out)
{
    return group != NULL ? wanted_add_file(cli, group, word, out) : wanted_add(cli, word, out);
}

static bool goes_to_stdout(const struct arguments *arguments)
{
    return strcmp(arguments_text(arguments, "output", ""), "-") == 0;
}

/* NULL; or what does not go with it. */
static json_t *refuse_stdout(struct cli *cli, const struct arguments *arguments, size_t count)
{
    const char *other = cli->json                                 ? "--json"
                        : arguments_has(arguments, "detach")      ? "--detach"
                        : arguments_has(arguments, "verify-only") ? "--verify-only"
                        : count > 1                               ? "several arguments"
                                                                  : NULL;
    if (!goes_to_stdout(arguments) || other == NULL)
        return NULL;
    return failure_new("usage", EXIT_USAGE, NULL,
                       "-o - writes one file to stdout: it does not go with %s", other);
}

static int get_attached(struct cli *cli, const struct arguments *arguments)
{
    const char *const *words, *group;
    size_t count = wanted_words(arguments, &words, &group);
    struct get get = {
        .cli = cli,
        .fetches = calloc(count, sizeof get.fetches[0]),
        .count = count,
        .style = cli_progress_style(cli, arguments_text(arguments, "progress", "auto")),
        .interrupt = -1,
    };
    if (get.fetches == NULL)
        out_of_memory();
    get.progress = progress_new(get.style, cli->err, count);
    for (size_t i = 0; i < get.count; i++) {
        json_t *error = add(cli, group, words[i], &get.fetches[i].wanted);
        if (error != NULL)
            get_fail(&get, &get.fetches[i], error);
        else if (cli->json)
            cli_json_event(cli, "added", get.fetches[i].wanted.added);
    }
    if (cli->client != NULL) {
        get.interrupt = interrupt_open();
        client_watch(cli->client, get.interrupt);
    }
    struct get_stream stream;
    if (goes_to_stdout(arguments) && get.outcome.failed == 0) {
        get_stream_init(&stream, cli, get.fetches[0].wanted.id);
        get.stream = &stream;
    }
    int status = get_follow(&get);
    if (get.stream != NULL)
        get_stream_dispose(&stream);
    json_decref(get.done);
    interrupt_close(get.interrupt);
    progress_free(get.progress);
    for (size_t i = 0; i < get.count; i++)
        wanted_dispose(&get.fetches[i].wanted);
    free(get.fetches);
    return status;
}

static json_t *add_one(struct cli *cli, const char *word, json_t **error)
{
    struct wanted wanted;
    const char *const *words, *group;
    char ls[COMMAND_TEXT_SIZE];
    wanted_words(cli->arguments, &words, &group);
    *error = add(cli, group, word, &wanted);
    json_t *result = *error == NULL ? json_incref(wanted.added) : NULL;
    if (result != NULL && !cli->json)
        fprintf(cli->out, "%s\n", wanted.id);
    if (result != NULL)
        cli_note(cli, "%s: %s in the background; '%s' shows it", wanted.label,
                 wanted.attached ? "was there already, goes on" : "is fetched",
                 cli_command_text(cli, ls, "ls"));
    wanted_dispose(&wanted);
    return result;
}

/* In the shell transfers go on by themselves, unless -w says otherwise. */
static int get(struct cli *cli, const struct arguments *arguments)
{
    const char *const *words, *group;
    size_t count = wanted_words(arguments, &words, &group);
    json_t *error = refuse_stdout(cli, arguments, count);
    if (error != NULL)
        return cli_fail(cli, error);
    bool waits = arguments_has(arguments, "follow") || goes_to_stdout(arguments);
    if (arguments_has(arguments, "detach") || (cli->in_shell && !waits))
        return cli_each(cli, words, count, add_one);
    return get_attached(cli, arguments);
}

int verb_get(struct cli *cli, const struct arguments *arguments)
{
    bool checks = arguments_has(arguments, "verify-only") && !goes_to_stdout(arguments);
    return checks ? verify_only(cli, arguments) : get(cli, arguments);
}

int verb_download(struct cli *cli, const struct arguments *arguments)
{
    return get(cli, arguments);
}
