/* Methods of methods_group.c that live in files of their own. */
#pragma once

struct call;
struct daemon;

void group_method_join(struct daemon *daemon, struct call *call); /* group_join.c */
void group_method_list(struct daemon *daemon, struct call *call);
