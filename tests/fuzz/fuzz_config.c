/* config.ini as a person, or a program gone wrong, may have left it. */
#include <stdlib.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[CONFIG_ERROR_SIZE];
    struct config *config = config_new();
    if (config == NULL)
        abort();
    if (config_load_text(config, "config.ini", bytes_of(data, size), error) == STATUS_OK) {
        if (config_number(config, "network.port") > UINT16_MAX)
            abort();
    } else if (error[0] == 0) {
        abort();
    }
    config_free(config);
    return 0;
}
