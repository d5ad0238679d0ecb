"""The synchronous client."""

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from ._administration import Administration
from .batch import BatchRecords, BatchResults, BatchRow, BatchWrite
from .exception import AerospikeTimeoutError, ClusterError
from .types import (
    AdminPolicy,
    BatchPolicy,
    ClientConfig,
    ExistsResult,
    InfoNodeResult,
    Key,
    OperateOrderedResult,
    ReadPolicy,
    Record,
    WriteMeta,
    WritePolicy,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from .numpy_batch import NumpyBatchRecords

_Client = TypeVar("_Client", bound="Client")


class Client(Administration):
    """A client of an Aerospike cluster, for use from any number of threads.

    Making one checks the configuration and touches no network; `connect` connects.

    Args:
        config: The configuration; only "hosts" is needed.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.

    Every operation may raise, beside what it names itself:
        TypeError, ValueError, OverflowError: An argument is not valid; nothing was sent.
        InvalidArgError: A policy is not valid; nothing was sent.
        ClientError: The client is not connected.
        ClusterError: The node cannot be reached.
        AerospikeTimeoutError: It did not end within the policy's `total_timeout`.
        ServerError: The server refuses, for example because there is no such namespace.
    All of the package's own are AerospikeErrors with `result_code`, `in_doubt` and `node`.
    """

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
        self._open(username, password)
        return self

    def is_connected(self) -> bool:
        """Whether the client is connected and at least one node answers."""
        return self._is_connected()

    def close(self) -> None:
        """Closes all connections. Idempotent; `connect` connects again.

        Operations of other threads that wait for an answer are cut short with a ClientError.
        """
        self._shut()

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
        return self._execute(self._requests.node_names())

    def ping(self) -> bool:
        """Whether a node answers now.

        Raises:
            ClientError: The client is not connected.
        """
        try:
            return self._execute(self._requests.ping())
        except (ClusterError, AerospikeTimeoutError):
            return False

    def get(self, key: Key, policy: ReadPolicy | None = None) -> Record:
        """Reads a record with all its bins.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            policy: How to read.

        Raises:
            RecordNotFound: There is no such record.
        """
        return self._execute(self._requests.get(key, policy))

    def select(self, key: Key, bins: Sequence[str], policy: ReadPolicy | None = None) -> Record:
        """Reads some bins of a record.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bins: The bins' names; those that the record has not are left out of the result.
            policy: How to read.

        Raises:
            RecordNotFound: There is no such record.
            BinNameError: A bin name is empty or has more than 15 bytes.
        """
        return self._execute(self._requests.select(key, bins, policy))

    def exists(self, key: Key, policy: ReadPolicy | None = None) -> ExistsResult:
        """Asks whether a record exists, and for its metadata, without reading it.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            policy: How to read.

        Returns:
            The key and the metadata; `meta` is None when there is no such record.
        """
        return self._execute(self._requests.exists(key, policy))

    def put(
        self,
        key: Key,
        bins: Mapping[str, Any],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Writes bins; the record's other bins stay, unless the policy's `exists` says otherwise.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bins: A dict of values by bin name: int (64 bits), float, str, bytes, bool, list, dict,
                GeoJSON, HyperLogLog, NumPy scalars; None removes the bin.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen").
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
        self._execute(self._requests.put(key, bins, meta, policy))

    def remove(
        self, key: Key, meta: WriteMeta | None = None, policy: WritePolicy | None = None
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
        self._execute(self._requests.remove(key, meta, policy))

    def touch(
        self,
        key: Key,
        val: int = 0,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Renews a record's time to live and increases its generation.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            val: The time to live in seconds, or a TTL_ constant; 0: the namespace's default. A
                `ttl` in meta or policy goes before it.
            meta: The time to live ("ttl") and the expected generation ("gen").
            policy: How to write.

        Raises:
            RecordNotFound: There is no such record.
            RecordGenerationError: The generation is not the expected one.
        """
        self._execute(self._requests.touch(key, val, meta, policy))

    def append(
        self,
        key: Key,
        bin: str,  # noqa: A002
        val: str | bytes,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Appends to a str or bytes bin; creates record and bin when they do not exist.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin: The bin's name.
            val: What to append, of the bin's type.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen").
            policy: How to write.

        Raises:
            TypeError: The value is neither str nor bytes.
            BinTypeError: The bin is of another type.
            BinNameError: The bin name is empty or has more than 15 bytes.
        """
        self._execute(self._requests.append(key, bin, val, meta, policy))

    def prepend(
        self,
        key: Key,
        bin: str,  # noqa: A002
        val: str | bytes,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Puts something before what is in a str or bytes bin; creates record and bin if need be.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin: The bin's name.
            val: What to put before it, of the bin's type.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen").
            policy: How to write.

        Raises:
            TypeError: The value is neither str nor bytes.
            BinTypeError: The bin is of another type.
            BinNameError: The bin name is empty or has more than 15 bytes.
        """
        self._execute(self._requests.prepend(key, bin, val, meta, policy))

    def increment(
        self,
        key: Key,
        bin: str,  # noqa: A002
        offset: int | float,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Adds to a numeric bin; creates record and bin when they do not exist.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin: The bin's name.
            offset: What to add, of the bin's type; negative to subtract.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen").
            policy: How to write.

        Raises:
            TypeError: The offset is neither int nor float.
            BinTypeError: The bin is of another type.
            BinNameError: The bin name is empty or has more than 15 bytes.
        """
        self._execute(self._requests.increment(key, bin, offset, meta, policy))

    def remove_bin(
        self,
        key: Key,
        bin_names: Sequence[str],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Removes bins of a record; the record goes with its last bin.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            bin_names: The bins' names.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen").
            policy: How to write.

        Raises:
            RecordNotFound: There is no such record.
            BinNameError: A bin name is empty or has more than 15 bytes.
        """
        self._execute(self._requests.remove_bin(key, bin_names, meta, policy))

    def operate(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> Record:
        """Carries out several operations on a record, all of them or none, as one.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            ops: Dicts, each an operation: {"op": an OPERATOR_ constant, "bin": name, "val": value},
                or made by list_operations, map_operations, bit_operations, hll_operations and
                exp_operations.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen").
            policy: How to write.

        Returns:
            The record, with a bin for each that an operation had something to say of: its result,
            or a list of its results when there are several.

        Raises:
            InvalidArgError: There is no operation, or one is not valid; nothing was sent.
            RecordNotFound: The operations only read, and there is no such record.
            BinTypeError: A bin is of another type.
            RecordGenerationError: The generation is not the expected one.
        """
        return self._execute(self._requests.operate(key, ops, meta, policy))

    def operate_ordered(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> OperateOrderedResult:
        """Does what `operate` does, and gives the results in the order of the operations.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            ops: The operations; see `operate`.
            meta: The time to live ("ttl", in seconds) and the expected generation ("gen").
            policy: How to write.

        Returns:
            (key, meta, ordered_bins): one (name, value) for each result.

        Raises:
            InvalidArgError: There is no operation, or one is not valid; nothing was sent.
            RecordNotFound: The operations only read, and there is no such record.
            BinTypeError: A bin is of another type.
            RecordGenerationError: The generation is not the expected one.
        """
        return self._execute(self._requests.operate_ordered(key, ops, meta, policy))

    @overload
    def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        _dtype: None = None,
        *,
        errors: Literal["raise", "zero"] = "raise",
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
    ) -> "NumpyBatchRecords": ...

    def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        _dtype: "DTypeLike | None" = None,
        *,
        errors: Literal["raise", "zero"] = "raise",
    ) -> "BatchRecords | NumpyBatchRecords":
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
            return self._execute(self._requests.batch_read(keys, bins, policy))
        return self._execute(self._requests.batch_read_numpy(keys, bins, policy, _dtype, errors))

    def batch_write(
        self,
        records: Iterable[BatchWrite],
        policy: BatchPolicy | None = None,
    ) -> BatchRecords:
        """Writes many records at once, each as `put` does.

        Args:
            records: (key, bins), (key, bins, meta) or (key, bins, meta, policy) each. The time to
                live ("ttl") in a record's meta goes before the batch's policy; its generation
                ("gen") counts when the policy's `gen` compares it. A record's own policy goes
                before both; see `aerospike_py.batch.write`.
            policy: How to write.

        Returns:
            A row for each record, in their order, with a result code for those that failed.

        Raises:
            TypeError, OverflowError, ValueError: A key or a value is not valid; nothing was sent.
            BinNameError: A bin name is empty or has more than 15 bytes.
            AerospikeError: No record at all could be written; otherwise the rows have what went
                wrong.
        """
        return self._execute(self._requests.batch_write(records, policy))

    def batch_write_numpy(
        self,
        array: "NDArray[Any]",
        namespace: str,
        set_name: str | None,
        key_field: str = "_key",
        meta: WriteMeta | None = None,
        policy: BatchPolicy | None = None,
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

        Returns:
            A row for each record, in their order, with a result code for those that failed.

        Raises:
            TypeError: It is no structured array, or a field is of a kind that no bin takes.
            InvalidArgError: There is no such key field.
            AerospikeError: No record at all could be written; otherwise the rows have what went
                wrong.
        """
        return self._execute(
            self._requests.batch_write_numpy(array, namespace, set_name, key_field, meta, policy)
        )

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
        return self._execute(self._requests.batch_operate(keys, ops, policy))

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
        return self._execute(self._requests.batch_remove(keys, policy))

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
            A row for each key, in the order of the keys: `value` is what the function returned. A
            row whose function failed has the result code 100 and the server's text as `message`.

        Raises:
            TypeError: A key or an argument is not valid; nothing was sent.
            AerospikeError: No record at all could be asked for; otherwise the rows have what went
                wrong.
        """
        return self._execute(self._requests.batch_apply(keys, module, function, args, policy))

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
        return self._execute(self._requests.batch(rows, policy))

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
        return self._execute(self._requests.info_all(command, policy))

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
        return self._execute(self._requests.info_random_node(command, policy))


def client(config: ClientConfig | Mapping[str, Any]) -> Client:
    """Makes a client; see `Client`. It does not connect yet.

    Args:
        config: The configuration; only "hosts" is needed.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.
    """
    return Client(config)
