"""What there is to break in a block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.crew.workers import Workers
from harness.runner.faults.block_network import BlockNetwork
from harness.runner.faults.engine import Breaker, MainThread
from harness.services.base import Service


@dataclass(frozen=True)
class Targets:
    """What the faults of a block can break: its workers, its servers, its network."""

    workers: Workers
    broker: Service
    backend: Service | None
    """The broker's again where both are one server."""
    network: BlockNetwork | None
    events: Path
    """Folder of the event logs, from which it follows which process runs what."""
    seed: int
    """Seed of the choice among pool processes."""
    main: MainThread = field(default_factory=MainThread)
    """The thread that processes are started in."""


MakesBreaker = Callable[[Any, Targets], Breaker]
"""From a fault, of the kind that it is registered for, to how it is done here. HarnessError if it
cannot be."""
