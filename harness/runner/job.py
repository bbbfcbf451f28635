"""What one block is to measure, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.affinity import ANYWHERE, Affinity
from harness.environments.interpreter import OWN, Interpreter
from harness.results.events.unit_shape import UnitShape
from harness.results.store.run_folders import RunFolder
from harness.runner.telling.courier import Courier, silent
from harness.scenario.models.scenario import Cell
from harness.scenario.vendors.base import Provider
from harness.scenario.vendors.price_models import Prices
from harness.scenario.vendors.prices import list_prices
from harness.workspace import Workspace


@dataclass(frozen=True)
class BlockJob:
    """One block that is to be measured, and where it goes."""

    number: int
    repetition: int
    cell_index: int
    cell: Cell
    shape: UnitShape
    """What decides how the block's events are read."""
    label: str
    """Unique on this machine: names queues, keys and hosts of the block."""
    folder: RunFolder
    workspace: Workspace
    environ: Mapping[str, str]
    interpreter: Interpreter = OWN
    """Which Python runs its clients and workers."""
    seed: int = 0
    """Seed of random arrivals: the same for every block of a run."""
    prices: Prices = field(default_factory=list_prices)
    """What requests cost."""
    provider: Provider | None = None
    """Who runs the servers, where the command line says so."""
    affinity: Affinity = ANYWHERE
    courier: Courier = field(default_factory=silent)
    """Takes word of how far the block is."""

    @property
    def path(self) -> Path:
        """The block's folder in the run's."""
        return self.folder.block(self.number)

    @property
    def events(self) -> Path:
        """Folder into which the block's processes write their event logs."""
        return self.path / "events"

    @property
    def spec(self) -> Path:
        """The cell spec: what clients and workers are told."""
        return self.workspace.path / f"cell-{self.number:03d}.json"
