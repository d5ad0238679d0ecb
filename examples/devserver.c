/*
 * A local cluster of two nodes from C, for tests: started, asked for its ports, stopped.
 *
 *   python -m ziglang cc examples/devserver.c -I native/include \
 *       aerospike_py/devserver/libaerospike_devserver.so \
 *       -Wl,-rpath,"$PWD/aerospike_py/devserver" -o devserver && ./devserver
 *
 * What goes in and comes out is MessagePack, which a program takes a library for; this one writes
 * the few bytes by hand and looks for the ports.
 */
#include <stdio.h>
#include <string.h>

#include "aerospike_devserver.h"

static int fail(const char *what, const asz_devserver_error *error) {
    printf("%s: %d %.*s\n", what, (int)error->code, (int)error->message_len, error->message);
    return 1;
}

/* Every number that follows the text "port" in a reply. */
static void print_ports(const asz_devserver_reply *reply) {
    static const char key[] = "\xa4port\xcd"; /* a text of four bytes, a number of two */
    for (uint64_t i = 0; i + sizeof key + 1 <= reply->length; i++) {
        const uint8_t *at = reply->data + i;
        if (memcmp(at, key, sizeof key - 1) == 0) {
            printf("port %d\n", at[sizeof key - 1] << 8 | at[sizeof key]);
        }
    }
}

int main(void) {
    static const uint8_t options[] = "\x81\xa5nodes\x02";           /* {"nodes": 2} */
    static const uint8_t topology[] = "\x81\xa7" "command\xa8topology"; /* {"command": "topology"} */
    asz_devserver_error error = {.size = sizeof error};
    asz_devserver_reply reply = {.size = sizeof reply};
    asz_devserver *server;
    if (asz_devserver_abi_version() != ASZ_DEVSERVER_ABI_VERSION) {
        printf("header and library are of different versions\n");
        return 1;
    }
    if (asz_devserver_start(options, sizeof options - 1, &server, &error) != 0) {
        return fail("start", &error);
    }
    if (asz_devserver_control(server, topology, sizeof topology - 1, &reply, &error) != 0) {
        asz_devserver_destroy(server);
        return fail("topology", &error);
    }
    print_ports(&reply);
    asz_devserver_reply_release(&reply);
    asz_devserver_destroy(server);
    return 0;
}
