/*
 * aerospike_zig.h: the C ABI of the aerospike_py core, an Aerospike client in one
 * shared library. Any language that can call C starts here; a local server for tests is in another
 * one, with aerospike_devserver.h.
 *
 * Conventions
 *   - Every fallible function returns an int32_t status: ASZ_OK (0), a positive code of the
 *     server, or a negative code of this library. When it is not 0, *error is filled, if given.
 *   - Structs that begin with `size` may grow at their end: set `size` to sizeof the struct before
 *     a call, and what you do not set to zero. The library writes nothing beyond the size that the
 *     caller states. A struct that is longer than it knows, from a newer header, is taken when the
 *     rest is zero; one that is shorter than it ever was is ASZ_ERROR_INVALID_ARGUMENT.
 *   - (pointer, length) pairs need no terminating NUL; a length of 0 may have a NULL pointer. The
 *     library keeps no pointer that it was given after the call returns, unless a function says so.
 *   - Pointers must not be NULL unless a function says so; `error`, `policy` and `result` may.
 *   - Functions may be called on any thread, unless one says otherwise. None calls back into the
 *     program but for what it was given to call, and none changes signal handlers.
 *   - Values cross as standard MessagePack. Extension types: 23 GeoJSON text, 18 HyperLogLog
 *     bytes, 126 the wildcard (payload 0) and infinity (payload 1) of list and map comparisons; 21
 *     a map that the server keeps in the order of its keys, 22 one in the order of keys and values,
 *     both with a map as payload. Keys of maps are integers, strings and bytes. In results only: 19
 *     pairs of a map in their order, with an array of arrays of two.
 *   - Times are milliseconds unless the name says otherwise.
 *   - Handles may be used from many threads at once, but not while they are destroyed. One that was
 *     destroyed is ASZ_ERROR_INVALID_ARGUMENT, as long as not very many others were since.
 */
#ifndef AEROSPIKE_ZIG_H
#define AEROSPIKE_ZIG_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cdef:begin */

#define ASZ_ABI_VERSION 3

/* Status codes of this library; the server's are positive. */
#define ASZ_OK 0
#define ASZ_ERROR_CLIENT (-1)
#define ASZ_ERROR_INVALID_ARGUMENT (-2)
#define ASZ_ERROR_INVALID_HOST (-4)
#define ASZ_ERROR_CLIENT_ABORT (-5)
#define ASZ_ERROR_NO_MORE_CONNECTIONS (-7)
#define ASZ_ERROR_INVALID_NODE (-8)
#define ASZ_ERROR_TLS (-9)
#define ASZ_ERROR_CONNECTION (-10)
#define ASZ_ERROR_ASYNC_QUEUE_FULL (-11)
#define ASZ_ERROR_MAX_RETRIES_EXCEEDED (-12)
#define ASZ_ERROR_MAX_ERROR_RATE (-14)
#define ASZ_ERROR_NO_RESPONSE (-15)
#define ASZ_ERROR_BATCH_FAILED (-16)
#define ASZ_ERROR_OUT_OF_MEMORY (-100)
#define ASZ_ERROR_NOT_CONNECTED (-101)
#define ASZ_ERROR_INTERRUPTED (-103)
#define ASZ_ERROR_VALUE_MISMATCH (-104)
#define ASZ_ERROR_NO_DESCRIPTOR (-105)
#define ASZ_ERROR_WRONG_TYPE (-106)

/*
 * The other negative codes say what happened to a command; those of the server are in its
 * documentation (2: no such record, 9: timeout, also when it was this library that did not wait).
 */

/*
 * Commands. A request is one MessagePack array, its members as listed; KEY is
 * [namespace, set, user key] or [namespace, set, nil, digest (20 bytes)]. RECORD in a result is
 * [[namespace, set, user key or nil, digest], [generation, ttl], {bin: value}]; ttl is in seconds,
 * 4294967295 for a record that never expires.
 *
 * OPERATION is a map: "op", a number, and what it needs beside. 1 reads "bin" (absent: all bins),
 * 2 writes "val" into it (nil removes the bin), 5 adds, 9 appends and 10 prepends "val", 11 renews
 * the record's time to live ("val" seconds, if given), 12 removes the record. 1001 and more are of
 * lists, 2001 of maps, 3001 of bits, 4001 of HyperLogLogs, 5001 and 5002 of expressions, 6001 and
 * 6002 of paths; what these take is what the functions of aerospike_py.list_operations and its
 * kin return as dicts. Something that is missing or unknown is ASZ_ERROR_INVALID_ARGUMENT, what is of a
 * wrong type ASZ_ERROR_WRONG_TYPE, with a message that says where it is; nothing is sent then.
 *
 * In a batch the argument is what follows the KEY: one value as it is, [package, function,
 * [argument]] for ASZ_APPLY, nil for commands without one. META is nil, or [generation or nil, ttl
 * or nil] and perhaps a map of what the row does differently from the batch: members of asz_policy
 * by name (exists, generation_policy, commit_level, send_key, durable_delete, read_mode_ap,
 * read_mode_sc, read_touch_ttl_percent, on_locking_only), and "filter" with the bytes of an expression. ROW is [key
 * or nil, status, in doubt, RECORD or nil] and, where the server said what went wrong, its text as
 * bytes, or DETAILS as bytes, which begin with 0x80 to 0x83 as no text does; what a function returned
 * is the record's bin "SUCCESS".
 */
#define ASZ_PUT 1             /* [KEY, {bin: value}]        -> nothing */
#define ASZ_GET 2             /* [KEY]                      -> RECORD */
#define ASZ_SELECT 3          /* [KEY, [bin]]               -> RECORD */
#define ASZ_EXISTS 4          /* [KEY]                      -> [key, [generation, ttl] or nil] */
#define ASZ_REMOVE 5          /* [KEY]                      -> nothing */
#define ASZ_TOUCH 6           /* [KEY]                      -> nothing */
#define ASZ_APPEND 7          /* [KEY, bin, value]          -> nothing */
#define ASZ_PREPEND 8         /* [KEY, bin, value]          -> nothing */
#define ASZ_INCREMENT 9       /* [KEY, bin, number]         -> nothing */
#define ASZ_REMOVE_BIN 10     /* [KEY, [bin]]               -> nothing */
#define ASZ_OPERATE 11        /* [KEY, [OPERATION]]         -> RECORD, a bin's several results in a list */
#define ASZ_OPERATE_ORDERED 12 /* [KEY, [OPERATION]]        -> [key, [generation, ttl], [[bin, value]]] */
#define ASZ_APPLY 13          /* [KEY, package, function, [argument]] -> value: runs a function */
#define ASZ_BATCH 20          /* [[KEY], command, argument] -> [ROW]: the same for every key */
#define ASZ_BATCH_MIXED 21    /* [[KEY, command, argument, META]] -> [ROW] */
#define ASZ_INFO 64           /* [command, node or nil]     -> [[node, status, response]]: nil asks all */
#define ASZ_INFO_ANY 65       /* [command]                  -> [[node, status, response]]: of one node */
#define ASZ_NODES 66          /* []                         -> [[name, "address:port", {namespace: rack}]] */
#define ASZ_PING 67           /* []                         -> nothing: one node answered */
#define ASZ_STATISTICS 68     /* []                         -> [bounds of SIZES, [NODE], TLS], asks no server */

/*
 * ASZ_INFO may have a namespace as a third member: nobody is asked unless the cluster has it.
 *
 * NODE is [name, whether it is in the cluster, connections open, those in use, COUNTS]. COUNTS, of
 * this client since it has connected: [connections opened, closed, errors, timeouts, recovered
 * connections, retries, bytes sent, bytes received, tends, ns of tends, SIZES of batches' parts,
 * SIZES of queries' streams, [[result code, count]]]. SIZES is [records, [count of a bucket]];
 * there is one bucket more than there are bounds. TLS is nil without it, else [handshakes, how many
 * of them resumed a session, [[reason, failures]]]; a reason is a name, such as "expired".
 */

/*
 * Running a cluster. WAIT is how long to wait until all nodes know of the change, in ms; 0: not at
 * all. TYPE is an index's: 0 string, 1 integer, 2 geo2dsphere, 3 blob; COLLECTION what in the bin
 * is indexed: 0 the value itself, 1 list members, 2 map keys, 3 map values; 4 stands for an index of
 * the set, which has no bin, context and expression, and whose TYPE says nothing. STATE is a job's:
 * 0 unknown (it ended long ago, or never was), 1 running, 2 done, 3 aborted or failed.
 */
/*
 * INDEX is [namespace, set or "", index, bin or nil, TYPE, COLLECTION, context or nil, expression
 * bytes or nil, WAIT]. BACKGROUND is a query's map (below) with "operations": [OPERATION] or
 * "udf": [package, function, [argument]]. An aggregation has "udf", too: each node applies the
 * function to the stream of its records, and the values that come of it are given, those of all
 * nodes together, as they came: the particle's type and bytes, for asz_particle_decode.
 */
#define ASZ_QUERY_AGGREGATE 69  /* BACKGROUND                 -> [[type, bytes]] */
#define ASZ_TRUNCATE 70         /* [namespace, set or "", before ns since 1970 or 0] -> nothing */
#define ASZ_INDEX_CREATE 71     /* INDEX                      -> nothing */
#define ASZ_INDEX_REMOVE 72     /* [namespace, index, WAIT]   -> nothing */
#define ASZ_UDF_PUT 73          /* [file, content, WAIT]      -> nothing */
#define ASZ_UDF_REMOVE 74       /* [file, WAIT]               -> nothing */
#define ASZ_UDF_LIST 75         /* []                         -> [[file, type, hash]] */
#define ASZ_UDF_GET 76          /* [file]                     -> content bytes */
#define ASZ_QUERY_BACKGROUND 77 /* BACKGROUND                 -> job */
#define ASZ_JOB_STATUS 78       /* [job] -> [STATE, percent, records succeeded, records failed] */
#define ASZ_JOB_ABORT 79        /* [job]                      -> nothing */

/*
 * Users and roles, on servers with security. PRIVILEGE is [code, namespace, set]; codes below 10
 * have "" for both. USER is [user, [role], connections, [read number], [write number]]. ROLE is
 * [role, [PRIVILEGE], [address], read quota, write quota].
 */
#define ASZ_ADMIN_CREATE_USER 80       /* [user, password or nil for PKI, [role]]  -> nothing */
#define ASZ_ADMIN_DROP_USER 81         /* [user]                    -> nothing */
#define ASZ_ADMIN_SET_PASSWORD 82      /* [user, password]          -> nothing; one's own too */
#define ASZ_ADMIN_GRANT_ROLES 83       /* [user, [role]]            -> nothing */
#define ASZ_ADMIN_REVOKE_ROLES 84      /* [user, [role]]            -> nothing */
#define ASZ_ADMIN_QUERY_USERS 85       /* [user, or nil for all]    -> [USER] */
#define ASZ_ADMIN_CREATE_ROLE 86       /* ROLE                      -> nothing */
#define ASZ_ADMIN_DROP_ROLE 87         /* [role]                    -> nothing */
#define ASZ_ADMIN_GRANT_PRIVILEGES 88  /* [role, [PRIVILEGE]]       -> nothing */
#define ASZ_ADMIN_REVOKE_PRIVILEGES 89 /* [role, [PRIVILEGE]]       -> nothing */
#define ASZ_ADMIN_SET_WHITELIST 90     /* [role, [address]]         -> nothing; [] allows all */
#define ASZ_ADMIN_SET_QUOTAS 91        /* [role, read quota, write quota] -> nothing */
#define ASZ_ADMIN_QUERY_ROLES 92       /* [role, or nil for all]    -> [ROLE] */

/* Policy values; the numbers are those of the API's constants. */
#define ASZ_EXISTS_IGNORE 0
#define ASZ_EXISTS_UPDATE_ONLY 1
#define ASZ_EXISTS_REPLACE 2
#define ASZ_EXISTS_CREATE_ONLY 4
#define ASZ_EXISTS_REPLACE_ONLY 5
#define ASZ_EXISTS_UPDATE 6
#define ASZ_GENERATION_IGNORE 0
#define ASZ_GENERATION_EQUAL 1
#define ASZ_GENERATION_GREATER 2
#define ASZ_REPLICA_MASTER 0
#define ASZ_REPLICA_SEQUENCE 1
#define ASZ_REPLICA_PREFER_RACK 2
#define ASZ_REPLICA_ANY 3
#define ASZ_REPLICA_RANDOM 4

typedef struct asz_client asz_client;
typedef struct asz_query asz_query;
typedef struct asz_arrow asz_arrow;

/* Why a call failed. The texts are UTF-8, not NUL-terminated. */
typedef struct {
    uint32_t size;
    int32_t code;         /* the status that the call returned */
    uint8_t in_doubt;     /* 1: a write may or may not have taken effect */
    uint8_t reserved;
    uint16_t node_len;    /* bytes in node; 0 when no node was involved */
    uint16_t message_len; /* bytes in message */
    char node[32];
    char message[480];
    uint16_t attempts;    /* how often it was tried; 0 where that is not counted */
    uint16_t more_len;    /* bytes in more; 0 when there is nothing more to say */
    uint8_t more[808];    /* MORE, below */
    uint32_t text_position; /* in a text that was given, the byte where it is wrong, from 1; or 0 */
} asz_error;

/*
 * MORE is the MessagePack array [DETAILS or nil, [[code, node, message]]]: what a server from 8.2 on
 * has said beside its result code, when the policy's error_details asked for it, and the failures of
 * the attempts before the last one, the oldest first and as many as there is room for. DETAILS is a
 * map, all of whose members may be absent: "subcode", a number; "message", its text; and "trace", a
 * map, of an expression that failed: "phase" 1 while it was built, 2 evaluated; "outcome" 1 a fault,
 * 2 false, 3 something absent; "op", its name; "path", [name] from the outermost to it, and "depth";
 * "snippet", that part as text; "byte_offset" in the encoded expression; "lang" 1 encoded, 2 text;
 * "text_offset" and "text_span" in the text; "operands".
 */

/* A node: set `size` before a call that fills it; name_len 0 says that there was none. */
typedef struct {
    uint32_t size;
    uint16_t port;
    uint8_t name_len;
    uint8_t address_len;
    char name[32];    /* not NUL-terminated */
    char address[64]; /* IP address as text, not NUL-terminated */
} asz_node;

/* How a command is to be carried out. Begin with asz_policy_init, then change members. */
typedef struct {
    uint32_t size;
    uint32_t socket_timeout;        /* ms one wait, for I/O or a connection; 0: no limit */
    uint32_t total_timeout;         /* ms for the command with its retries; 0: no limit */
    uint32_t max_retries;
    uint32_t sleep_between_retries; /* ms */
    uint32_t timeout_delay;         /* ms a timed-out socket may take to become usable again */
    uint32_t generation;            /* expected generation, with generation_policy */
    int32_t ttl;                    /* seconds; 0 namespace default, -1 never, -2 keep */
    uint8_t generation_policy;      /* ASZ_GENERATION_... */
    uint8_t exists;                 /* ASZ_EXISTS_... */
    uint8_t replica;                /* ASZ_REPLICA_... */
    uint8_t read_mode_ap;           /* 0 one, 1 all */
    uint8_t read_mode_sc;           /* 0 session, 1 linearize, 2 allow replica, 3 unavailable too */
    uint8_t commit_level;           /* 0 all replicas, 1 master only */
    uint8_t send_key;               /* 1: store the user key with the record */
    uint8_t durable_delete;         /* 1: leave a tombstone (Enterprise) */
    uint8_t read_touch_ttl_percent; /* 0 server's default, 1..100, 255 never */
    uint8_t allow_inline;           /* batch: rows in memory may be read by the receiving thread */
    uint8_t allow_inline_ssd;       /* batch: rows on devices too */
    uint8_t respond_all_keys;       /* batch: 0 lets the server stop at the first row that fails */
    uint8_t concurrent;             /* batch: 0 asks one node after another */
    uint8_t compress;               /* 1: deflate what is sent, take what is deflated (Enterprise) */
    uint8_t on_locking_only;        /* 1: not if the transaction has locked the record already */
    uint8_t error_details;          /* server 8.2: 0 none, 1 subcode, 2 its text too, 3 and a trace */
    const uint8_t *filter;          /* filter expression in the server's encoding, or NULL */
    uint64_t filter_len;
    uint32_t compress_threshold;    /* requests of more bytes are deflated */
    uint32_t connect_timeout;       /* ms to open a connection, on top of total_timeout; 0: within */
    asz_node *asked;                /* NULL, or filled when a command on one record ends: the node
                                       that was asked last, so that has answered, if any has. It has to
                                       stay until then: of a submitted command, until it is drained */
} asz_policy;

/*
 * Where a result goes. The caller provides data and capacity (both may be 0). A result that fits
 * is written there. One that does not stays in memory of the library: then data points to it,
 * `owned` is not 0, and the caller gives it back with asz_result_release when it has read it.
 */
typedef struct {
    uint32_t size;
    uint32_t owned;
    uint8_t *data;
    uint64_t capacity;
    uint64_t length; /* bytes of the result */
} asz_result;

/*
 * A command that was submitted and has ended. Its result, or for a status that is not 0 the
 * MessagePack array [in_doubt, node, message, attempts, MORE or nil], lies at data[offset .. offset + length) of the
 * memory that was given to asz_client_drain.
 */
typedef struct {
    uint64_t token;
    int64_t status;
    uint64_t offset;
    uint64_t length;
} asz_completion;

/* What a field of a row is: a number of that many bits, a boolean byte, or bytes. */
#define ASZ_INT8 1
#define ASZ_INT16 2
#define ASZ_INT32 3
#define ASZ_INT64 4
#define ASZ_UINT8 5
#define ASZ_UINT16 6
#define ASZ_UINT32 7
#define ASZ_UINT64 8
#define ASZ_FLOAT16 9
#define ASZ_FLOAT32 10
#define ASZ_FLOAT64 11
#define ASZ_BOOL 12
#define ASZ_BYTES 13

/* Why a value did not fit into its field. */
#define ASZ_MISMATCH_TYPE 1   /* this type of value has no place in a field of that kind */
#define ASZ_MISMATCH_RANGE 2  /* the number is outside the field's range */
#define ASZ_MISMATCH_LENGTH 3 /* more bytes or elements than the field has, or a broken element */

/* Where a bin's value goes in each row, and as what. */
typedef struct {
    char name[15];         /* the bin's, not NUL-terminated */
    uint8_t name_len;
    uint32_t offset;       /* of the field, in the row */
    uint32_t size;         /* of the field, in bytes */
    uint32_t element_size; /* of an array's elements; otherwise the same as size */
    uint8_t kind;          /* ASZ_INT8 to ASZ_BYTES: of the field, or of an array's elements */
    uint8_t swapped;       /* 1: numbers in the byte order that is not this machine's */
    uint8_t array;         /* 1: takes a blob of whole elements, or a list of what they take */
    uint8_t reserved;
} asz_column;

typedef struct {
    uint32_t generation;
    uint32_t ttl; /* seconds; 4294967295 for a record that never expires */
} asz_metadata;

/* How many rows have a value that did not fit, and which was the first. */
typedef struct {
    uint64_t row_count;
    uint64_t row;
    uint32_t column;
    uint8_t reason;        /* ASZ_MISMATCH_... */
    uint8_t particle_type; /* the server's number for the value's type */
    uint8_t reserved[2];
} asz_mismatch;

/*
 * Records as rows of fixed-size fields, in the order of the request's keys. All memory is the
 * caller's; rows and metadata come filled with zeros, which is what records and bins that are not
 * there leave behind. Integers go into integer fields that can hold them and into floats; floats
 * into floats; booleans into all of these; strings, blobs, HyperLogLog and GeoJSON (its text) into
 * bytes, filled up with zeros. A value that does not fit leaves its field zero and gives its row
 * the result code ASZ_ERROR_VALUE_MISMATCH.
 */
typedef struct {
    uint32_t size;
    uint32_t column_count;
    const asz_column *columns;
    uint8_t *rows;          /* row_count times row_stride bytes */
    uint64_t row_stride;
    uint64_t row_count;     /* the number of keys */
    asz_metadata *metadata; /* row_count of them, or NULL */
    int32_t *result_codes;  /* row_count of them */
    asz_mismatch mismatch;  /* written by the library */
    uint8_t *present;       /* NULL, or row_count times column_count zeros, where a 1 is written for
                               every bin that the record has and that fits */
    uint8_t *digests;       /* of a query's records, row_count times 20 bytes; or NULL */
    uint32_t key_column;    /* one more than the index of the column that takes the user keys of a
                               query's records, where they are stored; 0 for none */
    uint32_t reserved;
} asz_table;

/*
 * Arrow's C data interface and C stream interface, as Arrow defines them for everybody to copy:
 * https://arrow.apache.org/docs/format/CDataInterface.html. Whoever has such a struct calls its
 * `release` when it is done with it, once, on any thread; a struct whose `release` is NULL is empty.
 */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* ASZ_ABI_VERSION of the loaded library; a program compiled against another one must not go on. */
uint32_t asz_abi_version(void);

/*
 * Fills *policy, as far as its size says, with the defaults for a command, or for ASZ_QUERY. Those
 * of ASZ_BATCH and ASZ_BATCH_MIXED are those of a read, whose attempts are repeated: for rows that
 * write begin with those of ASZ_PUT, which are not.
 */
void asz_policy_init(asz_policy *policy, int32_t command);

/*
 * Creates a client from a MessagePack map; all but "hosts" may be absent. No network is touched.
 * *client is the caller's until asz_client_destroy; NULL after a failure, which is
 * ASZ_ERROR_INVALID_ARGUMENT for an unknown key or a value that is not valid.
 *   "hosts"                 [[host, port] or [host, port, tls name]]: nodes to begin with
 *   "user_agent"            "library-version", by which nodes list the client; absent: they do not
 *   "app_id"                the application in that list; absent: the user, or "not-set". Together
 *                           with "user_agent" 60 bytes at most
 *   "cluster_name"          nodes of a cluster with another name are refused; "" for any
 *   "user", "password"      to log in with; "auth_mode" 0 internal, 1 external, which sends the
 *                           password itself and needs "tls", 2 PKI: the user is whom the client's
 *                           certificate names, 4 external without "tls", for everybody to read
 *   "tls"                   TLS (below); nil or absent: connections are plain
 *   "timeout"               ms to connect to a node; 1000
 *   "login_timeout"         ms to log in to a node; 5000
 *   "tend_interval"         ms between looks at the cluster's state; 1000
 *   "max_conns_per_node"    100; "min_conns_per_node" 0: connections that are kept open
 *   "idle_timeout"          ms after which an unused connection is closed; 0: the server's limit
 *   "max_error_rate"        errors of a node within "error_rate_window" (tends; 1) after which
 *                           commands for it fail at once; 100, 0: no limit
 *   "use_services_alternate", "rack_aware"   booleans; "rack_ids" [n], the preferred one first
 *   "ip_map"                {address that a node gives of itself: the one to use instead}
 *   "max_in_flight"         operations that were submitted and not drained; 262144
 */
int32_t asz_client_create(const uint8_t *config, uint64_t config_len, asz_client **client,
                          asz_error *error);

/*
 * TLS, by OpenSSL 3 or 1.1.1, which is looked for when it is first needed: a map of what is not the
 * default, which may be empty. Files are read when the client connects. Errors are ASZ_ERROR_TLS.
 *   "enable"                false: connections are plain, whatever else is given
 *   "cafile", "capath", "ca"   whom to trust: a file, a folder as OpenSSL hashes it, PEM bytes; none:
 *                           whom the system trusts. Revocation lists may be among them
 *   "certfile", "cert"      the client's certificate and those between it and the authority; a
 *                           file or PEM bytes; "keyfile", "key": its key; none: in the same file
 *   "keyfile_pw"            its password, "env:" and a variable, or "file:" and a path
 *   "protocols"             such as "-all +TLSv1.2"; "min_version" "TLSv1.2" or "TLSv1.3"
 *   "cipher_suite", "ciphersuites"   of TLS 1.2 and 1.3, as OpenSSL names them
 *   "cert_blacklist"        a file: serial numbers in hexadecimal, each perhaps with an issuer
 *   "crl_check", "crl_check_all"   look in revocation lists: for the server's certificate, for all
 *   "for_login_only"        log in over TLS, then speak without it
 *   "log_session_info"      a line in the log for each connection
 *   "keylog_file"           the sessions' secrets are added to it, to debug the network
 *   "library"               the path of libssl; "": one that is loaded already, else the system's
 * A certificate has to be for the tls name that the host, or a node's peers, say a node has; for
 * the host's name or address where there is none. There is no way to do without that.
 *
 * asz_tls_check says whether such a map can work, as far as this machine knows: 0, or ASZ_ERROR_TLS
 * or ASZ_ERROR_INVALID_ARGUMENT with a text that names what is wrong. No network is touched.
 */
int32_t asz_tls_check(const uint8_t *options, uint64_t options_len, asz_error *error);

/*
 * Connects to the cluster and starts the thread that follows its changes. Waits for hosts for the
 * configuration's "timeout" each; a refused connection fails at once. Calling it on a connected
 * client does nothing. After a failure or a close it may be called again. Failures: of a
 * connection, a login, or ASZ_ERROR_INVALID_NODE for a cluster of another name.
 */
int32_t asz_client_connect(asz_client *client, asz_error *error);

/* 1 while the client is connected and the cluster has a node, otherwise 0. Never waits. */
int32_t asz_client_is_connected(asz_client *client);

/*
 * Closes all connections. Commands that other threads are running end first; ones that wait for
 * a reply, or to connect, are cut short, with ASZ_ERROR_CLIENT_ABORT. So do submitted ones: their
 * completions are still to be drained, before the client is destroyed. Idempotent. In a signal
 * handler that has interrupted a call with this client, it returns at once, and the call closes the
 * client before it returns.
 */
void asz_client_close(asz_client *client);

/*
 * Closes and frees, with the descriptor of asz_client_wake_fd and what was not drained. No thread
 * may be in a call with this client, and its queries must have been closed. NULL is allowed.
 */
void asz_client_destroy(asz_client *client);

/*
 * To be called in the child of a fork, from its only thread: gives up the sockets and threads
 * that belong to the parent. The client is then closed; asz_client_connect connects it anew.
 */
void asz_client_after_fork(asz_client *client);

/*
 * Runs one command and waits for its result, in the calling thread, for as long as the policy's
 * total_timeout. A NULL policy means the defaults of the command. A NULL result throws the result
 * away; after a failure its members are as they were. ASZ_ERROR_NOT_CONNECTED before
 * asz_client_connect.
 */
int32_t asz_client_execute(asz_client *client, int32_t command, const uint8_t *request,
                           uint64_t request_len, const asz_policy *policy, asz_result *result,
                           asz_error *error);

/*
 * Runs one ASZ_BATCH of ASZ_GET, ASZ_SELECT or ASZ_EXISTS, whose request this is, and writes the
 * records as rows. Every row gets its result code; the call itself fails when no row at all was
 * answered, or when the table is not valid (ASZ_ERROR_INVALID_ARGUMENT).
 */
int32_t asz_client_batch_read_table(asz_client *client, const uint8_t *request,
                                    uint64_t request_len, const asz_policy *policy,
                                    asz_table *table, asz_error *error);

/*
 * A descriptor for poll, epoll, kqueue or an event loop (on Windows a socket), which becomes
 * readable when submitted commands have ended; -1 with *error filled when there is none to be had.
 * It is the library's, is only to be waited for, and stays the same until the client is destroyed.
 * To be called before the first submit.
 */
int32_t asz_client_wake_fd(asz_client *client, asz_error *error);

/*
 * Starts one command, of whatever kind, and does not wait for it; request and policy may be freed
 * when it returns. What is wrong with the request is told at once, and then there is no completion;
 * everything else is told once, by a completion with this token, which may be any number. Any
 * thread. There is no order among those in flight. When there are as many as the configuration's
 * "max_in_flight", the next one is ASZ_ERROR_ASYNC_QUEUE_FULL.
 */
int32_t asz_client_submit(asz_client *client, uint64_t token, int32_t command,
                          const uint8_t *request, uint64_t request_len, const asz_policy *policy,
                          asz_error *error);

/*
 * The same for one of several reads that come at the same time. ASZ_GET, ASZ_SELECT and ASZ_EXISTS
 * wait until asz_client_flush, if they are not begun before; all else begins at once. A handful and
 * more of them that go to one node with the same timeouts and filter travel as one batch, and come
 * back as themselves: their results, errors, retries and counts are those of single commands. Some
 * travel alone: linearized reads, those of all replicas, those that send the key, and those whose
 * policy has compress, connect_timeout or error_details. A write to a record begins after the
 * reads of it that were submitted before.
 */
int32_t asz_client_submit_waiting(asz_client *client, uint64_t token, int32_t command,
                                  const uint8_t *request, uint64_t request_len,
                                  const asz_policy *policy, asz_error *error);

/* Begins what waits. Any thread. */
void asz_client_flush(asz_client *client);

/*
 * Starts what asz_client_batch_read_table runs. The table, and all that it points to, must stay
 * where it is until the completion is collected, whose result is empty.
 */
int32_t asz_client_submit_batch_read_table(asz_client *client, uint64_t token,
                                           const uint8_t *request, uint64_t request_len,
                                           const asz_policy *policy, asz_table *table,
                                           asz_error *error);

/*
 * asz_client_connect for who does not wait: a thread of the library does it, and tells by a
 * completion with this token, whose result is empty. Signals do not interrupt it.
 */
int32_t asz_client_submit_connect(asz_client *client, uint64_t token, asz_error *error);

/* The same for asz_client_close. What is in flight ends first, and is told like any other. */
int32_t asz_client_submit_close(asz_client *client, uint64_t token, asz_error *error);

/*
 * Ends what was submitted with this token, which is not 0, if it is still in progress: its completion
 * has ASZ_ERROR_CLIENT_ABORT then, or, when it came too late, what it would have had. Any thread.
 */
void asz_client_cancel(asz_client *client, uint64_t token);

/*
 * Collects commands that have ended, at most `max`, into `completions` and their results into
 * `data`, of `capacity` bytes, both from their beginning; returns how many, and never waits.
 * *needed is 0, or the bytes that the next result takes when it alone does not fit into `capacity`:
 * call again with more memory. The descriptor stays readable while any are left. One thread at a
 * time.
 */
uint32_t asz_client_drain(asz_client *client, asz_completion *completions, uint32_t max,
                          uint8_t *data, uint64_t capacity, uint64_t *needed);

/*
 * Offers the calling thread, which drains, as the one that carries out submitted commands while few are
 * in flight: no other thread is woken then. Returns a descriptor that is to be watched like that of
 * asz_client_wake_fd as long as asz_client_is_hosted says so, which may change with every submit and
 * drain; asz_client_drain does the work. -1 where the system has none, or when the client is not
 * connected; to be called again after each connect.
 */
int32_t asz_client_host(asz_client *client);

/* 1 while the thread that called asz_client_host is to watch that descriptor, otherwise 0. */
int32_t asz_client_is_hosted(asz_client *client);

/* The offer is over; a thread of the library goes on. By the thread that made it, or after it ended. */
void asz_client_end_host(asz_client *client);

/*
 * To be called after an asz_client_drain that asked for more memory, when there is none: that operation
 * fails with ASZ_ERROR_OUT_OF_MEMORY, and the next asz_client_drain tells so. By whoever drains.
 */
void asz_client_lose_result(asz_client *client);

/*
 * Queries: all records of a set, or those that a secondary index finds, from all nodes at once.
 * The request is a MessagePack map; all but the namespace may be absent:
 *   "namespace", "set"     "" stands for the whole namespace
 *   "bins": [bin]          absent: all
 *   "where": [bin or nil, collection, begin, end] and perhaps options
 *                          collection: 0 the value itself, 1 list members, 2 map keys, 3 map values;
 *                          begin and end inclusive, the same for strings and bytes; GeoJSON and nil
 *                          options: {"context": [step], "index": name, "expression": bytes}
 *   "max_records": n       0: all; otherwise exactly so many, if there are
 *   "records_per_second"   of each node; 0: no limit
 *   "include_bin_data"     false: keys and metadata only
 *   "expected_duration"    0 long, 1 short, 2 long and relaxed
 *   "partitions": [first, count]
 *   "after": digest        goes on after this record of the one partition, or of the first
 *   "token": bytes         goes on where asz_query_token says
 *   "operations": [OPERATION]   read operations, in place of bins (server 8.1.2)
 * Every record comes once, whatever happens to nodes in between, or the query fails.
 */
#define ASZ_QUERY 30 /* for asz_policy_init */

/*
 * Checks the request; no network is touched. *query is the caller's until asz_query_close; NULL
 * after a failure. A NULL policy means the defaults of ASZ_QUERY. One thread at a time takes records;
 * the other functions may be called on any thread at any time, also in a signal handler that has
 * interrupted a call with this query.
 */
int32_t asz_query_open(asz_client *client, const uint8_t *request, uint64_t request_len,
                       const asz_policy *policy, asz_query **query, asz_error *error);

/*
 * Waits for records and gives some of them, a MessagePack array of RECORDs; the result's length is
 * 0 when there are no more. Not calling is backpressure. After ASZ_ERROR_INTERRUPTED it may be called
 * again; other failures are final.
 */
int32_t asz_query_next(asz_query *query, asz_result *result, asz_error *error);

/*
 * The same, or with a table what asz_query_next_table does, without waiting: told by a completion
 * with this token, whose result is the array, or the number of rows. The table, and all that it
 * points to, must stay where it is until then, and the completion of one call is drained before the
 * next call. A query is either submitted or waited for.
 */
int32_t asz_query_submit_next(asz_query *query, uint64_t token, asz_table *table,
                              asz_error *error);

/*
 * The same with records as rows: gives the first *rows of the table's, 0 when there are no more.
 * Rows beyond them, and fields that a record has no bin for, stay as they were, which should be
 * zero.
 */
int32_t asz_query_next_table(asz_query *query, asz_table *table, uint64_t *rows, asz_error *error);

/*
 * The place that a later query, in whatever process, may go on from: after all records that were
 * given, but for the last `unread` of the latest array; while more are waited for, or wait to be
 * drained, after all before those. Its length is 0 when nothing is left.
 */
int32_t asz_query_token(asz_query *query, uint64_t unread, asz_result *result, asz_error *error);

/*
 * A batch whose rows are handed out as they are answered. Kind and request are those of ASZ_BATCH or
 * ASZ_BATCH_MIXED, as is a NULL policy; *query is used like that of asz_query_open, without tables,
 * columns and a token. asz_query_next gives rows as the batch's result has them, in any order, each one
 * once. Nothing is sent before the first call. The time between calls is not part of the policy's
 * timeouts.
 */
int32_t asz_batch_open(asz_client *client, int32_t kind, const uint8_t *request, uint64_t request_len,
                       const asz_policy *policy, asz_query **query, asz_error *error);

/* Ends a waiting asz_query_next, and all later ones, with ASZ_ERROR_CLIENT_ABORT. Any thread. */
void asz_query_abort(asz_query *query);

/*
 * Stops the servers' work for the query, and frees it. A waiting asz_query_next ends as if it were
 * aborted, and a submitted one is still to be drained. NULL is allowed.
 */
void asz_query_close(asz_query *query);

/*
 * Arrow: records as columns, which other libraries take over as they are, without a copy. An asz_arrow
 * takes records and makes a table of them, again and again; all tables of one have the same columns.
 * It is described by a MessagePack map, whose members may be absent:
 *   "columns": [COLUMN]  one for each bin that is wanted, in this order; absent: for all bins that the
 *                        records of the first table have
 *   "key": boolean       in front of them the columns "_set", "_key" (the user key) and "_digest". When
 *                        it comes before "columns", the type of "_key" may be among those
 *   "meta": boolean      and "_gen" and "_ttl" (seconds; 4294967295 for a record that never expires)
 *   "nulls": boolean     a value that does not fit is null, and its record has the result code
 *                        ASZ_ERROR_VALUE_MISMATCH; absent: it is that error
 * COLUMN is [name, format, nullable, origin, [COLUMN]]: a field of Arrow with its format string, and
 * the fields inside it. Of a bin the format may be nil: then the type is inferred from all values of the
 * first table, and values of other types do not fit, also later. Origin is "", or "geojson" for texts
 * that are. Formats are those of null, booleans, integers, floats, text, binary, fixed-size binary,
 * dates, times, timestamps and durations (integers in their unit), lists, maps and structs (maps whose
 * keys are the fields' names). GeoJSON is text, and HyperLogLog binary, with the entry
 * "aerospike:type" in the field's metadata, "geojson" or "hll". A bin that is not there is null.
 */

/*
 * *arrow is the caller's until asz_arrow_destroy; NULL after a failure. One thread at a time uses it,
 * and nobody while records are being read into it.
 */
int32_t asz_arrow_create(const uint8_t *description, uint64_t description_len, asz_arrow **arrow,
                         asz_error *error);

/* Tables that were made stay. NULL is allowed. */
void asz_arrow_destroy(asz_arrow *arrow);

/*
 * Does what asz_client_batch_read_table does, with a table of as many rows as there are keys, in their
 * order, which asz_arrow_make is to be called for then. What was in `arrow` is forgotten.
 */
int32_t asz_client_batch_read_arrow(asz_client *client, const uint8_t *request,
                                    uint64_t request_len, const asz_policy *policy,
                                    asz_arrow *arrow, asz_error *error);

/* Starts that; `arrow` must not be used until the completion is collected, whose result is empty. */
int32_t asz_client_submit_batch_read_arrow(asz_client *client, uint64_t token,
                                           const uint8_t *request, uint64_t request_len,
                                           const asz_policy *policy, asz_arrow *arrow,
                                           asz_error *error);

/*
 * Waits for `rows_max` records, or all that are left, and adds them to `arrow`, which has room for that
 * many with those that it has: *rows is how many have come, 0 when there are no more. Otherwise like
 * asz_query_next.
 */
int32_t asz_query_next_arrow(asz_query *query, asz_arrow *arrow, uint64_t rows_max, uint64_t *rows,
                             asz_error *error);

/*
 * asz_query_submit_next for that: the completion's result is the number of records. `arrow` must not be
 * used until it is collected.
 */
int32_t asz_query_submit_next_arrow(asz_query *query, uint64_t token, asz_arrow *arrow,
                                    uint64_t rows_max, asz_error *error);

/*
 * Makes a table of the records, a struct array that is the caller's to release: about `values_max`
 * values of it, 0: all. While array->release is NULL after a success, it is to be called again. Records
 * stay in `arrow`, with their result codes, until asz_arrow_clear or the next batch. When a value does
 * not fit, *mismatch, if given, says which was the first by row and column.
 */
int32_t asz_arrow_make(asz_arrow *arrow, uint64_t values_max, struct ArrowArray *array,
                       asz_mismatch *mismatch, asz_error *error);

/* Forgets the records, and keeps the columns. */
void asz_arrow_clear(asz_arrow *arrow);

/* The type of all tables, once the first was made; the schema is the caller's to release. */
int32_t asz_arrow_schema(asz_arrow *arrow, struct ArrowSchema *schema, asz_error *error);

/* Copies the result codes of the first `count` rows; returns how many rows there are. */
uint64_t asz_arrow_codes(asz_arrow *arrow, int32_t *codes, uint64_t count);

/*
 * Makes *copy another table with the same memory as one of asz_arrow_make, which is to be released on
 * its own; the memory is freed with the last.
 */
int32_t asz_arrow_share(const struct ArrowArray *array, struct ArrowArray *copy, asz_error *error);

/*
 * Makes *stream one of tables with `rows_max` records each, the last with fewer, which are read when they
 * are asked for, on the thread that asks. After a success query and arrow are the stream's, and the
 * caller uses neither again: its `release` closes them, at any time, so that the servers stop.
 */
int32_t asz_query_arrow_stream(asz_query *query, asz_arrow *arrow, uint64_t rows_max,
                               struct ArrowArrayStream *stream, asz_error *error);

/*
 * Writes the request of an ASZ_BATCH_MIXED that puts a record for each of `count` rows of a table, of
 * whoever made it, beginning with `first`. Its type is a struct; the structs stay the caller's. `place` is
 * [namespace, set, column with the user keys, META, whether a null removes the bin, number], as MessagePack,
 * with the number of the array's first row in the whole table, for messages, 0 if it is left out; all other
 * columns are bins.
 * Failures: ASZ_ERROR_VALUE_MISMATCH for an integer that does not fit into 64 bits,
 * ASZ_ERROR_INVALID_ARGUMENT for a type that no bin takes, or a key that is null.
 */
int32_t asz_arrow_encode(const struct ArrowSchema *schema, const struct ArrowArray *array,
                         uint64_t first, uint64_t count, const uint8_t *place, uint64_t place_len,
                         asz_result *result, asz_error *error);

/*
 * Gives back a result that the library owns, and clears the members but for `size`; to be used
 * again, it is to be given memory again. Others, and NULL, are left alone.
 */
void asz_result_release(asz_result *result);

/*
 * Writes the digest that the server knows a KEY by into the 20 bytes at `digest`. Needs no client;
 * ASZ_ERROR_INVALID_ARGUMENT when it is none.
 */
int32_t asz_key_digest(const uint8_t *key, uint64_t key_len, uint8_t *digest, asz_error *error);

/*
 * Turns an expression, a tree of MessagePack maps as the documentation of expressions describes
 * them, into the server's encoding, for the filter of any number of policies. Needs no client.
 * ASZ_ERROR_INVALID_ARGUMENT names what is wrong.
 */
int32_t asz_expression_compile(const uint8_t *expression, uint64_t expression_len,
                               asz_result *result, asz_error *error);

/*
 * Turns the text of an expression, UTF-8 in the language of filters that the documentation of expressions
 * describes, into the tree that asz_expression_compile takes, and that may be part of a larger one.
 * `parameters` has what its open places stand for: [[value of "?0", of "?1" ...], {name: value of
 * "%(name)s"}], as MessagePack, or nothing. Both are the caller's, and not kept; `result` is given back
 * with asz_result_release. Needs no client. ASZ_ERROR_INVALID_ARGUMENT for a text that is not one of the
 * language: the message has line and column, in characters, and what was expected there, and
 * `text_position` the byte; for a text or parameters of more than 1048575 bytes, more than 65536 values or
 * names, or 1024 variables; for parentheses, lists, maps and negations nested deeper than 50 levels, or
 * expressions deeper than 101. ASZ_ERROR_WRONG_TYPE for a parameter that no constant can be. The deepest
 * text takes less than 512 KiB of the calling thread's stack.
 */
int32_t asz_expression_parse(const uint8_t *text, uint64_t text_len, const uint8_t *parameters,
                             uint64_t parameters_len, asz_result *result, asz_error *error);

/*
 * Tells which index answers a part of a filter, and which: the question is [expression, set or "", [INDEX]],
 * the expression as asz_expression_compile takes it, and INDEX [set or "", bin or nil, TYPE, COLLECTION,
 * context or nil, expression or nil], the last two bytes in the server's encoding, of indexes that all nodes
 * can read. The result is [number of the INDEX, WHERE, KIND, expression that is left or nil]: WHERE for the
 * "where" of a query, the rest for the filter of its policy, and KIND "equals", "between", "contains",
 * "within_region" or "contains_point"; or [nil, nil, nil, the whole expression] where no index does.
 * Conditions that all have to hold are taken one by one; an equality is preferred, then a member of a
 * collection, a range, a region, and a range with one end; an index of the set, and what comes first. Needs
 * no client. ASZ_ERROR_INVALID_ARGUMENT when it is no such question.
 */
int32_t asz_query_plan(const uint8_t *question, uint64_t question_len,
                       asz_result *result, asz_error *error);

/*
 * Turns a context, [step], into the server's encoding, as it is listed in base64 for an index. Needs no
 * client. ASZ_ERROR_INVALID_ARGUMENT names what is wrong.
 */
int32_t asz_context_encode(const uint8_t *context, uint64_t context_len,
                           asz_result *result, asz_error *error);

/*
 * Turns a value as servers keep it, a particle's type and bytes, into MessagePack. Needs no client.
 * ASZ_ERROR_INVALID_ARGUMENT when the bytes are none of that type.
 */
int32_t asz_particle_decode(uint8_t type, const uint8_t *data, uint64_t data_len,
                            asz_result *result, asz_error *error);

/*
 * Turns a value in MessagePack into what servers have of it within a list, as functions take their
 * arguments. Needs no client. ASZ_ERROR_INVALID_ARGUMENT when it is none that can be stored.
 */
int32_t asz_value_pack(const uint8_t *value, uint64_t value_len,
                       asz_result *result, asz_error *error);

/*
 * How long the operations of all clients of this process took, since it began:
 * [[bound in ns], [[operation, namespace, set, status, sum in ns, [count]]]]. A count is of the
 * operations that took no longer than the bound of the same index, and longer than the one before;
 * the last is of those beyond all bounds. A batch is one operation, on the set of its first key.
 */
int32_t asz_metrics(asz_result *result, asz_error *error);

/*
 * Requests are written, and results read, value by value, by whoever has no library of MessagePack. A
 * writer begins with `size` and zeros, or with memory of the caller's in data and capacity; when that is
 * full, it goes on in memory of the library, and `owned` is not 0. What is not 0 in `status` says why
 * something could not be written; then the length is 0, and stays so until asz_writer_clear. One thread
 * at a time uses a writer, or a reader.
 */
typedef struct {
    uint32_t size;
    int32_t status;
    uint8_t *data;
    uint64_t capacity;
    uint64_t length;
    uint32_t owned;
    uint32_t reserved;
} asz_writer;

/* Writes nil, which removes the bin when it is a bin's. */
void asz_write_nil(asz_writer *writer);

/* Writes false for 0, and true for all else. */
void asz_write_boolean(asz_writer *writer, int32_t flag);

/* Writes an integer. */
void asz_write_integer(asz_writer *writer, int64_t number);

/* Writes a float of 64 bits. */
void asz_write_float(asz_writer *writer, double number);

/* Writes a text of UTF-8, which is not looked at. */
void asz_write_string(asz_writer *writer, const char *text, uint64_t text_len);

/* The same of a text that ends with its first NUL. */
void asz_write_text(asz_writer *writer, const char *text);

/* Writes a blob. */
void asz_write_bytes(asz_writer *writer, const uint8_t *data, uint64_t data_len);

/* Begins an array: so many values that follow are its members. */
void asz_write_array(asz_writer *writer, uint32_t count);

/* Begins a map: so many pairs that follow are its members, each a key and a value. */
void asz_write_map(asz_writer *writer, uint32_t count);

/* Writes one of the extension types above, with its payload. */
void asz_write_extension(asz_writer *writer, int8_t type, const uint8_t *data, uint64_t data_len);

/*
 * Begins an extension whose payload, such as an ordered map, is the values that follow, up to
 * asz_write_end with the number that this returns.
 */
uint64_t asz_write_begin(asz_writer *writer, int8_t type);

/* Ends what asz_write_begin began. */
void asz_write_end(asz_writer *writer, uint64_t begin);

/* Writes values that are MessagePack already, such as a result. */
void asz_write_value(asz_writer *writer, const uint8_t *value, uint64_t value_len);

/* Forgets what was written, and whether it failed; keeps the memory. */
void asz_writer_clear(asz_writer *writer);

/* The same, and gives back memory of the library. NULL is allowed. */
void asz_writer_release(asz_writer *writer);

/* Where the next value is read: bytes that stay the caller's, and a position in them. */
typedef struct {
    const uint8_t *data;
    uint64_t length;
    uint64_t position;
} asz_reader;

#define ASZ_VALUE_NONE 0      /* there is none: the end, or what is no MessagePack */
#define ASZ_VALUE_NIL 1
#define ASZ_VALUE_BOOLEAN 2   /* 0 or 1, in integer */
#define ASZ_VALUE_INTEGER 3   /* in integer, and in number as well */
#define ASZ_VALUE_FLOAT 4     /* in number */
#define ASZ_VALUE_STRING 5    /* data, of so much length, without a NUL */
#define ASZ_VALUE_BYTES 6     /* the same */
#define ASZ_VALUE_ARRAY 7     /* so many members, which are read next */
#define ASZ_VALUE_MAP 8       /* so many pairs, which are read next */
#define ASZ_VALUE_EXTENSION 9 /* data, which a reader of its own reads if it is a value */
#define ASZ_VALUE_UNSIGNED 10 /* an integer beyond INT64_MAX: its bits */

/* A value that was read. Its data are where the reader's are. */
typedef struct {
    uint8_t kind; /* ASZ_VALUE_... */
    int8_t extension;
    uint8_t reserved[6];
    int64_t integer;
    double number;
    const uint8_t *data;
    uint64_t length;
} asz_value;

/*
 * Reads the next value; of an array or a map only how many members follow. ASZ_ERROR_INVALID_ARGUMENT,
 * and ASZ_VALUE_NONE, when there is none; the position stays then.
 */
int32_t asz_read(asz_reader *reader, asz_value *value);

/* Passes over so many values, with all that is inside them. Fails as asz_read does. */
int32_t asz_read_past(asz_reader *reader, uint64_t count);

/*
 * Where in the map that `map` stands before, which stays there, the value of this name is: 1 when
 * `found` stands before it, 0 when there is none, or no map.
 */
int32_t asz_read_find(const asz_reader *map, const char *name, asz_reader *found);

/* A line of the library's log: set `size` before a call that fills it. No text is NUL-terminated. */
typedef struct {
    uint32_t size;
    int32_t code;         /* what went wrong, as of an asz_error; 0: nothing */
    uint64_t duration_ms; /* how long it took, or 0 */
    uint64_t count;       /* how many there were, or 0 */
    uint16_t text_len;
    uint8_t node_len;     /* 0: it is not about one node */
    uint8_t event_len;
    char text[560];       /* for people */
    char node[32];        /* the node's name */
    char event[32];       /* what happened, for programs, such as "node_left" */
} asz_log_line;

/*
 * Waits for the next line of the library's log, which says what became of clusters and their nodes:
 * who joined and left, who is slow, makes errors or is not reached; each once, and once when it is
 * over. Fills `line` and returns its level: 0 error, 1 warning, 2 information, 3 debugging. -1:
 * there was none in that time, or asz_log_stop was called. One thread at a time. The library keeps
 * the last 128 lines, and never waits for a reader.
 */
int32_t asz_log_next(asz_log_line *line, uint32_t timeout_ms);

/* Ends the present wait in asz_log_next, or the next one. Any thread. */
void asz_log_stop(void);

/*
 * Sets a function that is asked whenever a signal interrupts a waiting call, on the thread that
 * waits: 0 goes on waiting, any other value ends the call with ASZ_ERROR_INTERRUPTED. One for
 * the process; NULL (the default) always goes on.
 */
void asz_set_interrupt_check(int32_t (*check)(void));

/* cdef:end */

#ifdef __cplusplus
}
#endif

#endif
