/* Runs a fuzz driver over every file of the folders named on the command line. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kadpeer/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    uint8_t block[4096];
    size_t got;
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        buffer_add(out, block, got);
    bool ok = !ferror(file) && !out->failed;
    fclose(file);
    return ok;
}

/* Returns how many inputs ran, -1 when the folder cannot be read. */
static int replay_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0)
        return -1;
    int ran = 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        struct buffer input;
        buffer_init(&input);
        if (entries[i]->d_name[0] != '.' && read_file(path, &input)) {
            LLVMFuzzerTestOneInput(input.data, input.len);
            ran++;
        }
        buffer_dispose(&input);
        free(entries[i]);
    }
    free(entries);
    return ran;
}

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput(NULL, 0);
    for (int i = 1; i < argc; i++) {
        int ran = replay_folder(argv[i]);
        if (ran <= 0) {
            fprintf(stderr, "%s: no corpus to replay\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs replayed\n", argv[i], ran);
    }
    return 0;
}
