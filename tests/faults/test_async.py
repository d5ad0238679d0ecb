"""What the asynchronous client does when nodes die, awaits are cancelled, and loops end early."""

import asyncio
import contextlib
import ctypes
import gc
import random
import signal
import subprocess
import sys
import textwrap
import time
import types
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pytest

from aerospike_py import AerospikeError, AsyncClient, ClientError, Record, RecordNotFound, _codec
from aerospike_py._codec import unpack_record
from aerospike_py._ffi import ffi, lib
from aerospike_py._native import Asked, completions, new_policy
from aerospike_py._values import encode
from aerospike_py.devserver import DevCluster

TASKS = 64
RECORDS = 8
MAX_CONNS = 8


def key_of(worker: int, index: int = 0) -> tuple[str, str, str]:
    return ("test", "demo", f"{worker}/{index}")


@pytest.fixture
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=3) as running:
        yield running


@pytest.fixture
async def client(cluster: DevCluster) -> AsyncIterator[AsyncClient]:
    config = {
        **cluster.config,
        "tend_interval": 100,
        "max_conns_per_node": MAX_CONNS,
        "max_error_rate": 0,
    }
    async with AsyncClient(config) as made:
        await made.connect()
        yield made


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for what another thread of the core brings about; it has no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.01)


def writes(cluster: DevCluster) -> list[int]:
    return [int(node["write"]) + int(node["batch"]) for node in cluster.counters()]


def open_connections(cluster: DevCluster) -> list[int]:
    return [int(node["connections_open"]) for node in cluster.counters()]


async def most_open(client: AsyncClient) -> int:
    """Of any node, by the client's own count: a server takes a while to notice what is closed."""
    return max(node.connections_open for node in await client.stats())


class Workers:
    """Tasks that write ever new numbers to records of their own and read them back."""

    def __init__(self, client: AsyncClient, cancels: bool = False) -> None:
        self.client = client
        self.cancels = cancels
        self.is_stopping = False
        self.acknowledged: dict[tuple[int, int], int] = {}
        self.doubtful: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.wrong: list[str] = []
        self.succeeded = 0
        self.failed = 0
        self.cancelled = 0

    async def __aenter__(self) -> "Workers":
        self.tasks = [asyncio.create_task(self.work(worker)) for worker in range(TASKS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_stopping = True
        done, pending = await asyncio.wait(self.tasks, timeout=20)
        assert not pending
        for task in done:
            task.result()
        assert self.wrong == []

    async def work(self, worker: int) -> None:
        dice = random.Random(worker)
        number = 0
        while not self.is_stopping:
            place = worker, dice.randrange(RECORDS)
            try:
                if dice.random() < 0.5 or place not in self.acknowledged:
                    number += 1
                    await self.write(place, number, dice)
                else:
                    await self.read(place, dice)
                self.succeeded += 1
            except asyncio.CancelledError:
                self.cancelled += 1
            except AerospikeError:
                self.failed += 1
                await asyncio.sleep(0.001)

    async def write(self, place: tuple[int, int], number: int, dice: random.Random) -> None:
        bins = {"k": key_of(*place)[2], "n": number}
        try:
            await self.maybe(self.client.put(key_of(*place), bins), dice)
        except asyncio.CancelledError:
            self.doubtful[place].add(number)
            raise
        except AerospikeError as error:
            if error.in_doubt:
                self.doubtful[place].add(number)
            raise
        self.acknowledged[place] = number
        # What was cancelled may arrive even later than this.
        if not self.cancels:
            self.doubtful[place].clear()

    async def read(self, place: tuple[int, int], dice: random.Random) -> None:
        if dice.random() < 0.8:
            record = await self.maybe(self.client.get(key_of(*place)), dice)
            self.check(place, record.bins)
            return
        places = [(place[0], index) for index in range(RECORDS)]
        places = [each for each in places if each in self.acknowledged]
        rows = await self.maybe(self.client.batch_read([key_of(*each) for each in places]), dice)
        for each, row in zip(places, rows, strict=True):
            if row.result == 0:
                self.check(each, row.record.bins)
            elif row.result > 0 and row.result not in (9, 11):
                self.wrong.append(f"{each}: {row.result}")

    def check(self, place: tuple[int, int], bins: Any) -> None:
        known = {self.acknowledged[place], *self.doubtful[place]}
        if bins["k"] != key_of(*place)[2] or bins["n"] not in known:
            self.wrong.append(f"{place}: {bins}, known {known}")

    async def maybe(self, operation: Any, dice: random.Random) -> Any:
        """Awaits, or cancels half of the time at a random moment."""
        if not self.cancels or dice.random() < 0.5:
            return await operation
        task = asyncio.ensure_future(operation)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(dice.random() * dice.choice((0, 0.001, 0.01)), task.cancel)
        try:
            return await task
        finally:
            timer.cancel()

    async def go_on(self, operations: int = 2000) -> None:
        """Lets so many more operations succeed."""
        enough = self.succeeded + operations
        await eventually(lambda: self.succeeded >= enough, 20)


async def test_a_node_is_killed_and_revived_under_many_tasks(
    cluster: DevCluster, client: AsyncClient
) -> None:
    async with Workers(client) as workers:
        for node in (1, 2):
            await workers.go_on()
            cluster.kill(node)
            await workers.go_on()
            assert await most_open(client) <= MAX_CONNS + 1
            before = writes(cluster)[node]
            cluster.revive(node)
            await eventually(lambda: writes(cluster)[node] > before)  # noqa: B023
    assert workers.failed < workers.succeeded
    assert len(await client.get_node_names()) == 3


async def test_a_node_hangs_under_many_tasks(cluster: DevCluster, client: AsyncClient) -> None:
    async with Workers(client) as workers:
        await workers.go_on()
        cluster.hang(0)
        before = workers.failed
        await eventually(lambda: workers.failed > before)
        assert await most_open(client) <= MAX_CONNS + 1
        cluster.hang(0, on=False)
        await workers.go_on()


async def test_a_storm_of_cancellations(cluster: DevCluster, client: AsyncClient) -> None:
    async with Workers(client, cancels=True) as workers:
        await workers.go_on(3000)
        cluster.delay(5, count=200)
        cluster.kill(1)
        await workers.go_on()
        cluster.revive(1)
        await workers.go_on()
        assert await most_open(client) <= MAX_CONNS + 1
    assert workers.cancelled > 500
    await eventually(lambda: max(open_connections(cluster)) <= MAX_CONNS + 1)
    # What was cancelled ends too, and is forgotten.
    assert client._session._completions is not None
    await eventually(lambda: len(client._session._completions or ()) == 0)


async def test_a_cancelled_operation_leaves_its_late_reply_to_nobody(
    cluster: DevCluster, client: AsyncClient
) -> None:
    for worker in range(100):
        await client.put(key_of(worker), {"n": worker})
    cluster.delay(50, count=60)
    tasks = [asyncio.ensure_future(client.get(key_of(worker))) for worker in range(20)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    for _ in range(5):
        records = await asyncio.gather(*(client.get(key_of(worker)) for worker in range(100)))
        assert [record.bins for record in records] == [{"n": worker} for worker in range(100)]
    assert all(task.cancelled() for task in tasks)


async def test_arrays_of_cancelled_batches_are_not_freed_too_early(
    cluster: DevCluster, client: AsyncClient
) -> None:
    numpy = pytest.importorskip("numpy")
    dtype = numpy.dtype([("n", "i8"), ("pad", "S2000")])
    keys = [key_of(worker) for worker in range(200)]
    for worker, key in enumerate(keys):
        await client.put(key, {"n": worker, "pad": b"x" * 2000})
    for round_ in range(20):
        cluster.delay(5, count=3)
        task = asyncio.ensure_future(client.batch_read(keys, _dtype=dtype))
        await asyncio.sleep(0.0003 * round_)
        task.cancel()
        del task
        gc.collect()
        # Takes the memory that was freed, if any was.
        fresh = [bytes(len(keys) * dtype.itemsize) for _ in range(4)]
        await asyncio.sleep(0.01)
        assert not any(any(each) for each in fresh)
    cluster.clear_faults()
    table = await client.batch_read(keys, _dtype=dtype)
    assert table.batch_records["n"].tolist() == list(range(200))


class Interrupt(BaseException):
    """What the handler of a signal may raise."""


@dataclass
class Interrupting:
    """Its third one comes as a signal does, in the midst of the results of many."""

    n: int
    made: ClassVar[int] = 0

    def __post_init__(self) -> None:
        Interrupting.made += 1
        if Interrupting.made == 3:
            raise Interrupt


def exceptions_of_the_loop() -> list[Any]:
    """Those that its callbacks raise from now on."""
    raised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: raised.append(context["exception"])
    )
    return raised


async def test_an_interrupted_hand_over_leaves_nobody_waiting(client: AsyncClient) -> None:
    keys = [key_of(worker) for worker in range(40)]
    await client.batch_write([(key, {"n": 1}) for key in keys])
    raised = exceptions_of_the_loop()
    Interrupting.made = 0
    gets = [client.get(key, into=Interrupting) for key in keys]
    ends = await asyncio.wait_for(asyncio.gather(*gets, return_exceptions=True), 10)
    assert [type(each) for each in raised] == [Interrupt]
    (failed,) = [each for each in ends if isinstance(each, BaseException)]
    assert type(failed) is ClientError
    assert "interrupted by Interrupt" in str(failed)


@pytest.fixture
def interrupting() -> Iterator[int]:
    """A signal whose handler raises."""

    def handler(*_: Any) -> None:
        raise Interrupt

    before = signal.signal(signal.SIGINT, handler)
    yield signal.SIGINT
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="a signal comes otherwise there")
async def test_a_signal_that_comes_while_a_result_is_decoded_leaves_nobody_waiting(
    client: AsyncClient, interrupting: int
) -> None:
    keys = [key_of(worker) for worker in range(20)]
    await client.batch_write([(key, {"n": 1}) for key in keys])
    raised = exceptions_of_the_loop()
    # A decoder that runs no Python code, so that the handler has no turn before the result is made.
    comes = partial(ctypes.CDLL(None)["raise"], interrupting)
    decode = defaultdict[Any, int](comes).__getitem__
    completions: Any = client._session._completions
    gets = [
        completions.run((lib.ASZ_GET, encode([key]), ffi.NULL, decode))
        if number == 9
        else client.get(key)
        for number, key in enumerate(keys)
    ]
    ends = await asyncio.wait_for(asyncio.gather(*gets), 10)
    assert ends.pop(9) == 0
    assert [end.bins for end in ends] == [{"n": 1}] * 19
    assert [type(each) for each in raised] == [Interrupt]


async def test_a_signal_that_comes_while_results_are_collected_leaves_nobody_waiting(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [key_of(worker) for worker in range(20)]
    await client.batch_write([(key, {"n": 1}) for key in keys])
    raised = exceptions_of_the_loop()

    def settle(target: bytes, *rest: Any) -> bool:
        if raised:
            return _codec.settle(target, *rest)
        if _codec.collect(target):
            raise Interrupt  # As a handler does that has its turn when the call is over.
        return False

    monkeypatch.setattr(completions, "settle", settle)
    gets = asyncio.gather(*(client.get(key) for key in keys))
    assert [end.bins for end in await asyncio.wait_for(gets, 10)] == [{"n": 1}] * 20
    assert [type(each) for each in raised] == [Interrupt]


@dataclass
class Nesting:
    """Its third one runs the loop, in the midst of the results of many."""

    n: int
    made: ClassVar[int] = 0
    run: ClassVar[Callable[[], None]]

    def __post_init__(self) -> None:
        Nesting.made += 1
        if Nesting.made == 3:
            Nesting.run()


async def test_what_is_made_of_a_result_may_run_the_loop(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [key_of(worker) for worker in range(40)]
    await client.batch_write([(key, {"n": 1}) for key in keys])
    await client.put(key_of(40), {"large": b"x" * 600_000})
    here: Any = client._session._completions
    nested: list[asyncio.Future[Any]] = []

    def run() -> None:
        # As the loop does, of which asyncio has one at a time.
        for number in range(40, 80):
            request = lib.ASZ_GET, encode([key_of(number)]), ffi.NULL, bytes
            nested.append(here.start(request))
        here.submitter.flush(None)
        deadline = time.monotonic() + 10
        while not all(future.done() for future in nested):
            assert time.monotonic() < deadline
            here._go_on() if here._goes_on else here._collect()

    Nesting.made = 0
    monkeypatch.setattr(Nesting, "run", run, raising=False)
    gets = asyncio.gather(*(client.get(key, into=Nesting) for key in keys))
    assert [record.bins for record in await asyncio.wait_for(gets, 20)] == [Nesting(1)] * 40
    large, *missing = await asyncio.gather(*nested, return_exceptions=True)
    assert len(large) > 600_000
    assert [type(each) for each in missing] == [RecordNotFound] * 39


class Raising(asyncio.Future[Any]):
    """Raises once, of what it is asked when its operation has ended."""

    has_raised = False

    def set_result(self, result: Any) -> None:
        super().set_result(result)
        self.raise_once(Interrupt)

    def done(self) -> bool:
        self.raise_once(MemoryError)
        return super().done()

    def raise_once(self, kind: type[BaseException]) -> None:
        if not Raising.has_raised:
            Raising.has_raised = True
            raise kind


def raise_from_futures(client: AsyncClient) -> None:
    """Who waits does so with a future that raises."""
    here: Any = client._session._completions
    Raising.has_raised = False
    submit_with(client, _codec.submitter(here.client, Raising, None, here.loop.call_soon, 0))


def submit_with(client: AsyncClient, submitter: _codec.Submitter) -> None:
    here: Any = client._session._completions
    assert not here
    here.submitter, here.run = submitter, submitter.run
    client._session._use(here)


async def test_what_is_submitted_in_the_midst_of_a_submission_has_its_own_result(
    client: AsyncClient,
) -> None:
    keys = [key_of(worker) for worker in range(4)]
    await client.batch_write([(key, {"n": number}) for number, key in enumerate(keys)])
    here: Any = client._session._completions
    requests = [(lib.ASZ_GET, encode([key]), ffi.NULL, unpack_record) for key in keys]
    nested: list[Any] = []

    def nesting(function: Callable[..., Any]) -> Callable[..., Any]:
        """As with a signal's handler that submits, and has its turn in the midst of a call."""

        def called(*arguments: Any) -> Any:
            if requests:
                nested.append(submitter.start(requests.pop(), None))
            return function(*arguments)

        return called

    create_future, call_soon = nesting(here.loop.create_future), nesting(here.loop.call_soon)
    submitter = _codec.submitter(here.client, create_future, None, call_soon, 1 << lib.ASZ_GET)
    submit_with(client, submitter)
    outer = submitter.run(requests.pop())
    futures = {future: token for token, future in submitter.kept()}
    assert submitter.latest == (set(futures.values()) - {futures[each] for each in nested}).pop()
    ends = await asyncio.wait_for(asyncio.gather(outer, *nested), 10)
    assert sorted(end.bins["n"] for end in ends) == [0, 1, 2, 3]
    assert ends[0].bins == {"n": 3}


class SomeFuture(asyncio.Future[Any]):
    """As loops may have their own."""


@pytest.mark.parametrize("kind", [asyncio.Future, SomeFuture, asyncio.futures._PyFuture])  # type: ignore[attr-defined]
async def test_futures_of_every_kind_are_told(client: AsyncClient, kind: Any) -> None:
    await client.put(key_of(0), {"n": 1})
    here: Any = client._session._completions
    submitter = _codec.submitter(
        here.client, kind, {"loop": here.loop}, here.loop.call_soon, 1 << lib.ASZ_GET
    )
    submit_with(client, submitter)
    found, missing = await asyncio.wait_for(
        asyncio.gather(client.get(key_of(0)), client.get(key_of(1)), return_exceptions=True), 10
    )
    assert found.bins == {"n": 1}
    assert type(missing) is RecordNotFound


async def test_what_a_future_raises_that_was_told_is_not_lost(client: AsyncClient) -> None:
    raised = exceptions_of_the_loop()
    raise_from_futures(client)
    await client.put(key_of(0), {"n": 1})
    assert [type(each) for each in raised] == [Interrupt]


async def test_a_result_that_cannot_be_handed_on_fails_that_operation_alone(
    client: AsyncClient,
) -> None:
    keys = [key_of(worker) for worker in range(20)]
    await client.batch_write([(key, {"n": 1}) for key in keys[1:]])
    request = lib.ASZ_GET, encode([keys[0]]), ffi.NULL, bytes
    raise_from_futures(client)
    here: Any = client._session._completions
    missing = here.start(request)
    gets = asyncio.gather(missing, *(client.get(key) for key in keys[1:]), return_exceptions=True)
    failed, *ends = await asyncio.wait_for(gets, 10)
    assert type(failed) is MemoryError
    assert [end.bins for end in ends] == [{"n": 1}] * 19


def interrupted(function: Callable[..., Any]) -> Callable[..., Any]:
    """As a call of it is when a handler has its turn at its end, and raises."""

    def called(*arguments: Any) -> None:
        function(*arguments)
        raise Interrupt

    return called


class Interrupted:
    """A submitter of which that is so."""

    def __init__(self, submitter: Any) -> None:
        self._submitter = submitter

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._submitter, name)
        return interrupted(member) if name == "start" else member


FOREVER: Any = {"total_timeout": 0, "socket_timeout": 0, "max_retries": 0}


async def test_who_is_interrupted_while_submitting_leaves_nothing_behind(
    client: AsyncClient, cluster: DevCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.put(key_of(0), {"n": 1})
    here: Any = client._session._completions
    policy = new_policy(lib.ASZ_GET)
    policy.total_timeout = policy.socket_timeout = 0
    asked = Asked(lib.ASZ_GET, policy)
    request = lib.ASZ_GET, encode([key_of(0)]), ffi.NULL, bytes
    cluster.drop()  # Unless it is ended, it goes on for ever.
    with monkeypatch.context() as patch:
        patch.setattr(here, "submitter", Interrupted(here.submitter))
        with pytest.raises(Interrupt):
            here.start_asking(asked, request)
    assert completions._owners[here.latest] is asked  # It is still written to.
    await eventually(lambda: here.latest not in completions._owners)
    assert not here
    cluster.clear_faults()
    with pytest.raises(AerospikeError):  # Refused, so that nothing is kept.
        here.start_asking(asked, (lib.ASZ_GET, b"", ffi.NULL, bytes))
    assert here.latest not in completions._owners


async def test_who_is_interrupted_in_line_takes_nobodys_turn(
    cluster: DevCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    limits = {"max_concurrent_operations": 1, "operation_queue_timeout_ms": 10_000}
    async with AsyncClient({**cluster.config, **limits}) as client:
        await client.connect()
        await client.put(key_of(0), {"n": 1})
        here: Any = client._session._completions
        cluster.drop()
        with monkeypatch.context() as patch:
            patch.setattr(here, "start", interrupted(here.start))
            with pytest.raises(Interrupt):
                await client.get(key_of(0), FOREVER)
        await eventually(lambda: not here)  # Nobody is left who could end it.
        first = asyncio.ensure_future(client.get(key_of(0), FOREVER))
        await eventually(lambda: bool(here))
        with monkeypatch.context() as patch:
            patch.setattr(loop, "call_later", interrupted(loop.call_later))
            with pytest.raises(Interrupt):
                await client.get(key_of(0))
        first.cancel()
        cluster.clear_faults()
        assert (await asyncio.wait_for(client.get(key_of(0)), 10)).bins == {"n": 1}


def slow_get(client: AsyncClient) -> Any:
    here: Any = client._session._completions
    policy = client._policies.read({"total_timeout": 60_000, "socket_timeout": 0})
    return here.run((lib.ASZ_GET, encode([key_of(0)]), policy, _codec.unpack_record))


@pytest.mark.parametrize("begins", [False, True], ids=["not awaited", "awaited"])
async def test_what_nobody_waits_for_any_more_ends_early(
    cluster: DevCluster, client: AsyncClient, begins: bool
) -> None:
    raised = exceptions_of_the_loop()
    completions: Any = client._session._completions

    def forget(_: Any) -> None:
        pass

    def close(operation: Any) -> None:
        operation.close()

    def throw(operation: Any) -> None:
        for arguments in (Interrupt(),), (Interrupt,), (Interrupt, None), (Interrupt, Interrupt()):
            with pytest.raises(Interrupt):
                operation.throw(*arguments)

    for node in range(3):
        cluster.hang(node)
    try:
        for end in forget, close, throw:
            operation = slow_get(client)
            if begins:
                future = operation.send(None)
                assert asyncio.isfuture(future)
                assert future._asyncio_future_blocking
                del future
            end(operation)
            if end is not forget:
                with pytest.raises(RuntimeError, match="awaited once"):
                    operation.send(None)
            del operation
            await eventually(lambda: len(completions) == 0)
    finally:
        for node in range(3):
            cluster.hang(node, False)
    gc.collect()
    await asyncio.sleep(0)
    assert not raised


async def test_an_operation_gives_its_result_to_whatever_iterates(client: AsyncClient) -> None:
    await client.put(key_of(0), {"n": 1})

    @types.coroutine
    def waits() -> Generator[Any, None, Any]:
        return (yield from slow_get(client).__await__())

    # A tuple is not taken for the arguments of the exception that carries it.
    record = await waits()
    assert type(record) is Record
    assert record.bins == {"n": 1}
    assert (await asyncio.ensure_future(slow_get(client))).bins == {"n": 1}
    with pytest.raises(TypeError, match="only exceptions are thrown"):
        slow_get(client).throw(1)
    with pytest.raises(TypeError):
        type(slow_get(client))()


async def test_who_comes_to_an_operation_that_is_waited_for_takes_nothing_away(
    client: AsyncClient,
) -> None:
    await client.put(key_of(0), {"n": 1})
    operation = slow_get(client)

    async def wait() -> Any:
        return await operation

    first, second = await asyncio.wait_for(
        asyncio.gather(wait(), wait(), return_exceptions=True), 10
    )
    assert first.bins == {"n": 1}
    assert type(second) is RuntimeError


async def test_what_is_refused_ends_nothing_that_was_submitted_before(client: AsyncClient) -> None:
    await client.put(key_of(0), {"n": 1})
    here: Any = client._session._completions
    get = asyncio.ensure_future(client.get(key_of(0)))
    await asyncio.sleep(0)
    assert len(here) == 1
    with pytest.raises(TypeError):
        here.start(("no", "request"))
    assert (await asyncio.wait_for(get, 10)).bins == {"n": 1}


@pytest.mark.parametrize("does", ["it at once", "nothing", "something else"])
async def test_reads_that_wait_for_a_tick_are_sent_whatever_a_loop_does_then(
    client: AsyncClient, does: str
) -> None:
    keys = [key_of(worker) for worker in range(20)]
    await client.batch_write([(key, {"n": 1}) for key in keys])
    here: Any = client._session._completions
    policy = client._policies.read(FOREVER)
    requests = [(lib.ASZ_GET, encode([key]), policy, unpack_record) for key in keys]
    operations: list[Any] = []
    forgotten: list[Any] = []

    def call_soon(*callback: Any) -> None:
        if does == "something else":
            operations.append(submitter.start(requests[0], None))
            raise Interrupt
        forgotten.append(callback)
        if does == "it at once":
            callback[0](*callback[1:])

    submitter = _codec.submitter(
        here.client, here.loop.create_future, None, call_soon, 1 << lib.ASZ_GET
    )
    submit_with(client, submitter)
    begin_s = time.monotonic()
    for count in 20, *[1] * 8:
        operations.clear()
        with contextlib.suppress(Interrupt):
            for request in requests[:count]:
                operations.append(submitter.start(request, None))
        forgotten.clear()
        ends = await asyncio.wait_for(asyncio.gather(*operations), 10)
        assert [end.bins for end in ends] == [{"n": 1}] * len(ends)
        assert len(ends) == (5 if does == "something else" and count > 1 else count)
    # What nobody sends waits for some other event, most of a second.
    assert time.monotonic() - begin_s < 3


async def test_a_place_in_line_is_not_lost_with_the_callback_that_leaves_it(
    cluster: DevCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    call_soon: Any = loop.call_soon
    lost: list[str] = []

    def losing(callback: Any, *arguments: Any, **context: Any) -> Any:
        """As a loop does where a signal's handler raises before the call."""
        owner = getattr(callback, "__self__", None)
        if type(owner).__name__ == "_Place" and not lost:
            lost.append(callback.__name__)
            return None
        return call_soon(callback, *arguments, **context)

    limits = {"max_concurrent_operations": 1, "operation_queue_timeout_ms": 10_000}
    async with AsyncClient({**cluster.config, **limits}) as client:
        await client.connect()
        await client.put(key_of(0), {"n": 1})
        with monkeypatch.context() as patch:
            patch.setattr(loop, "call_soon", losing)
            gets = asyncio.gather(*(client.get(key_of(0)) for _ in range(3)))
            ends = await asyncio.wait_for(gets, 10)
        assert [end.bins for end in ends] == [{"n": 1}] * 3
    assert lost == ["leave"]


async def test_closing_fails_what_is_in_flight(cluster: DevCluster) -> None:
    client = AsyncClient(cluster.config)
    await client.connect()
    await client.put(key_of(0), {"n": 1})
    cluster.drop()
    operations = [
        client.get(key_of(0), FOREVER),
        client.put(key_of(0), {"n": 2}, policy=FOREVER),
        client.batch_read([key_of(0), key_of(1)], policy=FOREVER),
        client.batch_write([(key_of(0), {"n": 3})], policy=FOREVER),
    ]
    before = sum(writes(cluster))
    tasks = [asyncio.ensure_future(operation) for operation in operations]
    await eventually(lambda: sum(writes(cluster)) >= before + 3)
    await asyncio.wait_for(client.close(), 5)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [ClientError] * 4
    # The writes were sent.
    assert [getattr(end, "in_doubt", None) for end in ends] == [False, True, False, True]
    with pytest.raises(ClientError, match="not connected"):
        await client.get(key_of(0))
    cluster.clear_faults()
    await client.connect()
    assert (await client.get(key_of(0))).bins is not None
    await client.close()


async def test_the_minimum_of_connections_may_be_the_maximum(cluster: DevCluster) -> None:
    config = {**cluster.config, "min_conns_per_node": 4, "max_conns_per_node": 4}
    async with AsyncClient(config) as client:
        await client.connect()
        await asyncio.gather(*(client.put(key_of(worker), {"n": worker}) for worker in range(100)))
        assert max(open_connections(cluster)) <= 5


async def test_many_more_operations_than_connections_wait_for_their_turn(
    cluster: DevCluster,
) -> None:
    async with AsyncClient({**cluster.config, "max_conns_per_node": 1}) as client:
        await client.connect()
        await asyncio.gather(*(client.put(key_of(worker), {"n": worker}) for worker in range(500)))
        records = await asyncio.gather(*(client.get(key_of(worker)) for worker in range(500)))
        assert [record.bins for record in records] == [{"n": worker} for worker in range(500)]
        assert max(open_connections(cluster)) <= 2


async def test_a_client_that_another_threads_loop_uses_is_closed_there(
    cluster: DevCluster, client: AsyncClient
) -> None:
    await client.put(key_of(0), {"n": 1})
    cluster.drop()
    gets = [asyncio.ensure_future(client.get(key_of(0), FOREVER)) for _ in range(20)]
    await eventually(lambda: len(client._session._completions or ()) == 20)

    async def close_elsewhere() -> None:
        with pytest.raises(ClientError, match="on another event loop, which runs"):
            await client.connect()
        await client.close()

    closing = asyncio.ensure_future(asyncio.to_thread(asyncio.run, close_elsewhere()))
    # Nothing else wakes this loop.
    ends = await asyncio.gather(*gets, return_exceptions=True)
    assert [type(end) for end in ends] == [ClientError] * 20
    await asyncio.wait_for(closing, 10)
    assert not client.is_connected()
    cluster.clear_faults()
    await client.connect()
    assert (await client.get(key_of(0))).bins == {"n": 1}


SCRIPT = """
    import ast, asyncio, gc, os, sys, threading
    import aerospike_py
    from aerospike_py.devserver import DevCluster

    key = ("test", "demo", "k")
    forever = {"total_timeout": 0, "socket_timeout": 0}
    one_at_a_time = {"max_concurrent_operations": 1, "operation_queue_timeout_ms": 20_000}

    def descriptors():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))
"""

ENDS = {
    "run ends with operations in flight and no close": """
        async def main():
            client = aerospike_py.AsyncClient(cluster.config)
            await client.connect()
            await client.put(key, {"n": 1})
            cluster.drop()
            tasks = [asyncio.ensure_future(client.get(key, forever)) for _ in range(20)]
            await asyncio.sleep(0.02)

        with DevCluster() as cluster:
            for _ in range(3):
                asyncio.run(main())
                cluster.clear_faults()
    """,
    "the loop is closed before the client": """
        with DevCluster() as cluster:
            # What the old loop has of a line is not missing on the new one.
            client = aerospike_py.AsyncClient({**cluster.config, **one_at_a_time})
            loop = asyncio.new_event_loop()
            loop.run_until_complete(client.connect())
            loop.run_until_complete(client.put(key, {"n": 1}))
            cluster.drop()
            left = loop.create_task(client.get(key, forever))
            left._log_destroy_pending = False
            task = loop.create_task(client.get(key, forever))
            loop.run_until_complete(asyncio.sleep(0.02))
            task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            cluster.clear_faults()
            other = asyncio.new_event_loop()
            other.run_until_complete(client.connect())
            assert other.run_until_complete(client.get(key)).bins == {"n": 1}
            other.run_until_complete(client.close())
            other.run_until_complete(other.shutdown_default_executor())
            other.close()
    """,
    "the loop stops in the midst of work and another one goes on": """
        async def work(client):
            while True:
                await client.get(key)

        async def begin(client):
            await client.connect()
            await client.put(key, {"n": 1})
            return [asyncio.create_task(work(client)) for _ in range(10)]

        with DevCluster() as cluster:
            client = aerospike_py.AsyncClient(cluster.config)
            for _ in range(5):
                loop = asyncio.new_event_loop()
                tasks = loop.run_until_complete(begin(client))
                loop.run_until_complete(asyncio.sleep(0.01))
                for task in tasks:
                    task.cancel()
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_default_executor())
                loop.close()
            asyncio.run(client.close())
    """,
    "the process ends with everything open": """
        cluster = DevCluster().start()
        loop = asyncio.new_event_loop()
        client = aerospike_py.AsyncClient(cluster.config)
        loop.run_until_complete(client.connect())
        loop.run_until_complete(client.put(key, {"n": 1}))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    """,
    "many loops in many threads": """
        async def main(number):
            async with aerospike_py.AsyncClient(cluster.config) as client:
                await client.connect()
                own = ("test", "demo", number)
                for value in range(200):
                    await client.put(own, {"n": value})
                    assert (await client.get(own)).bins == {"n": value}

        with DevCluster() as cluster:
            threads = [
                threading.Thread(target=lambda n=n: asyncio.run(main(n))) for n in range(4)
            ]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
    """,
    "two hundred clients of two hundred loops": """
        async def main():
            async with aerospike_py.AsyncClient(cluster.config) as client:
                await client.connect()
                await client.put(key, {"n": 1})
                task = asyncio.ensure_future(client.get(key))
                await asyncio.sleep(0)
            try:
                await task
            except aerospike_py.ClientError:
                pass

        with DevCluster() as cluster:
            for _ in range(5): asyncio.run(main())
            before = descriptors()
            for _ in range(200): asyncio.run(main())
            # The server's end of a connection may be closed a little later.
            assert descriptors() <= before + 4, (before, descriptors())
    """,
    "a child of a fork connects its own": """
        async def main():
            client = aerospike_py.AsyncClient({**cluster.config, **one_at_a_time})
            await client.connect()
            await client.put(key, {"n": 0})
            busy = [asyncio.ensure_future(client.increment(key, "n", 1)) for _ in range(50)]
            await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                asyncio.events._set_running_loop(None)
                async def child():
                    for _ in range(50): await client.increment(key, "n", 1)
                    await client.close()
                try:
                    asyncio.new_event_loop().run_until_complete(child())
                except BaseException as error:
                    print(repr(error), file=sys.stderr)
                    os._exit(7)
                os._exit(0)
            await asyncio.gather(*busy)
            loop = asyncio.get_running_loop()
            _, status = await loop.run_in_executor(None, os.waitpid, pid, 0)
            assert status == 0, status
            bins = (await client.get(key)).bins
            assert bins == {"n": 100}, bins
            await client.close()

        with DevCluster() as cluster:
            asyncio.run(main())
    """,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_loops_and_processes_may_end_at_any_time(end: str) -> None:
    script = textwrap.dedent(SCRIPT) + textwrap.dedent(end) + "\nprint('done')\n"
    # They are left open on purpose.
    unclosed = [f"-Wignore:unclosed <{kind}:ResourceWarning" for kind in ("Client", "AsyncClient")]
    command = [sys.executable, "-X", "dev", "-W", "error", *unclosed, "-c", script]
    process = subprocess.run(command, capture_output=True, text=True, timeout=50)
    # On a busy machine asyncio says which step took long; that is nobody's fault.
    said = [line for line in process.stderr.splitlines() if not line.startswith("Executing <")]
    assert (process.returncode, process.stdout, said) == (0, "done\n", [])
