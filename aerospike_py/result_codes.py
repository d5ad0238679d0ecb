"""What a result code means: `ResultCode`, and the same numbers by the names of other clients.

Positive codes are the server's, negative ones the client's.
"""

from enum import IntEnum
from typing import Final

AEROSPIKE_ERR_NO_DESCRIPTOR: Final = -105
AEROSPIKE_ERR_VALUE_MISMATCH: Final = -104
AEROSPIKE_ERR_INTERRUPTED: Final = -103
AEROSPIKE_ERR_NOT_CONNECTED: Final = -101
AEROSPIKE_ERR_OUT_OF_MEMORY: Final = -100
AEROSPIKE_ERR_BATCH_FAILED: Final = -16
AEROSPIKE_ERR_NO_RESPONSE: Final = -15
AEROSPIKE_ERR_MAX_ERROR_RATE: Final = -14
AEROSPIKE_ERR_MAX_RETRIES_EXCEEDED: Final = -12
AEROSPIKE_ERR_ASYNC_QUEUE_FULL: Final = -11
AEROSPIKE_ERR_CONNECTION: Final = -10
AEROSPIKE_ERR_TLS: Final = -9
AEROSPIKE_ERR_INVALID_NODE: Final = -8
AEROSPIKE_ERR_NO_MORE_CONNECTIONS: Final = -7
AEROSPIKE_ERR_CLIENT_ABORT: Final = -5
AEROSPIKE_ERR_INVALID_HOST: Final = -4
AEROSPIKE_ERR_NO_MORE_RECORDS: Final = -3
AEROSPIKE_ERR_PARAM: Final = -2
AEROSPIKE_ERR_CLIENT: Final = -1
AEROSPIKE_OK: Final = 0
AEROSPIKE_ERR_SERVER: Final = 1
AEROSPIKE_ERR_RECORD_NOT_FOUND: Final = 2
AEROSPIKE_ERR_RECORD_GENERATION: Final = 3
AEROSPIKE_ERR_REQUEST_INVALID: Final = 4
AEROSPIKE_ERR_RECORD_EXISTS: Final = 5
AEROSPIKE_ERR_BIN_EXISTS: Final = 6
AEROSPIKE_ERR_CLUSTER_CHANGE: Final = 7
AEROSPIKE_ERR_SERVER_FULL: Final = 8
AEROSPIKE_ERR_TIMEOUT: Final = 9
AEROSPIKE_ERR_ALWAYS_FORBIDDEN: Final = 10
AEROSPIKE_ERR_CLUSTER: Final = 11
AEROSPIKE_ERR_BIN_INCOMPATIBLE_TYPE: Final = 12
AEROSPIKE_ERR_RECORD_TOO_BIG: Final = 13
AEROSPIKE_ERR_RECORD_BUSY: Final = 14
AEROSPIKE_ERR_SCAN_ABORTED: Final = 15
AEROSPIKE_ERR_UNSUPPORTED_FEATURE: Final = 16
AEROSPIKE_ERR_BIN_NOT_FOUND: Final = 17
AEROSPIKE_ERR_DEVICE_OVERLOAD: Final = 18
AEROSPIKE_ERR_RECORD_KEY_MISMATCH: Final = 19
AEROSPIKE_ERR_NAMESPACE_NOT_FOUND: Final = 20
AEROSPIKE_ERR_BIN_NAME: Final = 21
AEROSPIKE_ERR_FAIL_FORBIDDEN: Final = 22
AEROSPIKE_ERR_FAIL_ELEMENT_NOT_FOUND: Final = 23
AEROSPIKE_ERR_FAIL_ELEMENT_EXISTS: Final = 24
AEROSPIKE_ERR_ENTERPRISE_ONLY: Final = 25
AEROSPIKE_ERR_OP_NOT_APPLICABLE: Final = 26
AEROSPIKE_ERR_FILTERED_OUT: Final = 27
AEROSPIKE_ERR_LOST_CONFLICT: Final = 28
AEROSPIKE_ERR_INVALID_ENCODING: Final = 29
AEROSPIKE_ERR_XDR_KEY_BUSY: Final = 32
AEROSPIKE_ERR_QUERY_END: Final = 50
AEROSPIKE_ERR_SECURITY_NOT_SUPPORTED: Final = 51
AEROSPIKE_ERR_SECURITY_NOT_ENABLED: Final = 52
AEROSPIKE_ERR_SECURITY_SCHEME_NOT_SUPPORTED: Final = 53
AEROSPIKE_ERR_INVALID_COMMAND: Final = 54
AEROSPIKE_ERR_INVALID_FIELD: Final = 55
AEROSPIKE_ERR_ILLEGAL_STATE: Final = 56
AEROSPIKE_ERR_INVALID_USER: Final = 60
AEROSPIKE_ERR_USER_ALREADY_EXISTS: Final = 61
AEROSPIKE_ERR_INVALID_PASSWORD: Final = 62
AEROSPIKE_ERR_EXPIRED_PASSWORD: Final = 63
AEROSPIKE_ERR_FORBIDDEN_PASSWORD: Final = 64
AEROSPIKE_ERR_INVALID_CREDENTIAL: Final = 65
AEROSPIKE_ERR_EXPIRED_SESSION: Final = 66
AEROSPIKE_ERR_INVALID_ROLE: Final = 70
AEROSPIKE_ERR_ROLE_ALREADY_EXISTS: Final = 71
AEROSPIKE_ERR_INVALID_PRIVILEGE: Final = 72
AEROSPIKE_ERR_INVALID_WHITELIST: Final = 73
AEROSPIKE_ERR_QUOTAS_NOT_ENABLED: Final = 74
AEROSPIKE_ERR_INVALID_QUOTA: Final = 75
AEROSPIKE_ERR_NOT_AUTHENTICATED: Final = 80
AEROSPIKE_ERR_ROLE_VIOLATION: Final = 81
AEROSPIKE_ERR_NOT_WHITELISTED: Final = 82
AEROSPIKE_ERR_QUOTA_EXCEEDED: Final = 83
AEROSPIKE_ERR_UDF: Final = 100
AEROSPIKE_ERR_BATCH_DISABLED: Final = 150
AEROSPIKE_ERR_BATCH_MAX_REQUESTS_EXCEEDED: Final = 151
AEROSPIKE_ERR_BATCH_QUEUES_FULL: Final = 152
AEROSPIKE_ERR_GEO_INVALID_GEOJSON: Final = 160
AEROSPIKE_ERR_INDEX_FOUND: Final = 200
AEROSPIKE_ERR_INDEX_NOT_FOUND: Final = 201
AEROSPIKE_ERR_INDEX_OOM: Final = 202
AEROSPIKE_ERR_INDEX_NOT_READABLE: Final = 203
AEROSPIKE_ERR_INDEX: Final = 204
AEROSPIKE_ERR_INDEX_NAME_MAXLEN: Final = 205
AEROSPIKE_ERR_INDEX_MAXCOUNT: Final = 206
AEROSPIKE_ERR_QUERY_ABORTED: Final = 210
AEROSPIKE_ERR_QUERY_QUEUE_FULL: Final = 211
AEROSPIKE_ERR_QUERY_TIMEOUT: Final = 212
AEROSPIKE_ERR_QUERY: Final = 213


class ResultCode(IntEnum):
    """The result codes of errors and of rows of batches; they are equal to the ints."""

    NO_DESCRIPTOR = -105
    """The process is out of descriptors or local ports."""
    VALUE_MISMATCH = -104
    """A value does not fit its column."""
    INTERRUPTED = -103
    """A signal handler raised during the call."""
    NOT_CONNECTED = -101
    """The client is not connected."""
    OUT_OF_MEMORY = -100
    """The client is out of memory."""
    BATCH_FAILED = -16
    """At least one row of the batch failed."""
    NO_RESPONSE = -15
    """No answer came for the row."""
    MAX_ERROR_RATE = -14
    """The node had too many errors and is given a rest."""
    MAX_RETRIES_EXCEEDED = -12
    """The retries are used up."""
    ASYNC_QUEUE_FULL = -11
    """Too many operations are in flight."""
    CONNECTION = -10
    """The connection to the node failed."""
    TLS = -9
    """TLS failed."""
    INVALID_NODE = -8
    """There is no such node, or none for the partition."""
    NO_MORE_CONNECTIONS = -7
    """The limit of connections to the node is reached."""
    CLIENT_ABORT = -5
    """The client ended the operation."""
    INVALID_HOST = -4
    """The host's name does not resolve."""
    NO_MORE_RECORDS = -3
    """There are no more records."""
    PARAM = -2
    """An argument is not valid."""
    CLIENT = -1
    """The client cannot do it."""
    OK = 0
    """It was done."""
    SERVER = 1
    """The server failed, and does not say how."""
    RECORD_NOT_FOUND = 2
    """There is no such record."""
    RECORD_GENERATION = 3
    """The generation is not the expected one."""
    REQUEST_INVALID = 4
    """The server found the request invalid."""
    RECORD_EXISTS = 5
    """The record exists already."""
    BIN_EXISTS = 6
    """The bin exists already."""
    CLUSTER_CHANGE = 7
    """The cluster changed in the meantime."""
    SERVER_FULL = 8
    """The server is out of space."""
    TIMEOUT = 9
    """It did not end in time."""
    ALWAYS_FORBIDDEN = 10
    """The server's configuration forbids it."""
    CLUSTER = 11
    """The partition is unavailable."""
    BIN_INCOMPATIBLE_TYPE = 12
    """The bin's type does not fit."""
    RECORD_TOO_BIG = 13
    """The record is larger than the namespace allows."""
    RECORD_BUSY = 14
    """Too many operations wait for the record."""
    SCAN_ABORTED = 15
    """Somebody ended the scan."""
    UNSUPPORTED_FEATURE = 16
    """The server does not support it."""
    BIN_NOT_FOUND = 17
    """There is no such bin."""
    DEVICE_OVERLOAD = 18
    """The node's storage does not keep up."""
    RECORD_KEY_MISMATCH = 19
    """The stored key is another one."""
    NAMESPACE_NOT_FOUND = 20
    """There is no such namespace."""
    BIN_NAME = 21
    """The bin's name is not valid."""
    FAIL_FORBIDDEN = 22
    """It is forbidden at this time."""
    FAIL_ELEMENT_NOT_FOUND = 23
    """The list or map has no such element."""
    FAIL_ELEMENT_EXISTS = 24
    """The list or map has the element already."""
    ENTERPRISE_ONLY = 25
    """Only the Enterprise Edition does it."""
    OP_NOT_APPLICABLE = 26
    """The operation does not fit the value."""
    FILTERED_OUT = 27
    """The filter is false for the record."""
    LOST_CONFLICT = 28
    """Another cluster's write goes before this one."""
    INVALID_ENCODING = 29
    """The value is not encoded as it should be."""
    XDR_KEY_BUSY = 32
    """The record is being shipped."""
    QUERY_END = 50
    """The query has ended."""
    SECURITY_NOT_SUPPORTED = 51
    """The server knows no security."""
    SECURITY_NOT_ENABLED = 52
    """The server's security is not enabled."""
    SECURITY_SCHEME_NOT_SUPPORTED = 53
    """The server does not know the scheme."""
    INVALID_COMMAND = 54
    """The server does not know the command."""
    INVALID_FIELD = 55
    """A field of the command is not valid."""
    ILLEGAL_STATE = 56
    """It makes no sense at this time."""
    INVALID_USER = 60
    """There is no such user."""
    USER_ALREADY_EXISTS = 61
    """The user exists already."""
    INVALID_PASSWORD = 62
    """The password is not valid."""
    EXPIRED_PASSWORD = 63
    """The password has expired."""
    FORBIDDEN_PASSWORD = 64
    """The password was used before."""
    INVALID_CREDENTIAL = 65
    """User or password are wrong."""
    EXPIRED_SESSION = 66
    """The login has expired."""
    INVALID_ROLE = 70
    """There is no such role."""
    ROLE_ALREADY_EXISTS = 71
    """The role exists already."""
    INVALID_PRIVILEGE = 72
    """There is no such privilege."""
    INVALID_WHITELIST = 73
    """An address of the allowlist is not valid."""
    QUOTAS_NOT_ENABLED = 74
    """The server's quotas are not enabled."""
    INVALID_QUOTA = 75
    """The quota is not valid."""
    NOT_AUTHENTICATED = 80
    """Nobody is logged in on the connection."""
    ROLE_VIOLATION = 81
    """The user has not the privilege."""
    NOT_WHITELISTED = 82
    """The user may not come from this address."""
    QUOTA_EXCEEDED = 83
    """The user's quota is used up."""
    UDF = 100
    """The function failed."""
    BATCH_DISABLED = 150
    """The server's batches are disabled."""
    BATCH_MAX_REQUESTS_EXCEEDED = 151
    """The batch has more rows than the server takes."""
    BATCH_QUEUES_FULL = 152
    """The server's queues of batches are full."""
    GEO_INVALID_GEOJSON = 160
    """The GeoJSON is not valid."""
    INDEX_FOUND = 200
    """The index exists already."""
    INDEX_NOT_FOUND = 201
    """There is no such index."""
    INDEX_OOM = 202
    """The index is out of memory."""
    INDEX_NOT_READABLE = 203
    """The index is still being built."""
    INDEX = 204
    """The index failed."""
    INDEX_NAME_MAXLEN = 205
    """The index's name is too long."""
    INDEX_MAXCOUNT = 206
    """There are as many indexes as there can be."""
    QUERY_ABORTED = 210
    """Somebody ended the query."""
    QUERY_QUEUE_FULL = 211
    """The server's queue of queries is full."""
    QUERY_TIMEOUT = 212
    """The query did not end in time."""
    QUERY = 213
    """The query failed."""


__all__ = [
    "AEROSPIKE_ERR_ALWAYS_FORBIDDEN",
    "AEROSPIKE_ERR_ASYNC_QUEUE_FULL",
    "AEROSPIKE_ERR_BATCH_DISABLED",
    "AEROSPIKE_ERR_BATCH_FAILED",
    "AEROSPIKE_ERR_BATCH_MAX_REQUESTS_EXCEEDED",
    "AEROSPIKE_ERR_BATCH_QUEUES_FULL",
    "AEROSPIKE_ERR_BIN_EXISTS",
    "AEROSPIKE_ERR_BIN_INCOMPATIBLE_TYPE",
    "AEROSPIKE_ERR_BIN_NAME",
    "AEROSPIKE_ERR_BIN_NOT_FOUND",
    "AEROSPIKE_ERR_CLIENT",
    "AEROSPIKE_ERR_CLIENT_ABORT",
    "AEROSPIKE_ERR_CLUSTER",
    "AEROSPIKE_ERR_CLUSTER_CHANGE",
    "AEROSPIKE_ERR_CONNECTION",
    "AEROSPIKE_ERR_DEVICE_OVERLOAD",
    "AEROSPIKE_ERR_ENTERPRISE_ONLY",
    "AEROSPIKE_ERR_EXPIRED_PASSWORD",
    "AEROSPIKE_ERR_EXPIRED_SESSION",
    "AEROSPIKE_ERR_FAIL_ELEMENT_EXISTS",
    "AEROSPIKE_ERR_FAIL_ELEMENT_NOT_FOUND",
    "AEROSPIKE_ERR_FAIL_FORBIDDEN",
    "AEROSPIKE_ERR_FILTERED_OUT",
    "AEROSPIKE_ERR_FORBIDDEN_PASSWORD",
    "AEROSPIKE_ERR_GEO_INVALID_GEOJSON",
    "AEROSPIKE_ERR_ILLEGAL_STATE",
    "AEROSPIKE_ERR_INDEX",
    "AEROSPIKE_ERR_INDEX_FOUND",
    "AEROSPIKE_ERR_INDEX_MAXCOUNT",
    "AEROSPIKE_ERR_INDEX_NAME_MAXLEN",
    "AEROSPIKE_ERR_INDEX_NOT_FOUND",
    "AEROSPIKE_ERR_INDEX_NOT_READABLE",
    "AEROSPIKE_ERR_INDEX_OOM",
    "AEROSPIKE_ERR_INTERRUPTED",
    "AEROSPIKE_ERR_INVALID_COMMAND",
    "AEROSPIKE_ERR_INVALID_CREDENTIAL",
    "AEROSPIKE_ERR_INVALID_ENCODING",
    "AEROSPIKE_ERR_INVALID_FIELD",
    "AEROSPIKE_ERR_INVALID_HOST",
    "AEROSPIKE_ERR_INVALID_NODE",
    "AEROSPIKE_ERR_INVALID_PASSWORD",
    "AEROSPIKE_ERR_INVALID_PRIVILEGE",
    "AEROSPIKE_ERR_INVALID_QUOTA",
    "AEROSPIKE_ERR_INVALID_ROLE",
    "AEROSPIKE_ERR_INVALID_USER",
    "AEROSPIKE_ERR_INVALID_WHITELIST",
    "AEROSPIKE_ERR_LOST_CONFLICT",
    "AEROSPIKE_ERR_MAX_ERROR_RATE",
    "AEROSPIKE_ERR_MAX_RETRIES_EXCEEDED",
    "AEROSPIKE_ERR_NAMESPACE_NOT_FOUND",
    "AEROSPIKE_ERR_NOT_AUTHENTICATED",
    "AEROSPIKE_ERR_NOT_CONNECTED",
    "AEROSPIKE_ERR_NOT_WHITELISTED",
    "AEROSPIKE_ERR_NO_DESCRIPTOR",
    "AEROSPIKE_ERR_NO_MORE_CONNECTIONS",
    "AEROSPIKE_ERR_NO_MORE_RECORDS",
    "AEROSPIKE_ERR_NO_RESPONSE",
    "AEROSPIKE_ERR_OP_NOT_APPLICABLE",
    "AEROSPIKE_ERR_OUT_OF_MEMORY",
    "AEROSPIKE_ERR_PARAM",
    "AEROSPIKE_ERR_QUERY",
    "AEROSPIKE_ERR_QUERY_ABORTED",
    "AEROSPIKE_ERR_QUERY_END",
    "AEROSPIKE_ERR_QUERY_QUEUE_FULL",
    "AEROSPIKE_ERR_QUERY_TIMEOUT",
    "AEROSPIKE_ERR_QUOTAS_NOT_ENABLED",
    "AEROSPIKE_ERR_QUOTA_EXCEEDED",
    "AEROSPIKE_ERR_RECORD_BUSY",
    "AEROSPIKE_ERR_RECORD_EXISTS",
    "AEROSPIKE_ERR_RECORD_GENERATION",
    "AEROSPIKE_ERR_RECORD_KEY_MISMATCH",
    "AEROSPIKE_ERR_RECORD_NOT_FOUND",
    "AEROSPIKE_ERR_RECORD_TOO_BIG",
    "AEROSPIKE_ERR_REQUEST_INVALID",
    "AEROSPIKE_ERR_ROLE_ALREADY_EXISTS",
    "AEROSPIKE_ERR_ROLE_VIOLATION",
    "AEROSPIKE_ERR_SCAN_ABORTED",
    "AEROSPIKE_ERR_SECURITY_NOT_ENABLED",
    "AEROSPIKE_ERR_SECURITY_NOT_SUPPORTED",
    "AEROSPIKE_ERR_SECURITY_SCHEME_NOT_SUPPORTED",
    "AEROSPIKE_ERR_SERVER",
    "AEROSPIKE_ERR_SERVER_FULL",
    "AEROSPIKE_ERR_TIMEOUT",
    "AEROSPIKE_ERR_TLS",
    "AEROSPIKE_ERR_UDF",
    "AEROSPIKE_ERR_UNSUPPORTED_FEATURE",
    "AEROSPIKE_ERR_USER_ALREADY_EXISTS",
    "AEROSPIKE_ERR_VALUE_MISMATCH",
    "AEROSPIKE_ERR_XDR_KEY_BUSY",
    "AEROSPIKE_OK",
    "ResultCode",
]
