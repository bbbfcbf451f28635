"""The distributions in a block's record, by name: `latency.total`, `phase.queue`, `canvas.hop`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.results.record.distributions import PHASES, Distribution
from harness.results.record.run import BlockRecord

_OF_PERIODIC = ("due_to_tick", "due_to_sent", "sent_to_started", "due_to_started")
SPREADS = (
    *("latency.total", *(f"phase.{name}" for name in PHASES), "call.publish", "call.store"),
    *(f"canvas.{name}" for name in ("hop", "member_spread", "join", "fan_out", "join_delay")),
    *(f"tracking.{name}" for name in ("learned_late", "started_late")),
    *(f"periodic.{name}" for name in _OF_PERIODIC),
)
"""Every name that `spread_of` knows. Seconds."""


def spread_of(block: BlockRecord, name: str) -> Distribution | None:
    """One of SPREADS; None where the block has no such thing."""
    group, _, which = name.partition(".")
    return _GROUPS[group](block).get(which)


def _periodic(block: BlockRecord) -> Mapping[str, Distribution]:
    kept = block.periodic
    return {} if kept is None else {name: getattr(kept, f"{name}_s") for name in _OF_PERIODIC}


_GROUPS: Mapping[str, Callable[[BlockRecord], Mapping[str, Distribution]]] = {
    "latency": lambda block: {"total": block.latency_s},
    "phase": lambda block: block.phases_s,
    "call": lambda block: {
        call.removesuffix("_call"): times for call, times in block.calls_s.items()
    },
    "canvas": lambda block: block.canvas_s,
    "tracking": lambda block: block.tracking_s,
    "periodic": _periodic,
}
