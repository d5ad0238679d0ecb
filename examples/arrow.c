/*
 * Records as columns of Arrow, from C: writes some, queries them as a stream of tables, and adds up a
 * column, with the nulls left out. A program with a library of Arrow would hand it the stream.
 *
 *   python -m ziglang cc examples/arrow.c -I native/include aerospike_py/libaerospike_zig.so \
 *       -Wl,-rpath,"$PWD/aerospike_py" -o arrow
 *   ./arrow 127.0.0.1 3000 [set]
 */
#include "aerospike_zig.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORDS 100

static int fail(const char *what, const asz_error *error)
{
    printf("%s: %d %.*s\n", what, error->code, error->message_len, error->message);
    return 1;
}

/* Every tenth record has no bin "n". */
static int32_t write_record(asz_client *client, const char *set, int number, asz_writer *request,
                            asz_error *error)
{
    asz_writer_clear(request);
    asz_write_array(request, 2);
    asz_write_array(request, 3);
    asz_write_text(request, "test");
    asz_write_text(request, set);
    asz_write_integer(request, number);
    asz_write_map(request, 1);
    asz_write_text(request, number % 10 == 0 ? "other" : "n");
    asz_write_integer(request, number);
    return asz_client_execute(client, ASZ_PUT, request->data, request->length, NULL, NULL, error);
}

static int open_stream(asz_client *client, const char *set, asz_writer *request,
                       struct ArrowArrayStream *stream, asz_error *error)
{
    asz_query *query = NULL;
    asz_arrow *arrow = NULL;
    asz_writer_clear(request);
    asz_write_map(request, 2);
    asz_write_text(request, "namespace");
    asz_write_text(request, "test");
    asz_write_text(request, "set");
    asz_write_text(request, set);
    if (asz_query_open(client, request->data, request->length, NULL, &query, error) != ASZ_OK) {
        return 0;
    }
    /* {"columns": [["n", "l", true, "", []]]}: one, of 64-bit integers. */
    asz_writer_clear(request);
    asz_write_map(request, 1);
    asz_write_text(request, "columns");
    asz_write_array(request, 1);
    asz_write_array(request, 5);
    asz_write_text(request, "n");
    asz_write_text(request, "l");
    asz_write_boolean(request, 1);
    asz_write_text(request, "");
    asz_write_array(request, 0);
    if (asz_arrow_create(request->data, request->length, &arrow, error) != ASZ_OK ||
        asz_query_arrow_stream(query, arrow, 30, stream, error) != ASZ_OK) {
        asz_arrow_destroy(arrow);
        asz_query_close(query);
        return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s HOST PORT [SET]\n", argv[0]);
        return 2;
    }
    const char *set = argc > 3 ? argv[3] : "arrow";
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
        asz_client_destroy(client);
        return fail("connect", &error);
    }
    for (int number = 0; number < RECORDS; number++) {
        if (write_record(client, set, number, &request, &error) != ASZ_OK) {
            asz_client_destroy(client);
            return fail("put", &error);
        }
    }

    struct ArrowArrayStream stream;
    int is_open = open_stream(client, set, &request, &stream, &error);
    asz_writer_release(&request);
    if (!is_open) {
        asz_client_destroy(client);
        return fail("query", &error);
    }
    struct ArrowSchema schema;
    if (stream.get_schema(&stream, &schema) == 0) {
        printf("column: %s %s\n", schema.children[0]->name, schema.children[0]->format);
        schema.release(&schema);
    }
    int64_t sum = 0, nulls = 0, rows = 0;
    struct ArrowArray table;
    while (stream.get_next(&stream, &table) == 0 && table.release != NULL) {
        const struct ArrowArray *column = table.children[0];
        const uint8_t *validity = column->buffers[0];
        const int64_t *numbers = column->buffers[1];
        for (int64_t row = 0; row < column->length; row++) {
            if (validity == NULL || (validity[row / 8] >> (row % 8) & 1)) {
                sum += numbers[row];
            }
        }
        nulls += column->null_count;
        rows += table.length;
        table.release(&table);
    }
    const char *wrong = stream.get_last_error(&stream);
    printf("%s\n", wrong == NULL ? "ok" : wrong);
    stream.release(&stream);
    printf("rows: %lld, nulls: %lld, sum: %lld\n", (long long)rows, (long long)nulls,
           (long long)sum);
    asz_client_destroy(client);
    return wrong == NULL ? 0 : 1;
}
