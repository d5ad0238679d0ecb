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
    "FilteredOut",
    "IndexFoundError",
    "IndexNotFound",
    "InvalidArgError",
    "QueryAbortedError",
    "QueryError",
    "RecordError",
    "RecordExistsError",
    "RecordGenerationError",
    "RecordNotFound",
    "RecordTooBig",
    "ServerError",
    "UDFError",
]


class AerospikeError(Exception):
    """The base of everything that this package raises on its own account.

    Attributes:
        message: What went wrong, in one sentence.
        result_code: The server's code (positive), or the client's (negative).
        in_doubt: True when a write may or may not have taken effect.
        node: The name of the node that was asked last; None when none was.
    """

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
        self.result_code = self._default_result_code if result_code is None else result_code
        self.in_doubt = in_doubt
        self.node = node

    def __str__(self) -> str:
        details = []
        if self.result_code > 0:
            details.append(f"result code {self.result_code}")
        if self.node:
            details.append(f"node {self.node}")
        if self.in_doubt:
            details.append("in doubt: it may have taken effect")
        return f"{self.message} ({', '.join(details)})" if details else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        state = {**self.__dict__}
        return (_restore, (type(self), self.message), state)


def _restore(cls: type[AerospikeError], message: str) -> AerospikeError:
    return cls(message)


class ClientError(AerospikeError):
    """The client cannot do it: not connected, not supported, out of memory."""


class BackpressureError(ClientError):
    """Too many operations are in flight in this client."""

    _default_result_code = -11


class ClusterError(AerospikeError):
    """The cluster, or the node that holds the record, cannot be reached."""

    _default_result_code = -10


class InvalidArgError(AerospikeError, ValueError):
    """An argument, a policy or a configuration is not valid."""

    _default_result_code = -2


class AerospikeTimeoutError(AerospikeError):
    """The operation did not end in time; see `in_doubt` for writes."""

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


class ServerError(AerospikeError):
    """The server refuses or fails."""

    _default_result_code = 1


class AerospikeIndexError(ServerError):
    """A secondary index cannot be used, made or removed."""

    _default_result_code = 204


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


class UDFError(ServerError):
    """A user-defined function fails, or is not registered."""

    _default_result_code = 100


_BY_CLASS: list[tuple[type[AerospikeError], tuple[int, ...]]] = [
    # -3 no more records, -5 aborted, -100 out of memory, -101 not connected, -103 interrupted,
    # -105 out of descriptors
    (ClientError, (-1, -3, -5, -100, -101, -103, -105)),
    (InvalidArgError, (-2, 4)),
    # -4 host, -7 connections, -8 node, -9 TLS, -10 connection, -12 retries, -14 error rate
    (ClusterError, (-4, -7, -8, -9, -10, -12, -14, -15)),
    (ClusterError, (7, 11)),  # the cluster changes, the partition is unavailable
    (BackpressureError, (-11,)),
    (ServerError, (-16, 1, 8, 10, 16, 18, 20, 22, 25, 29, 150, 151, 152, 160)),
    (RecordNotFound, (2,)),
    (RecordGenerationError, (3,)),
    (RecordExistsError, (5,)),
    (BinExistsError, (6,)),
    (AerospikeTimeoutError, (9,)),
    (BinTypeError, (12,)),
    (RecordTooBig, (13,)),
    (BinNotFound, (17,)),
    (BinNameError, (21,)),
    (FilteredOut, (27,)),
    # 14 busy, 19 key mismatch, 23 and 24 elements, 26 not applicable, 28 conflict, 32 shipping
    (RecordError, (14, 19, 23, 24, 26, 28, 32)),
    (QueryAbortedError, (15, 210)),
    (QueryError, (50, 211, 212, 213)),
    (AdminError, (51, 52, 53, 54, 55, 56, *range(60, 67), *range(70, 76), *range(80, 84))),
    (UDFError, (100,)),
    (IndexFoundError, (200,)),
    (IndexNotFound, (201,)),
    (AerospikeIndexError, (202, 203, 204, 205, 206)),
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
