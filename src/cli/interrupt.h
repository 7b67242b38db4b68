/* Ctrl-C and SIGTERM as a descriptor to wait on, for commands that have something to put right
 * before they end. Others end at once, as any program does. */
#pragma once

/* From now on the two signals no longer end the program but make the descriptor readable. -1: not
 * possible, nothing changed. */
int interrupt_open(void);
/* Which signal came; the next one ends the program again. 0: none. */
int interrupt_take(int fd);
void interrupt_close(int fd);
