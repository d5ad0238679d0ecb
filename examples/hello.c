/*
 * The same library from C: connects, writes a record, reads it, by a filter that is text, and a batch,
 * deletes it, and meets errors.
 *
 *   python -m ziglang cc examples/hello.c -I native/include aerospike_py/libaerospike_zig.so \
 *       -Wl,-rpath,"$PWD/aerospike_py" -o hello
 *   ./hello 127.0.0.1 3000 [set]
 *
 * examples/languages/c has a CMakeLists.txt, and a program with a thousand operations in flight.
 */
#include "aerospike_zig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_key(asz_writer *to, const char *set, const char *user_key)
{
    asz_write_array(to, 3);
    asz_write_text(to, "test");
    asz_write_text(to, set);
    asz_write_text(to, user_key);
}

/* Prints the next value the way JSON looks. */
static void print_value(asz_reader *from)
{
    asz_value value;
    asz_read(from, &value);
    switch (value.kind) {
    case ASZ_VALUE_NIL: printf("null"); break;
    case ASZ_VALUE_BOOLEAN: printf(value.integer ? "true" : "false"); break;
    case ASZ_VALUE_INTEGER: printf("%" PRId64, value.integer); break;
    case ASZ_VALUE_UNSIGNED: printf("%" PRIu64, (uint64_t)value.integer); break;
    case ASZ_VALUE_FLOAT: printf("%g", value.number); break;
    case ASZ_VALUE_STRING: printf("\"%.*s\"", (int)value.length, (const char *)value.data); break;
    case ASZ_VALUE_BYTES:
    case ASZ_VALUE_EXTENSION:
        for (uint64_t i = 0; i < value.length; i++) {
            printf("%02x", value.data[i]);
        }
        break;
    case ASZ_VALUE_ARRAY:
        printf("[");
        for (uint64_t i = 0; i < value.length; i++) {
            printf(i > 0 ? ", " : "");
            print_value(from);
        }
        printf("]");
        break;
    case ASZ_VALUE_MAP:
        printf("{");
        for (uint64_t i = 0; i < value.length; i++) {
            printf(i > 0 ? ", " : "");
            print_value(from);
            printf(": ");
            print_value(from);
        }
        printf("}");
        break;
    default: printf("(nothing)");
    }
}

static void print_error(const char *what, const asz_error *error)
{
    printf("%s: %d %.*s\n", what, error->code, error->message_len, error->message);
}

/* Runs a command, and prints its result, or its error; gives its status, and forgets the request. */
static int32_t run(asz_client *client, const char *what, int32_t command, asz_writer *request,
                   const asz_policy *policy)
{
    uint8_t buffer[1024];
    asz_error error = {.size = sizeof error};
    asz_result result = {.size = sizeof result, .data = buffer, .capacity = sizeof buffer};
    int32_t status = asz_client_execute(client, command, request->data, request->length, policy,
                                        &result, &error);
    asz_writer_clear(request);
    if (status != ASZ_OK) {
        print_error(what, &error);
        return status;
    }
    printf("%s: ", what);
    if (result.length > 0) {
        asz_reader reader = {.data = result.data, .length = result.length};
        print_value(&reader);
    } else {
        printf("ok");
    }
    printf("\n");
    asz_result_release(&result);
    return status;
}

/* Compiles a filter, whose text has one open place, "%s"; it is given back as other results are. */
static int32_t compile(const char *text, int64_t parameter, asz_result *filter, asz_error *error)
{
    asz_writer parameters = {.size = sizeof parameters};
    asz_write_array(&parameters, 2); /* [[value], {name: value}] */
    asz_write_array(&parameters, 1);
    asz_write_integer(&parameters, parameter);
    asz_write_map(&parameters, 0);

    asz_result tree = {.size = sizeof tree};
    int32_t status = asz_expression_parse((const uint8_t *)text, strlen(text), parameters.data,
                                          parameters.length, &tree, error);
    if (status == ASZ_OK) {
        status = asz_expression_compile(tree.data, tree.length, filter, error);
    }
    asz_result_release(&tree);
    asz_writer_release(&parameters);
    return status;
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
    const char *set = argc > 3 ? argv[3] : "hello";

    /* {"hosts": [[host, port]]} */
    asz_writer request = {.size = sizeof request};
    asz_write_map(&request, 1);
    asz_write_text(&request, "hosts");
    asz_write_array(&request, 1);
    asz_write_array(&request, 2);
    asz_write_text(&request, argv[1]);
    asz_write_integer(&request, atoi(argv[2]));

    asz_client *client = NULL;
    asz_error error = {.size = sizeof error};
    if (asz_client_create(request.data, request.length, &client, &error) != ASZ_OK ||
        asz_client_connect(client, &error) != ASZ_OK) {
        print_error("connect", &error);
        asz_client_destroy(client);
        asz_writer_release(&request);
        return 1;
    }
    asz_writer_clear(&request);

    asz_write_array(&request, 2); /* ASZ_PUT: [KEY, {bin: value}] */
    write_key(&request, set, "from C");
    asz_write_map(&request, 2);
    asz_write_text(&request, "name");
    asz_write_text(&request, "Alice");
    asz_write_text(&request, "age");
    asz_write_integer(&request, 30);
    int32_t status = run(client, "put", ASZ_PUT, &request, NULL);

    asz_write_array(&request, 1); /* ASZ_GET: [KEY] */
    write_key(&request, set, "from C");
    status = status == ASZ_OK ? run(client, "get", ASZ_GET, &request, NULL) : status;

    /* Only if Alice is older than 30, which she is not: code 27. */
    asz_result filter = {.size = sizeof filter};
    if (compile("$.age > %s and $.name == 'Alice'", 30, &filter, &error) == ASZ_OK) {
        asz_policy policy = {.size = sizeof policy};
        asz_policy_init(&policy, ASZ_GET);
        policy.filter = filter.data;
        policy.filter_len = filter.length;
        asz_writer_clear(&request);
        asz_write_array(&request, 1);
        write_key(&request, set, "from C");
        run(client, "get if older", ASZ_GET, &request, &policy);
    }
    asz_result_release(&filter);
    if (compile("$.age > = %s", 30, &filter, &error) != ASZ_OK) {
        print_error("compile", &error);
        printf("wrong at byte %" PRIu32 "\n", error.text_position);
    }

    asz_writer_clear(&request);
    asz_write_array(&request, 3); /* ASZ_BATCH: [[KEY], command, argument] */
    asz_write_array(&request, 2);
    write_key(&request, set, "from C");
    write_key(&request, set, "nobody");
    asz_write_integer(&request, ASZ_GET);
    asz_write_nil(&request);
    status = status == ASZ_OK ? run(client, "batch", ASZ_BATCH, &request, NULL) : status;

    asz_writer_clear(&request);
    asz_write_array(&request, 1);
    write_key(&request, set, "from C");
    status = status == ASZ_OK ? run(client, "remove", ASZ_REMOVE, &request, NULL) : status;

    /* The record is gone: the server's code 2. */
    asz_writer_clear(&request);
    asz_write_array(&request, 1);
    write_key(&request, set, "from C");
    int32_t last = run(client, "get again", ASZ_GET, &request, NULL);
    asz_client_destroy(client);
    asz_writer_release(&request);
    return status == ASZ_OK && last == 2 ? 0 : 1;
}
