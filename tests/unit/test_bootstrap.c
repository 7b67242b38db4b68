#include "daemon/bootstrap.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/node.h"
#include "io/udp.h"
#include "support/unit.h"

/* A node to be found, and one that knows of it by its config or its list. */
struct fixture {
    uv_loop_t loop;
    struct rng rng;
    struct node *known, *node;
    struct endpoint known_address, address;
    struct config *config;
    struct paths paths;
    struct bootstrap *bootstrap;
    char folder[64], log[96];
    unsigned joined;
};

static void on_node_event(void *user, uint8_t family, const struct dht_event *event)
{
    struct fixture *f = user;
    (void)family;
    if (event->type == DHT_EVENT_JOINED) {
        f->joined++;
        bootstrap_rest(f->bootstrap);
    }
    uv_stop(&f->loop);
}

static struct node *make_node(struct fixture *f, struct endpoint *address, bool told)
{
    struct udp *udp;
    struct endpoint at;
    struct node_setup setup = {
        .loop = &f->loop, .rng = &f->rng, .on_event = told ? on_node_event : NULL, .user = f};
    struct node *node = node_new(&setup);
    assert_true(endpoint_parse("127.0.0.1:1", &at));
    at.port = 0;
    assert_int_equal(udp_open(&f->loop, &at, &udp, address), STATUS_OK);
    assert_int_equal(node_take_socket(node, udp, address), STATUS_OK);
    assert_int_equal(node_start(node), STATUS_OK);
    return node;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    strcpy(f->folder, "/tmp/kadpeer-boot-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    setenv("KADPEER_DATADIR", f->folder, 1); /* the installed list */
    snprintf(f->log, sizeof f->log, "%s/log", f->folder);
    assert_true(log_open(f->log));
    snprintf(f->paths.bootstrap_file, sizeof f->paths.bootstrap_file, "%s/own", f->folder);
    strcpy(f->paths.config_file, "config.ini");
    rng_init_seed(&f->rng, 8);
    f->config = config_new();
    f->known = make_node(f, &f->known_address, false);
    f->node = make_node(f, &f->address, true);
    f->bootstrap = bootstrap_new(&f->loop, f->node, f->config, &f->paths);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char path[PATHS_SIZE];
    bootstrap_free(f->bootstrap);
    node_free(f->node);
    node_free(f->known);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    config_free(f->config);
    log_open(NULL);
    snprintf(path, sizeof path, "%s/bootstrap_nodes.txt", f->folder);
    unlink(path);
    unlink(f->paths.bootstrap_file);
    unlink(f->log);
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void configure(struct fixture *f, const char *address)
{
    char error[CONFIG_ERROR_SIZE];
    assert_int_equal(config_set(f->config, "network.bootstrap", address, CONFIG_FILE, error),
                     STATUS_OK);
}

static bool log_has(const struct fixture *f, const char *text)
{
    static char log[65536];
    FILE *file = fopen(f->log, "r");
    assert_non_null(file);
    log[fread(log, 1, sizeof log - 1, file)] = 0;
    fclose(file);
    return strstr(log, text) != NULL;
}

static void run_until_joined(struct fixture *f)
{
    bootstrap_start(f->bootstrap);
    while (f->joined == 0)
        uv_run(&f->loop, UV_RUN_DEFAULT);
}

static const char *known_text(const struct fixture *f)
{
    static char text[ENDPOINT_TEXT_SIZE];
    endpoint_format(&f->known_address, text);
    return text;
}

/* ---- tests ---- */

static void silent_and_bad_addresses_do_not_hold_up_the_start(void **state)
{
    struct fixture *f = *state;
    char list[512];
    snprintf(list, sizeof list,
             "127.0.0.77:9\n127.0.0.78:9\nno port here\nlocalhost:9\n%s\n1.2.3:4\n", known_text(f));
    write_file(f->paths.bootstrap_file, list);
    configure(f, "127.0.0.79:9");
    run_until_joined(f);
    struct bootstrap_counts counts = bootstrap_counts(f->bootstrap);
    assert_int_equal(counts.configured, 1);
    assert_int_equal(counts.listed, 4);
    assert_int_equal(counts.bad_lines, 2);
    assert_int_equal(counts.rounds, 1);
    assert_true(log_has(f, "own line 3: \"no port here\": no port"));
    assert_true(log_has(f, "own line 6: \"1.2.3:4\""));
}

static void a_name_is_resolved(void **state)
{
    struct fixture *f = *state;
    char text[64];
    snprintf(text, sizeof text, "localhost:%u", f->known_address.port);
    configure(f, text);
    run_until_joined(f);
    assert_true(node_may_join(f->node));
}

static void the_installed_list_counts_where_there_is_no_own(void **state)
{
    struct fixture *f = *state;
    char path[PATHS_SIZE];
    snprintf(path, sizeof path, "%s/bootstrap_nodes.txt", f->folder);
    write_file(path, known_text(f));
    run_until_joined(f);
    assert_string_equal(bootstrap_list_path(f->bootstrap), path);
}

static void an_own_list_replaces_the_installed_one(void **state)
{
    struct fixture *f = *state;
    char path[PATHS_SIZE];
    snprintf(path, sizeof path, "%s/bootstrap_nodes.txt", f->folder);
    write_file(path, "127.0.0.77:9\n127.0.0.78:9\n");
    write_file(f->paths.bootstrap_file, known_text(f));
    run_until_joined(f);
    assert_string_equal(bootstrap_list_path(f->bootstrap), f->paths.bootstrap_file);
    assert_int_equal(bootstrap_counts(f->bootstrap).listed, 1);
}

static void without_any_source_there_is_nothing_to_wait_for(void **state)
{
    struct fixture *f = *state;
    bootstrap_start(f->bootstrap);
    assert_false(node_may_join(f->node));
    assert_null(bootstrap_list_path(f->bootstrap));
}

static void a_bad_address_in_the_config_is_told(void **state)
{
    struct fixture *f = *state;
    configure(f, "nonsense");
    bootstrap_start(f->bootstrap);
    assert_int_equal(bootstrap_counts(f->bootstrap).bad_lines, 1);
    assert_int_equal(bootstrap_counts(f->bootstrap).configured, 0);
    assert_true(log_has(f, "config.ini: bootstrap = nonsense: no port"));
}

static void a_list_that_cannot_be_read_is_told_and_the_config_still_counts(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->paths.bootstrap_file, 0700), 0);
    configure(f, known_text(f));
    run_until_joined(f);
    assert_true(log_has(f, "cannot read"));
    rmdir(f->paths.bootstrap_file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silent_and_bad_addresses_do_not_hold_up_the_start),
        TEST(a_name_is_resolved),
        TEST(the_installed_list_counts_where_there_is_no_own),
        TEST(an_own_list_replaces_the_installed_one),
        TEST(without_any_source_there_is_nothing_to_wait_for),
        TEST(a_bad_address_in_the_config_is_told),
        TEST(a_list_that_cannot_be_read_is_told_and_the_config_still_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
