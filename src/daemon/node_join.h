/* node.join and node.ping: addresses that a person typed, resolved and asked. */
#pragma once

#include "daemon/control.h"

call_method node_join;
call_method node_ping_method;
