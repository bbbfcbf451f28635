"""CPU time and memory of process trees."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Usage:
    """What process trees have used up to one moment."""

    cpu_ns: int
    """User and system time of all processes alive, and of those already reaped."""
    peak_rss_bytes: int
    """Sum of each living process' own peak; pages they share count in each."""
    grown_bytes: int = 0
    """Bytes by which `peak_rss_bytes` grew since an earlier reading; 0 of a reading alone."""


def usage(roots: Sequence[int]) -> Usage:
    """Usage of the processes `roots` and all their descendants; the dead count nothing."""
    return _used(_trees(roots))


def used_since(before: Usage, after: Usage) -> Usage:
    """What was used between two readings."""
    grown_bytes = after.peak_rss_bytes - before.peak_rss_bytes
    return Usage(after.cpu_ns - before.cpu_ns, after.peak_rss_bytes, grown_bytes)


def together(used: Iterable[Usage]) -> Usage:
    """What several sets of processes have used that have none in common."""
    each = list(used)
    return Usage(*(sum(getattr(one, name) for one in each) for name in _FIELDS))


_FIELDS = ("cpu_ns", "peak_rss_bytes", "grown_bytes")


def usage_of(pids: Sequence[int]) -> Usage:
    """Usage of just these processes; the dead count nothing."""
    return _used(_living(pids))


def cpu_ns_by_process(roots: Sequence[int]) -> dict[int, int]:
    """CPU time so far of each living process among `roots` and their descendants, by pid."""
    found: dict[int, int] = {}
    for process in _trees(roots):
        with contextlib.suppress(psutil.Error):
            found[process.pid] = _cpu_ns(process)
    return found


def listening_ports(roots: Sequence[int]) -> tuple[int, ...]:
    """TCP ports on which these processes or their descendants wait for connections, as far as the
    system tells."""
    found: set[int] = set()
    for process in _trees(roots):
        with contextlib.suppress(psutil.Error):
            connections = process.net_connections(kind="tcp")
            found |= {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
    return tuple(sorted(found))


def connections(roots: Sequence[int]) -> int | None:
    """TCP connections that these processes and their descendants hold open, whoever is at the other
    end; one that several of them share counts once. None where the system does not tell (not
    Linux)."""
    if not Path("/proc/net/tcp").exists():
        return None
    held = {socket for process in _trees(roots) for socket in _sockets(process.pid)}
    open_there = {socket for pid in _one_of_each_network(roots) for socket in _connected(pid)}
    return len(held & open_there)


def _sockets(pid: int) -> Iterator[str]:
    """Numbers (inodes) of the sockets that a process holds."""
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                kind, _, number = str(file.readlink()).partition(":[")
                if kind == "socket":
                    yield number.rstrip("]")


def _one_of_each_network(pids: Iterable[int]) -> Iterator[int]:
    """A process of each network namespace that these are in."""
    found: dict[str, int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found.setdefault(str(Path(f"/proc/{pid}/ns/net").readlink()), pid)
    yield from found.values()


def _connected(pid: int) -> Iterator[str]:
    """Numbers of all TCP sockets that are connected in a process' network, see proc(5)."""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii").splitlines()
            yield from (row[9] for line in lines[1:] if (row := line.split())[3] == _ESTABLISHED)


_ESTABLISHED = "01"


def _living(pids: Iterable[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            yield psutil.Process(pid)


def _trees(roots: Iterable[int]) -> Iterator[psutil.Process]:
    for leader in _living(roots):
        yield leader
        with contextlib.suppress(psutil.Error):
            yield from leader.children(recursive=True)


def _used(processes: Iterable[psutil.Process]) -> Usage:
    cpu_ns, rss_bytes = 0, 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            cpu_ns += _cpu_ns(process)
            rss_bytes += _peak_rss_bytes(process)
    return Usage(cpu_ns, rss_bytes)


def forget_peaks(pids: Sequence[int]) -> bool:
    """Let the peak memory of living processes begin anew; False where the system cannot (not
    Linux, or somebody else's process)."""
    known = sys.platform == "linux"
    for pid in pids if known else ():
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")  # see proc(5)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        except OSError:
            known = False
    return known


def _cpu_ns(process: psutil.Process) -> int:
    times = process.cpu_times()
    reaped_s = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    own_ns = int((times.user + times.system) * 1e9)
    if sys.platform == "linux":
        # The kernel's own clock of that process, in ns; /proc counts in ticks of 10 ms.
        # Its number is made as in clock_getcpuclockid(3): MAKE_PROCESS_CPUCLOCK(pid, SCHED).
        with contextlib.suppress(OSError):
            own_ns = time.clock_gettime_ns((~process.pid << 3) | 2)
    return own_ns + int(reaped_s * 1e9)


def _peak_rss_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
        line = next(line for line in lines.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return int(process.memory_info().rss)
