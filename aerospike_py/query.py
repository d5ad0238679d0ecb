"""Queries and scans: all records of a set, or those that a secondary index finds.

Made by `Client.query`. Records arrive from all nodes at once and are handed out as they come,
each one once; unread ones wait in the sockets and the servers, so memory does not grow with the
number of records. So are the rows of `Client.batch_stream`.

Made of `query` by scripts/sync_face.py, and not to be changed by hand.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, cast

from . import tracing
from ._aggregation import lua
from ._native.streams import Stream
from ._requests import index, plan, query, udf
from ._requests.allowance import Allowance
from ._requests.request import Request
from ._session import Endable, Session, place_of_creation, warn_unclosed
from ._validate import Milliseconds, check_name, namespace_argument, set_argument, wrong_type
from .batch import BatchRecord
from .exception import AerospikeTimeoutError, ClientError, InvalidArgError, UDFError
from .predicates import Predicate
from .types import (
    AdminPolicy,
    IndexInfo,
    JobStatus,
    QueryPlan,
    QueryPolicy,
    Record,
    WritePolicy,
)

if TYPE_CHECKING:
    from datetime import timedelta

    import numpy as np
    import pandas
    import polars
    from numpy.typing import DTypeLike, NDArray
    from typing_extensions import TypeVar as TypeVarWithDefault

    from .arrow import ArrowBatch, ArrowTable, Gatherer
    from .numpy_batch import Errors
    from .numpy_query import Filler
    from .objects import Shape
    from .tracing import Operation

    R = TypeVarWithDefault("R", default=Record)
    """What a query finds: records, or such with objects."""
else:
    R = TypeVar("R")

__all__ = [
    "ArrowStream",
    "BackgroundJob",
    "BatchStream",
    "Query",
    "Records",
]

# Between two looks at how a job is getting on, in seconds.
_LOOK_MIN_S = 0.01
_LOOK_MAX_S = 0.5

_Query = TypeVar("_Query", bound="Query[Any]")


class _Pulled(Iterator[R], Generic[R]):
    """What arrives by and by and is handed out one by one: what is common to its kinds."""

    def __init__(
        self,
        session: Session,
        stream: Stream[list[Any]] | None,
        begin: "Callable[[], Stream[list[Any]]] | None" = None,
    ) -> None:
        self._session = session
        self._made_at = place_of_creation()
        self._stream = stream
        # Of what begins with its first result, once for all who wait for that.
        self._begin = begin
        self._beginning = threading.RLock()
        self._begun_by = Endable[Stream[list[Any]]]()
        # What has not been handed out of the chunk at hand, the next one last: whoever shares this
        # takes from it. One at a time fetches another chunk.
        self._chunk: list[R] = []
        self._fetching = threading.RLock()
        # What it failed of, as a text.
        self._failure = ""
        self._traced = tracing.active
        self._operation: Operation | None = None

    def __next__(self) -> R:
        try:
            return self._chunk.pop()
        except IndexError:
            pass
        return self._advance()

    def _advance(self) -> R:
        with self._fetching:
            while not self._chunk:
                if self._is_over():
                    raise StopIteration
                results = self._fetch(self._session.fetch)
                if not results:
                    self._finish()
                    raise StopIteration
                results.reverse()
                self._chunk = results
        # Meanwhile others may have taken it all.
        return _Pulled.__next__(self)

    def _fetch(self, fetch: Callable[..., Any], *args: Any) -> Any:
        try:
            return fetch(self._begun(), *args)
        except BaseException:
            # There is no place to go on from that could be relied on.
            self._end(sys.exc_info()[1])
            raise

    def _begun(self) -> Stream[list[Any]]:
        if self._begin is not None:
            with self._beginning:
                begin = self._begin
                if begin is not None:
                    stream = self._begun_by.wait(begin)
                    if self._begin is None:  # It was closed meanwhile.
                        stream.close()
                    else:
                        self._stream, self._begin = stream, None
        return self._open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self._finish()
        return False

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} has connections and cannot be copied or pickled")

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is None:
            return
        try:
            if self._session.is_connected():
                warn_unclosed(self._description(), self._made_at, self)
        finally:
            self._end(None)

    def _description(self) -> str:
        return repr(self)

    def _open(self) -> Stream[list[Any]]:
        if self._stream is None:
            raise ClientError("the results were closed")
        return self._stream

    def _is_over(self) -> bool:
        """Whether nothing comes any more.

        Raises:
            ClientError: That is because of a failure, which somebody was told of.
        """
        if self._stream is not None or self._begin is not None:
            return False
        if self._failure:
            raise ClientError(f"the results have ended with {self._failure}")
        return True

    def _finish(self) -> None:
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        stream, self._stream = self._stream, None
        begin, self._begin = self._begin, None
        if begin is not None:
            self._begun_by.end()
        self._chunk = []
        if error is not None:
            self._failure = f"{type(error).__name__}: {error}"
        operation, self._operation = self._operation, None
        if operation is not None:
            if error is not None:
                operation.fail(error)
            operation.end()
        if stream is not None:
            stream.close()


class BatchStream(_Pulled[BatchRecord]):
    """The rows of a batch, as they are answered; made by `Client.batch_stream`.

    An iterator that ends with the last row. What is left is given up when it is closed
    early, when its `with` block is left, and when the last reference to it goes.
    """

    def __init__(self, session: Session, request: Request[list[BatchRecord]]) -> None:
        super().__init__(session, session.open_batch(request))
        if self._traced is not None:
            self._operation = self._traced.begin_command(session.config, *request[:2])

    def __iter__(self) -> "BatchStream":
        return self

    def close(self) -> None:
        """Gives up what has not been answered: of writes, what was sent may be carried out."""
        self._finish()

    def __enter__(self) -> "BatchStream":
        return self


class Records(_Pulled[R]):
    """The records of one run of a query, as they arrive.

    An iterator that ends with the last record. The servers stop when it is closed
    early, when its `with` block is left, and when the last reference to it goes.
    """

    def __init__(
        self,
        query: "Query[R]",
        stream: Stream[list[Record]] | None,
        begin: "Callable[[], Stream[list[Record]]] | None",
    ) -> None:
        super().__init__(query._session, stream, begin)
        self._query = query
        # Records that nobody has been handed, beside those of the chunk.
        self._unread = 0
        if self._traced is not None:
            request = query._request
            place = (request["namespace"], request["set"])
            self._operation = self._traced.begin(self._session.config, "QUERY", *place)

    def __iter__(self) -> "Records[R]":
        return self

    def _rest(self) -> list[R]:
        """All that is left, faster than one by one."""
        found, self._chunk = self._chunk[::-1], []
        while records := self._fetch(self._session.fetch):
            found += records
        self._finish()
        return found

    def _fill(self, filler: "Filler") -> "NDArray[np.void] | None":
        """The next array; None at the end."""
        while filler.wants_more():
            count = self._fetch(self._session.fetch_rows, filler)
            try:
                filler.take(count)
            except BaseException as error:
                self._end(error)
                raise
        array = filler.array()
        if array is None:
            self._finish()
        return array

    def _gather(self, gatherer: "Gatherer") -> "ArrowBatch":
        """The next table, which is empty at the end."""
        count = self._fetch(self._session.fetch_arrow, gatherer)
        making = gatherer.making(count)
        try:
            return self._session.in_steps(making)
        except BaseException as error:
            self._end(error)
            raise

    @property
    def token(self) -> bytes | None:
        """Where a later query can go on: after the last record that was handed out.

        None when nothing is left. To be given as the policy's "token" to a query of the same set
        and predicate, in whatever process.

        Raises:
            ClientError: The records were closed; the query's `token` has it then.
        """
        return self._open().token(self._left())

    def close(self) -> None:
        """Has the servers stop, and keeps the query's `token`. Idempotent."""
        self._finish()

    def __enter__(self) -> "Records[R]":
        return self

    def _left(self) -> int:
        return len(self._chunk) + self._unread

    def _description(self) -> str:
        return "Records of " + repr(self._query)

    def _finish(self) -> None:
        stream = self._stream
        if stream is None:
            self._end(None)
            return
        try:
            self._query._token = stream.token(self._left())
        except ClientError:
            self._query._token = None  # The client was closed.
        finally:
            self._end(None)


class _Objects(Records[R]):
    """The same of a query into objects, which are made as they are handed out."""

    def __init__(
        self,
        query: "Query[R]",
        stream: Stream[list[Record]] | None,
        begin: "Callable[[], Stream[list[Record]]] | None",
        shape: "Shape[Any]",
    ) -> None:
        super().__init__(query, stream, begin)
        self._shape = shape

    def __next__(self) -> R:
        found: Any = super().__next__()
        made: Any = self._shape.record(found)
        return cast("R", made)

    def _rest(self) -> list[R]:
        found: Any = super()._rest()
        return list(map(cast("Any", self._shape.record), found))


class ArrowStream:
    """The records of one run of a query as tables of Arrow, as they arrive.

    An iterator over the tables, and a stream of Arrow for whoever reads one, by
    `__arrow_c_stream__`; they can be read once.
    The servers stop when it is closed early, when its `with` block is left, and when the last
    reference to it goes.
    """

    def __init__(self, records: Records[Any], gatherer: "Gatherer") -> None:
        self._records = records
        self._gatherer = gatherer
        # Read to know the columns, and not handed out.
        self._first: ArrowBatch | None = None
        # What somebody's reading of the stream failed of.
        self.error: BaseException | None = None
        self._is_started = False
        # Nothing was left of it, which a stream that was closed early does not tell.
        self._is_at_end = False
        # One at a time fetches a table.
        self._fetching = threading.RLock()

    def __iter__(self) -> "ArrowStream":
        return self

    def __next__(self) -> "ArrowBatch":
        with self._fetching:
            if self._first is None and self._records._is_over():
                raise StopIteration
            batch = self._take()
            if not len(batch):
                self._records._finish()
                raise StopIteration
        return batch

    def _take(self) -> "ArrowBatch":
        self._is_started = True
        batch, self._first = self._first, None
        self._records._unread = 0
        if batch is None:
            batch = self._records._gather(self._gatherer)
        self._is_at_end = not len(batch)
        return batch

    def _peek(self) -> "ArrowBatch":
        """The next table, which stays the next."""
        with self._fetching:
            first = self._first
            if first is None:
                first = self._first = self._records._gather(self._gatherer)
                self._records._unread = len(first)
        return first

    def __arrow_c_schema__(self) -> object:
        from .arrow import QueryStream

        return QueryStream(self).schema_capsule()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        if self._is_started:
            raise ClientError("the stream has been read, which can be done once")
        self._is_started = True
        from .arrow import QueryStream

        return QueryStream(self).capsule()

    def read_all(self) -> "ArrowTable":
        """All that is left, as one table in pieces.

        Raises:
            ClientError: The stream was read to its end, or closed.
        """
        from .arrow import ArrowTable

        # Whoever else reads comes before or after: half of a table is none.
        with self._fetching:
            batches = [self._take()]
            while len(batches[-1]):
                batches.append(self._take())
            self._records._finish()
        return ArrowTable(batches)

    def to_polars(self) -> "polars.DataFrame":
        """All that is left as a frame of polars, which has to be installed."""
        return (self.read_all()).to_polars()

    def to_pandas(self, **options: Any) -> "pandas.DataFrame":
        """All that is left as a frame of pandas, which has to be installed, and pyarrow.

        Args:
            **options: For pyarrow's `Table.to_pandas`.
        """
        return (self.read_all()).to_pandas(**options)

    @property
    def token(self) -> bytes | None:
        """Where a later query can go on: after the last table that was handed out.

        None when nothing is left, or the query failed, which was raised then. To be given as the
        policy's "token" to a query of the same set and predicate, in whatever process.
        """
        records = self._records
        return records._query.token if records._stream is None else records.token

    def close(self) -> None:
        """Has the servers stop, and keeps the `token`. Idempotent."""
        self._records._finish()
        self._first = None  # It comes again from where the token is.

    def __enter__(self) -> "ArrowStream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False

    def __reduce__(self) -> NoReturn:
        raise TypeError("an ArrowStream has connections and cannot be copied or pickled")

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self._records._query!r}"


class BackgroundJob:
    """A background query of an `Client`: the servers work on it by themselves.

    Attributes:
        id: Its number, with which any process can ask about it: see `Client.background_job`.
    """

    def __init__(self, session: Session, job_id: int) -> None:
        self._session = session
        self.id = job_id

    def status(self, policy: AdminPolicy | None = None) -> JobStatus:
        """How it is getting on.

        Args:
            policy: {"timeout": milliseconds} for each question to a node.
        """
        session = self._session
        return session.execute(query.job_status(session.policies, self.id, policy))

    def wait(
        self, timeout: "int | timedelta | None" = None, policy: AdminPolicy | None = None
    ) -> JobStatus:
        """Waits until it has ended on all nodes.

        Args:
            timeout: Milliseconds, or a timedelta; None waits without limit.
            policy: {"timeout": milliseconds} for each question to a node.

        Raises:
            AerospikeTimeoutError: It has not ended in time; it goes on.
        """
        pauses = _Pauses(timeout)
        while (status := self.status(policy)).state == "running":
            time.sleep(pauses.next(self.id))
        return status

    def abort(self, policy: AdminPolicy | None = None) -> None:
        """Aborts it; what it has done stays done.

        Args:
            policy: {"timeout": milliseconds} for each question to a node.

        Raises:
            QueryError: No node is at work on it any more.
        """
        session = self._session
        session.execute(query.job_abort(session.policies, self.id, policy))

    def __repr__(self) -> str:
        return f"BackgroundJob({self.id})"


class _Pauses:
    """Pauses that grow, until a time has passed."""

    def __init__(self, timeout: Any) -> None:
        self._end = None
        if timeout is not None:
            self._end = time.monotonic() + Milliseconds().check(timeout, "timeout") / 1000
        self._pause = _LOOK_MIN_S

    def next(self, job_id: int) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, _LOOK_MAX_S)
        if self._end is None:
            return pause
        left = self._end - time.monotonic()
        if left <= 0:
            raise AerospikeTimeoutError(f"background job {job_id} has not ended in time")
        return min(pause, left)


class Query(Generic[R]):
    """A query of an `Client`; it can be run again and again.

    Its records are of the kind `Record`, or `RecordOf` the class that it was made with.

    Iterating over it, with `for record in query`, runs it. Every way to run it may raise:

    - `InvalidArgError`: The policy is not valid; nothing was sent.
    - `IndexNotFound`: There is no index for the predicate.
    - `ClientError`: The client is not connected, or was closed.
    - `AerospikeTimeoutError`: It did not end within the policy's `total_timeout`, or a node sent
      nothing for its `socket_timeout`, again and again.
    - `ClusterError`: Partitions stayed unavailable.
    - `ObjectError`: A bin does not fit its field in the class that the query reads into.
    - `QueryAbortedError`: Somebody aborted it on the server.
    - `ServerError`: The server refuses, for example because there is no such namespace.
    """

    def __init__(
        self,
        session: Session,
        namespace: str,
        set_name: str | None,
        into: type[Any] | None = None,
    ) -> None:
        self._session = session
        self._shape = None if into is None else session.policies.shapes.of(into)
        self._request: dict[str, Any] = {
            "namespace": namespace_argument(namespace),
            "set": set_argument(set_name),
        }
        self._predicate: Predicate | None = None
        # What `where` was given in place of a predicate, and the index that is to answer it.
        self._filter: plan.Filter | None = None
        self._index_name: str | None = None
        self._token: bytes | None = None

    def select(self: _Query, *bins: str | Mapping[str, Any], **expressions: Any) -> _Query:
        """Reads these bins only; without it, records have all their bins.

        Records that have none of them do not come. Where there is an operation or an expression,
        records have the results of all that is selected, and those do not come on which an
        operation fails (server 8.1.2).

        Args:
            bins: Names, or operations that read, as for `Client.operate`. Further calls add
                to them.
            expressions: What is computed of each record, by the name that the result has.

        Returns:
            The query itself.

        Raises:
            TypeError: A name is not a str, or a value cannot be sent.
            BinNameError: A name is empty or has more than 15 bytes.
            InvalidArgError: An operation has no number, or an expression is none.
        """
        query.select(self._request, bins, expressions)
        return self

    def where(
        self: _Query,
        predicate: Predicate | str | Mapping[str, Any],
        *,
        ctx: Sequence[Any] | None = None,
        index_name: str | None = None,
        expression: Mapping[str, Any] | None = None,
    ) -> _Query:
        """Finds records by a secondary index; without it, all records of the set are read.

        A filter, as text or as an expression, is answered by an index as far as there is one when
        the query runs, which takes a question to all nodes; the servers look at the rest, and at
        all of it when there is no index. `explain` tells what will happen.

        Args:
            predicate: One of `aerospike_py.predicates`, whose bin may be None where the index is
                told otherwise; or a filter, such as "$.age > 21 and $.city == 'Seoul'", or an
                expression of `exp`, such as `exp.parse` makes of a text with parameters.
            ctx: The context of an index on something nested inside the predicate's bin.
            index_name: The index to use; otherwise the server finds it by bin and type, or of a
                filter's the one that narrows most is taken.
            expression: The expression that the predicate's index is on, instead of a bin.

        Returns:
            The query itself.

        Raises:
            InvalidArgError: There is a predicate already, this one is not valid, or it names no
                bin and no index either; or a text is not of the language, and the error says where.
            TypeError: It has a value of a wrong type.
            OverflowError: An int does not fit into 64 bits.
            BinNameError: The bin name is empty or has more than 15 bytes.
        """
        if "where" in self._request or self._filter is not None:
            raise InvalidArgError(
                "a query has one predicate, and this one has one already; "
                "use a filter expression for more"
            )
        found = plan.filter_argument(predicate)
        if found is None:
            self._request["where"] = query.where_member(predicate, ctx, index_name, expression)
            self._predicate = cast("Predicate", predicate)
            return self
        if ctx is not None or expression is not None:
            raise InvalidArgError(
                "ctx and expression are of a predicate's index, not of a filter's"
            )
        if index_name is not None:
            self._index_name = check_name(index_name, "index_name")
        self._filter = found
        return self

    def explain(self, policy: AdminPolicy | None = None) -> QueryPlan:
        """How the query would find its records if it ran now.

        Args:
            policy: {"timeout": milliseconds}.

        Returns:
            The index and what it is asked for, if there is one, and the filter that is left.

        Raises:
            InvalidArgError: The index that `where` names answers no part of the filter.
            InvalidNamespace: The cluster has no such namespace.
        """
        return self._explained(self._listing(policy))

    def _listing(self, policy: AdminPolicy | None) -> Request[list[IndexInfo]]:
        return index.listed(self._session.policies, self._request["namespace"], policy)

    def _explained(self, listing: Request[list[IndexInfo]]) -> QueryPlan:
        request = self._request
        indexes = self._session.execute(listing)
        if self._filter is not None:
            return self._filter.plan(request["set"], self._index_name, indexes)
        if self._predicate is None:
            return QueryPlan(plan.index_of_set(request["set"], indexes), None, None)
        found = plan.index_of(request["where"], request["set"], indexes)
        return QueryPlan(found, self._predicate, None)

    def _planned(self, allowance: Allowance) -> tuple[dict[str, Any], Any]:
        """The request, and the filter that is left to the servers, None for none."""
        if self._filter is None:
            return self._request, None
        chosen = self._explained(allowance.within(self._listing(None)))
        return {**self._request, **query.planned(chosen)}, chosen.filter

    @property
    def token(self) -> bytes | None:
        """Where the run that ended last left off; None when nothing was left, or it failed.

        A run ends early because of the policy's `max_records`, or when its records are closed or
        its callback stops it. To be given as the policy's "token" to a query of the same set and
        predicate, in whatever process: together they bring every record once.
        """
        return self._token

    def _start(
        self, policy: QueryPolicy | None, bins: list[str] | None = None
    ) -> "tuple[Stream[list[Record]] | None, Callable[[], Stream[list[Record]]] | None]":
        """A run of the query, or what begins it, as that has to be waited for."""
        session = self._session
        selected = {} if bins is None else {"bins": bins}
        self._token = None
        if self._filter is None:
            struct, members = session.policies.query(policy)
            request = {**selected, **self._request, **members}
            return session.open_stream(request, struct), None
        session.policies.query(policy)  # What is wrong with it is said at once.
        session.require_connection()

        def begin() -> Stream[list[Record]]:
            allowance = query.allowance(session.policies, policy)
            request, rest = self._planned(allowance)
            struct, members = session.policies.query(policy, rest)
            limited = allowance.limit(struct, query.QUERY)
            return session.open_stream({**selected, **request, **members}, limited)

        return None, begin

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Query belongs to its client and cannot be copied or pickled")

    def __repr__(self) -> str:
        request = self._request
        return f"{type(self).__name__}({request['namespace']!r}, {request['set']!r})"

    def results(self, policy: QueryPolicy | None = None) -> list[R]:
        """Runs the query.

        Args:
            policy: How to run it; see `QueryPolicy`.

        Returns:
            All records, in no order. Their keys have a user key where one is stored.
        """
        return self.records(policy)._rest()

    def foreach(
        self,
        callback: Callable[[R], bool | None],
        policy: QueryPolicy | None = None,
    ) -> None:
        """Runs the query and calls a function with each record, in this thread.

        Args:
            callback: Called with the record; the query goes on unless it returns False.
            policy: How to run it; see `QueryPolicy`.

        Raises:
            TypeError: The callback cannot be called; nothing was sent.
            BaseException: What the callback raises; it stops the query.
        """
        if not callable(callback):
            raise wrong_type("callback", "a function", callback)
        with self.records(policy) as records:
            for record in records:
                if callback(record) is False:
                    return

    def records(self, policy: QueryPolicy | None = None) -> Records[R]:
        """Runs the query and hands out its records as they arrive.

        Args:
            policy: How to run it; see `QueryPolicy`.

        Returns:
            An iterator, which can be closed early and has the `token` to go on from.
        """
        stream, begin = self._start(policy)
        if self._shape is not None:
            return _Objects(self, stream, begin, self._shape)
        return Records(self, stream, begin)

    def __iter__(self) -> Records[R]:
        return self.records()

    def to_numpy(
        self,
        dtype: "DTypeLike",
        policy: QueryPolicy | None = None,
        *,
        errors: "Errors" = "raise",
        mask: bool = False,
        key: bool = False,
        meta: bool = False,
    ) -> "NDArray[np.void]":
        """Runs the query into a NumPy array, one element a record, in no order.

        Args:
            dtype: A structured dtype; its fields have the names of the bins, and only these bins
                are read, unless `select` says which. A bin that a record has not is zero.
            policy: How to run it; see `QueryPolicy`.
            errors: What to do with values that do not fit: "raise", or "zero" to leave their
                fields zero.
            mask: Makes it a masked array, with a mask over the bins that a record has not.
            key: Adds a field "_digest", and puts the user keys, where they are stored, into a field
                "_key" of the dtype.
            meta: Adds the fields "_gen" and "_ttl" (seconds; 4294967295: the record never expires).

        Raises:
            TypeError: A value's type does not fit its field; or a field's type fits no bin.
            OverflowError: A value is too large or too long for its field.
        """
        from .numpy_query import Filler  # Imports NumPy.

        filler = Filler(dtype, errors, mask=mask, key=key, meta=meta)
        records = Records(self, *self._start(policy, filler.bins))
        arrays = []
        while (array := records._fill(filler)) is not None:
            arrays.append(array)
        return filler.join(arrays)

    def numpy_chunks(
        self,
        dtype: "DTypeLike",
        policy: QueryPolicy | None = None,
        *,
        rows: int = 65536,
        errors: "Errors" = "raise",
        mask: bool = False,
        key: bool = False,
        meta: bool = False,
    ) -> "Iterator[NDArray[np.void]]":
        """Runs the query into one NumPy array after the other, for more than memory can hold.

        Args:
            dtype: As for `to_numpy`.
            policy: How to run it; see `QueryPolicy`.
            rows: How many records go into an array; the last one has fewer.
            errors: As for `to_numpy`, as are the others.
            mask: Makes masked arrays.
            key: Adds "_digest", and fills "_key".
            meta: Adds "_gen" and "_ttl".

        Raises:
            TypeError, OverflowError: As `to_numpy` does.
        """
        from .numpy_query import Filler  # Imports NumPy.

        self._session.policies.query(policy)  # What is wrong with it is said at once.
        filler = Filler(dtype, errors, rows, mask=mask, key=key, meta=meta)
        return self._arrays(filler, policy)

    def _arrays(self, filler: "Filler", policy: QueryPolicy | None) -> "Iterator[NDArray[np.void]]":
        with Records(self, *self._start(policy, filler.bins)) as records:
            while (array := records._fill(filler)) is not None:
                yield array

    def to_arrow(
        self,
        policy: QueryPolicy | None = None,
        *,
        schema: Any = None,
        rows: int = 65536,
        key: bool = False,
        meta: bool = False,
        errors: Literal["raise", "null"] = "raise",
    ) -> ArrowStream:
        """Runs the query into tables of Arrow, one after the other; see `aerospike_py.arrow`.

        Args:
            policy: How to run it; see `QueryPolicy`.
            schema: The types of columns: a dict of types by the names of bins, or anything with
                `__arrow_c_schema__`. Only these bins are read then, unless `select` says which. A
                type that is None, or that there is none for, is inferred from the first table.
            rows: How many records go into a table; the first ones, so that they come soon, and the
                last one have fewer.
            key: Whether to have the columns "_set", "_key" (null where no user key is stored) and
                "_digest".
            meta: Whether to have the columns "_gen" and "_ttl" (seconds; 4294967295: the record
                never expires).
            errors: What to do with a value that does not fit its column, or a bin that there is
                none for: "raise", or "null" to leave it out.

        Returns:
            The tables, to be read once.

        Raises:
            InvalidArgError: There is no such type, or `rows` is not positive.
            BinNameError: A bin's name is empty or has more than 15 bytes.
        """
        from .arrow import Gatherer, describe  # Imports NumPy.

        computes = "operations" in self._request
        selected = None if computes else self._request.get("bins")
        bins, description = describe(selected, schema, key, meta, errors)
        gatherer = Gatherer(description, rows)
        records = Records(self, *self._start(policy, None if computes else bins))
        return ArrowStream(records, gatherer)

    def aggregate(
        self,
        module: str,
        function: str,
        args: Sequence[Any] | None = None,
        policy: QueryPolicy | None = None,
    ) -> list[Any]:
        """Has a registered function make few values of all records that the query finds.

        The function gets a stream and says what is to be done with it, with `filter`, `map`,
        `aggregate`, `reduce` and `groupby`. The servers do so up to the first `reduce`, each with
        its own records; that `reduce`, and what comes after it, is then done here with the values
        of all nodes, in Lua. That takes the package lupa: `pip install lupa`.

        Args:
            module: The module, with or without ".lua".
            function: The function; its first argument is the stream.
            args: Its further arguments, of any type that a bin can hold.
            policy: How to run it; "total_timeout" also limits what is done here, and
                "fail_on_cluster_change" has all nodes asked before and after whether the cluster is
                the same. What pages and limits records is not for aggregations.

        Returns:
            The values, one where the last step is a `reduce`, and none if no record was found.

        Raises:
            UDFError: The function fails, or there is none; the text is the server's, or Lua's.
            ClientError: lupa is not installed; nothing was sent.
            ClusterError: The policy has it fail, with code 7, as the cluster changes.
            InvalidArgError: An argument is not valid, the query selects bins or operations, or
                there is a filter, which servers have not for aggregations: the stream's `filter`
                takes its place, or an index that answers all of it.
        """
        lua()
        session = self._session
        allowance = query.allowance(session.policies, policy)
        planned, rest = self._planned(allowance)
        name, request = query.aggregate(
            session.policies, planned, module, function, args, policy, rest
        )
        content = udf.raw_content(session.policies, name, None)
        source = session.execute(allowance.within(content))
        if session.policies.query.fails_on_change(policy):
            key = query.cluster_key(session.policies, self._request["namespace"])
            before = session.execute(allowance.within(key))
            values = session.execute(allowance.within(request))
            if session.execute(allowance.within(key)) != before:
                raise query.cluster_changed("the cluster changed during the aggregation")
        else:
            values = session.execute(allowance.within(request))
        reduction = query.reduction(session.policies, name, source, function, args, values)
        while True:
            try:
                made, needed = session.apart(reduction.run, allowance.left_ms())
            except BaseException:
                reduction.give_up()
                raise
            if needed is None:
                return made
            reduction.provide(needed, self._library(needed, allowance))

    def _library(self, name: str, allowance: Allowance) -> bytes | None:
        """The text of another module; None when the servers do not have it."""
        session = self._session
        content = udf.raw_content(session.policies, name, None)
        try:
            return session.execute(allowance.within(content))
        except UDFError:
            return None

    def operate_background(
        self,
        ops: Sequence[Mapping[str, Any]],
        policy: WritePolicy | None = None,
        *,
        records_per_second: int = 0,
    ) -> BackgroundJob:
        """Has the servers carry out operations on every record that the query finds.

        Args:
            ops: Operations that write, as for `Client.operate`.
            policy: How to write; "expressions" limits which records are written.
            records_per_second: How many records each node works on at most; 0: no limit.

        Returns:
            The job, which the servers have begun.

        Raises:
            InvalidArgError: An operation is not valid or reads; nothing was sent.
            IndexNotFound: There is no index for the predicate.
        """
        session = self._session
        allowance = query.background_allowance(session.policies, policy)
        planned, rest = self._planned(allowance)
        members = query.limited(planned, records_per_second)
        request = query.operate_background(session.policies, members, ops, policy, rest)
        job_id = session.execute(allowance.within(request))
        return BackgroundJob(session, job_id)

    def apply_background(
        self,
        module: str,
        function: str,
        args: Sequence[Any] | None = None,
        policy: WritePolicy | None = None,
        *,
        records_per_second: int = 0,
    ) -> BackgroundJob:
        """Has the servers run a registered function on every record that the query finds.

        Args:
            module: The module, with or without ".lua".
            function: The function; its first argument is the record.
            args: Its further arguments, of any type that a bin can hold.
            policy: How to write; "expressions" limits which records are written.
            records_per_second: How many records each node works on at most; 0: no limit.

        Returns:
            The job, which the servers have begun. What the function returns is dropped.

        Raises:
            IndexNotFound: There is no index for the predicate.
        """
        session = self._session
        allowance = query.background_allowance(session.policies, policy)
        planned, rest = self._planned(allowance)
        members = query.limited(planned, records_per_second)
        request = query.apply_background(
            session.policies, members, module, function, args, policy, rest
        )
        job_id = session.execute(allowance.within(request))
        return BackgroundJob(session, job_id)
