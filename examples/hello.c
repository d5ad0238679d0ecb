/*
 * The same library from C: connects, writes a record, reads it, deletes it, and meets an error.
 *
 *   python -m ziglang cc examples/hello.c -I native/include aerospike_py/libaerospike_zig.so \
 *       -Wl,-rpath,"$PWD/aerospike_py" -o hello
 *   ./hello 127.0.0.1 3000 [set]
 *
 * Requests and results are MessagePack. This program writes the few kinds that it needs by hand;
 * yours would take a MessagePack library.
 */
#include "aerospike_zig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* An array or a map of up to 15 members, which follow. */
static void put_array(request *to, int count) { put_byte(to, 0x90 | count); }
static void put_map(request *to, int count) { put_byte(to, 0x80 | count); }

static void put_string(request *to, const char *text)
{
    size_t length = strlen(text);
    if (length > 255) {
        fprintf(stderr, "the text is too long: %s\n", text);
        exit(2);
    }
    put_byte(to, 0xd9);
    put_byte(to, (int)length);
    for (size_t i = 0; i < length; i++) {
        put_byte(to, text[i]);
    }
}

static void put_integer(request *to, int64_t value)
{
    put_byte(to, 0xd3);
    for (int shift = 56; shift >= 0; shift -= 8) {
        put_byte(to, (int)(((uint64_t)value >> shift) & 0xff));
    }
}

static void put_key(request *to, const char *set, const char *user_key)
{
    put_array(to, 3);
    put_string(to, "test");
    put_string(to, set);
    put_string(to, user_key);
}

/* Prints the MessagePack at `at` the way JSON looks; gives the place behind it. */
static const uint8_t *print_value(const uint8_t *at)
{
    uint8_t kind = *at++;
    uint64_t number = 0;
    int width = 0;
    uint64_t length = 0;
    if (kind <= 0x7f) {
        printf("%d", kind);
        return at;
    }
    if (kind >= 0xe0) {
        printf("%d", kind - 0x100);
        return at;
    }
    if (kind >= 0x80 && kind <= 0x9f) {
        int is_map = kind < 0x90;
        int count = kind & 0x0f;
        printf(is_map ? "{" : "[");
        for (int i = 0; i < count; i++) {
            at = print_value(at);
            if (is_map) {
                printf(": ");
                at = print_value(at);
            }
            printf(i + 1 < count ? ", " : "");
        }
        printf(is_map ? "}" : "]");
        return at;
    }
    switch (kind) {
    case 0xc0: printf("null"); return at;
    case 0xc2: printf("false"); return at;
    case 0xc3: printf("true"); return at;
    case 0xcc: case 0xd0: width = 1; break;
    case 0xcd: case 0xd1: width = 2; break;
    case 0xce: case 0xd2: width = 4; break;
    case 0xcf: case 0xd3: width = 8; break;
    case 0xc4: case 0xd9: length = *at++; break;
    default:
        if (kind < 0xa0 || kind > 0xbf) {
            printf("(kind 0x%02x)", kind);
            exit(2);
        }
        length = kind & 0x1f;
    }
    if (width > 0) {
        for (int i = 0; i < width; i++) {
            number = number << 8 | *at++;
        }
        printf("%lld", (long long)number);
    } else if (kind == 0xc4) {
        for (uint64_t i = 0; i < length; i++) {
            printf("%02x", *at++);
        }
    } else {
        printf("\"%.*s\"", (int)length, (const char *)at);
        at += length;
    }
    return at;
}

static void print_error(const char *what, const asz_error *error)
{
    printf("%s: %d %.*s\n", what, error->code, error->message_len, error->message);
}

/* Runs a command, and prints its result, or its error; gives its status. */
static int32_t run(asz_client *client, const char *what, int32_t command, const request *given)
{
    uint8_t buffer[1024];
    asz_error error = {.size = sizeof error};
    asz_result result = {.size = sizeof result, .data = buffer, .capacity = sizeof buffer};
    int32_t status = asz_client_execute(client, command, given->bytes, given->length, NULL,
                                        &result, &error);
    if (status != ASZ_OK) {
        print_error(what, &error);
        return status;
    }
    printf("%s: ", what);
    if (result.length > 0) {
        print_value(result.data);
    } else {
        printf("ok");
    }
    printf("\n");
    asz_result_release(&result);
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

    request config = {.length = 0};
    put_map(&config, 1);
    put_string(&config, "hosts");
    put_array(&config, 1);
    put_array(&config, 2);
    put_string(&config, argv[1]);
    put_integer(&config, atoi(argv[2]));

    asz_client *client = NULL;
    asz_error error = {.size = sizeof error};
    if (asz_client_create(config.bytes, config.length, &client, &error) != ASZ_OK ||
        asz_client_connect(client, &error) != ASZ_OK) {
        print_error("connect", &error);
        asz_client_destroy(client);
        return 1;
    }

    request put = {.length = 0};
    put_array(&put, 2);
    put_key(&put, set, "from C");
    put_map(&put, 2);
    put_string(&put, "name");
    put_string(&put, "Alice");
    put_string(&put, "age");
    put_integer(&put, 30);

    request key = {.length = 0};
    put_array(&key, 1);
    put_key(&key, set, "from C");

    int32_t status = run(client, "put", ASZ_PUT, &put);
    if (status == ASZ_OK) {
        status = run(client, "get", ASZ_GET, &key);
    }
    if (status == ASZ_OK) {
        status = run(client, "remove", ASZ_REMOVE, &key);
    }
    /* The record is gone: the server's code 2. */
    int32_t last = run(client, "get again", ASZ_GET, &key);
    asz_client_destroy(client);
    return status == ASZ_OK && last == 2 ? 0 : 1;
}
