"""The exceptions, and the one table that chooses them by result code.

Result codes: positive ones are the server's, negative ones the client's.
"""

import warnings
from typing import Any

__all__ = [
    "AdminError",
    "AerospikeError",
    "AerospikeIndexError",
    "AerospikeTimeoutError",
    "BackpressureError",
    "BinExistsError",
    "BinNameError",
    "BinNotFound",
    "BinTypeError",
    "ClientError",
    "ClusterError",
    "DeviceOverload",
    "ElementExists",
    "ElementNotFound",
    "EnterpriseOnly",
    "FilteredOut",
    "ForbiddenError",
    "IndexFoundError",
    "IndexNotFound",
    "IndexNotReadable",
    "InvalidArgError",
    "InvalidNamespace",
    "LostConflict",
    "MaxErrorRate",
    "NoMoreConnections",
    "NotAuthenticated",
    "ObjectError",
    "OpNotApplicable",
    "QueryAbortedError",
    "QueryError",
    "QuotaExceeded",
    "RecordBusy",
    "RecordError",
    "RecordExistsError",
    "RecordGenerationError",
    "RecordKeyMismatch",
    "RecordNotFound",
    "RecordTooBig",
    "RoleViolation",
    "ServerError",
    "ServerFull",
    "TLSError",
    "UDFError",
    "UnsupportedFeature",
]


class AerospikeError(Exception):
    """The base of everything that this package raises on its own account.

    Attributes:
        message: What went wrong, in one sentence.
        result_code: The server's code (positive), or the client's (negative).
        in_doubt: True when a write may or may not have taken effect.
        node: The name of the node that was asked last; None when none was.
        attempts: How often it was tried; 0 where that is not counted.
        earlier: The failures of the attempts before the last one, the oldest first, as far as there
            was room for them; their messages are cut.
        subcode: The server's number for what exactly went wrong, which belongs to the result code;
            None unless the policy's `error_detail_verbosity` asked for it, of a server from 8.2 on.
        detail: The server's own text; None as `subcode`.
        trace: Of an expression that failed, where it did: "phase" (1: while it was built, 2:
            evaluated), "outcome" (1: a fault, 2: false, 3: a bin or the key is absent), "op",
            "path", "depth", "snippet", "byte_offset" and the like, as far as the server says.
            None as `subcode`.
    """

    attempts: int = 0
    earlier: tuple["AerospikeError", ...] = ()
    subcode: int | None = None
    detail: str | None = None
    trace: dict[str, Any] | None = None

    _default_result_code = -1

    def __init__(
        self,
        message: str = "",
        *,
        result_code: int | None = None,
        in_doubt: bool = False,
        node: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.result_code: int = self._default_result_code if result_code is None else result_code
        self.in_doubt = in_doubt
        self.node = node

    def _take_details(self, details: dict[str, Any]) -> None:
        self.subcode = details.get("subcode")
        self.detail = details.get("message")
        self.trace = details.get("trace")

    def __str__(self) -> str:
        details = []
        if self.result_code > 0:
            details.append(f"result code {self.result_code}")
        if self.subcode is not None:
            details.append(f"subcode {self.subcode}")
        if self.node:
            details.append(f"node {self.node}")
        if self.in_doubt:
            details.append("in doubt: it may have taken effect")
        return f"{self.message} ({', '.join(details)})" if details else self.message

    def __repr__(self) -> str:
        details = [repr(self.message), f"result_code={self.result_code}"]
        if self.in_doubt:
            details.append("in_doubt=True")
        if self.node:
            details.append(f"node={self.node!r}")
        return f"{type(self).__name__}({', '.join(details)})"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {**self.__dict__}
        return (_restore, (type(self), self.message), state)


def _restore(cls: type[AerospikeError], message: str) -> AerospikeError:
    return cls(message)


class ClientError(AerospikeError):
    """The client cannot do it: not connected, not supported, out of memory."""


class ObjectError(ClientError, ValueError):
    """The bins of a record do not fit the class that they are read into.

    Attributes:
        key: The record's key; None when there is no record.
        bin: The bin; None when it is not about one.
        field: Its field.
    """

    _default_result_code = -104

    key: tuple[Any, ...] | None = None
    bin: str | None = None
    field: str | None = None


class BackpressureError(ClientError):
    """Too many operations are in flight in this client."""

    _default_result_code = -11


class ClusterError(AerospikeError):
    """The cluster, or the node that holds the record, cannot be reached."""

    _default_result_code = -10


class TLSError(ClusterError):
    """TLS with a node fails, or cannot work with what the configuration gives.

    The text names the certificate, the file or the key of the configuration, and what to do.
    """

    _default_result_code = -9


class NoMoreConnections(ClusterError):
    """All connections to the node that there may be are in use."""

    _default_result_code = -7


class MaxErrorRate(ClusterError):
    """The node had too many errors of late, and is given a rest."""

    _default_result_code = -14


class InvalidArgError(AerospikeError, ValueError):
    """An argument, a policy or a configuration is not valid."""

    _default_result_code = -2


class AerospikeTimeoutError(AerospikeError, TimeoutError):
    """The operation did not end in time; see `in_doubt` for writes.

    It is a built-in `TimeoutError`, too.
    """

    _default_result_code = 9


class RecordError(AerospikeError):
    """The operation does not fit the record."""


class RecordNotFound(RecordError):
    """There is no such record."""

    _default_result_code = 2


class RecordExistsError(RecordError):
    """The record exists already."""

    _default_result_code = 5


class RecordGenerationError(RecordError):
    """The record's generation is not the expected one."""

    _default_result_code = 3


class RecordTooBig(RecordError):
    """The record is larger than the namespace allows."""

    _default_result_code = 13


class BinNameError(RecordError):
    """A bin name is too long, empty, or one too many."""

    _default_result_code = 21


class BinExistsError(RecordError):
    """The bin exists already."""

    _default_result_code = 6


class BinNotFound(RecordError):
    """There is no such bin."""

    _default_result_code = 17


class BinTypeError(RecordError):
    """The bin's type does not fit the operation."""

    _default_result_code = 12


class FilteredOut(RecordError):
    """The filter expression is false for the record."""

    _default_result_code = 27


class RecordBusy(RecordError):
    """Too many operations wait for the record, or it is being shipped to another cluster."""

    _default_result_code = 14


class RecordKeyMismatch(RecordError):
    """The record is stored with another user key."""

    _default_result_code = 19


class ElementNotFound(RecordError):
    """The list or map has no such element, and the operation needs it."""

    _default_result_code = 23


class ElementExists(RecordError):
    """The list or map has the element already, and the operation may not replace it."""

    _default_result_code = 24


class OpNotApplicable(RecordError):
    """The operation does not fit the value, such as an index that a list has not."""

    _default_result_code = 26


class LostConflict(RecordError):
    """A write of another cluster goes before this one."""

    _default_result_code = 28


class ServerError(AerospikeError):
    """The server refuses or fails."""

    _default_result_code = 1


class DeviceOverload(ServerError):
    """The node's storage does not keep up with what is written; try again later."""

    _default_result_code = 18


class InvalidNamespace(ServerError):
    """The cluster has no such namespace."""

    _default_result_code = 20


class ServerFull(ServerError):
    """The namespace has no space left."""

    _default_result_code = 8


class ForbiddenError(ServerError):
    """The server's configuration forbids it, always or at this time."""

    _default_result_code = 22


class UnsupportedFeature(ServerError):
    """The server does not support it."""

    _default_result_code = 16


class EnterpriseOnly(ServerError):
    """Only the Enterprise Edition does it."""

    _default_result_code = 25


class AerospikeIndexError(ServerError):
    """A secondary index cannot be used, made or removed."""

    _default_result_code = 204


class IndexNotReadable(AerospikeIndexError):
    """The index is still being built."""

    _default_result_code = 203


class IndexNotFound(AerospikeIndexError):
    """There is no such index."""

    _default_result_code = 201


class IndexFoundError(AerospikeIndexError):
    """The index exists already."""

    _default_result_code = 200


class QueryError(ServerError):
    """A query fails on the server."""

    _default_result_code = 213


class QueryAbortedError(QueryError):
    """A query was aborted on the server."""

    _default_result_code = 210


class AdminError(ServerError):
    """Users, roles, authentication: the server refuses."""

    _default_result_code = 51


class NotAuthenticated(AdminError):
    """Nobody is logged in, or the login is refused."""

    _default_result_code = 80


class RoleViolation(AdminError):
    """The user has not the privilege."""

    _default_result_code = 81


class QuotaExceeded(AdminError):
    """The quota of the user's role is used up."""

    _default_result_code = 83


class UDFError(ServerError):
    """A user-defined function fails, or is not registered."""

    _default_result_code = 100


_BY_CLASS: list[tuple[type[AerospikeError], tuple[int, ...]]] = [
    # -3 no more records, -5 aborted, -100 out of memory, -101 not connected, -103 interrupted,
    # -105 out of descriptors
    (ClientError, (-1, -3, -5, -100, -101, -103, -105)),
    # -106 stands for a TypeError, which it is raised as.
    (InvalidArgError, (-2, 4, -106)),
    (ObjectError, (-104,)),
    # -4 host, -8 node, -10 connection, -12 retries, -15 no response
    (ClusterError, (-4, -8, -10, -12, -15)),
    (TLSError, (-9,)),
    (ClusterError, (7, 11)),  # the cluster changes, the partition is unavailable
    (NoMoreConnections, (-7,)),
    (MaxErrorRate, (-14,)),
    (BackpressureError, (-11,)),
    # -16 batch failed, 29 encoding, 150 to 152 batches, 160 GeoJSON
    (ServerError, (-16, 1, 29, 150, 151, 152, 160)),
    (ServerFull, (8,)),
    (ForbiddenError, (10, 22)),
    (UnsupportedFeature, (16,)),
    (DeviceOverload, (18,)),
    (InvalidNamespace, (20,)),
    (EnterpriseOnly, (25,)),
    (RecordNotFound, (2,)),
    (RecordGenerationError, (3,)),
    (RecordExistsError, (5,)),
    (BinExistsError, (6,)),
    (AerospikeTimeoutError, (9,)),
    (BinTypeError, (12,)),
    (RecordTooBig, (13,)),
    (RecordBusy, (14, 32)),
    (BinNotFound, (17,)),
    (RecordKeyMismatch, (19,)),
    (BinNameError, (21,)),
    (ElementNotFound, (23,)),
    (ElementExists, (24,)),
    (OpNotApplicable, (26,)),
    (FilteredOut, (27,)),
    (LostConflict, (28,)),
    (QueryAbortedError, (15, 210)),
    (QueryError, (50, 211, 212, 213)),
    (AdminError, (51, 52, 53, 54, 55, 56, *range(60, 67), *range(70, 76), 82)),
    (NotAuthenticated, (80,)),
    (RoleViolation, (81,)),
    (QuotaExceeded, (83,)),
    (UDFError, (100,)),
    (IndexFoundError, (200,)),
    (IndexNotFound, (201,)),
    (IndexNotReadable, (203,)),
    (AerospikeIndexError, (202, 204, 205, 206)),
]


def _by_code() -> dict[int, type[AerospikeError]]:
    table: dict[int, type[AerospikeError]] = {}
    for cls, codes in _BY_CLASS:
        for code in codes:
            if code in table:
                raise ImportError(f"two exceptions for result code {code}")
            table[code] = cls
    return table


_CLASS_BY_CODE = _by_code()


def class_for(result_code: int) -> type[AerospikeError]:
    """The exception class for a result code other than 0; unknown codes have the general ones."""
    cls = _CLASS_BY_CODE.get(result_code)
    if cls is None:
        return ServerError if result_code > 0 else ClientError
    return cls


_DEPRECATED = {"TimeoutError": "AerospikeTimeoutError", "IndexError": "AerospikeIndexError"}


def __getattr__(name: str) -> Any:
    new_name = _DEPRECATED.get(name)
    if new_name is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"aerospike_py.exception.{name} is deprecated; use {new_name}",
        DeprecationWarning,
        stacklevel=2,
    )
    return globals()[new_name]
