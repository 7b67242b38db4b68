/* Starting the daemon of a profile when a command needs it and none is there. */
#pragma once

#include <jansson.h>

struct cli;

/* Starts one, waits until it is ready and connects: *fd is the connection. Two at once: the
 * daemon's lock decides, both use the winner. A failure carries the daemon's own reason. */
json_t *autostart(struct cli *cli, int *fd);
