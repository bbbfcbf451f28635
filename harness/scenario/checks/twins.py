"""Which blocks may be up at once: one that starts while another one ends, and twins.

Twins are the two blocks of a pair, both up at once, whose load is put on in turns: what hits the
machine for some seconds hits both sides alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.errors import Problem
from harness.scenario.checks.faulty_loads import faults_of
from harness.scenario.checks.judging import place_of
from harness.scenario.files.document import Document
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.loads.rate import RateLoad
from harness.scenario.models.scenario import Cell, Plan, Scenario
from harness.scenario.plan.pairing import UnknownBaseError, default_base, paired_cells
from harness.scenario.workloads.own_tasks import OwnTaskWorkload

_NAMING_FILES = ("--pidfile", "--statedb", "-S")
"""Options of a worker by which two of them may meet in one file."""
_NAMING_SETTINGS = {"worker_state_db"}
"""Settings that do so."""
_BRINGING_CODE = ("--include", "-I")
"""Options of a worker that make it run other code."""
_CODE_SETTINGS = {"imports", "include"}
"""Settings that do so."""


def brings_code(cell: Cell) -> bool:
    """Whether code runs in its workers that is neither Celery's nor the harness' own."""
    workload = cell.workload
    foreign = isinstance(workload, OwnTaskWorkload)
    foreign = foreign or not type(workload).__module__.startswith("harness.")
    foreign = foreign or not _CODE_SETTINGS.isdisjoint(cell.configuration.settings)
    return foreign or any(word.startswith(_BRINGING_CODE) for word in _options(cell))


def why_alone(cell: Cell) -> str:
    """Why processes of its block may not live beside those of another one before anybody has seen
    whether they can, in words; empty if they may: each keeps to its own namespace, nothing is
    broken or slowed on purpose, nobody waits for results to expire, and no code runs but Celery's
    and the harness' own, as a user's may hold a port or a file."""
    if brings_code(cell):
        return "code of your own may hold a port or a file that two cannot share"
    return why_apart(cell)


def why_apart(cell: Cell) -> str:
    """Why two of its blocks can never be up at once, whatever its code does."""
    configuration = cell.configuration
    naming = not _NAMING_SETTINGS.isdisjoint(configuration.settings)
    if naming or any(word.startswith(_NAMING_FILES) for word in _options(cell)):
        return "an option or a setting names a file that two cannot share"
    if faults_of(cell.load) or configuration.network is not None:
        return "something is broken or slowed on purpose"
    return "results are waited for until they expire" * (cell.measure.results_left == "expire")


def _options(cell: Cell) -> list[str]:
    return [word for group in cell.configuration.groups.values() for word in group.options]


def why_no_twin(cell: Cell) -> str:
    """Why a block of the cell cannot be one of twins, in words; empty if it can, as far as that is
    known before both are up: what code of the user's own does is seen then."""
    load = cell.load
    if not isinstance(load, ClosedLoad | RateLoad):
        return f"load {load.load} cannot be put on in slices"
    if isinstance(load, RateLoad) and load.rate is None:
        return "phases tell one story, which slices would break up"
    if cell.workload.longest_countdown_s and isinstance(load, RateLoad):
        return "its units wait for their time (countdown), and slices would wait for them"
    return why_apart(cell)


def compared_cells(plan: Plan) -> tuple[tuple[int, int], ...]:
    """Base and head of every comparison, by their index: those that the scenario asks for, else
    those that `harness compare` makes of its run by default. Empty where nothing stands beside
    another one."""
    return _compared(plan.scenario, plan.cells)


def possible_twins(plan: Plan) -> tuple[tuple[int, int], ...]:
    """The comparisons whose sides can be measured as twins, as far as the scenario lets them be:
    by default only those of a change, as twins do not tell what a broker's memory and commands are,
    which alternatives are asked for. A base of several heads is nobody's twin."""
    compare = plan.scenario.compare
    if compare is None or compare.design == "blocks":
        return ()
    if compare.design == "auto" and compare.kind != "change":
        return ()
    pairs = compared_cells(plan)
    often = Counter(index for pair in pairs for index in pair)
    return tuple(
        pair
        for pair in pairs
        if all(often[index] == 1 and not why_no_twin(plan.cells[index]) for index in pair)
    )


def twin_problems(document: Document, scenario: Scenario, cells: Sequence[Cell]) -> list[Problem]:
    """Cells that cannot be twins where the scenario asks for nothing else."""
    if scenario.compare is None or scenario.compare.design != "twins":
        return []
    mark = document.value_mark(("compare", "design"))
    reasons = {why: cell.name for cell in reversed(cells) if (why := why_no_twin(cell))}
    problems = [
        mark.problem(f"{name} cannot be measured as twins: {why}; design: auto leaves it alone")
        for why, name in reasons.items()
    ]
    often = Counter(index for pair in _compared(scenario, cells) for index in pair)
    if not problems and max(often.values(), default=0) > 1:
        problems.append(
            mark.problem("twins are two, and one cell here is compared with several others")
        )
    return problems


def _compared(scenario: Scenario, cells: Sequence[Cell]) -> tuple[tuple[int, int], ...]:
    base = scenario.compare.base if scenario.compare is not None else None
    places = [place_of(cell) for cell in cells]
    try:
        return paired_cells(places, base or default_base(places))
    except UnknownBaseError:  # checked before: only where `harness ab` brings the other side
        return ()
