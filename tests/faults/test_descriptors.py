"""A process without descriptors: that is its own error, and counts against no node."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import ClientError
from aerospike_py.devserver import DevCluster

if sys.platform == "win32":
    pytest.skip("needs limits of resources", allow_module_level=True)

import resource

KEY = ("test", "demo", "k")
NO_DESCRIPTOR = -105
# The first error of a node would give it a rest.
STRICT = {"max_error_rate": 1, "error_rate_window": 1000}


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Those of a process's own input and output are always in use.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
def config() -> Iterator[Any]:
    with DevCluster(nodes=1) as cluster:
        yield {"hosts": cluster.hosts, **STRICT}


def check(error: ClientError) -> None:
    assert error.result_code == NO_DESCRIPTOR
    assert "out of descriptors" in str(error)
    assert not error.in_doubt


def test_commands_tell_it_and_the_first_one_after_it_works(config: Any) -> None:
    with aerospike_py.client(config).connect() as client:
        for _ in range(5):
            with no_descriptors(), pytest.raises(ClientError) as caught:
                client.put(KEY, {"a": 1})
            check(caught.value)
        client.put(KEY, {"a": 1})
        assert client.get(KEY).bins == {"a": 1}


def test_async_commands_tell_it_and_the_first_one_after_it_works(config: Any) -> None:
    async def run() -> None:
        async with aerospike_py.AsyncClient(config) as client:
            await client.connect()
            with no_descriptors():
                puts = (client.put(KEY, {"a": 1}) for _ in range(5))
                errors = await asyncio.gather(*puts, return_exceptions=True)
            for error in errors:
                assert isinstance(error, ClientError)
                check(error)
            await client.put(KEY, {"a": 1})
            assert (await client.get(KEY)).bins == {"a": 1}

    asyncio.run(run())


def test_connect_tells_it(config: Any) -> None:
    client = aerospike_py.client(config)
    with no_descriptors(), pytest.raises(ClientError) as caught:
        client.connect()
    check(caught.value)
    with client.connect():
        assert client.is_connected()
