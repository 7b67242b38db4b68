/* Inside config: a value's text, checked and read by its type. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"

struct config_parsed {
    int64_t number; /* NUMBER; SIZE: bytes; DURATION: whole seconds */
    double ratio;
    bool yes;
};

bool config_value_parse(enum config_type type, const char *text, struct config_parsed *out);
bool config_parse_bool(const char *text, bool *out);
const char *config_type_wants(enum config_type type); /* "a whole number", for errors */
