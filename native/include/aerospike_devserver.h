/*
 * aerospike_devserver.h: a local Aerospike cluster in memory, for tests, in one shared library that
 * needs nothing else. It speaks the real protocol to any client, and misbehaves when it is told to.
 *
 * Conventions
 *   - Every fallible function returns an int32_t status: 0, or a negative code. When it is not 0,
 *     *error is filled, if given.
 *   - Structs begin with `size` and may grow at their end: set `size` to sizeof the struct before a
 *     call, and what you do not set to zero.
 *   - (pointer, length) pairs need no terminating NUL; a length of 0 may have a NULL pointer. The
 *     library keeps no pointer that it was given after the call returns, unless a function says so.
 *   - Pointers must not be NULL unless a function says so; `error` may.
 *   - Functions may be called on any thread. None changes signal handlers.
 *   - A server may be used from many threads at once, but not while, or after, it is destroyed.
 */
#ifndef AEROSPIKE_DEVSERVER_H
#define AEROSPIKE_DEVSERVER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cdef:begin */

#define ASZ_DEVSERVER_ABI_VERSION 1

#define ASZ_DEVSERVER_ERROR_FAILED (-1)           /* a port is taken, there is no such address */
#define ASZ_DEVSERVER_ERROR_INVALID_ARGUMENT (-2) /* an option is not valid */
#define ASZ_DEVSERVER_ERROR_OUT_OF_MEMORY (-100)

typedef struct asz_devserver asz_devserver;

/* Why a call failed. The text is UTF-8, not NUL-terminated. */
typedef struct {
    uint32_t size;
    int32_t code;         /* the status that the call returned */
    uint32_t message_len; /* bytes in message */
    char message[480];
} asz_devserver_error;

/* What a control command answers: the library's memory, until asz_devserver_reply_release. */
typedef struct {
    uint32_t size;
    uint32_t reserved;
    uint8_t *data;
    uint64_t length;
} asz_devserver_reply;

/* ASZ_DEVSERVER_ABI_VERSION of the library, to be compared with the header's. */
uint32_t asz_devserver_abi_version(void);

/*
 * Starts a local server from a MessagePack map; {} will do. *server is the caller's until
 * asz_devserver_destroy; NULL after a failure. It listens when this returns.
 *   "nodes"                1 to 128; 1
 *   "port"                 the first node's, the others follow; 0: any free ones
 *   "address"              IPv4 or IPv6 to listen on; "127.0.0.1"
 *   "advertised"           what clients are told, also a name; "": the one that they connected to
 *   "alternate"            what those are told who ask for alternate addresses; "": there is none
 *   "racks"                [the rack of each node]; []: nodes know no racks
 *   "namespaces"           [{"name", "default_ttl_s", "replication_factor", "record_bytes_max",
 *                          "data_bytes_max", "strong_consistency"}], all but the name optional;
 *                          "test" and "bar"
 *   "cluster_name"         ""
 *   "users"                [{"name", "password", "roles": [role]}]: any makes clients log in; with
 *                          "external" true the password has to be sent itself
 *   "tls"                  {"cert", "key", "ca", "name", "allows_plain", "library"}: PEM bytes of the
 *                          nodes' certificate and its key; those of authorities that clients'
 *                          certificates have to be of, if any; what nodes say they are called;
 *                          true: plain connections are taken as well; the path of libssl
 *   "session_ttl_s"        seconds that a login is good for; a day
 *   "workers"              threads; 0: as many as processors, at most 4
 *   "log_requests"         true: a line on the standard error for each request
 *   "server_version"       the release to answer as, "8.1" or "8.2"; "8.1"
 *   "compression"          true: deflated frames, as in the Enterprise Edition
 *   "seed"                 decides which node owns which partition
 */
int32_t asz_devserver_start(const uint8_t *options, uint64_t options_len, asz_devserver **server,
                            asz_devserver_error *error);

/*
 * Runs one control command, a MessagePack map of "command", perhaps "node" (an index; absent: all),
 * and its arguments; the reply is a map with "ok", and "error" when that is false. "topology" has
 * the nodes' ports: {"ok", "nodes": [{"name", "port", "alive", ...}]}. Others kill, revive and hang
 * nodes, delay or spoil replies, move partitions: those of
 * aerospike_py.devserver.DevCluster.control. After a failure the reply is empty.
 */
int32_t asz_devserver_control(asz_devserver *server, const uint8_t *command, uint64_t command_len,
                              asz_devserver_reply *reply, asz_devserver_error *error);

/* Gives a reply's memory back; an empty reply has none. */
void asz_devserver_reply_release(asz_devserver_reply *reply);

/* What a runner of functions answers; valid while it runs. */
typedef struct asz_devserver_answer asz_devserver_answer;

/*
 * Runs functions of modules (UDF), which the server itself cannot: writes its answer to a request,
 * both MessagePack maps that native/src/devserver/core/modules.zig describes, and returns 0;
 * anything else says that there is no answer. Called on the server's threads, on several at once.
 */
typedef int32_t (*asz_devserver_runner)(void *context, const uint8_t *request, uint64_t request_len,
                                        asz_devserver_answer *answer);

/* Copies the answer; the last one written counts. ASZ_DEVSERVER_ERROR_OUT_OF_MEMORY or 0. */
int32_t asz_devserver_answer_write(asz_devserver_answer *answer, const uint8_t *bytes, uint64_t len);

/*
 * Gives the server a runner, or none with NULL. Returns when the one before runs nowhere any more,
 * so a runner must not call it. The context must live until then, or until the server has been
 * destroyed.
 */
void asz_devserver_set_runner(asz_devserver *server, asz_devserver_runner runner, void *context);

/* Stops the server, waits for its threads and frees it. NULL is allowed. */
void asz_devserver_destroy(asz_devserver *server);

/* cdef:end */

#ifdef __cplusplus
}
#endif

#endif
