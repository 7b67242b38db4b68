/* Two actors of a net: one who sends nonsense, and one who looks on.
 *
 * The vandal makes messages with the real codec, of anything that fits, under its own address or
 * under another's, and spoils some of them; asked something, it may answer so.
 *
 * The auditor asks for records and answers nobody, so that nobody may trust its address: an answer
 * is at most MESSAGE_REPLY_FACTOR times what it sent, and what is in it is a good record. */
#pragma once

#include "sim/net.h"

struct vandal;

struct vandal *vandal_new(struct net *net, bool answers); /* with a node of its own */
void vandal_free(struct vandal *vandal);
size_t vandal_node(const struct vandal *vandal);
void vandal_send(struct vandal *vandal, size_t to);
/* Its messages speak of this key at times. */
void vandal_notice_key(struct vandal *vandal, const struct id *key);

struct auditor;

/* At an address, ports aside, that nobody else has. */
struct auditor *auditor_new(struct net *net, const struct net_node_options *options);
void auditor_free(struct auditor *auditor);
/* `unix_s`: the wall clock of who is asked. */
void auditor_ask(struct auditor *auditor, size_t to, const struct id *key, enum record_kind kind,
                 uint64_t unix_s);
size_t auditor_answers(const struct auditor *auditor);
/* What was wrong with an answer; NULL: nothing so far. */
const char *auditor_complaint(const struct auditor *auditor);
