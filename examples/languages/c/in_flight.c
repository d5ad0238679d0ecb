/*
 * A thousand commands in flight at once from one thread, then all their records as one batch.
 *
 *   python -m ziglang cc examples/languages/c/in_flight.c -I native/include \
 *       aerospike_py/libaerospike_zig.so -Wl,-rpath,"$PWD/aerospike_py" -o in_flight
 *   ./in_flight 127.0.0.1 3000 [set]
 *
 * With TLS where AEROSPIKE_CAFILE names whom to trust, and AEROSPIKE_TLS_NAME what nodes are called.
 *
 * or by CMakeLists.txt, which is beside it.
 *
 * examples/hello.c is the place to begin: it shows a command, its result and its errors.
 */
#include "aerospike_zig.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 1000, COMPLETIONS_MAX = 256 };

static void write_key(asz_writer *to, const char *set, int64_t user_key)
{
    asz_write_array(to, 3);
    asz_write_text(to, "test");
    asz_write_text(to, set);
    asz_write_integer(to, user_key);
}

static void fail(const char *what, const asz_error *error)
{
    fprintf(stderr, "%s: %d %.*s\n", what, error->code, error->message_len, error->message);
    exit(1);
}

static asz_client *connect_to(const char *host, int port, asz_writer *scratch)
{
    asz_client *client = NULL;
    asz_error error = {.size = sizeof error};
    const char *authority = getenv("AEROSPIKE_CAFILE");
    const char *name = getenv("AEROSPIKE_TLS_NAME");
    asz_writer_clear(scratch);
    asz_write_map(scratch, authority ? 3 : 1);
    asz_write_text(scratch, "hosts");
    asz_write_array(scratch, 1);
    asz_write_array(scratch, 3);
    asz_write_text(scratch, host);
    asz_write_integer(scratch, port);
    if (name) {
        asz_write_text(scratch, name);
    } else {
        asz_write_nil(scratch);
    }
    if (authority) {
        asz_write_text(scratch, "tls");
        asz_write_map(scratch, 1);
        asz_write_text(scratch, "cafile");
        asz_write_text(scratch, authority);
        /* Each begins with a handshake; a thousand commands at once do with few of them. */
        asz_write_text(scratch, "max_conns_per_node");
        asz_write_integer(scratch, 8);
    }
    if (asz_client_create(scratch->data, scratch->length, &client, &error) != ASZ_OK ||
        asz_client_connect(client, &error) != ASZ_OK) {
        fail("connect", &error);
    }
    return client;
}

/* Starts one command for each key: the token is the key. */
static void submit_all(asz_client *client, int32_t command, const char *set, asz_writer *scratch)
{
    asz_error error = {.size = sizeof error};
    for (int64_t number = 0; number < COUNT; number++) {
        asz_writer_clear(scratch);
        asz_write_array(scratch, command == ASZ_PUT ? 2 : 1);
        write_key(scratch, set, number);
        if (command == ASZ_PUT) {
            asz_write_map(scratch, 1);
            asz_write_text(scratch, "number");
            asz_write_integer(scratch, number);
        }
        if (asz_client_submit(client, (uint64_t)number, command, scratch->data, scratch->length,
                              NULL, &error) != ASZ_OK) {
            fail("submit", &error);
        }
    }
}

/* Waits until `count` commands have ended; gives how many of them succeeded. */
static int wait_for(asz_client *client, int descriptor, int count)
{
    static uint8_t data[256 * 1024];
    asz_completion completions[COMPLETIONS_MAX];
    int succeeded = 0;
    while (count > 0) {
        struct pollfd ready = {.fd = descriptor, .events = POLLIN};
        uint64_t needed = 0;
        poll(&ready, 1, -1);
        uint32_t ended = asz_client_drain(client, completions, COMPLETIONS_MAX, data, sizeof data,
                                          &needed);
        if (needed > 0) {
            fprintf(stderr, "a result has %llu bytes\n", (unsigned long long)needed);
            exit(1);
        }
        for (uint32_t i = 0; i < ended; i++) {
            succeeded += completions[i].status == ASZ_OK;
        }
        count -= (int)ended;
    }
    return succeeded;
}

/* Reads the records of all keys, straight into an array. */
static void read_all(asz_client *client, const char *set, asz_writer *scratch)
{
    static int64_t numbers[COUNT];
    static int32_t codes[COUNT];
    const asz_column column = {.name = "number", .name_len = 6, .size = 8, .element_size = 8,
                               .kind = ASZ_INT64};
    asz_table table = {.size = sizeof table, .column_count = 1, .columns = &column,
                       .rows = (uint8_t *)numbers, .row_stride = sizeof numbers[0],
                       .row_count = COUNT, .result_codes = codes};
    asz_error error = {.size = sizeof error};
    asz_writer_clear(scratch);
    asz_write_array(scratch, 3);
    asz_write_array(scratch, COUNT);
    for (int64_t number = 0; number < COUNT; number++) {
        write_key(scratch, set, number);
    }
    asz_write_integer(scratch, ASZ_GET);
    asz_write_nil(scratch);
    if (asz_client_batch_read_table(client, scratch->data, scratch->length, NULL, &table,
                                    &error) != ASZ_OK) {
        fail("batch", &error);
    }
    int64_t sum = 0;
    int found = 0;
    for (int i = 0; i < COUNT; i++) {
        sum += numbers[i];
        found += codes[i] == ASZ_OK;
    }
    printf("batch: %d found, sum %lld\n", found, (long long)sum);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s HOST PORT [SET]\n", argv[0]);
        return 2;
    }
    if (asz_abi_version() != ASZ_ABI_VERSION) {
        fprintf(stderr, "the library has another ABI version\n");
        return 2;
    }
    asz_writer scratch = {.size = sizeof scratch};
    const char *set = argc > 3 ? argv[3] : "in_flight";
    asz_client *client = connect_to(argv[1], atoi(argv[2]), &scratch);
    asz_error error = {.size = sizeof error};
    int descriptor = asz_client_wake_fd(client, &error);
    if (descriptor < 0) {
        fail("wake", &error);
    }
    submit_all(client, ASZ_PUT, set, &scratch);
    printf("put: %d of %d\n", wait_for(client, descriptor, COUNT), COUNT);
    read_all(client, set, &scratch);
    submit_all(client, ASZ_REMOVE, set, &scratch);
    printf("remove: %d of %d\n", wait_for(client, descriptor, COUNT), COUNT);
    asz_client_destroy(client);
    asz_writer_release(&scratch);
    return 0;
}
