#include "kadpeer/status.h"

const char *status_name(enum status status)
{
    switch (status) {
#define X(code, name, text)                                                                        \
    case STATUS_##code:                                                                            \
        return name;
        KADPEER_STATUS_MAP(X)
#undef X
    }
    return "internal";
}

const char *status_text(enum status status)
{
    switch (status) {
#define X(code, name, text)                                                                        \
    case STATUS_##code:                                                                            \
        return text;
        KADPEER_STATUS_MAP(X)
#undef X
    }
    return "a library call failed";
}
