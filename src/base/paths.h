/* Where a profile keeps its things: cli-design section 6. */
#pragma once

#include <stdbool.h>

#include "kadpeer/status.h"

#define PATHS_SIZE 1024 /* bytes of one path, with the final zero */

struct paths {
    char profile[64];             /* "default" when none was named */
    char config_dir[PATHS_SIZE];  /* $XDG_CONFIG_HOME/kadpeer[-PROFILE] */
    char data_dir[PATHS_SIZE];    /* $XDG_DATA_HOME/… */
    char state_dir[PATHS_SIZE];   /* $XDG_STATE_HOME/… */
    char runtime_dir[PATHS_SIZE]; /* $XDG_RUNTIME_DIR/…, else below /tmp, of our user and mode 0700
                                   */
    char config_file[PATHS_SIZE];    /* config.ini; $KADPEER_CONFIG */
    char bootstrap_file[PATHS_SIZE]; /* config_dir/bootstrap_nodes.txt */
    char database[PATHS_SIZE];       /* data_dir/kadpeer.db */
    char log_file[PATHS_SIZE];       /* state_dir/kadpeer.log */
    char socket[PATHS_SIZE];         /* runtime_dir/control.sock; $KADPEER_SOCKET, --socket */
    char lock[PATHS_SIZE];           /* runtime_dir/lock: flock, holds the pid and its start */
};

/* `profile` NULL or "default": none. REFUSED: not a name of letters, digits, '-', '_', '.'
 * that begins with neither '-' nor '.'. TOO_BIG: a path that does not fit, or the socket's not into
 * a socket address. Creates nothing. */
enum status paths_init(struct paths *paths, const char *profile, const char *socket);
/* Makes the four folders, mode 0700. On failure *failed names the one. */
enum status paths_create(const struct paths *paths, const char **failed);
/* The installed bootstrap list: in $KADPEER_DATADIR or the share/kadpeer of the program's prefix,
 * static storage. NULL: no such path; the file may be missing. */
const char *paths_installed_bootstrap(void);

bool paths_join(char out[PATHS_SIZE], const char *folder, const char *name); /* false: too long */
/* "~/x" below the home folder; all else as it is. False: too long. */
bool paths_expand(const char *text, char out[PATHS_SIZE]);
