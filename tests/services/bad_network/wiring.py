"""What this kernel knows of networks, asked past the harness."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

_OWN = Path("/proc/self/ns/net")


def said_of(discipline: Sequence[str]) -> str:
    """What `tc` says of its words, in a namespace of their own; nothing if they are done."""
    asked = ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", *discipline]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stderr.strip()


def missing_netem() -> str:
    """What `tc` says where the kernel has no netem; else nothing."""
    return said_of(["netem"])


def missing_wires() -> str:
    """Why nobody can make a namespace and a pair of devices here; nothing if one can."""
    asked = ["unshare", "--net", "ip", "link", "add", "type", "veth"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=False).stderr.strip()
    except OSError as error:
        return str(error)


def devices() -> set[str]:
    """The host's ends of all wires, of every run on this machine."""
    return {name for _, name in socket.if_nameindex() if name.startswith("harness-")}


def namespaces(pid: int) -> Iterator[Path]:
    """`/proc/.../net` of each thread that has another network namespace than the host's."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "ns/net").readlink() != _OWN.readlink():
            yield task / "net"


def wires_of(pid: int) -> set[str]:
    """Devices at the far ends of a process' wires; those at the near ends have the same names."""
    tables = [(net / "dev").read_text().splitlines()[2:] for net in namespaces(pid)]
    return {line.split(":")[0].strip() for table in tables for line in table} - {"lo"}


def out_of_order(net: Path) -> int:
    """Segments that a namespace's TCP received before an earlier one."""
    text = (net / "netstat").read_text()
    names, figures = (line.split() for line in text.splitlines() if line.startswith("TcpExt:"))
    return int(dict(zip(names, figures, strict=True))["TCPOFOQueue"])
