"""Takes what a run has to tell to its listener, and says in between how far the run is.

A thread of its own does both, so that neither a slow terminal nor the look at the event logs is in
the way of whoever measures. It sleeps nearly all the time: see `benchmarks/watching_cost.py`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.clock import monotonic_ns
from harness.results.events.activity import Activity, ActivityMeter, without_rates
from harness.results.events.unit_shape import UnitShape
from harness.runner.telling.events import (
    BlockEnded,
    BlockStarts,
    Event,
    Goal,
    Listener,
    RunEnded,
    Stage,
    StageBegins,
    Tick,
)

_LOADED: frozenset[Stage] = frozenset(("publishing", "consuming", "measuring", "draining"))
"""Stages with a rate, and with a queue that is looked at."""
_LOOKED_AT: frozenset[Stage] = _LOADED | {"checking"}
"""Those in which event logs hold something new. They are removed while the block is recorded."""


class Courier:
    """A context manager: when it ends, everything that was told has been heard."""

    def __init__(self, listener: Listener, clock_ns: Callable[[], int] = monotonic_ns) -> None:
        self._listener = listener
        self._clock_ns = clock_ns
        self._queue: queue.SimpleQueue[tuple[int, Event | Callable[[], None] | None]] = (
            queue.SimpleQueue()
        )
        """What is to be told, or done, in the courier's thread; None: nothing any more."""
        self._standing = Standing(clock_ns())
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._error: Exception | None = None
        self._number = 0
        self._run_ended = False

    def __enter__(self) -> Courier:
        self._thread.start()
        return self

    def __exit__(self, _: object, exc: BaseException | None, *__: object) -> None:
        if not self._run_ended:
            self.tell(RunEnded())
        self._queue.put((0, None))
        self._thread.join()
        if self._error is not None and exc is None:
            raise self._error

    def tell(self, event: Event) -> None:
        """Something happened now. Returns at once."""
        if isinstance(event, BlockStarts):
            self._number = event.number
        self._run_ended = isinstance(event, RunEnded)
        self._queue.put((self._clock_ns(), event))

    def stage(self, stage: Stage, goal: Goal = Goal(), detail: str = "") -> None:  # noqa: B008 - frozen
        """The block under way has come to a stage."""
        self.tell(StageBegins(self._number, stage, goal, detail))

    def follow(self, events: Path, shape: UnitShape) -> None:
        """The block that starts has its event logs in that folder, and units of that shape."""
        if self._listener.tick_s is not None:
            self._queue.put((self._clock_ns(), lambda: self._standing.follow(events, shape)))

    def depth_from(self, latest: Callable[[], int | None]) -> None:
        """The queue of the block under way is as long as `latest` says; it must cost nothing."""
        self._queue.put((self._clock_ns(), lambda: self._standing.ask_depth_of(latest)))

    def _run(self) -> None:
        """Until everything is heard. Whoever stops listening, stops no measurement."""
        try:
            self._deliver()
        except Exception as error:  # noqa: BLE001 - raised again at the end of the run
            self._error = error

    def _deliver(self) -> None:
        tick_s = self._listener.tick_s
        due_ns = self._clock_ns() + round((tick_s or 0) * 1e9)
        while True:
            left_s = None if tick_s is None else max(0.0, (due_ns - self._clock_ns()) / 1e9)
            try:
                at_ns, message = self._queue.get(timeout=left_s)
            except queue.Empty:
                at_ns = self._clock_ns()
                self._listener.hear(self._standing.tick(at_ns), at_ns)
                due_ns = at_ns + round((tick_s or 0) * 1e9)
                continue
            if message is None:
                return
            if callable(message):
                message()
            else:
                if tick_s is not None and _ends_the_counts(message):
                    self._listener.hear(self._standing.tick(at_ns), at_ns)
                self._standing.note(message, at_ns)
                self._listener.hear(message, at_ns)


def _ends_the_counts(event: Event) -> bool:
    """All that a block did is written now: its last tick has it all."""
    return isinstance(event, StageBegins) and event.stage == "stopping"


class Nobody:
    """A listener that does not listen."""

    tick_s = None

    def hear(self, event: Event, at_ns: int) -> None:
        """Do nothing with the event."""


def silent() -> Courier:
    """One whom nobody listens to: what it is told is dropped."""
    return Courier(Nobody())


class Standing:
    """How far a run is, by what has been told."""

    def __init__(self, began_ns: int) -> None:
        self._block: BlockStarts | None = None
        self._block_began_ns = self._stage_began_ns = began_ns
        self._stage: StageBegins | None = None
        self._meter: ActivityMeter | None = None
        self._activity = Activity()
        self._ended = False
        """A block has."""
        self._latest_depth: Callable[[], int | None] = _unknown

    def follow(self, events: Path, shape: UnitShape) -> None:
        """Look at these logs from now on."""
        self._meter = ActivityMeter(events, shape)

    def ask_depth_of(self, latest: Callable[[], int | None]) -> None:
        """Ask for the length of the block's queue there."""
        self._latest_depth = latest

    def note(self, event: Event, at_ns: int) -> None:
        """Take in what is told."""
        if isinstance(event, BlockStarts):
            self._block, self._stage, self._meter = event, None, None
            self._block_began_ns = self._stage_began_ns = at_ns
            self._activity = Activity()
            self._latest_depth = _unknown
        elif isinstance(event, StageBegins):
            self._stage, self._stage_began_ns = event, at_ns
            if event.stage not in _LOADED:
                self._activity = without_rates(self._activity)
            elif self._meter is not None:
                with suppress(OSError):
                    self._meter.look(at_ns)
                self._meter.begin_stage(at_ns)
        elif isinstance(event, BlockEnded):
            self._block, self._stage, self._meter, self._ended = None, None, None, True
            self._block_began_ns = self._stage_began_ns = at_ns
            self._activity, self._latest_depth = Activity(), _unknown

    def tick(self, at_ns: int) -> Tick:
        """Look, and say how far everything is."""
        stage_s = (at_ns - self._stage_began_ns) / 1e9
        block_s = (at_ns - self._block_began_ns) / 1e9
        if self._block is None or self._stage is None:
            return Tick(None, "between blocks" if self._ended else "preparing", stage_s, block_s)
        stage = self._stage
        if self._meter is not None and stage.stage in _LOOKED_AT:
            with suppress(OSError):  # the block is over
                self._activity = self._meter.look(at_ns)
        if stage.stage not in _LOADED:
            self._activity = without_rates(self._activity)
        share, left_s = self._progress(stage, stage_s)
        return Tick(
            number=self._block.number,
            stage=stage.stage,
            stage_s=stage_s,
            block_s=block_s,
            goal=stage.goal,
            detail=stage.detail,
            share=share,
            stage_remaining_s=left_s,
            remaining_s=_remaining_s(self._block, block_s, left_s),
            activity=self._activity,
            depth=self._latest_depth() if stage.stage in _LOADED else None,
        )

    def _progress(self, stage: StageBegins, stage_s: float) -> tuple[float | None, float | None]:
        """Share of the stage's goal that is reached, and how long the rest takes."""
        goal = stage.goal
        if goal.seconds:
            return min(1.0, stage_s / goal.seconds), max(0.0, goal.seconds - stage_s)
        if not goal.units:
            return None, None
        activity = self._activity
        done, per_s = activity.completed, activity.completed_per_s
        if stage.stage == "publishing":
            done, per_s = activity.published, activity.published_per_s
        left_s = max(0, goal.units - done) / per_s if per_s else None
        return min(1.0, done / goal.units), left_s


def _remaining_s(block: BlockStarts, block_s: float, stage_s: float | None) -> float | None:
    """Of the run: what is left of this block, and the other blocks, which it takes nothing off."""
    if block.remaining_s is None or block.expected_s is None:
        return None
    others_s = block.remaining_s - block.expected_s
    return others_s + max(0.0, block.expected_s - block_s, stage_s or 0.0)


def _unknown() -> int | None:
    return None
