/* Help about no one command: cli-design sections 5 and 6. */
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"

static const char exit_text[] =
    "Exit status:\n"
    "    0  done                                  8  conflict: exists already, ambiguous name\n"
    "    1  failed, no better number              9  disk: no space, no permission, failed\n"
    "    2  wrong usage                          10  data did not verify\n"
    "    3  not found: no source, no transfer    11  refused: not logged in, not a member\n"
    "    4  timed out, with sources known        12  bad input: link, torrent, hash, config\n"
    "    5  daemon cannot be reached or started  13  daemon and program do not fit\n"
    "    6  network: cannot bind, no node       130  interrupted; what was running is paused\n"
    "       answers                             143  terminated\n"
    "    7  some of several arguments failed\n"
    "\n"
    "Of several arguments all are tried; the status is 7 unless all failed alike.\n";

static const char folders_text[] =
    "  $XDG_CONFIG_HOME/kadpeer/config.ini    settings: key = value in sections\n"
    "  $XDG_CONFIG_HOME/kadpeer/bootstrap_nodes.txt    nodes to join by\n"
    "  $XDG_DATA_HOME/kadpeer/                database and keys\n"
    "  $XDG_STATE_HOME/kadpeer/               log, history of the shell\n"
    "  $XDG_RUNTIME_DIR/kadpeer/              control socket and lock\n"
    "\n"
    "Unset, the first three are ~/.config, ~/.local/share and ~/.local/state, the last\n"
    "is a folder of yours below /tmp. --profile b puts kadpeer-b in place of kadpeer.\n";

static const char environment_text[] =
    "  KADPEER_PROFILE      as --profile\n"
    "  KADPEER_SOCKET       as --socket\n"
    "  KADPEER_CONFIG       the config file\n"
    "  KADPEER_DATADIR      where the installed bootstrap_nodes.txt lies\n"
    "  KADPEER_PORT         network.port of the daemon\n"
    "  KADPEER_LOG          log.level of the daemon: info,dht=debug\n"
    "  KADPEER_AUTOSTART=0  as --no-autostart\n"
    "  KADPEER_PASSWORD_FILE  as --password-file\n"
    "  NO_COLOR             neither colours nor drawn progress\n"
    "  VISUAL, EDITOR       what 'config edit' opens\n"
    "  HOME, XDG_*          see kadpeer help folders\n"
    "\n"
    "Flags win over the environment, it wins over the config file.\n";

bool help_topic(const char *topic, FILE *out)
{
    static const struct {
        const char *name, *text;
    } topics[] = {
        {"exit", exit_text}, {"folders", folders_text}, {"environment", environment_text}};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (strcmp(topics[i].name, topic) == 0) {
            fputs(topics[i].text, out);
            return true;
        }
    }
    if (strcmp(topic, "flags") != 0)
        return false;
    fputs("Every command takes:\n", out);
    help_flags(global_flags, out);
    return true;
}
