/* transfer.add of a file that a group's list has, or is about to have. */
#pragma once

#include "daemon/add_request.h"

/* `group` and `name` point into the call's request. What the list does not have is looked for on
 * the members' shelves first. Takes `request`, ends the call. */
void group_add_start(struct add_request *request, struct call *call, const char *group,
                     const char *name);
