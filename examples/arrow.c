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
#include <string.h>

#define RECORDS 100

typedef struct {
    uint8_t bytes[512];
    uint64_t length;
} request;

static void put_byte(request *to, int byte)
{
    if (to->length == sizeof to->bytes) {
        fprintf(stderr, "the request is too long\n");
        exit(2);
    }
    to->bytes[to->length++] = (uint8_t)byte;
}

static void put_string(request *to, const char *text)
{
    size_t length = strlen(text);
    put_byte(to, 0xd9);
    put_byte(to, (int)length);
    for (size_t i = 0; i < length; i++) {
        put_byte(to, text[i]);
    }
}

/* Up to 65535. */
static void put_number(request *to, int number)
{
    put_byte(to, 0xcd);
    put_byte(to, number >> 8);
    put_byte(to, number & 0xff);
}

static int fail(const char *what, const asz_error *error)
{
    printf("%s: %d %.*s\n", what, error->code, error->message_len, error->message);
    return 1;
}

/* Every tenth record has no bin "n". */
static int32_t write_record(asz_client *client, const char *set, int number, asz_error *error)
{
    request put = {.length = 0};
    put_byte(&put, 0x92);
    put_byte(&put, 0x93);
    put_string(&put, "test");
    put_string(&put, set);
    put_number(&put, number);
    put_byte(&put, 0x81);
    put_string(&put, number % 10 == 0 ? "other" : "n");
    put_number(&put, number);
    return asz_client_execute(client, ASZ_PUT, put.bytes, put.length, NULL, NULL, error);
}

static int open_stream(asz_client *client, const char *set, struct ArrowArrayStream *stream,
                       asz_error *error)
{
    request asked = {.length = 0};
    put_byte(&asked, 0x82);
    put_string(&asked, "namespace");
    put_string(&asked, "test");
    put_string(&asked, "set");
    put_string(&asked, set);
    /* {"columns": [["n", "l", true, "", []]]}: one, of 64-bit integers. */
    request columns = {.length = 0};
    put_byte(&columns, 0x81);
    put_string(&columns, "columns");
    put_byte(&columns, 0x91);
    put_byte(&columns, 0x95);
    put_string(&columns, "n");
    put_string(&columns, "l");
    put_byte(&columns, 0xc3);
    put_string(&columns, "");
    put_byte(&columns, 0x90);

    asz_query *query = NULL;
    asz_arrow *arrow = NULL;
    if (asz_query_open(client, asked.bytes, asked.length, NULL, &query, error) != ASZ_OK ||
        asz_arrow_create(columns.bytes, columns.length, &arrow, error) != ASZ_OK ||
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
    request config = {.length = 0};
    put_byte(&config, 0x81);
    put_string(&config, "hosts");
    put_byte(&config, 0x91);
    put_byte(&config, 0x92);
    put_string(&config, argv[1]);
    put_number(&config, atoi(argv[2]));

    asz_client *client = NULL;
    asz_error error = {.size = sizeof error};
    if (asz_client_create(config.bytes, config.length, &client, &error) != ASZ_OK ||
        asz_client_connect(client, &error) != ASZ_OK) {
        asz_client_destroy(client);
        return fail("connect", &error);
    }
    for (int number = 0; number < RECORDS; number++) {
        if (write_record(client, set, number, &error) != ASZ_OK) {
            asz_client_destroy(client);
            return fail("put", &error);
        }
    }

    struct ArrowArrayStream stream;
    if (!open_stream(client, set, &stream, &error)) {
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
