"""A process in which no further thread can be begun, which is no reason not to close."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerospike_py.devserver import DevCluster

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD")

REFUSING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
int refuses_threads;
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*run)(void *), void *argument) {
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (refuses_threads) return EAGAIN;
    next = dlsym(RTLD_NEXT, "pthread_create");
    return next(thread, attributes, run, argument);
}
"""

SCRIPT = """
import asyncio, ctypes, gc, json, os, sys
from contextlib import contextmanager
from aerospike_py import AsyncClient, ClientError

hosts = [tuple(host) for host in json.loads(sys.argv[1])]
KEY = ("test", "threads", 1)

refuses = ctypes.c_int.in_dll(ctypes.CDLL(None), "refuses_threads")

@contextmanager
def no_threads():
    refuses.value = 1
    try:
        yield
    finally:
        refuses.value = 0

def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))

async def closing():
    client = await AsyncClient({"hosts": hosts}).connect()
    await client.put(KEY, {"n": 1})
    with no_threads():
        await client.close()
    assert not client.is_connected()
    await client.connect()
    assert (await client.get(KEY)).bins == {"n": 1}
    waiting = [asyncio.ensure_future(client.get(KEY)) for _ in range(20)]
    with no_threads():
        await client.close()
    for each in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(each, ClientError) or each.bins == {"n": 1}, each

async def connecting():
    client = AsyncClient({"hosts": hosts})
    with no_threads():
        try:
            await client.connect()
        except ClientError as error:
            assert error.result_code == -105, error
        else:
            raise AssertionError
        await asyncio.sleep(0)
        assert not client._session._made
    await client.connect()
    assert (await client.get(KEY)).bins == {"n": 1}
    await client.close()

async def main():
    await closing()
    before = descriptors()
    for each in closing, connecting, closing:
        await each()
        assert descriptors() <= before, each

asyncio.run(main())
print("good")
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=1) as running:
        yield running


def test_clients_close_and_connecting_says_what_it_lacks(
    cluster: DevCluster, tmp_path: Path
) -> None:
    source, library = tmp_path / "refusing.c", tmp_path / "refusing.so"
    source.write_text(REFUSING)
    compiler = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-o"]
    subprocess.run([*compiler, str(library), str(source)], check=True)
    command = [sys.executable, "-c", SCRIPT, json.dumps(cluster.hosts)]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=environment)
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr
