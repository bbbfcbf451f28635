"""What a record says of where a run took place: the machine, its software, the servers."""

from __future__ import annotations

from harness.results.record.stored import Stored


class Server(Stored):
    """A server that took part. `address` holds no credentials."""

    service: str
    product: str
    version: str
    provider: str
    emulator: bool
    same_host: bool | None
    address: str
    detail: str = ""


class Environment(Stored):
    """Where the run took place: the machine and its software."""

    hostname: str
    cpu: str
    cores: int
    """Cores this process may use."""
    memory_bytes: int
    kernel: str
    python: str
    packages: dict[str, str]
    """Versions of celery, kombu and the client libraries in use."""
    harness: str
    harness_commit: str | None = None
    """Commit of the harness' own source, where it runs from a checkout; None where it is installed,
    and in records of older versions."""
    git_commit: str | None
    """Commit of the folder the harness was started in: the user's project."""
    git_dirty: bool | None
    affinity: dict[str, str] = {}
    """`client`, `broker`, `workers` -> the cores they were kept to, e.g. `0-1+3`."""
    sched_autogroup: bool | None = None
    """Whether Linux shares the cores by session, see docs/limits.md; None where it cannot."""
