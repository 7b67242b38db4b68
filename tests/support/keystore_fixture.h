/* A keystore with two groups, the key it is sealed with, and a folder for its file. */
#pragma once

#include "people/keystore.h"
#include "support/folder.h"
#include "support/unit.h"

struct fixture {
    struct keystore keystore, opened;
    struct keystore_key key; /* not from a password: scrypt is slow on purpose */
    struct rng rng;
    struct buffer file;
    char *folder;
};

static inline struct public_key key_of(uint8_t first)
{
    return (struct public_key){.bytes = {first, 5}};
}

static inline int fixture_make(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    strcpy(f->keystore.name, "karla");
    memset(f->keystore.root, 9, ROOT_BYTES);
    f->keystore.created_unix_s = 1800000000;
    f->keystore.profile_seq = 3;
    struct public_key one = key_of(1), two = key_of(2);
    keystore_set_group(&f->keystore, &one, bytes_of_string("state of one"));
    keystore_set_group(&f->keystore, &two, (struct bytes){0});
    memset(&f->key, 4, sizeof f->key);
    rng_init_seed(&f->rng, 1);
    buffer_init(&f->file);
    f->folder = folder_make();
    *state = f;
    return 0;
}

static inline int fixture_free(void **state)
{
    struct fixture *f = *state;
    keystore_dispose(&f->keystore);
    keystore_dispose(&f->opened);
    buffer_dispose(&f->file);
    folder_remove(f->folder);
    free(f->folder);
    test_free(f);
    return 0;
}

static inline void encode(struct fixture *f)
{
    buffer_clear(&f->file);
    assert_int_equal(keystore_encode(&f->keystore, &f->key, &f->rng, &f->file), STATUS_OK);
}

static inline enum status decode(struct fixture *f)
{
    return keystore_decode(buffer_bytes(&f->file), &f->key, &f->opened);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_free)
