/* Where a profile keeps its things: cli-design section 6. */
#pragma once

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

/* `profile` NULL or "default": none. REFUSED: not a name of letters, digits, '-', '_', '.'.
 * TOO_BIG: a path that does not fit. Creates nothing. */
enum status paths_init(struct paths *paths, const char *profile, const char *socket);
/* Makes the four folders, mode 0700. On failure *failed names the one. */
enum status paths_create(const struct paths *paths, const char **failed);
/* The installed bootstrap list: $KADPEER_DATADIR or beside the program's prefix, static storage. */
const char *paths_installed_bootstrap(void);
