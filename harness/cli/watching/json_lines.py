"""How a run gets on as JSON, a line per event: for programs. What a line holds says `progress`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TextIO

from harness.cli.watching.outlook_words import source
from harness.cli.watching.progress import (
    AskedOfLine,
    BlockEndedLine,
    BlockLine,
    EnvironmentLine,
    Line,
    PlannedLine,
    PreparingLine,
    RunEndedLine,
    SeesLine,
    ServerOfLine,
    ServersLine,
    StageLine,
    SweptLine,
    TargetLine,
    TickLine,
    TwinsPartedLine,
)
from harness.results.judge.emulators import emulated_cells
from harness.results.outlook.asked import AskedOf
from harness.results.outlook.outlook import CellOutlook
from harness.results.outlook.sights import Sight
from harness.runner.telling.events import (
    BlockEnded,
    BlockStarts,
    CopyPrepares,
    EnvironmentBuilds,
    Event,
    Listener,
    RunEnded,
    RunPlanned,
    ServersReady,
    StageBegins,
    Swept,
    TargetTold,
    Tick,
    TwinsParted,
)

TICK_S = 1.0


class JsonLines(Listener):
    """Writes a line per event."""

    tick_s = TICK_S

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream
        self._began_ns: int | None = None
        self._emulated: frozenset[str] = frozenset()

    def hear(self, event: Event, at_ns: int) -> None:
        """One line, written at once. Who has left is told nothing more, and disturbs nobody."""
        if self._began_ns is None:
            self._began_ns = at_ns
        if self._stream is None:
            return
        if isinstance(event, ServersReady):
            self._emulated = emulated_cells(event.record)
        text = line_of(event, (at_ns - self._began_ns) / 1e9, self._emulated).model_dump_json()
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except OSError:
            self._stream = None


def line_of(event: Event, t_s: float, emulated: Collection[str] = ()) -> Line:
    """The event as it is written. `emulated` are cells that run on an emulator, by their names."""
    match event:
        case BlockStarts() | StageBegins() | Tick() | BlockEnded():
            return _of_a_block(event, t_s, emulated)
        case _:
            return _of_the_run(event, t_s)


def _beforehand(event: EnvironmentBuilds | CopyPrepares, t_s: float) -> Line:
    if isinstance(event, EnvironmentBuilds):
        return EnvironmentLine(t_s=t_s, title=event.title)
    return PreparingLine(t_s=t_s, title=event.title, command=event.command)


def _of_the_run(
    event: Swept
    | EnvironmentBuilds
    | CopyPrepares
    | RunPlanned
    | TargetTold
    | TwinsParted
    | ServersReady
    | RunEnded,
    t_s: float,
) -> Line:
    match event:
        case Swept(sentences):
            return SweptLine(t_s=t_s, removed=tuple(sentences))
        case EnvironmentBuilds() | CopyPrepares():
            return _beforehand(event, t_s)
        case RunPlanned():
            return _planned(event, t_s)
        case TargetTold() | TwinsParted():
            return _of_pairs(event, t_s)
        case ServersReady():
            return _servers(event, t_s)
        case RunEnded(record, folder):
            return RunEndedLine(
                t_s=t_s,
                run_id=record.run_id if record else None,
                folder=str(folder) if folder else None,
                status=record.status if record else None,
            )


def _of_pairs(event: TargetTold | TwinsParted, t_s: float) -> Line:
    if isinstance(event, TargetTold):
        return TargetLine(t_s=t_s, target=event.target)
    return TwinsPartedLine(t_s=t_s, twins=event.twins)


def _planned(event: RunPlanned, t_s: float) -> PlannedLine:
    record, bound, ahead = event.record, event.at_most, event.outlook
    line = PlannedLine(
        t_s=t_s,
        run_id=record.run_id,
        folder=str(event.folder),
        scenario=str(record.scenario.get("name", "")),
        blocks=len(record.order),
        cells=tuple(cell.name for cell in record.cells),
        block_at_most_s=bound.block_s if bound else None,
        at_most_s=bound.run_s if bound else None,
    )
    if ahead is None:
        return line
    fields = {
        "expected_s": ahead.expected_s,
        "expected_most_s": ahead.most_s,
        "asked": tuple(_asked_of(cell, one) for cell, one in ahead.asked),
        "memory_bytes": ahead.memory_bytes,
        "memory_free_bytes": ahead.machine.free_bytes,
        "sees": tuple(map(_sees, ahead.sights)),
    }
    return line.model_copy(update=fields)


def _asked_of(cell: CellOutlook, one: AskedOf) -> AskedOfLine:
    asked = one.sum
    return AskedOfLine(
        cell=cell.name,
        what=asked.what,
        rate_per_s=asked.rate_per_s,
        each_s=asked.each_s,
        needed=asked.needed,
        there=asked.there,
        short=asked.short,
        source=source(one.cost),
    )


def _sees(one: Sight) -> SeesLine:
    return SeesLine(
        work=one.work,
        metric=one.metric,
        pairs=one.pairs,
        spread=None if one.spread is None else one.spread.value,
        effect=one.effect,
        regression=one.regression,
    )


def _servers(event: ServersReady, t_s: float) -> ServersLine:
    every = (server for cell in event.record.cells for server in cell.servers.values())
    fields = ServerOfLine.model_fields
    servers = dict.fromkeys(
        ServerOfLine(**{name: getattr(server, name) for name in fields}) for server in every
    )
    return ServersLine(t_s=t_s, servers=tuple(servers))


def _of_a_block(
    event: BlockStarts | StageBegins | Tick | BlockEnded, t_s: float, emulated: Collection[str]
) -> Line:
    match event:
        case BlockStarts():
            return BlockLine(
                t_s=t_s,
                block=event.number,
                blocks=event.total,
                cell=event.cell.name,
                emulator=event.cell.name in emulated,
                expected_s=event.expected_s,
                remaining_s=event.remaining_s,
            )
        case StageBegins():
            return StageLine(
                t_s=t_s,
                block=event.number,
                stage=event.stage,
                detail=event.detail,
                goal_s=event.goal.seconds,
                goal_units=event.goal.units,
            )
        case BlockEnded():
            return _ended(event, t_s, emulated)
        case Tick():
            activity = {**vars(event.activity), "outcomes": dict(event.activity.outcomes)}
            shared = ("stage", "stage_s", "block_s", "share", "remaining_s", "depth")
            own = {name: getattr(event, name) for name in shared}
            return TickLine(t_s=t_s, block=event.number, **own, **activity)


def _ended(event: BlockEnded, t_s: float, emulated: Collection[str]) -> BlockEndedLine:
    block = event.block
    shared = ("status", "error", "throughput_per_s", "outcomes", "failed_as_meant", "duplicated")
    return BlockEndedLine(
        t_s=t_s,
        block=block.number,
        cell=event.cell.name,
        emulator=event.cell.name in emulated,
        p50_s=block.latency_s.p50,
        p99_s=block.latency_s.p99,
        warnings=tuple(warning.code for warning in block.warnings),
        **{name: getattr(block, name) for name in shared},
    )
