"""Certificates that change while a client is connected, and what it counts."""

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from terminator import tls_in_front_of

import aerospike_py
from aerospike_py import AsyncClient
from aerospike_py.devserver import Authority, DevCluster

NAME = "node.dev"


class Front:
    """A node behind TLS, whose certificate changes while it runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contexts: list[ssl.SSLContext] = []

    @asynccontextmanager
    async def client(self, port: int, authority: Authority) -> AsyncIterator[AsyncClient]:
        """A client that trusts what the file says, which is an authority to begin with."""
        self.trust(authority)
        issued = authority.issue(NAME)
        with tls_in_front_of(port, issued.cert, issued.key, self._set_up) as front:
            config: Any = {
                "hosts": [("127.0.0.1", front, NAME)],
                "tls": {"cafile": self.ca},
                "tend_interval": 250,
            }
            async with AsyncClient(config).connect() as client:
                yield client

    def _set_up(self, context: ssl.SSLContext) -> None:
        # Who resumes a session shows no certificate.
        context.num_tickets = 0
        self._contexts.append(context)

    @property
    def ca(self) -> Path:
        return self._folder / "ca.pem"

    def trust(self, authority: Authority) -> None:
        self.ca.write_bytes(authority.pem)

    def change_to(self, authority: Authority) -> None:
        issued = authority.issue(NAME)
        path = self._folder / "node.pem"
        path.write_bytes(issued.key + issued.cert)
        self._contexts[0].load_cert_chain(path)


async def outcomes(client: AsyncClient) -> list[BaseException | None]:
    """Of eight writes at once, each on a connection of its own."""
    writes = [
        client.put(("test", "tls", number), {"n": number}, policy={"max_retries": 0})
        for number in range(8)
    ]
    return await asyncio.gather(*writes, return_exceptions=True)


async def until(is_so: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not await is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
def announcing() -> Iterator[DevCluster]:
    """A node that takes plain connections, and says that it takes TLS."""
    with DevCluster(nodes=1, tls=True, allows_plain=True) as cluster:
        yield cluster


async def test_files_that_change_are_read_anew_and_nothing_is_dropped(
    announcing: DevCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aerospike_py")
    first, second = Authority(), Authority()
    front = Front(tmp_path)
    async with front.client(announcing.port, first) as client:
        await client.put(("test", "tls", "n"), {"n": 1})
        front.change_to(second)
        refused = [each for each in await outcomes(client) if each is not None]
        assert refused
        assert all(isinstance(each, aerospike_py.TLSError) for each in refused)
        assert all(": TLS handshake: the node's certificate (" in str(each) for each in refused)
        stats = await client.tls_stats()
        assert stats is not None
        assert stats.handshakes >= 2
        assert stats.failures["unknown_authority"] >= len(refused)

        front.trust(second)

        async def all_succeed() -> bool:
            # On the connection of before all goes on.
            await client.get(("test", "tls", "n"))
            return await outcomes(client) == [None] * 8

        await until(all_succeed)
        assert "new connections use them" in caplog.text

        # What cannot be used changes nothing, and is told once.
        front.ca.write_text("not a certificate")

        async def is_told() -> bool:
            await client.get(("test", "tls", "n"))
            return "cannot be used" in caplog.text

        await until(is_told)
        assert await outcomes(client) == [None] * 8
        (told,) = [each for each in caplog.messages if "cannot be used" in each]
        assert "ca.pem" in told

    shown = aerospike_py.get_metrics()
    assert "aerospike_client_tls_handshakes_total{" in shown
    assert 'reason="unknown_authority"' in shown


class Shown:
    """Whom clients say that they are: the names in the certificates of connections."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._connections: list[Any] = []

    def set_up(self, context: ssl.SSLContext) -> None:
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self._authority.pem.decode())
        context.sni_callback = lambda connection, *_: self._connections.append(connection)

    def since(self, count: int) -> set[str]:
        """Of the open connections after the first ones."""
        names = set()
        for connection in self._connections[count:]:
            with suppress(ValueError):  # It is closed.
                subject = dict(pair for (pair,) in connection.getpeercert()["subject"])
                names.add(subject["commonName"])
        return names

    def count(self) -> int:
        return len(self._connections)


class BothFaces:
    """Clients of both faces, each with a read in flight all the time, on a slow node."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._is_over = False
        self.reads = 0

    async def __aenter__(self) -> "BothFaces":
        self.ours = await AsyncClient(self._config).connect()
        self.theirs = await asyncio.to_thread(aerospike_py.client(self._config).connect)
        await self.ours.put(("test", "tls", "n"), {"n": 1}, policy=PATIENT)
        self._task = asyncio.create_task(self._read())
        self._pool = ThreadPoolExecutor(9)
        self._thread = self._pool.submit(self._read_in_thread)
        return self

    async def __aexit__(self, *_: object) -> None:
        """What was in flight meanwhile has ended well."""
        self._is_over = True
        try:
            await self._task
            await asyncio.wrap_future(self._thread)
        finally:
            self._pool.shutdown()
            await self.ours.close()
            await asyncio.to_thread(self.theirs.close)

    async def _read(self) -> None:
        while not self._is_over:
            await self.ours.get(("test", "tls", "n"), policy=PATIENT)
            self.reads += 1

    def _read_in_thread(self) -> None:
        while not self._is_over:
            self.theirs.get(("test", "tls", "n"), policy=PATIENT)
            self.reads += 1

    async def write(self, at_once: int) -> None:
        """Each write on a connection of its own."""
        keys = [("test", "tls", number) for number in range(at_once)]
        begun = threading.Barrier(at_once)

        def write(key: Any) -> None:
            begun.wait()
            self.theirs.put(key, {"n": 1}, policy=PATIENT)

        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(self.ours.put(key, {"n": 1}, policy=PATIENT) for key in keys),
            *(loop.run_in_executor(self._pool, write, key) for key in keys),
        )


# Once, whatever becomes of it.
PATIENT: Any = {"max_retries": 0, "total_timeout": 20_000}


async def test_a_clients_certificate_is_replaced_and_nothing_is_dropped(
    announcing: DevCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aerospike_py")
    authority = Authority()
    node = authority.issue(NAME)
    first, second = (authority.issue(f"{name}.dev", common_name=name) for name in ("ada", "bea"))
    # The log shows both, however long they are.
    folder = tmp_path / ("a folder for certificates" * 3)
    folder.mkdir()
    certfile, keyfile = folder / "client.pem", folder / "client.key"
    certfile.write_bytes(first.cert)
    keyfile.write_bytes(first.key)
    shown = Shown(authority)

    async def both_tell(what: str) -> list[logging.LogRecord]:
        async def have_told() -> bool:
            return sum(what in each for each in caplog.messages) >= 2

        await until(have_told)
        return [each for each in caplog.records if what in each.getMessage()]

    with ExitStack() as stack:
        front = tls_in_front_of(announcing.port, node.cert, node.key, shown.set_up)
        config = {
            "hosts": [("127.0.0.1", stack.enter_context(front), NAME)],
            "tls": {"ca": authority.pem, "certfile": certfile, "keyfile": keyfile},
            "tend_interval": 250,
        }
        announcing.delay(100)
        async with BothFaces(config) as both:
            assert shown.since(0) == {"ada"}

            # A half of what is to come: the key is of another certificate.
            certfile.write_bytes(second.cert)
            for told in await both_tell("cannot be used"):
                assert told.levelno == logging.WARNING
                wrong = f"tls 'keyfile': {keyfile} is not the key of the certificate in {certfile}"
                assert wrong in told.getMessage()
                fields = vars(told)
                assert fields["aerospike_event"] == "tls_files_unusable"
                assert fields["aerospike_code"] == -9
            before, reads = shown.count(), both.reads
            await both.write(3)
            assert shown.count() - before >= 4
            assert shown.since(before) == {"ada"}

            keyfile.write_bytes(second.key)
            await both_tell("new connections use them")
            before = shown.count()
            await both.write(8)
            assert shown.count() - before >= 8
            assert shown.since(before) == {"bea"}
            # Those of before go on, and are no others.
            assert shown.since(0) == {"ada", "bea"}
            assert both.reads > reads
    assert not any("BEGIN" in each for each in caplog.messages)


async def test_a_client_without_tls_counts_nothing_of_it(plain: DevCluster) -> None:
    async with AsyncClient(plain.config).connect() as client:
        assert await client.tls_stats() is None
