/* The one program: hands the command line the daemon, which it knows nothing of. */
#include "cli/cli.h"
#include "daemon/daemon.h"

static int run(const struct daemon_request *request)
{
    struct daemon_options options = {
        .paths = *request->paths,
        .config = request->config,
        .port = request->port,
        .bind = request->bind,
        .bind_count = request->bind_count,
        .json = request->json,
        .background = request->background,
        .ready_fd = request->ready_fd,
    };
    return daemon_run(&options);
}

int main(int argc, char **argv)
{
    return cli_main(argc, (const char *const *)argv, run);
}
