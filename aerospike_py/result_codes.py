"""What a result code means.

Positive codes are the server's, negative ones the client's. `constants` has the same numbers by the
names of other clients.
"""

from enum import IntEnum
from typing import Final

__all__ = ["ResultCode", "SubCode"]


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


class SubCode:
    """What exactly went wrong, as `subcode` of an exception says it of servers from 8.2 on.

    The first part of a name says which result code the number belongs to: those of another code
    have the same numbers.
    """

    NONE: Final = 0
    """Nothing that the result code does not say."""
    PARAM_TTL_INVALID: Final = 1
    """The time to live is longer than the namespace allows."""
    PARAM_BITS_OFFSET_OUT_OF_RANGE: Final = 2
    """Bits begin beyond the end of the blob."""
    PARAM_BITS_SIZE_OUT_OF_RANGE: Final = 3
    """So many bits there are not."""
    PARAM_BITS_RESIZE_EXCEEDED: Final = 4
    """The blob would become too large."""
    PARAM_BIN_COUNT_TOO_LARGE: Final = 5
    """The record would have too many bins."""
    PARAM_STRING_OP_PARAMS_INVALID: Final = 6
    """An argument of an operation on a string is not valid."""
    PARAM_STRING_CTX_MALFORMED: Final = 8
    """The context of an operation on a string is malformed."""
    PARAM_STRING_INDEX_OUT_OF_BOUNDS: Final = 9
    """An index is outside the string."""
    PARAM_STRING_REGEX_INVALID: Final = 10
    """The regular expression is not one."""
    PARAM_STRING_UTF8_INVALID: Final = 11
    """An argument is not valid UTF-8."""
    UNAVAIL_INITIAL_BALANCE_UNRESOLVED: Final = 1
    """The cluster is still forming after its start."""
    UNAVAIL_REPLICA_UNAVAILABLE: Final = 2
    """A copy that is needed cannot be reached."""
    UNSUPP_FEAT_MRT_REQUIRES_STRONG_CONSISTENCY: Final = 1
    """Transactions need a strongly consistent namespace."""
    UNSUPP_FEAT_GENERIC: Final = 2
    """The feature is not supported there."""
    BIN_NOT_FOUND_HLL_CANNOT_CREATE_WITH_OP: Final = 1
    """The operation does not create the HyperLogLog it needs."""
    BIN_NAME_COUNT_TOO_LARGE: Final = 1
    """A function would give the record too many bins."""
    FORBID_XDR_FILTER_BLOCKED: Final = 1
    """A filter of XDR refuses the record."""
    FORBID_SET_COUNT_STOP_WRITES: Final = 2
    """The set has as many records as it may."""
    FORBID_SET_SIZE_STOP_WRITES: Final = 3
    """The set is as large as it may be."""
    FORBID_CLOCK_SKEW_STOP_WRITES: Final = 4
    """The clocks of the nodes are too far apart."""
    FORBID_REPLACE_CONFLICT_RESOLVING: Final = 5
    """No record is replaced while conflicts are resolved."""
    FORBID_TRUNCATED: Final = 6
    """The set or namespace is being truncated."""
    FORBID_MASKING_POLICY_BLOCKED: Final = 7
    """A masking policy forbids it."""
    FORBID_DURABILITY_VIOLATION: Final = 8
    """A delete has to be durable there."""
    FORBID_MASKING_ROLE_VIOLATION: Final = 9
    """The user's roles show masked data only."""
    OPNOT_CDT_INDEX_OUT_OF_BOUNDS: Final = 1
    """The list or map has no such index."""
    OPNOT_CDT_RANK_OUT_OF_BOUNDS: Final = 2
    """The list or map has no such rank."""
    OPNOT_CDT_BOUNDED_LIST_OVERFLOW: Final = 3
    """The list would grow beyond its bounds."""
    OPNOT_HLL_INDEX_BITS_UNSET: Final = 4
    """The HyperLogLog has no index bits yet."""
    OPNOT_HLL_CANNOT_REDUCE_INDEX_BITS: Final = 5
    """Index bits would have to be reduced, which is not allowed."""
    OPNOT_HLL_CANNOT_REDUCE_MINHASH_BITS: Final = 6
    """The same of minhash bits."""
    OPNOT_HLL_CANNOT_FOLD_MINHASH: Final = 7
    """What has minhash bits cannot be folded."""
    OPNOT_HLL_FOLD_INDEX_BITS_TOO_LARGE: Final = 8
    """Folding can only reduce the index bits."""
    OPNOT_HLL_INTERSECT_MINHASH_MISMATCH: Final = 9
    """The HyperLogLogs have different minhash bits."""
    OPNOT_STRING_CONVERSION_FAILED: Final = 10
    """The string is not what it is to be converted to."""
    OPNOT_STRING_UTF8_INVALID: Final = 11
    """The string is not valid UTF-8."""
    OPNOT_STRING_REGEX_LIMIT_EXCEEDED: Final = 12
    """The regular expression takes too long on the string."""
    OPNOT_STRING_B64_INVALID: Final = 13
    """The string is not base64."""
    FILTERED_META: Final = 1
    """The filter, which looks at metadata alone, is false."""
    FILTERED_BINS: Final = 2
    """The filter, which looks at bins, is false."""
    FILTERED_META_EVAL_FAILED: Final = 3
    """A filter that looks at metadata alone cannot be evaluated."""
    FILTERED_BINS_EVAL_FAILED: Final = 4
    """A filter that looks at bins cannot be evaluated."""
    MRT_BLOCKED_RECORD_LOCKED: Final = 1
    """Another transaction has locked the record."""
    MRT_BLOCKED_ID_MISMATCH: Final = 2
    """The operation belongs to another transaction."""
