/* The tables of the database and how an older one becomes the newest. */
#pragma once

#include <sqlite3.h>

#include "kadpeer/status.h"

#define SCHEMA_APPLICATION_ID 0x6b616470 /* "kadp" in bytes 68 to 71 of the file: it is ours */
#define SCHEMA_VERSION        6          /* PRAGMA user_version of a database of this program */

/* Takes a database of version `from` to `to` (at most SCHEMA_VERSION) in one transaction: all
 * steps or none. Returns an SQLite result code. */
int schema_migrate(sqlite3 *db, int from, int to);
