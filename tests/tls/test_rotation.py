"""Certificates that change while a client is connected, and what it counts."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
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


async def test_a_client_without_tls_counts_nothing_of_it(plain: DevCluster) -> None:
    async with AsyncClient(plain.config).connect() as client:
        assert await client.tls_stats() is None
