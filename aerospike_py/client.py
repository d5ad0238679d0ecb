"""The synchronous client.

Made of `async_client` by scripts/sync_face.py, and not to be changed by hand.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeVar, overload

from ._operations import also_named
from ._requests import admin, batch, index, info, query, records, udf
from ._results import T
from ._session import Session
from .batch import BatchRecord, BatchRecords, BatchResults, BatchRow, BatchWrite
from .constants import (
    INDEX_BLOB,
    INDEX_GEO2DSPHERE,
    INDEX_NUMERIC,
    INDEX_STRING,
    INDEX_TYPE_DEFAULT,
)
from .exception import AerospikeTimeoutError, ClusterError
from .query import BackgroundJob, BatchStream, Query
from .types import (
    AdminPolicy,
    BatchPolicy,
    ClientConfig,
    ExistsResult,
    IndexInfo,
    InfoNodeResult,
    JobStatus,
    Key,
    NamespaceInfo,
    NodeInfo,
    NodeStats,
    OperateOrderedResult,
    OperatePolicy,
    Privilege,
    ReadPolicy,
    Record,
    RecordMetadata,
    RoleInfo,
    SetInfo,
    TLSStats,
    UDFFile,
    UserInfo,
    WriteMeta,
    WritePolicy,
    _NotChecked,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from numpy.typing import DTypeLike, NDArray

    from .arrow import ArrowBatch
    from .numpy_batch import NumpyBatchRecords
    from .objects import BatchRecordsOf, RecordOf, Storable

__all__ = ["Client", "client"]

_BatchWrite: TypeAlias = (
    tuple[Key, "Mapping[str, Any] | Storable"]
    | tuple[Key, "Mapping[str, Any] | Storable", WriteMeta | RecordMetadata | None]
)
_Client = TypeVar("_Client", bound="Client")


class Client:
    """A client of an Aerospike cluster, for use from any number of threads.

    Making one checks the configuration and touches no network; `connect` connects.

    Args:
        config: The configuration; only "hosts" is needed.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.

    Every operation may raise, beside what it names itself:

    - `TypeError`, `ValueError`, `OverflowError`: An argument is not valid; nothing was sent.
    - `InvalidArgError`: A policy is not valid; nothing was sent.
    - `ClientError`: The client is not connected.
    - `ClusterError`: The node cannot be reached.
    - `AerospikeTimeoutError`: It did not end within the policy's `total_timeout`.
    - `ServerError`: The server refuses, for example because there is no such namespace.

    All of the package's own are `AerospikeError` with `result_code`, `in_doubt` and `node`.
    """

    def __init__(self, config: ClientConfig | Mapping[str, _NotChecked]) -> None:
        self._session = Session(config)
        self._policies = self._session.policies
        self._execute = self._session.execute
        self._getting = records.getting(self._policies)
        self._exists = records.asking(self._policies)

    def __repr__(self) -> str:
        return repr(self._session)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Client has connections and cannot be copied or pickled; make another")

    def connect(self: _Client, username: str | None = None, password: str | None = None) -> _Client:
        """Connects to the cluster; does nothing when connected.

        Args:
            username: The user to log in as, instead of the configuration's.
            password: The user's password.

        Returns:
            The client itself.

        Raises:
            InvalidArgError: The configuration has no hosts.
            ClientError: There is a user name without a password.
            ClusterError: No host can be reached, or the cluster has another name.
            AerospikeTimeoutError: No host answers in time.
            AdminError: The login is refused.
        """
        self._session.connect(username, password)
        return self

    def is_connected(self) -> bool:
        """Whether the client is connected and the cluster has a node.

        A node leaves after five looks at the cluster without an answer.
        """
        return self._session.is_connected()

    def close(self) -> None:
        """Closes all connections. Idempotent; `connect` connects again.

        Operations of other threads that wait for an answer are cut short with a ClientError.
        """
        self._session.close()

    def __enter__(self: _Client) -> _Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False

    def get_node_names(self) -> list[str]:
        """The names of the cluster's active nodes."""
        return self._execute(info.node_names())

    def nodes(self) -> list[NodeInfo]:
        """The cluster's active nodes, by name. Asks no node.

        Raises:
            ClientError: The client is not connected.
        """
        return self._execute(info.nodes())

    def stats(self) -> list[NodeStats]:
        """What this client has counted of each node since it connected, by name. Asks no node.

        `get_metrics` has the same of all clients of the process, as text.

        Raises:
            ClientError: The client is not connected.
        """
        return self._execute(info.stats())

    def tls_stats(self) -> TLSStats | None:
        """What this client has counted of TLS since it connected; None without `tls`.

        Asks no node. `get_metrics` has the same of all clients of the process, as text.

        Raises:
            ClientError: The client is not connected.
        """
        return self._execute(info.tls_stats())

    def namespaces(self, policy: AdminPolicy | None = None) -> list[NamespaceInfo]:
        """The namespaces, by name.

        Args:
            policy: {"timeout": milliseconds} for each question to a node.
        """
        names = self._execute(info.namespaces(self._policies, policy))
        return [self._execute(info.namespace(self._policies, each, policy)) for each in names]

    def sets(
        self, namespace: str | None = None, policy: AdminPolicy | None = None
    ) -> list[SetInfo]:
        """The sets that have or had records, by namespace and name.

        Args:
            namespace: The namespace; None for all.
            policy: {"timeout": milliseconds} for each question to a node.

        Raises:
            InvalidNamespace: The cluster has no such namespace.
        """
        return self._execute(info.sets(self._policies, namespace, policy))

    def indexes(
        self, namespace: str | None = None, policy: AdminPolicy | None = None
    ) -> list[IndexInfo]:
        """The secondary indexes, by namespace and name.

        Args:
            namespace: The namespace; None for all.
            policy: {"timeout": milliseconds} for each question to a node.

        Raises:
            InvalidNamespace: The cluster has no such namespace.
        """
        return self._execute(index.listed(self._policies, namespace, policy))

    def ping(self, policy: AdminPolicy | None = None) -> bool:
        """Whether a node answers now.

        Args:
            policy: {"timeout": milliseconds}: how long that is waited for.

        Raises:
            ClientError: The client is not connected.
        """
        try:
            return self._execute(info.ping(self._policies, policy))
        except (ClusterError, AerospikeTimeoutError):
            return False

    @overload
    def get(self, key: Key, policy: ReadPolicy | None = None, *, into: None = None) -> Record: ...

    @overload
    def get(
        self, key: Key, policy: ReadPolicy | None = None, *, into: type[T]
    ) -> "RecordOf[T]": ...

    def get(
        self, key: Key, policy: ReadPolicy | None = None, *, into: type[T] | None = None
    ) -> "Record | RecordOf[T]":
        """Reads a record with all its bins.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            policy: How to read.
            into: A dataclass, Struct, TypedDict or pydantic model: the record's `bins` are one of
                these; see `aerospike_py.objects`.

        Raises:
            RecordNotFound: There is no such record.
            ObjectError: A bin does not fit its field in `into`, or is missing.
        """
        # Not called as methods, which CPython would look for in the class first.
        if into is None:
            request_of, execute = self._getting, self._execute
            return execute(request_of(key, policy))
        request = self._getting(key, policy)
        return self._execute(records.into_objects(self._policies, request, into))

    @overload
    def select(
        self,
        key: Key,
        bins: Sequence[str],
        policy: ReadPolicy | None = None,
        *,
        into: None = None,
    ) -> Record: ...

    @overload
    def select(
        self, key: Key, bins: Sequence[str], policy: ReadPolicy | None = None, *, into: type[T]
    ) -> "RecordOf[T]": ...

    def select(
        self,
        key: Key,
        bins: Sequence[str],
        policy: ReadPolicy | None = None,
        *,
        into: type[T] | None = None,
    ) -> "Record | RecordOf[T]":
        """Reads some bins of a record.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bins: The bins' names; those that the record has not are left out of the result.
            policy: How to read.
            into: A dataclass, Struct, TypedDict or pydantic model: the record's `bins` are one of
                these; see `aerospike_py.objects`.

        Raises:
            RecordNotFound: There is no such record.
            BinNameError: A bin name is empty or has more than 15 bytes.
            ObjectError: A bin does not fit its field in `into`, or is missing.
        """
        request = records.select(self._policies, key, bins, policy)
        if into is None:
            return self._execute(request)
        return self._execute(records.into_objects(self._policies, request, into))

    def exists(self, key: Key, policy: ReadPolicy | None = None) -> ExistsResult:
        """Asks whether a record exists, and for its metadata, without reading it.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            policy: How to read.

        Returns:
            The key and the metadata; `meta` is None when there is no such record.
        """
        return self._execute(self._exists(key, policy))

    def put(
        self,
        key: Key,
        bins: "Mapping[str, Any] | Storable",
        meta: WriteMeta | RecordMetadata | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Writes bins; the record's other bins stay, unless the policy's `exists` says otherwise.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bins: A dict of values by bin name: int (64 bits), float, str, bytes, bool, list, dict,
                GeoJSON, HyperLogLog, NumPy scalars; None removes the bin. Or an object with a bin
                for each field: a dataclass, Struct or pydantic model; see `aerospike_py.objects`.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen"), or the
                metadata of a record; the generation counts when the policy's `gen` compares it.
            policy: How to write.

        Raises:
            TypeError: `bins` is not a dict, or a value's type cannot be stored; it names the bin.
            OverflowError: An int does not fit into 64 bits.
            ValueError: Lists and maps are nested deeper than 256 levels.
            BinNameError: A bin name is empty or has more than 15 bytes.
            RecordExistsError: The policy says to create, and the record exists.
            RecordNotFound: The policy says to update, and there is no such record.
            RecordGenerationError: The generation is not the expected one.
            RecordTooBig: The record is larger than the namespace allows.
        """
        self._execute(records.put(self._policies, key, bins, meta, policy))

    def remove(
        self,
        key: Key,
        meta: WriteMeta | RecordMetadata | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Removes a record.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            meta: The expected generation ("gen"), when the policy's `gen` asks for one.
            policy: How to write.

        Raises:
            RecordNotFound: There is no such record.
            RecordGenerationError: The generation is not the expected one.
        """
        self._execute(records.remove(self._policies, key, meta, policy))

    def touch(
        self,
        key: Key,
        val: "int | timedelta | datetime" = 0,
        meta: WriteMeta | RecordMetadata | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Renews a record's time to live and increases its generation.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            val: The time to live in seconds or as a timedelta, when it ends as a datetime with a
                time zone, or a TTL_ constant; 0: the namespace's default. A `ttl` in meta or
                policy goes before it.
            meta: The time to live ("ttl") and the expected generation ("gen").
            policy: How to write.

        Raises:
            RecordNotFound: There is no such record.
            RecordGenerationError: The generation is not the expected one.
        """
        self._execute(records.touch(self._policies, key, val, meta, policy))

    def append(
        self,
        key: Key,
        bin: str,  # noqa: A002
        val: str | bytes,
        meta: WriteMeta | RecordMetadata | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Appends to a str or bytes bin; creates record and bin when they do not exist.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin: The bin's name.
            val: What to append, of the bin's type.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen"), or the
                metadata of a record; the generation counts when the policy's `gen` compares it.
            policy: How to write.

        Raises:
            TypeError: The value is neither str nor bytes.
            BinTypeError: The bin is of another type.
            BinNameError: The bin name is empty or has more than 15 bytes.
        """
        self._execute(records.append(self._policies, key, bin, val, meta, policy))

    def prepend(
        self,
        key: Key,
        bin: str,  # noqa: A002
        val: str | bytes,
        meta: WriteMeta | RecordMetadata | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Puts something before what is in a str or bytes bin; creates record and bin if need be.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin: The bin's name.
            val: What to put before it, of the bin's type.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen"), or the
                metadata of a record; the generation counts when the policy's `gen` compares it.
            policy: How to write.

        Raises:
            TypeError: The value is neither str nor bytes.
            BinTypeError: The bin is of another type.
            BinNameError: The bin name is empty or has more than 15 bytes.
        """
        self._execute(records.prepend(self._policies, key, bin, val, meta, policy))

    def increment(
        self,
        key: Key,
        bin: str,  # noqa: A002
        offset: int | float,
        meta: WriteMeta | RecordMetadata | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Adds to a numeric bin; creates record and bin when they do not exist.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin: The bin's name.
            offset: What to add, of the bin's type; negative to subtract.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen"), or the
                metadata of a record; the generation counts when the policy's `gen` compares it.
            policy: How to write.

        Raises:
            TypeError: The offset is neither int nor float.
            BinTypeError: The bin is of another type.
            BinNameError: The bin name is empty or has more than 15 bytes.
        """
        self._execute(records.increment(self._policies, key, bin, offset, meta, policy))

    def remove_bin(
        self,
        key: Key,
        bin_names: Sequence[str],
        meta: WriteMeta | RecordMetadata | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Removes bins of a record; the record goes with its last bin.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin_names: The bins' names.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen"), or the
                metadata of a record; the generation counts when the policy's `gen` compares it.
            policy: How to write.

        Raises:
            RecordNotFound: There is no such record.
            BinNameError: A bin name is empty or has more than 15 bytes.
        """
        self._execute(records.remove_bin(self._policies, key, bin_names, meta, policy))

    @overload
    def operate(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | RecordMetadata | None = None,
        policy: OperatePolicy | None = None,
        *,
        into: None = None,
    ) -> Record: ...

    @overload
    def operate(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | RecordMetadata | None = None,
        policy: OperatePolicy | None = None,
        *,
        into: type[T],
    ) -> "RecordOf[T]": ...

    def operate(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | RecordMetadata | None = None,
        policy: OperatePolicy | None = None,
        *,
        into: type[T] | None = None,
    ) -> "Record | RecordOf[T]":
        """Carries out several operations on a record, all of them or none, as one.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            ops: Dicts, each an operation: {"op": an OPERATOR_ constant, "bin": name, "val": value},
                or made by list_operations, map_operations, bit_operations, hll_operations and
                exp_operations.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen"), or the
                metadata of a record; the generation counts when the policy's `gen` compares it.
            policy: How to read and write; see `OperatePolicy`.
            into: A dataclass, Struct, TypedDict or pydantic model: the record's `bins` are one of
                these; see `aerospike_py.objects`.

        Returns:
            The record, with a bin for each that an operation had something to say of, which is its
            result, or a list of its results when there are several.

        Raises:
            InvalidArgError: There is no operation, or one is not valid; nothing was sent.
            RecordNotFound: The operations only read, and there is no such record.
            BinTypeError: A bin is of another type.
            RecordGenerationError: The generation is not the expected one.
            ObjectError: A bin does not fit its field in `into`, or is missing; what the operations
                write has been written.
        """
        request = records.operate(self._policies, key, ops, meta, policy)
        if into is None:
            return self._execute(request)
        return self._execute(records.into_objects(self._policies, request, into))

    def operate_ordered(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | RecordMetadata | None = None,
        policy: OperatePolicy | None = None,
    ) -> OperateOrderedResult:
        """Does what `operate` does, and gives the results in the order of the operations.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            ops: The operations; see `operate`.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen"), or the
                metadata of a record; the generation counts when the policy's `gen` compares it.
            policy: How to read and write; see `OperatePolicy`.

        Returns:
            The key, the metadata, and in `ordered_bins` one (name, value) for each result.

        Raises:
            InvalidArgError: There is no operation, or one is not valid; nothing was sent.
            RecordNotFound: The operations only read, and there is no such record.
            BinTypeError: A bin is of another type.
            RecordGenerationError: The generation is not the expected one.
        """
        return self._execute(records.operate_ordered(self._policies, key, ops, meta, policy))

    @overload
    def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        _dtype: None = None,
    ) -> BatchRecords: ...

    @overload
    def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        *,
        _dtype: "DTypeLike",
        errors: Literal["raise", "zero"] = "raise",
        mask: bool = False,
    ) -> "NumpyBatchRecords": ...

    @overload
    def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None,
        policy: BatchPolicy | None,
        _dtype: "DTypeLike",
        *,
        errors: Literal["raise", "zero"] = "raise",
        mask: bool = False,
    ) -> "NumpyBatchRecords": ...

    @overload
    def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        *,
        into: type[T],
    ) -> "BatchRecordsOf[T]": ...

    def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        _dtype: "DTypeLike | None" = None,
        *,
        errors: Literal["raise", "zero"] = "raise",
        mask: bool = False,
        into: type[T] | None = None,
    ) -> "BatchRecords | NumpyBatchRecords | BatchRecordsOf[T]":
        """Reads many records at once.

        Args:
            keys: (namespace, set, user key) each, or keys that results carry; of any namespaces
                and sets, and the same one more than once if need be.
            bins: The bins' names; None for all, an empty list to ask whether the records exist.
            policy: How to read.
            _dtype: A structured NumPy dtype whose fields have the names of bins: the records
                become rows of an array; see `aerospike_py.numpy_batch`.
            errors: With `_dtype`, what to do with a value that does not fit its field: "raise", or
                "zero" to leave the field zero and say so in the record's result code.
            mask: With `_dtype`, makes `batch_records` a masked array, with a mask over the bins
                that a record has not.
            into: A dataclass, Struct, TypedDict or pydantic model that the rows' `bins` are made
                of; see `aerospike_py.objects`.

        Returns:
            A row for each key, in the order of the keys. A record that does not exist is a row
            with the result 2 and without a record; it does not make the call fail.

        Raises:
            BinNameError: A bin name is empty or has more than 15 bytes.
            TypeError, OverflowError: With `_dtype`, a value does not fit its field.
            AerospikeError: No record at all could be asked for; otherwise the rows have what
                went wrong.
        """
        if _dtype is None:
            batch.check_without_dtype(errors, mask)
        if into is not None:
            batch.check_into(_dtype)
            return self._execute(batch.read_into(self._policies, keys, bins, policy, into))
        if _dtype is None:
            return self._execute(batch.read(self._policies, keys, bins, policy))
        return self._execute(
            batch.read_numpy(self._policies, keys, bins, policy, _dtype, errors, mask)
        )

    # Tuples of three and of four in one union are more than mypy can find literals' types in.
    @overload
    def batch_write(
        self,
        records: Iterable[_BatchWrite],
        policy: BatchPolicy | None = None,
        *,
        retry: int | None = None,
    ) -> BatchRecords: ...

    @overload
    def batch_write(
        self,
        records: Iterable[BatchWrite],
        policy: BatchPolicy | None = None,
        *,
        retry: int | None = None,
    ) -> BatchRecords: ...

    def batch_write(
        self,
        records: Iterable[BatchWrite],
        policy: BatchPolicy | None = None,
        *,
        retry: int | None = None,
    ) -> BatchRecords:
        """Writes many records at once, each as `put` does.

        Args:
            records: (key, bins), (key, bins, meta) or (key, bins, meta, policy) each; the bins may
                be an object, as `put` takes it. The time to live ("ttl") in a record's meta goes
                before the batch's policy; its generation ("gen") counts when the policy's `gen`
                compares it. A record's own policy goes before both; see
                `aerospike_py.batch.write`.
            policy: How to write.
            retry: Another name of the policy's `max_retries`: rows without an answer are sent again
                so often, and no others.

        Returns:
            A row for each record, in their order, with a result code for those that failed.

        Raises:
            TypeError, OverflowError, ValueError: A key or a value is not valid; nothing was sent.
            BinNameError: A bin name is empty or has more than 15 bytes.
            AerospikeError: No record at all could be written; otherwise the rows have what went
                wrong.
        """
        return self._execute(batch.write_all(self._policies, records, policy, retry))

    @also_named(data="array")
    def batch_write_numpy(
        self,
        array: "NDArray[Any]",
        namespace: str,
        set_name: str | None,
        key_field: str = "_key",
        meta: WriteMeta | RecordMetadata | None = None,
        policy: BatchPolicy | None = None,
        *,
        retry: int | None = None,
    ) -> BatchRecords:
        """Writes one record for each row of a structured NumPy array.

        Args:
            array: The array; its fields become bins of the same name, see
                `aerospike_py.numpy_batch`.
            namespace: The records' namespace.
            set_name: The records' set.
            key_field: The field with the user keys, which does not become a bin.
            meta: The records' time to live ("ttl", in seconds) and expected generation ("gen").
            policy: How to write.
            retry: Another name of the policy's `max_retries`.

        Returns:
            A row for each record, in their order, with a result code for those that failed.

        Raises:
            TypeError: It is no structured array, or a field is of a kind that no bin takes.
            InvalidArgError: There is no such key field.
            AerospikeError: No record at all could be written; otherwise the rows have what went
                wrong.
        """
        return self._execute(
            batch.write_numpy(
                self._policies, array, namespace, set_name, key_field, meta, policy, retry
            )
        )

    def batch_read_arrow(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        *,
        schema: Any = None,
        key: bool = False,
        meta: bool = False,
        errors: Literal["raise", "null"] = "raise",
    ) -> "ArrowBatch":
        """Reads many records at once, as columns of Arrow; see `aerospike_py.arrow`.

        Args:
            keys: (namespace, set, user key) each, or keys that results carry.
            bins: The bins' names, which are the columns; None for all bins of the schema, or
                without one for all that the records have.
            policy: How to read.
            schema: The types of columns: a dict of types by the names of bins, or anything with
                `__arrow_c_schema__`. A type that is None, or that there is none for, is inferred.
            key: Whether to have the columns "_set", "_key" and "_digest".
            meta: Whether to have the columns "_gen" and "_ttl" (seconds; 4294967295: the record
                never expires).
            errors: What to do with a value that does not fit its column: "raise", or "null" to make
                it null and say so in the record's result code.

        Returns:
            The columns, with a row for each key, in the order of the keys. Rows of records that
            were not read are null.

        Raises:
            BinNameError: A bin name is empty or has more than 15 bytes.
            InvalidArgError: There is no such type, or a bin has the name of a column of keys.
            TypeError, OverflowError: A value does not fit its column.
            AerospikeError: No record at all could be asked for.
        """
        destination = self._execute(
            batch.read_arrow(self._policies, keys, bins, policy, schema, key, meta, errors)
        )
        return self._session.in_steps(destination.making())

    def batch_write_arrow(
        self,
        table: Any,
        namespace: str,
        set_name: str | None,
        key_column: str = "_key",
        meta: WriteMeta | RecordMetadata | None = None,
        policy: BatchPolicy | None = None,
        *,
        rows: int = 5000,
    ) -> BatchRecords:
        """Writes one record for each row of a table of Arrow; see `aerospike_py.arrow`.

        Batches are made and sent one after the other: when an error is raised, those before have
        been written.

        Args:
            table: A table or frame of pyarrow, polars or pandas, or anything else with
                `__arrow_c_stream__`, which is read in this thread. Columns become bins of the same
                name, and a null removes the bin.
            namespace: The records' namespace.
            set_name: The records' set.
            key_column: The column with the user keys, which does not become a bin.
            meta: The records' time to live ("ttl", in seconds) and expected generation ("gen").
            policy: How to write.
            rows: How many records are in one batch; one is sent after the other.

        Returns:
            A row for each record, in their order, with a result code for those that failed.

        Raises:
            TypeError: It is no table, a column is of a type that no bin takes, or a key is null.
            InvalidArgError: There is no such key column.
            OverflowError: An integer does not fit into 64 bits, signed.
            AerospikeError: No record at all of a batch could be written. Otherwise the rows have
                what went wrong.
        """
        written: list[BatchRecord] = []
        for request in batch.write_arrow(
            self._policies, table, namespace, set_name, key_column, meta, policy, rows
        ):
            written += self._execute(request)
        return BatchRecords(written)

    def batch_operate(
        self,
        keys: Iterable[Key],
        ops: Sequence[Mapping[str, Any]],
        policy: BatchPolicy | None = None,
    ) -> BatchResults:
        """Carries out the same operations on many records, on each as `operate` does.

        Args:
            keys: (namespace, set, user key) each, or keys that results carry.
            ops: The operations; see `operate`.
            policy: How to write.

        Returns:
            A list with a Record for each key, in the order of the keys. One that failed has
            neither meta nor bins; the list's `batch_records` says why.

        Raises:
            InvalidArgError: There is no operation, or one is not valid; nothing was sent.
            AerospikeError: No record at all could be operated on.
        """
        return self._execute(batch.operate(self._policies, keys, ops, policy))

    def batch_remove(self, keys: Iterable[Key], policy: BatchPolicy | None = None) -> BatchResults:
        """Removes many records at once.

        Args:
            keys: (namespace, set, user key) each, or keys that results carry.
            policy: How to write.

        Returns:
            A list with a Record for each key, in the order of the keys. One that was not removed
            has neither meta nor bins; the list's `batch_records` says why, 2 when there was none.

        Raises:
            AerospikeError: No record at all could be asked for.
        """
        return self._execute(batch.remove(self._policies, keys, policy))

    def batch_apply(
        self,
        keys: Iterable[Key],
        module: str,
        function: str,
        args: Sequence[Any] | None = None,
        policy: BatchPolicy | None = None,
    ) -> BatchRecords:
        """Runs a registered function on many records, on each as `apply` does.

        Args:
            keys: (namespace, set, user key) each, or keys that results carry.
            module: The module, with or without ".lua".
            function: The function; its first argument is the record.
            args: Its further arguments, of any type that a bin can hold.
            policy: How to write.

        Returns:
            A row for each key, in the order of the keys, whose `value` is what the function
            returned. One whose function failed has the result code 100 and the server's text as
            `message`.

        Raises:
            TypeError: A key or an argument is not valid; nothing was sent.
            AerospikeError: No record at all could be asked for; otherwise the rows have what went
                wrong.
        """
        return self._execute(batch.apply(self._policies, keys, module, function, args, policy))

    def batch(self, rows: Iterable[BatchRow], policy: BatchPolicy | None = None) -> BatchRecords:
        """Reads, writes, removes and works on many records at once, each as its row says.

        Args:
            rows: Made by `read`, `write`, `operate`, `exists`, `remove` and `apply` of
                `aerospike_py.batch`. Rows of the same record are carried out in any order.
            policy: How to write, and to read.

        Returns:
            A row for each that was given, in their order.

        Raises:
            AerospikeError: No row at all was answered; otherwise the rows have what went wrong.
        """
        return self._execute(batch.rows(self._policies, rows, policy))

    def batch_stream(
        self,
        keys: Iterable[Key] | Iterable[BatchRow],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
    ) -> BatchStream:
        """Reads many records, or does with them what rows say; hands them out as nodes answer.

        Rows come in no order, each one once, and are told apart by their keys. Memory holds the
        keys and the records that have arrived together: nodes are asked for more when what they
        sent has been taken. What the caller does meanwhile is not part of the policy's timeouts.
        Servers drop answers that nobody takes for long: reads are asked for again then, and writes
        end in doubt.

        Args:
            keys: As for `batch_read`, or rows as for `batch`.
            bins: With keys, the bins' names; None for all, an empty list to ask whether the records
                exist.
            policy: How to read, and to write.

        Returns:
            What hands out the rows, which can be closed early. Nothing is sent before the first
            one is asked for.

        Raises:
            TypeError: There is something else than keys, or than rows.
            BinNameError: A bin name is empty or has more than 15 bytes.
            AerospikeError: By the iterator, when no row at all was answered; otherwise the rows
                have what went wrong.
        """
        return BatchStream(self._session, batch.stream(self._policies, keys, bins, policy))

    def info_all(self, command: str, policy: AdminPolicy | None = None) -> list[InfoNodeResult]:
        """Asks every node an info command.

        Args:
            command: For example "namespaces" or "sets/test".
            policy: {"timeout": milliseconds}.

        Returns:
            One (node_name, error_code, response) for each node. The code is 0, or the server's
            when it refuses, or the client's when the node does not answer; then the response
            says why.
        """
        return self._execute(info.info_all(self._policies, command, policy))

    def info_random_node(self, command: str, policy: AdminPolicy | None = None) -> str:
        """Asks any one node an info command.

        Args:
            command: For example "build".
            policy: {"timeout": milliseconds}.

        Returns:
            The answer, without the command that the server echoes.

        Raises:
            InvalidArgError: The server does not know the command.
            ServerError: The server refuses.
        """
        return self._execute(info.info_random_node(self._policies, command, policy))

    @overload
    def query(self, namespace: str, set_name: str | None = None, *, into: None = None) -> Query: ...

    @overload
    def query(
        self, namespace: str, set_name: str | None = None, *, into: type[T]
    ) -> "Query[RecordOf[T]]": ...

    def query(
        self, namespace: str, set_name: str | None = None, *, into: type[Any] | None = None
    ) -> Query[Any]:
        """Makes a query; it runs when its results are asked for.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            into: A dataclass, Struct, TypedDict or pydantic model that the records' `bins` are made
                of; see `aerospike_py.objects`.

        Raises:
            TypeError, ValueError: A name is not valid.
            ClientError: The client is not connected.
        """
        made: Query[Any] = Query(self._session, namespace, set_name, into)
        self._session.require_connection()
        return made

    def background_job(self, job_id: int) -> BackgroundJob:
        """A background query that was started before, perhaps by another process.

        Args:
            job_id: The `id` of the job.

        Raises:
            TypeError: It is no int.
            InvalidArgError: It does not fit into 64 bits without a sign.
        """
        return BackgroundJob(self._session, query.job_number(job_id))

    def info_node(self, command: str, node_name: str, policy: AdminPolicy | None = None) -> str:
        """Asks one node an info command.

        Args:
            command: For example "namespaces".
            node_name: One of `get_node_names`.
            policy: {"timeout": milliseconds}.

        Returns:
            The answer, without the command that the server echoes.

        Raises:
            ClusterError: There is no such node, or it cannot be reached.
        """
        return self._execute(info.info_node(self._policies, command, node_name, policy))

    def truncate(
        self,
        namespace: str,
        set_name: str | None = None,
        nanos: "int | datetime" = 0,
        policy: AdminPolicy | None = None,
    ) -> None:
        """Removes all records of a set that were last changed before a time.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            nanos: Nanoseconds since 1970, or a datetime with a time zone; 0 is now.
            policy: {"timeout": milliseconds}.

        Raises:
            InvalidArgError: The time is in the future, or a datetime has no time zone.
            ServerError: There is no such namespace.
        """
        self._execute(info.truncate(self._policies, namespace, set_name, nanos, policy))

    def set_xdr_filter(
        self,
        data_center: str,
        namespace: str,
        expression: Mapping[str, Any] | None,
        policy: AdminPolicy | None = None,
    ) -> None:
        """Has a cluster ship to a data center only the records that an expression is true of.

        Args:
            data_center: The data center, as the server's configuration names it.
            namespace: The namespace.
            expression: A filter, of `exp`; None takes the filter away.
            policy: {"timeout": milliseconds}.

        Raises:
            AerospikeError: The server said no; XDR is part of the Enterprise Edition.
        """
        self._execute(
            info.set_xdr_filter(self._policies, data_center, namespace, expression, policy)
        )

    def index_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str | None,
        index_name: str,
        data_type: int,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        expression: Mapping[str, Any] | None = None,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Creates a secondary index, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin; None for an index on an expression.
            index_name: What the index is called.
            data_type: INDEX_NUMERIC, INDEX_STRING, INDEX_BLOB or INDEX_GEO2DSPHERE.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            expression: The expression whose value is indexed, in place of a bin.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            IndexFoundError: There is an index of that name with another definition. Creating the
                same one again succeeds.
            InvalidArgError: The server does not accept the definition.
            AerospikeTimeoutError: Not all nodes can read it in time; they go on building it.
            ServerError: There is no such namespace.
        """
        self._execute(
            index.create(
                self._policies,
                namespace,
                set_name,
                bin_name,
                index_name,
                data_type,
                policy,
                index_type,
                ctx,
                expression,
                wait_timeout,
            )
        )

    def index_integer_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Creates a secondary index of ints, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self.index_create(
            namespace,
            set_name,
            bin_name,
            index_name,
            INDEX_NUMERIC,
            policy,
            index_type=index_type,
            ctx=ctx,
            wait_timeout=wait_timeout,
        )

    def index_string_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Creates a secondary index of strs, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self.index_create(
            namespace,
            set_name,
            bin_name,
            index_name,
            INDEX_STRING,
            policy,
            index_type=index_type,
            ctx=ctx,
            wait_timeout=wait_timeout,
        )

    def index_geo2dsphere_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Creates a secondary index of GeoJSON, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self.index_create(
            namespace,
            set_name,
            bin_name,
            index_name,
            INDEX_GEO2DSPHERE,
            policy,
            index_type=index_type,
            ctx=ctx,
            wait_timeout=wait_timeout,
        )

    def index_blob_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Creates a secondary index of bytes, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self.index_create(
            namespace,
            set_name,
            bin_name,
            index_name,
            INDEX_BLOB,
            policy,
            index_type=index_type,
            ctx=ctx,
            wait_timeout=wait_timeout,
        )

    def index_set_create(
        self,
        namespace: str,
        set_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Creates an index of a set's records, and waits until all nodes can use it.

        It has queries of the whole set look at the set's records alone, where they would look at
        all of the namespace. It has no values, so no predicate can be answered by it.

        Args:
            namespace: The namespace.
            set_name: The set; it is created if it does not exist.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            IndexFoundError: Another index has the name.
            AerospikeTimeoutError: The index was not ready on all nodes in time.
            ServerError: The servers are older than 8.1.2, which know no such indexes.
            AerospikeError: The cluster or the server said no.
        """
        self._execute(
            index.create_of_set(
                self._policies, namespace, set_name, index_name, policy, wait_timeout
            )
        )

    def index_remove(
        self,
        namespace: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Removes a secondary index, and waits until all nodes have done so.

        Removing one that is not there succeeds, as the server has it.

        Args:
            namespace: The namespace.
            index_name: The index.
            policy: {"timeout": milliseconds} for each question to a node.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            AerospikeTimeoutError: Not all nodes have removed it in time.
            ServerError: There is no such namespace.
        """
        self._execute(index.remove(self._policies, namespace, index_name, policy, wait_timeout))

    def udf_put(
        self,
        filename: "str | os.PathLike[str]",
        udf_type: int = 0,
        policy: AdminPolicy | None = None,
        *,
        source: str | bytes | None = None,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Registers a file of Lua functions, and waits until all nodes have it.

        Args:
            filename: The file's path; its last part names the module.
            udf_type: 0: Lua is all there is.
            policy: {"timeout": milliseconds} for each question to a node.
            source: The file's content; without it, the file is read.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            OSError: The file cannot be read.
            UDFError: It does not compile; the text is the server's.
            AerospikeTimeoutError: Not all nodes have it in time.
        """
        self._execute(udf.put(self._policies, filename, udf_type, policy, source, wait_timeout))

    def udf_list(self, policy: AdminPolicy | None = None) -> list[UDFFile]:
        """The files of functions that are registered.

        Args:
            policy: {"timeout": milliseconds}.
        """
        return self._execute(udf.listed(self._policies, policy))

    def udf_get(self, module: str, policy: AdminPolicy | None = None) -> str:
        """The content of a registered file.

        Args:
            module: Its name, with or without ".lua".
            policy: {"timeout": milliseconds}.

        Raises:
            UDFError: There is no such file.
        """
        return self._execute(udf.content(self._policies, module, policy))

    def udf_remove(
        self,
        module: str,
        policy: AdminPolicy | None = None,
        *,
        wait_timeout: "int | timedelta" = 30_000,
    ) -> None:
        """Removes a registered file, and waits until all nodes have done so.

        Args:
            module: Its name, with or without ".lua".
            policy: {"timeout": milliseconds} for each question to a node.
            wait_timeout: How long to wait, in milliseconds or as a timedelta; 0 does not wait.

        Raises:
            UDFError: There is no such file.
            AerospikeTimeoutError: Not all nodes have removed it in time.
        """
        self._execute(udf.remove(self._policies, module, policy, wait_timeout))

    def apply(
        self,
        key: Key,
        module: str,
        function: str,
        args: Sequence[Any] | None = None,
        policy: WritePolicy | None = None,
    ) -> Any:
        """Runs a registered function on a record.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            module: The module, with or without ".lua".
            function: The function; its first argument is the record.
            args: Its further arguments, of any type that a bin can hold.
            policy: How to write.

        Returns:
            What the function returns; None for nil.

        Raises:
            UDFError: The function fails, or there is none; the text is the server's.
            TypeError: An argument's type cannot be sent.
        """
        return self._execute(udf.apply(self._policies, key, module, function, args, policy))

    def job_status(self, job_id: int, policy: AdminPolicy | None = None) -> JobStatus:
        """How a background query is getting on.

        Args:
            job_id: The `id` of a background job.
            policy: {"timeout": milliseconds} for each question to a node.
        """
        return self._execute(query.job_status(self._policies, job_id, policy))

    def job_abort(self, job_id: int, policy: AdminPolicy | None = None) -> None:
        """Aborts a background query. What it has done stays done.

        Args:
            job_id: The `id` of a background job.
            policy: {"timeout": milliseconds} for each question to a node.

        Raises:
            QueryError: No node is at work on it.
        """
        self._execute(query.job_abort(self._policies, job_id, policy))

    def admin_create_user(
        self, username: str, password: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Creates a user.

        Args:
            username: The user's name.
            password: The password; it goes out as a hash.
            roles: Names of roles.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: The user exists, a role does not, or the server has no security.
        """
        self._execute(admin.create_user(self._policies, username, password, roles, policy))

    def admin_create_pki_user(
        self, username: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Creates a user that logs in by the certificate of its connection, and has no password.

        Args:
            username: The user's name, which is that in the certificate.
            roles: Names of roles.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: The user exists, a role does not, or the server has no security.
            UnsupportedFeature: The server is older than 8.1.
        """
        self._execute(admin.create_pki_user(self._policies, username, roles, policy))

    def admin_drop_user(self, username: str, policy: AdminPolicy | None = None) -> None:
        """Removes a user.

        Args:
            username: The user's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user, or the server has no security.
        """
        self._execute(admin.drop_user(self._policies, username, policy))

    def admin_change_password(
        self, username: str, password: str, policy: AdminPolicy | None = None
    ) -> None:
        """Changes a user's password.

        One's own can always be changed: this client then logs in with the new one, also when it
        connects again. Other users' take the privilege of a user administrator.

        Args:
            username: The user's name.
            password: The new password; it goes out as a hash.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user, or the server has no security or refuses.
        """
        self._execute(admin.change_password(self._policies, username, password, policy))
        self._session.config.change_password(username, password)

    def admin_grant_roles(
        self, username: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Adds roles to those that a user has.

        Args:
            username: The user's name.
            roles: Names of roles.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user or role, or the server has no security.
        """
        self._execute(admin.grant_roles(self._policies, username, roles, policy))

    def admin_revoke_roles(
        self, username: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Takes roles from those that a user has.

        Args:
            username: The user's name.
            roles: Names of roles.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user or role, or the server has no security.
        """
        self._execute(admin.revoke_roles(self._policies, username, roles, policy))

    def admin_query_user_info(self, username: str, policy: AdminPolicy | None = None) -> UserInfo:
        """What a user is: roles, and connections in use on the node that was asked.

        Args:
            username: The user's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user, or the server has no security.
        """
        return self._execute(admin.query_user_info(self._policies, username, policy))

    def admin_query_users_info(self, policy: AdminPolicy | None = None) -> list[UserInfo]:
        """What all users are.

        Args:
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: The server has no security, or refuses.
        """
        return self._execute(admin.query_users_info(self._policies, policy))

    def admin_create_role(
        self,
        role: str,
        privileges: Sequence[Privilege],
        policy: AdminPolicy | None = None,
        whitelist: Sequence[str] | None = None,
        read_quota: int = 0,
        write_quota: int = 0,
    ) -> None:
        """Creates a role.

        Args:
            role: The role's name.
            privileges: Dicts of a PRIV_ constant as "code", and "ns" and "set" to limit it to.
            policy: {"timeout": milliseconds}.
            whitelist: Addresses that its users may come from, such as "10.0.0.0/8"; none: all.
            read_quota: Reads per second; 0: no limit.
            write_quota: Writes per second; 0: no limit.

        Raises:
            AdminError: The role exists, something in it is not valid, or the server has no
                security.
        """
        self._execute(
            admin.create_role(
                self._policies, role, privileges, policy, whitelist, read_quota, write_quota
            )
        )

    def admin_drop_role(self, role: str, policy: AdminPolicy | None = None) -> None:
        """Removes a role.

        Args:
            role: The role's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        self._execute(admin.drop_role(self._policies, role, policy))

    def admin_grant_privileges(
        self, role: str, privileges: Sequence[Privilege], policy: AdminPolicy | None = None
    ) -> None:
        """Adds privileges to those of a role.

        Args:
            role: The role's name.
            privileges: As for `admin_create_role`.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        self._execute(admin.grant_privileges(self._policies, role, privileges, policy))

    def admin_revoke_privileges(
        self, role: str, privileges: Sequence[Privilege], policy: AdminPolicy | None = None
    ) -> None:
        """Takes privileges from those of a role.

        Args:
            role: The role's name.
            privileges: As for `admin_create_role`.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        self._execute(admin.revoke_privileges(self._policies, role, privileges, policy))

    def admin_query_role(self, role: str, policy: AdminPolicy | None = None) -> RoleInfo:
        """What a role is: privileges, allowlist and quotas.

        Args:
            role: The role's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        return self._execute(admin.query_role(self._policies, role, policy))

    def admin_query_roles(self, policy: AdminPolicy | None = None) -> list[RoleInfo]:
        """What all roles are, the server's own included.

        Args:
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: The server has no security, or refuses.
        """
        return self._execute(admin.query_roles(self._policies, policy))

    def admin_set_whitelist(
        self, role: str, whitelist: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Says where the users of a role may come from.

        Args:
            role: The role's name.
            whitelist: Addresses, such as "10.0.0.0/8"; an empty list allows all.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, an address is not valid, or the server has no
                security.
        """
        self._execute(admin.set_whitelist(self._policies, role, whitelist, policy))

    def admin_set_quotas(
        self,
        role: str,
        read_quota: int = 0,
        write_quota: int = 0,
        policy: AdminPolicy | None = None,
    ) -> None:
        """Limits how much the users of a role may do.

        Args:
            role: The role's name.
            read_quota: Reads per second; 0: no limit.
            write_quota: Writes per second; 0: no limit.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security or no quotas.
        """
        self._execute(admin.set_quotas(self._policies, role, read_quota, write_quota, policy))


def client(config: ClientConfig | Mapping[str, _NotChecked]) -> Client:
    """Makes a client; see `Client`. It does not connect yet.

    Args:
        config: The configuration; only "hosts" is needed.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.
    """
    return Client(config)
