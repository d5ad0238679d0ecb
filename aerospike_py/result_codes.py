"""What a result code means.

Positive codes are the server's, negative ones the client's. `constants` has the same numbers by the
names of other clients.
"""

from enum import IntEnum

__all__ = ["ResultCode"]


class ResultCode(IntEnum):
    """The result codes of errors and of rows of batches; they are equal to the ints."""

    WRONG_TYPE = -106
    """An argument is of a wrong type; a TypeError says so."""
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
