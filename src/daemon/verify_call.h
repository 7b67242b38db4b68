/* transfer.verify: who waits for a verification. */
#pragma once

#include <stdint.h>

struct call;
struct item;
struct verified;

void verify_call_start(struct item *item, struct call *call); /* ends the call */
void verify_calls_turn(struct item *item);
void verify_calls_fail(struct item *item); /* with its trouble */
uint64_t verify_calls_due(const struct item *item);
void verify_calls_finish(struct item *item, const struct verified *verified);
void verify_calls_end(struct item *item); /* the transfer was removed */
