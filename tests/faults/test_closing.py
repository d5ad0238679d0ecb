"""Closing beside everything else: by other threads, by tasks, by the handlers of signals.

What may end the whole process is done in one of its own.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import AerospikeError, AsyncClient
from aerospike_py.devserver import DevCluster

Run = Callable[[str], str]
AT_ONCE_S = 1.0

PREAMBLE = """
    import asyncio, os, random, signal, socket, sys, threading, time
    import aerospike_py
    from aerospike_py import AerospikeError, AsyncClient, ClientError, GeoJSON
    from aerospike_py.devserver import DevCluster

    ABORTED = -5
    NOT_CONNECTED = -101
    FOREVER = {"total_timeout": 0, "socket_timeout": 0}
    KEYS = [("test", "demo", number) for number in range(200)]
    # Python decodes them, which takes its time, and other threads have their turn meanwhile.
    PLACES = [GeoJSON({"type": "Point", "coordinates": [1.0, 2.0]})] * 5

    def fill(cluster, count=len(KEYS), **bins):
        with aerospike_py.client(cluster.config).connect() as client:
            keys = [("test", "demo", number) for number in range(count)]
            client.batch_write([(key, {"n": 1, **bins}) for key in keys])

    def is_right(record):
        return record.bins == {"n": 1, "places": PLACES}

    def is_of_a_close(error):
        return type(error) is ClientError and error.result_code in (ABORTED, NOT_CONNECTED)
"""


@pytest.fixture
def run() -> Run:
    """Runs a program that must end well, and gives what it prints."""

    def start(script: str) -> str:
        code = textwrap.dedent(PREAMBLE) + textwrap.dedent(script)
        process = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", code],
            capture_output=True,
            text=True,
            timeout=190,
        )
        assert process.returncode == 0, process.stderr[-4000:]
        return process.stdout

    return start


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()


@pytest.mark.timeout(120)
def test_threads_that_iterate_records_are_told_of_a_close(run: Run) -> None:
    out = run("""
        wrong = []

        def read(client, started):
            try:
                while True:
                    for record in client.query("test", "demo").records():
                        started.set()
                        if not is_right(record):
                            wrong.append(record)
            except BaseException as error:
                if not is_of_a_close(error):
                    wrong.append(error)

        with DevCluster(nodes=2) as cluster:
            fill(cluster, 2000, places=PLACES)
            client = aerospike_py.client(cluster.config)
            for number in range(60):
                client.connect()
                started = threading.Event()
                threads = [
                    threading.Thread(target=read, args=(client, started)) for _ in range(3)
                ]
                for thread in threads: thread.start()
                started.wait(10)
                time.sleep(random.random() * 0.02)
                client.close()
                for thread in threads: thread.join(10)
                assert not any(thread.is_alive() for thread in threads)
        print(wrong[:3])
    """)
    assert out == "[]\n"


@pytest.mark.timeout(120)
def test_tasks_that_iterate_records_are_told_of_a_close(run: Run) -> None:
    out = run("""
        wrong = []

        async def read(client, started):
            try:
                while True:
                    async for record in client.query("test", "demo").records():
                        started.set()
                        if not is_right(record):
                            wrong.append(record)
            except BaseException as error:
                if not is_of_a_close(error):
                    wrong.append(error)

        async def main(cluster):
            client = AsyncClient(cluster.config)
            for number in range(60):
                await client.connect()
                started = asyncio.Event()
                tasks = [asyncio.create_task(read(client, started)) for _ in range(3)]
                await asyncio.wait_for(started.wait(), 10)
                await asyncio.sleep(random.random() * 0.02)
                await client.close()
                _, pending = await asyncio.wait(tasks, timeout=10)
                assert not pending

        with DevCluster(nodes=2) as cluster:
            fill(cluster, 2000, places=PLACES)
            asyncio.run(main(cluster))
        print(wrong[:3])
    """)
    assert out == "[]\n"


@pytest.mark.timeout(120)
def test_connecting_again_beside_threads_that_use_the_client(run: Run) -> None:
    out = run("""
        wrong = []
        stopping = threading.Event()

        def use(client):
            while not stopping.is_set():
                client.is_connected()
                try:
                    client.get(KEYS[0])
                except BaseException as error:
                    if not is_of_a_close(error):
                        wrong.append(error)

        with DevCluster() as cluster:
            fill(cluster)
            client = aerospike_py.client(cluster.config)
            threads = [threading.Thread(target=use, args=(client,)) for _ in range(4)]
            for thread in threads: thread.start()
            for number in range(500):
                client.connect()
                client.close()
            stopping.set()
            for thread in threads: thread.join()
        print(wrong[:3])
    """)
    assert out == "[]\n"


EVERYTHING = """
    wrong = []
    READ = [{"op": aerospike_py.OPERATOR_READ, "bin": "n"}]
    ADD = [{"op": aerospike_py.OPERATOR_INCR, "bin": "m", "val": 1}]
    WORK = [
        lambda c: c.get(KEYS[1]),
        lambda c: c.put(KEYS[2], {"n": 1}),
        lambda c: c.operate(KEYS[3], READ),
        lambda c: c.batch_read(KEYS),
        lambda c: c.batch_read(KEYS, _dtype=[("n", "i8")]),
        lambda c: c.batch_read_arrow(KEYS, schema={"n": "int64"}),
        lambda c: c.batch_write([(key, {"n": 1}) for key in KEYS]),
        lambda c: c.batch_operate(KEYS, READ),
        lambda c: c.query("test", "demo").results(),
        lambda c: c.query("test", "demo").to_numpy([("n", "i8")]),
        lambda c: c.query("test", "demo").to_arrow(schema={"n": "int64"}).read_all(),
        lambda c: c.query("test", "demo").operate_background(ADD),
        lambda c: c.info_all("status"),
        lambda c: c.info_random_node("status"),
        lambda c: c.get_node_names(),
        lambda c: c.ping(),
        lambda c: c.job_status(7),
        lambda c: c.udf_list(),
    ]

    def check(result):
        # Rows may have been told of the close, if others were answered before it.
        for row in getattr(result, "batch_records", ()):
            if getattr(row, "result", 0) not in (0, ABORTED):
                wrong.append(row)
"""


@pytest.mark.timeout(200)
def test_a_thousand_closes_beside_threads_that_do_everything(run: Run) -> None:
    out = run(
        EVERYTHING
        + """
    def use(client, work, started):
        try:
            while True:
                check(work(client))
                started.release()
        except BaseException as error:
            if not is_of_a_close(error):
                wrong.append(error)

    with DevCluster(nodes=2) as cluster:
        fill(cluster)
        client = aerospike_py.client(cluster.config)
        dice = random.Random(1)
        slowest_s = 0
        for number in range(1000):
            client.connect()
            started = threading.Semaphore(0)
            threads = [
                threading.Thread(target=use, args=(client, dice.choice(WORK), started))
                for _ in range(4)
            ]
            for thread in threads: thread.start()
            started.acquire(timeout=10)
            time.sleep(dice.random() * 0.002)
            begin_s = time.monotonic()
            client.close()
            slowest_s = max(slowest_s, time.monotonic() - begin_s)
            for thread in threads: thread.join(10)
            assert not any(thread.is_alive() for thread in threads)
    print(wrong[:3], slowest_s < 2)
    """
    )
    assert out == "[] True\n"


@pytest.mark.timeout(200)
def test_a_thousand_closes_beside_tasks_that_do_everything(run: Run) -> None:
    out = run(
        EVERYTHING
        + """
    async def use(client, work, started):
        try:
            while True:
                check(await work(client))
                started.set()
        except BaseException as error:
            if not is_of_a_close(error):
                wrong.append(error)

    async def main(cluster):
        client = AsyncClient(cluster.config)
        dice = random.Random(1)
        slowest_s = 0
        for number in range(1000):
            await client.connect()
            started = asyncio.Event()
            tasks = [
                asyncio.create_task(use(client, dice.choice(WORK), started)) for _ in range(8)
            ]
            await asyncio.wait_for(started.wait(), 10)
            await asyncio.sleep(dice.random() * 0.002)
            begin_s = time.monotonic()
            await client.close()
            slowest_s = max(slowest_s, time.monotonic() - begin_s)
            _, pending = await asyncio.wait(tasks, timeout=10)
            assert not pending
        print(wrong[:3], slowest_s < 2)

    with DevCluster(nodes=2) as cluster:
        fill(cluster)
        asyncio.run(main(cluster))
    """
    )
    assert out == "[] True\n"


def test_whoever_reads_a_stream_of_arrow_is_told_of_a_close(run: Run) -> None:
    out = run("""
        import pyarrow as pa

        def closed(client, reader):
            client.close()
            return reader

        with DevCluster(nodes=2) as cluster:
            fill(cluster)
            client = aerospike_py.client(cluster.config)
            for number in range(3):
                client.connect()
                stream = client.query("test", "demo").to_arrow(rows=10)
                try:
                    # Nobody but the call has the reader, which goes while the error is raised.
                    closed(client, pa.RecordBatchReader.from_stream(stream)).read_all()
                except OSError as error:
                    print(is_of_a_close(stream.error), "ClientError" in str(error))
    """)
    assert out == "True True\n" * 3


# A handler of SIGUSR1 runs while the main thread waits for what nobody answers.
INTERRUPTED = {
    "close during a connect": """
        listener = socket.create_server(("127.0.0.1", 0))
        client = aerospike_py.client({"hosts": [listener.getsockname()], "timeout": 60_000})
        interrupt(client.close, client.connect)
    """,
    "close during a get": """
        client.put(KEYS[0], {"n": 1})
        cluster.drop()
        interrupt(client.close, lambda: client.get(KEYS[0], FOREVER))
    """,
    "close while records are waited for": """
        cluster.drop()
        records = client.query("test", "demo").records(FOREVER)
        interrupt(client.close, lambda: next(records))
    """,
    "close of the records that are waited for": """
        cluster.drop()
        records = client.query("test", "demo").records(FOREVER)
        interrupt(records.close, lambda: next(records))
    """,
    "close while an info command waits": """
        cluster.drop(scope="info")
        interrupt(client.close, lambda: client.info_all("status", {"timeout": 0}))
    """,
    "close while a batch waits": """
        cluster.drop()
        interrupt(client.close, lambda: client.batch_read(KEYS, policy=FOREVER))
    """,
}


@pytest.mark.parametrize("script", INTERRUPTED.values(), ids=INTERRUPTED.keys())
def test_a_signal_handler_ends_the_call_that_it_interrupts(run: Run, script: str) -> None:
    out = run(
        """
        signal.alarm(20)  # Ends the process if nothing else does.

        def interrupt(handle, call):
            took_s = []

            def handler(*_):
                begin_s = time.monotonic()
                handle()
                took_s.append(time.monotonic() - begin_s)

            signal.signal(signal.SIGUSR1, handler)
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            begin_s = time.monotonic()
            try:
                print("ended with", call())
            except ClientError as error:
                print("ClientError", error.in_doubt)
            print(max(took_s) < 1, time.monotonic() - begin_s < 3)

        with DevCluster(nodes=2) as cluster:
            client = aerospike_py.client(cluster.config).connect()
        """
        + textwrap.indent(textwrap.dedent(script), " " * 12)
        + """
            os._exit(0) if not sys.stdout.flush() else None
        """
    )
    assert out == "ClientError False\nTrue True\n"


def test_a_signal_handler_may_ask_for_the_token_of_records_that_are_waited_for(run: Run) -> None:
    out = run("""
        signal.alarm(20)
        answers = []

        def handler(*_):
            begin_s = time.monotonic()
            try:
                token = records.token
                answers.append(token is None or type(token) is bytes)
            except ClientError:
                answers.append(True)
            answers.append(time.monotonic() - begin_s < 0.5)

        with DevCluster(nodes=2) as cluster:
            fill(cluster)
            client = aerospike_py.client(cluster.config).connect()
            cluster.delay(1500)
            records = client.query("test", "demo").records(FOREVER)
            signal.signal(signal.SIGUSR1, handler)
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            print(len(list(records)), answers)
    """)
    assert out == "200 [True, True]\n"


def test_a_signal_handler_may_not_pull_in_the_midst_of_a_chunk(run: Run) -> None:
    out = run("""
        def decode(data):
            try:
                print(next(records))
            except aerospike_py.InvalidArgError:
                return given(data)

        with DevCluster() as cluster:
            fill(cluster)
            client = aerospike_py.client(cluster.config).connect()
            records = client.query("test", "demo").records(FOREVER)
            given = records._stream.decode
            # Where a handler has its turn as some values are made by Python code.
            records._stream.decode = decode
            try:
                for record in records: pass
            except ClientError as error:
                print(error)
    """)
    assert out == "the results have ended with InvalidArgError: results are being pulled already\n"


async def test_a_cancelled_connect_ends(silent: tuple[str, int]) -> None:
    client = AsyncClient({"hosts": [silent], "timeout": 20_000})
    task = asyncio.create_task(client.connect())
    await asyncio.sleep(0.05)
    task.cancel()
    begin_s = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.close()
    assert time.monotonic() - begin_s < AT_ONCE_S


def test_a_cancelled_connect_does_not_hold_the_end_of_the_loop(silent: tuple[str, int]) -> None:
    async def main() -> None:
        client = AsyncClient({"hosts": [silent], "timeout": 20_000})
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(client.connect(), 0.05)

    begin_s = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begin_s < AT_ONCE_S + 0.05


async def test_a_client_whose_connect_was_cancelled_connects_later(
    silent: tuple[str, int],
) -> None:
    with DevCluster() as cluster:
        async with AsyncClient({**cluster.config, "timeout": 20_000}) as client:
            cluster.hang(0)
            task = asyncio.create_task(client.connect())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not client.is_connected()
            cluster.hang(0, on=False)
            await client.connect()
            assert await client.ping()


def test_closing_ends_a_connect_in_another_thread(silent: tuple[str, int]) -> None:
    client = aerospike_py.client({"hosts": [silent], "timeout": 20_000})
    ends: list[BaseException] = []

    def connect() -> None:
        try:
            client.connect()
        except AerospikeError as error:
            ends.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    time.sleep(0.1)  # No event tells that it waits; if it does not yet, that is tested too.
    begin_s = time.monotonic()
    client.close()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - begin_s < AT_ONCE_S
    assert [type(end) for end in ends] == [aerospike_py.ClientError]


@pytest.fixture
def stalled() -> Iterator[DevCluster]:
    """Two nodes with records, which have nothing to say for two seconds."""
    with DevCluster(nodes=2) as cluster:
        with aerospike_py.client(cluster.config).connect() as client:
            for number in range(100):
                client.put(("test", "demo", number), {"n": number})
        cluster.delay(2000)
        yield cluster


async def longest_pause(awaitable: Any) -> tuple[Any, float]:
    """What comes out, and for how long the event loop did nothing else meanwhile."""
    longest_s = 0.0
    task = asyncio.ensure_future(awaitable)
    last_s = time.monotonic()
    while not task.done():
        await asyncio.sleep(0)
        now_s = time.monotonic()
        longest_s, last_s = max(longest_s, now_s - last_s), now_s
    return task.result(), longest_s


@pytest.mark.parametrize("ask", ["close", "token"])
async def test_records_that_a_task_waits_for_do_not_hold_the_loop(
    stalled: DevCluster, ask: str
) -> None:
    async with AsyncClient(stalled.config) as client:
        await client.connect()
        records = client.query("test", "demo").records()
        waiting = asyncio.create_task(records.__anext__())
        await asyncio.sleep(0.1)

        async def close_or_ask() -> None:
            if ask == "close":
                await records.close()
            else:
                with contextlib.suppress(AerospikeError):
                    _ = records.token

        _, pause_s = await longest_pause(close_or_ask())
        assert pause_s < 0.5
        begin_s = time.monotonic()
        ends = await asyncio.gather(waiting, return_exceptions=True)
        if ask == "close":
            assert time.monotonic() - begin_s < AT_ONCE_S
            assert isinstance(ends[0], (aerospike_py.ClientError, StopAsyncIteration))
        else:
            assert ends[0].bins is not None
