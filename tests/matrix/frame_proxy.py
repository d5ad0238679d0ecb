"""Proxies before the nodes of a cluster, which harm the requests that they are told to.

They listen on an address of their own, with the nodes' ports, and a client comes to them by its
`ip_map`. What they forward is left as it is, so the server behind may be any. A request is chosen
by bytes in it, such as the name of a set: the client's own looking after the cluster is not
touched. All of it runs on one event loop in a thread of its own.
"""

import asyncio
import contextlib
import enum
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

HOST = "127.0.0.9"
"""Where the proxies listen."""

_HEADER_BYTES = 8
_TORN_BYTES = 11
_CHUNK_BYTES = 1 << 18
# So much of a request is looked at, where it is not all read.
_GLANCE_BYTES = 256
_DRIP_S = 0.03
# From a socket to the task that serves it.
_ACCEPTING_TURNS = 5
_EMPTY_FRAMES = (b"\x02\x03" + bytes(6)) * 1000
# A record without bins, of generation 1.
_FORGED = b"\x02\x03" + (22).to_bytes(6, "big") + b"\x16" + bytes(8) + b"\1" + bytes(12)

Address = tuple[str, int]


class Harm(enum.Enum):
    """What becomes of a request."""

    NONE = "forwarded and answered"
    HOLD = "not forwarded until it is released"
    MUTE = "forwarded, and not answered until it is released"
    TEAR = "forwarded, and answered with a few bytes and the connection's end"
    CUT = "not forwarded: the connection ends"
    FALL = "forwarded, but before the answer comes back the node is gone"
    HANG = "from this request on, the node answers nothing at all"
    DRIP = "forwarded, and answered with a byte from time to time until it is released"
    CHATTER = "forwarded, and answered with empty frames without a pause until it is released"
    FORGE = "not read to its end, and answered all the same"


class Watch:
    """Requests with certain bytes in them, and what becomes of them.

    Args:
        marker: The bytes.
        harm: What becomes of the requests.
        is_once: Whether this is so for the first request only; the others are left alone.
    """

    def __init__(self, marker: bytes, harm: Harm, is_once: bool) -> None:
        self.marker = marker
        self.harm = harm
        self.is_once = is_once
        self.arrived = threading.Event()
        """Set when a request is there and, unless it is held, was forwarded."""
        self.ports: list[int] = []
        """The nodes that requests came to, one for each request."""
        self.frames: list[bytes] = []
        """The requests, if they were read."""
        self.released = asyncio.Event()

    def take(self, port: int, frame: bytes) -> Harm:
        self.ports.append(port)
        self.frames.append(frame)
        return self.harm if not self.is_once or len(self.ports) == 1 else Harm.NONE


class _Connection:
    def __init__(self, node: "_Node", reader: Any, writer: Any, up: Any, down: Any) -> None:
        self.node = node
        self.client_reader, self.client_writer = reader, writer
        self.server_reader, self.server_writer = up, down
        self.harm = Harm.NONE
        self.watch: Watch | None = None
        self.answered = asyncio.Event()

    def abort(self) -> None:
        for writer in (self.client_writer, self.server_writer):
            writer.transport.abort()

    async def requests(self) -> None:
        while True:
            header = await self.client_reader.readexactly(_HEADER_BYTES)
            size = int.from_bytes(header[2:], "big")
            frame = header + await self.client_reader.readexactly(min(size, _GLANCE_BYTES))
            await self.forge(frame)
            frame += await self.client_reader.readexactly(_HEADER_BYTES + size - len(frame))
            await self.node.passing.wait()
            self.watch = watch = self.node.proxies.find(frame)
            self.harm = Harm.NONE if watch is None else watch.take(self.node.address[1], frame)
            if watch is not None:
                await self.suffer(watch)
            self.answered.clear()
            self.server_writer.write(frame)
            await self.server_writer.drain()
            if watch is not None:
                watch.arrived.set()

    async def forge(self, frame: bytes) -> None:
        watch = self.node.proxies.find(frame)
        if watch is not None and watch.harm is Harm.FORGE:
            watch.take(self.node.address[1], frame)
            self.client_writer.write(_FORGED)
            watch.arrived.set()
            await watch.released.wait()
            raise ConnectionAbortedError

    async def suffer(self, watch: Watch) -> None:
        """What happens to a request before it is forwarded."""
        if self.harm is Harm.HOLD:
            watch.arrived.set()
            await watch.released.wait()
            self.drop_for_nobody()
        elif self.harm is Harm.HANG:
            self.node.passing.clear()
            watch.arrived.set()
            await self.node.passing.wait()
            self.drop_for_nobody()
        elif self.harm is Harm.CUT:
            watch.arrived.set()
            raise ConnectionAbortedError

    def drop_for_nobody(self) -> None:
        """Ends the connection if the client has left; a late write would be nobody's."""
        if self.client_reader.at_eof() or self.client_reader.exception() is not None:
            raise ConnectionAbortedError

    async def answers(self) -> None:
        while data := await self.server_reader.read(_CHUNK_BYTES):
            self.answered.set()
            await self.node.passing.wait()
            if self.harm is Harm.FALL:
                self.node.fall()
                return
            if self.harm is Harm.TEAR:
                self.client_writer.write(data[:_TORN_BYTES])
                await self.client_writer.drain()
                return
            if self.watch is not None:
                data = await self.delay(data, self.watch)
            self.client_writer.write(data)
            await self.client_writer.drain()

    async def delay(self, data: bytes, watch: Watch) -> bytes:
        """Takes its time; what is left of the answer."""
        if self.harm is Harm.MUTE:
            await watch.released.wait()
        elif self.harm is Harm.DRIP:
            while len(data) > 1 and not watch.released.is_set():
                self.client_writer.write(data[:1])
                data = data[1:]
                await asyncio.sleep(_DRIP_S)
        elif self.harm is Harm.CHATTER:
            while not watch.released.is_set():
                self.client_writer.write(_EMPTY_FRAMES)
                await self.client_writer.drain()
                await asyncio.sleep(0)
        return data

    async def run(self) -> None:
        tasks = [asyncio.create_task(each) for each in (self.requests(), self.answers())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self.harm is Harm.MUTE:
                # A server does not carry out what it finds with the connection's end.
                tasks.append(asyncio.create_task(self.answered.wait()))
                await asyncio.wait(tasks[1:], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for writer in (self.client_writer, self.server_writer):
                writer.close()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Node:
    def __init__(self, proxies: "Proxies", address: Address) -> None:
        self.proxies = proxies
        self.address = address
        self.passing = asyncio.Event()
        self.passing.set()
        self.connections: set[_Connection] = set()
        self.listener: asyncio.Server | None = None

    async def listen(self) -> None:
        if self.listener is None:
            self.listener = await asyncio.start_server(
                self.accept, HOST, self.address[1], limit=_CHUNK_BYTES
            )

    def fall(self) -> None:
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.close()
        self.cut()

    def cut(self) -> None:
        for connection in list(self.connections):
            connection.abort()

    async def accept(self, reader: Any, writer: Any) -> None:
        try:
            up, down = await asyncio.open_connection(*self.address, limit=_CHUNK_BYTES)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        connection = _Connection(self, reader, writer, up, down)
        self.connections.add(connection)
        try:
            await connection.run()
        except asyncio.CancelledError:
            pass  # The end of all; streams would make an error of it.
        finally:
            self.connections.discard(connection)


class Proxies:
    """One proxy for each node; a context manager.

    Args:
        addresses: Those of the nodes, all with the same host.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self.addresses = list(addresses)
        self._watches: list[Watch] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> "Proxies":
        self._thread.start()
        self._run(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def config(self) -> dict[str, Any]:
        """What a client of the cluster needs to come by the proxies."""
        names = {host for host, _ in self.addresses}
        return {
            "hosts": [(HOST, port) for _, port in self.addresses],
            "ip_map": dict.fromkeys(names, HOST),
        }

    def watch(self, marker: bytes, harm: Harm = Harm.NONE, *, is_once: bool = False) -> Watch:
        """From now on, requests with these bytes suffer the harm."""
        watch = Watch(marker, harm, is_once)
        self._watches.append(watch)
        return watch

    def find(self, frame: bytes) -> Watch | None:
        """The youngest watch that a request concerns."""
        return next((each for each in reversed(self._watches) if each.marker in frame), None)

    def cut(self) -> None:
        """Ends all connections; new ones are taken."""
        self._run(self._cut)

    def fall(self, index: int) -> None:
        """Ends a node's connections, and has it refuse others, until all is healed."""

        async def fall() -> None:
            self._nodes[index].fall()

        self._run(fall)

    def heal(self) -> None:
        """Ends all watches and what they have done; what was withheld goes on its way."""
        self._run(self._heal)

    def _run(self, function: Callable[[], Awaitable[None]]) -> None:
        async def call() -> None:
            await function()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(30)

    async def _start(self) -> None:
        self._nodes = [_Node(self, address) for address in self.addresses]
        for node in self._nodes:
            await node.listen()

    async def _end(self) -> None:
        await self._heal()
        for node in self._nodes:
            node.fall()
        # What was accepted just before is to have somebody who closes it.
        for _ in range(_ACCEPTING_TURNS):
            await asyncio.sleep(0)
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # A transport closes its socket in the loop's next turn.

    async def _cut(self) -> None:
        for node in self._nodes:
            node.cut()
        await asyncio.sleep(0)  # A transport closes its socket in the loop's next turn.

    async def _heal(self) -> None:
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.released.set()
        for node in self._nodes:
            node.passing.set()
            await node.listen()
