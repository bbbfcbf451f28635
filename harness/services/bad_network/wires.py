"""Wires from this host into a network namespace of this process' own, made by Linux.

A wire is a pair of `veth` devices, one of them in the host's namespace and one in ours, with a free
/30 of 198.18.0.0/15 (RFC 2544: for benchmarks, routed by nobody). What is sent into either end
waits in a queueing discipline of `tc`, such as netem, so real packets are late or lost. Whoever is
to be reached through a wire listens at its far end; a socket stays in the namespace in which it was
made, so this process can pass on what comes in to servers of the host.

The namespace belongs to one thread of this process and to the sockets made there. When the process
ends, however it ends, the kernel removes it, and all pairs with it.

    python -m harness.services.bad_network.wires

says on standard output why this cannot be done here, or nothing: see `trouble`.
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_TOOL_S = 10.0
_TRIAL_S = 60.0
_CONNECT_S = 5.0
_CLONE_NEWNET = 0x40000000
_TRIES = 50
_ROOM = ipaddress.IPv4Network("198.18.0.0/15")
_SYSCTL = Path("/proc/sys/net")

Result = TypeVar("Result")


class WireError(Exception):
    """Why it cannot be done here, fit for a user."""


@dataclass(frozen=True)
class Wire:
    """A pair of virtual network devices: one end in the host's network, one in a namespace."""

    name: str
    """Name of both ends of the wire. It follows from the addresses: two runs cannot take the same
    ones."""
    near: str
    """Address of the host's end."""
    far: str
    """Address of our end."""


class Wires:
    """A network namespace and the wires into it. WireError from every method."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._tools = {name: _tool(name, environ) for name in ("ip", "tc")}
        self._laid: list[Wire] = []
        # One thread for ever: threads and processes that it starts are in the namespace, too.
        self._there = ThreadPoolExecutor(max_workers=1, thread_name_prefix="namespace")
        self._there.submit(_leave_network).result()

    def lay(self) -> Wire:
        """A new wire, with nothing in its way yet."""
        taken = self._taken()
        for number in random.sample(range(_ROOM.num_addresses // 4), _TRIES):
            wire, subnet = _wire(number)
            if not any(subnet.overlaps(one) for one in taken) and self._pair(wire):
                self._laid.append(wire)
                return wire
        raise WireError(f"all of {_ROOM} seems to be in use on this host: see `ip route`")

    def listen(self, wire: Wire) -> socket.socket:
        """A socket at the far end, on a free port."""
        return self._inside(lambda: socket.create_server((wire.far, 0)))

    def shape(self, wire: Wire, discipline: Sequence[str]) -> None:
        """From now on packets of both directions wait like that: in words of `tc`."""
        line = f"qdisc replace dev {wire.name} root {' '.join(discipline)}"
        for there in (False, True):
            try:
                self._ask("tc", [line], there=there)
            except WireError as error:
                raise WireError(_refused(discipline[0], str(error))) from error

    def packets(self) -> tuple[int, int]:
        """Packets that were sent into all wires so far, and how many of them were dropped."""
        lines = [f"qdisc show dev {wire.name}" for wire in self._laid]
        passed = dropped = 0
        for there in (False, True) if lines else ():
            for said in self._ask("tc", lines, "-statistics", "-json", there=there).splitlines():
                for queue in json.loads(said):
                    passed += queue["packets"]
                    dropped += queue["drops"]
        return passed + dropped, dropped

    def close(self) -> None:
        """Remove them at once: the kernel does it some time after the process has ended."""
        laid, self._laid = self._laid, []
        with suppress(WireError):
            self._ask("ip", [f"link delete {wire.name}" for wire in laid])

    def _taken(self) -> list[ipaddress.IPv4Network]:
        """What this host has a way to. One to all of our room and more, such as the default route,
        does not say that anybody is there."""
        said = self._ask("ip", ["route show table all"], "-4", "-json")
        routes: list[dict[str, Any]] = json.loads(said)
        places = [str(route["dst"]) for route in routes if route["dst"] != "default"]
        networks = map(ipaddress.IPv4Network, places)
        return [one for one in networks if one.prefixlen >= _ROOM.prefixlen]

    def _pair(self, wire: Wire) -> bool:
        """Make both devices and take them into use; False if somebody has these."""
        name = wire.name
        peer = f"peer name {name} address {_hardware(wire.near)} netns {os.getpid()}"
        add = f"link add name {name} address {_hardware(wire.far)} type veth {peer}"
        try:
            self._ask("ip", [add], there=True)
        except WireError as error:
            if "File exists" in str(error):
                return False
            raise WireError(_no_pair(str(error))) from error
        self._inside(lambda: _quiet(name))
        _quiet(name)
        _close_to_others(name)
        self._ask("ip", _ways(name, wire.far, wire.near), there=True)
        self._ask("ip", _ways(name, wire.near, wire.far))
        return True

    def _inside(self, job: Callable[[], Result]) -> Result:
        try:
            return self._there.submit(job).result()
        except OSError as error:
            raise WireError(f"the network namespace: {error}") from error

    def _ask(self, tool: str, lines: Sequence[str], *options: str, there: bool = False) -> str:
        """Have a tool do these lines, in the host's namespace or in ours; what it said."""
        argv, text = [self._tools[tool], *options, "-batch", "-"], "\n".join(lines)

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                argv,
                input=text + "\n",
                capture_output=True,
                text=True,
                timeout=_TOOL_S,
                check=False,
                env=self._environ | {"LC_ALL": "C"},
            )

        try:
            done = self._inside(run) if there else run()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WireError(f"`{tool}`: {error}") from error
        if done.returncode:
            raise WireError(f"`{tool}` says: {(done.stderr.splitlines() or ['nothing'])[0]}")
        return done.stdout


def trouble(environ: Mapping[str, str]) -> str:
    """Why networks by netem cannot be made here; empty if they can.

    A wire with netem is made for a moment, in a process with which it is gone again. The kernel
    loads what it needs for that, as it would for the run.
    """
    argv = [sys.executable, "-P", "-m", "harness.services.bad_network.wires"]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_TRIAL_S, check=False, env=dict(environ)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"trying it failed: {error}"
    if done.returncode:
        return f"trying it failed: {(done.stderr.splitlines() or ['no reason given'])[-1]}"
    return done.stdout.strip()


def find_tool(name: str, environ: Mapping[str, str]) -> str | None:
    """A program on PATH, or in the `sbin` beside a `bin` of it, where Debian has `tc`."""
    folders = environ.get("PATH", "").split(os.pathsep)
    beside = [f"{one.removesuffix('bin')}sbin" for one in folders if one.endswith("/bin")]
    return shutil.which(name, path=os.pathsep.join([*folders, *beside]))


def _tool(name: str, environ: Mapping[str, str]) -> str:
    path = find_tool(name, environ)
    if path is None:
        raise WireError(f"there is no `{name}` on PATH: apt-get install iproute2")
    return path


def _leave_network() -> None:
    """Give this thread a network namespace of its own. `os.unshare` is not in Python 3.11."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno())
        raise WireError(f"a network namespace takes root, with CAP_SYS_ADMIN: {reason}")


def _wire(number: int) -> tuple[Wire, ipaddress.IPv4Network]:
    subnet = ipaddress.IPv4Network((int(_ROOM.network_address) + 4 * number, 30))
    return Wire(f"harness-{number}", str(subnet[1]), str(subnet[2])), subnet


def _hardware(address: str) -> str:
    """A locally administered MAC address."""
    return "02:00:" + ipaddress.IPv4Address(address).packed.hex(":")


def _ways(name: str, own: str, other: str) -> list[str]:
    """Lines for `ip`. Packets of one segment: netem would lose 64 KiB at once otherwise. And a
    fixed neighbour, so that no ARP is late, lost or counted."""
    return [
        f"link set dev {name} gso_max_segs 1",
        f"address add {own}/30 dev {name}",
        f"link set dev {name} up",
        f"neighbour replace {other} lladdr {_hardware(other)} dev {name} nud permanent",
    ]


def _quiet(name: str) -> None:
    """No IPv6, which would send packets of its own. Where that cannot be said, a few are counted
    too many."""
    with suppress(OSError):
        (_SYSCTL / f"ipv6/conf/{name}/disable_ipv6").write_text("1")


def _close_to_others(name: str) -> None:
    """The far end has no route but to this host. This closes the last way in: a host that forwards
    for others in its own name (Docker's does, for containers) would pass on what is answered."""
    switch = _SYSCTL / f"ipv4/conf/{name}/forwarding"
    try:
        if switch.read_text().strip() != "0":
            switch.write_text("0")
    except OSError as error:
        raise WireError(f"cannot keep others out of the new network: {error}") from error


def _no_pair(said: str) -> str:
    if "not permitted" in said:
        return f"a network device takes root, with CAP_NET_ADMIN; {said}"
    if "device type" in said or "not supported" in said:
        return f"the kernel has no veth devices (modprobe veth); {said}"
    return f"cannot make a pair of network devices; {said}"


def _refused(kind: str, said: str) -> str:
    if "unknown" in said or "No such file" in said:
        return f"the kernel has no {kind} (modprobe sch_{kind}); {said}"
    return f"the kernel does not take this {kind}; {said}"


def main() -> None:
    """Try whether wires can be laid and shaped here; prints why not."""
    try:
        wires = Wires(os.environ)
        wire = wires.lay()
        wires.shape(wire, ("netem", "delay", "1ms"))
        with wires.listen(wire) as server:
            socket.create_connection(server.getsockname(), timeout=_CONNECT_S).close()
        wires.close()
    except WireError as error:
        sys.stdout.write(f"{error}\n")
    except OSError as error:
        sys.stdout.write(f"this host does not reach a network of its own: {error}\n")


if __name__ == "__main__":
    main()
