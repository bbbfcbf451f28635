"""A bad network, as a process: `python -m harness.services.bad_network.proxy BY`

TCP connections to its ports are led to a server, each direction with a delay, jitter, a bandwidth,
or cut. With BY `proxy` it listens on loopback and delays by itself what it passes on. With BY
`netem` each link is a wire of its own (see `wires`): the kernel delays and loses the packets of
its connections, handshake included, and this process only passes on what came through.

It obeys commands, one JSON object per line on standard input, and answers each with one line on
standard output, `{"done": NAME, ...}` or `{"error": TEXT}`:

- `open`: listen for `link`, to be led to `host` and `port`; answers the own `host` and `port`;
- `set`: from now on `link` has `delay_s` (one way), `jitter_s`, `bandwidth` (bytes/s or null);
- `shape`: from now on packets of `link`, a wire, wait in a `discipline`: words of `tc`;
- `count`: answers the `packets` that were sent into all wires, and how many of them were `lost`;
- `cut`: `how` is `reset` (RST to all connections, and to new ones at once) or `hole` (nothing is
  passed on any more, and nobody told);
- `join`: undo `cut`. What was held back in a hole is passed on, as TCP's repetitions would;
- `exit`, or the end of the input: leave.

Data keeps its order: every piece leaves at its own deadline, but never before the one ahead of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import selectors
import socket
import struct
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from harness.probe.spoken import Line
from harness.services.bad_network.wires import Wire, WireError, Wires

_PIECE_BYTES = 64 * 1024
_MOST_HELD_BYTES = 4 << 20
"""Of one direction of one connection; then its sender has to wait, as with a full TCP window."""
_HELD_BEHIND_WIRE_BYTES = _PIECE_BYTES
"""The same where nothing is to wait here: what a wire does not take, the sender is to know of."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with RST."""


@dataclass
class Link:
    """What all connections of one kind have in common."""

    host: str
    port: int
    delay_s: float = 0.0
    jitter_s: float = 0.0
    bandwidth: int | None = None
    hole: bool = False
    resetting: bool = False
    resets: int = 0
    """How often its connections were reset. One that is in its handshake then is not a pair yet."""
    wire: Wire | None = None
    """What its connections come through, if it is not loopback."""
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while it is no hole."""
    pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=set)

    @property
    def most_held_bytes(self) -> int:
        """Bytes of one direction of a connection that are held at most."""
        return _MOST_HELD_BYTES if self.wire is None else _HELD_BEHIND_WIRE_BYTES

    def deadline_s(self, now_s: float, chance: random.Random) -> float:
        """When a piece of data that came now may leave."""
        return now_s + self.delay_s + (chance.uniform(0, self.jitter_s) if self.jitter_s else 0.0)


class Direction:
    """One direction of a connection: pieces of data, each with the moment at which it may leave."""

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._came = asyncio.Event()
        self._left = asyncio.Event()
        self._chance = random.Random()  # noqa: S311 - not a secret
        self._free_s = 0.0
        """When the line is free for the next piece, where the bandwidth is limited."""

    async def run(self) -> None:
        """Until one end is closed."""
        sending = asyncio.ensure_future(self._send())
        try:
            await self._receive()
            await sending
        finally:
            sending.cancel()

    async def _receive(self) -> None:
        while data := await self._reader.read(_PIECE_BYTES):
            self._put(data)
            while self._held_bytes > self._link.most_held_bytes:
                self._left.clear()
                await self._left.wait()
        self._put(b"")

    def _put(self, data: bytes) -> None:
        earliest_s = self._link.deadline_s(time.monotonic(), self._chance)
        if self._pieces:
            earliest_s = max(earliest_s, self._pieces[-1][0])
        self._pieces.append((earliest_s, data))
        self._held_bytes += len(data)
        self._came.set()

    async def _send(self) -> None:
        while True:
            while not self._pieces:
                self._came.clear()
                await self._came.wait()
            deadline_s, data = self._pieces.popleft()
            await _until(deadline_s)
            await self._link.joined.wait()
            if not data:
                with suppress(OSError):
                    self._writer.write_eof()
                return
            await self._squeeze(len(data))
            self._writer.write(data)
            await self._writer.drain()
            self._held_bytes -= len(data)
            self._left.set()

    async def _squeeze(self, size: int) -> None:
        """Wait as long as the line takes for so many bytes."""
        if self._link.bandwidth is None:
            return
        self._free_s = max(self._free_s, time.monotonic()) + size / self._link.bandwidth
        await _until(self._free_s)


async def _until(moment_s: float) -> None:
    rest_s = moment_s - time.monotonic()
    if rest_s > 0:
        await asyncio.sleep(rest_s)


class Proxy:
    """All links of one block."""

    def __init__(self, wires: Wires | None = None) -> None:
        self._wires = wires
        self._links: dict[str, Link] = {}
        self._servers: list[asyncio.Server] = []

    async def open(self, link: str, host: str, port: int) -> Line:
        """Listen on a free port of loopback, or at the end of a new wire."""
        wire = None if self._wires is None else await asyncio.to_thread(self._wires.lay)
        made = self._links[link] = Link(host, port, wire=wire)
        made.joined.set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._lead(made, reader, writer)

        if self._wires is None or wire is None:
            listening = socket.create_server(("127.0.0.1", 0))
        else:
            listening = self._wires.listen(wire)
        server = await asyncio.start_server(connected, sock=listening)
        self._servers.append(server)
        own_host, own_port = listening.getsockname()
        return {"host": own_host, "port": own_port}

    async def set(self, link: str, delay_s: float, jitter_s: float, bandwidth: int | None) -> Line:
        """From now on; what is on its way already is not touched."""
        made = self._links[link]
        made.delay_s, made.jitter_s, made.bandwidth = delay_s, jitter_s, bandwidth
        return {}

    async def shape(self, link: str, discipline: list[str]) -> Line:
        """From now on, both ways."""
        wire = self._links[link].wire
        if self._wires is None or wire is None:
            raise WireError(f"{link} is no wire")
        await asyncio.to_thread(self._wires.shape, wire, discipline)
        return {}

    async def count(self) -> Line:
        """Of both directions of all wires."""
        if self._wires is None:
            return {"packets": 0, "lost": 0}
        packets, lost = await asyncio.to_thread(self._wires.packets)
        return {"packets": packets, "lost": lost}

    def close(self) -> None:
        """Take the wires away. What they led to is cut."""
        if self._wires is not None:
            self._wires.close()

    async def cut(self, link: str, how: str) -> Line:
        """Reset connections, or hold everything back."""
        made = self._links[link]
        if how == "hole":
            made.hole = True
            made.joined.clear()
            return {}
        made.resetting = True
        made.resets += 1
        count = len(made.pairs)
        for pair in list(made.pairs):
            for writer in pair:
                _reset(writer)
        return {"connections": count}

    async def join(self, link: str) -> Line:
        """Let the link's connections through again, after `cut`, `hole` or `reset`."""
        made = self._links[link]
        made.hole = made.resetting = False
        made.joined.set()
        return {}

    async def _lead(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        _at_once(writer)
        if link.resetting:
            _reset(writer)
            return
        resets = link.resets
        try:
            # The handshake is the kernel's. On loopback it comes at once, and a real one takes a
            # round trip; through a wire it is real.
            await asyncio.sleep(2 * link.delay_s)
            await link.joined.wait()
            far_reader, far_writer = await asyncio.open_connection(link.host, link.port)
        except OSError:
            _reset(writer)  # as if the server had refused it
            return
        if link.resets != resets:  # meanwhile, whether that is over by now or not
            _reset(writer)
            _reset(far_writer)
            return
        _at_once(far_writer)
        pair = (writer, far_writer)
        link.pairs.add(pair)
        there = asyncio.ensure_future(Direction(link, reader, far_writer).run())
        back = asyncio.ensure_future(Direction(link, far_reader, writer).run())
        try:
            await asyncio.gather(there, back)
        except (OSError, asyncio.IncompleteReadError):
            for end in pair:
                _reset(end)
        finally:
            there.cancel()
            back.cancel()
            link.pairs.discard(pair)
            for end in pair:
                end.close()


def _at_once(writer: asyncio.StreamWriter) -> None:
    made: socket.socket = writer.get_extra_info("socket")
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset(writer: asyncio.StreamWriter) -> None:
    made = writer.get_extra_info("socket")
    if made is not None:
        with suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def _obey(proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[Line] = asyncio.Queue()

    def listen() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(commands.put_nowait, {"do": "exit"})

    threading.Thread(target=listen, daemon=True).start()
    _answer({"done": "start"})
    while (command := await commands.get())["do"] != "exit":
        name = command.pop("do")
        try:
            _answer({"done": name, **await getattr(proxy, name)(**command)})
        except WireError as error:
            _answer({"error": str(error)})
        except Exception as error:  # reported to the harness, which words it  # noqa: BLE001
            _answer({"error": f"{type(error).__name__}: {error}"})


def _answer(message: Line) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(by: str) -> None:
    """Obey until told to exit."""
    try:
        proxy = Proxy(Wires(os.environ) if by == "netem" else None)
    except WireError as error:
        _answer({"error": str(error)})
        os._exit(1)
    # epoll's time-outs are whole milliseconds, which would be added to every delay.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_obey(proxy))
    proxy.close()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
