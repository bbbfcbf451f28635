"""The door of this package: a scenario file in, a checked plan out, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.errors import InvalidInput, Problem
from harness.scenario.checks.idle import Used, idle_notes
from harness.scenario.checks.judging import base_problems, gate_problems, gated_name_problems
from harness.scenario.checks.twins import twin_problems
from harness.scenario.files.document import Document, Mark, Spot
from harness.scenario.files.overrides import changed, parse_changes
from harness.scenario.files.validation import mended, validate, without_consequences
from harness.scenario.files.wording import did_you_mean, printable
from harness.scenario.files.yaml12 import read_document, shown_path
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell, Plan, Scenario
from harness.scenario.plan import expand
from harness.scenario.plan.configurations import (
    ConfigurationCheck,
    Configurations,
    configurations_of,
    read_configuration,
    validated,
    with_names,
)
from harness.scenario.plan.finding import (
    SUFFIXES,
    every,
    file_exists,
    scenario_file,
    unknown,
    unknown_either,
)
from harness.scenario.vendors.base import Provider
from harness.scenario.vendors.prices import with_prices
from harness.scenario.workloads.own_task_forms import with_own_tasks

_SCENARIO_KEYS = frozenset(Scenario.model_fields) - frozenset(Configuration.model_fields)
_CONFIGURATION_KEYS = frozenset(Configuration.model_fields) - frozenset(Scenario.model_fields)


def load_plan(
    path: Path,
    *,
    only: Sequence[str] = (),
    sets: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    provider: Provider | None = None,
) -> Plan:
    """Read a scenario and its configurations, apply the command line, expand it to cells.

    `path` may be a scenario's name. `only` (`--config`) replaces the scenario's configurations:
    names, those of configurations that the scenario holds itself among them, or paths.
    `sets` (`--set`) are `PATH=VALUE`. With `environ`, what has to be there at run time is checked
    too: variables and optional packages. `provider` is the command line's `--provider`: URLs of
    servers that the harness starts itself need no variables.

    Raises InvalidInput with all the problems of all the files. `${NAME}` stays unexpanded.
    """
    problems: list[Problem] = []
    path = scenario_file(path)
    readable = _plan(path, only, sets, environ, provider, problems)
    if problems or readable is None:
        raise InvalidInput(_distinct(problems))
    return readable[0]


def readable_plan(path: Path) -> tuple[Plan, Document] | None:
    """What of a scenario can be read, whatever is wrong with the rest, and the mended document that
    it was made of; None if it is too little."""
    return _plan(path, (), (), None, None, [])


def _plan(
    path: Path,
    only: Sequence[str],
    sets: Sequence[str],
    environ: Mapping[str, str] | None,
    provider: Provider | None,
    problems: list[Problem],
) -> tuple[Plan, Document] | None:
    changes = parse_changes(sets, problems)
    document = _read_scenario(path, problems)
    if document is None:
        return None
    document = _with_only(document, only)
    of_file = [change for change in changes if not change.of_configurations]
    document = changed(document, of_file, problems)
    document = with_own_tasks(document, problems)
    document = with_prices(document, path, problems)
    written, document = document, with_names(document)
    validated(Scenario, document, problems)
    problems += gate_problems(document, path)
    own_app = _names_an_app(document)
    check = ConfigurationCheck(environ, provider, own_app, not changes, path.parent)
    configurations = configurations_of(path, written, bool(only), changes, check, problems)
    # What is wrong somewhere does not keep the rest from being judged.
    faulty, readable = [*problems], mended(Scenario, document)
    scenario = None if readable is None else validate(Scenario, readable, [])
    if scenario is None or readable is None:
        return None
    if readable.get(("compare",)) != document.get(("compare",)):  # what it asks for is not known
        scenario = scenario.model_copy(update={"compare": None})
    cells, notes = _cells(scenario, readable, configurations, check, problems)
    workloads = [*scenario.workloads, *(cell.workload for cell in cells)]
    problems += gated_name_problems(document, path, scenario.gates, workloads, cells)
    problems[:] = without_consequences(problems, faulty)
    meant = configurations.shadowed
    plan = Plan(scenario=scenario, source=str(path), cells=cells, notes=notes, shadowed=meant)
    return plan, readable


def _cells(
    scenario: Scenario,
    document: Document,
    configurations: Configurations,
    check: ConfigurationCheck,
    problems: list[Problem],
) -> tuple[tuple[Cell, ...], tuple[Problem, ...]]:
    """Every cell of a scenario that can be read, and what of its configurations they leave idle;
    what cannot work in them is added to `problems`."""
    before = len(problems)
    points = expand.variants(document, configurations.usable, check, problems)
    all_there = configurations.complete and len(problems) == before and not points.lost
    cells = expand.cells(
        scenario, document, points, problems, check.provider, as_written=check.as_written
    )
    if cells and all_there:  # else the base may be one of those that are not
        problems += base_problems(document, scenario, cells)
        problems += twin_problems(document, scenario, cells)
    return cells, () if problems else tuple(idle_notes(_used(points, cells)))


def _used(points: expand.Points, cells: Sequence[Cell]) -> Iterator[Used]:
    """Each configuration with its cells, which hold the very value that was resolved."""
    by_configuration: dict[int, list[Cell]] = {}
    for cell in cells:
        by_configuration.setdefault(id(cell.configuration), []).append(cell)
    for one in points.resolved:
        mine = by_configuration.get(id(one.readable), ())
        yield Used(one.variant.document, one.configuration, tuple(mine))


def _read_scenario(path: Path, problems: list[Problem]) -> Document | None:
    """The file; where there is none, with the one that was probably meant."""
    if file_exists(path):
        return read_document(path, problems)
    start = Mark(shown_path(path), 1, 1)
    if path.suffix not in SUFFIXES and len(path.parts) == 1:
        problems.append(start.problem(unknown("scenarios", str(path))))
        return None
    known = list(every("scenarios"))
    named = next((one for one in known if one.path.stem == path.stem), None)
    if named is None:
        guess = did_you_mean(str(path), [str(one.path) for one in known if not one.is_shipped])
    else:
        guess = f' (did you mean "{named.name if named.is_shipped else named.path}"?)'
    message = f"there is no such file{guess}"
    if not guess:
        message += "; `harness list scenarios` shows which there are"
    problems.append(start.problem(message))
    return None


def load_configuration(path: Path, *, environ: Mapping[str, str] | None = None) -> Configuration:
    """Read one configuration. Raises InvalidInput with all its problems."""
    problems: list[Problem] = []
    configuration = read_configuration(path, environ, problems)
    if problems or configuration is None:
        raise InvalidInput(_distinct(problems))
    return configuration


def load_scenario(path: Path) -> Scenario:
    """Read one scenario without its configurations. Raises InvalidInput with all its problems."""
    problems: list[Problem] = []
    document = read_document(path, problems)
    document = None if document is None else with_names(with_own_tasks(document, problems))
    document = None if document is None else with_prices(document, path, problems)
    scenario = None if document is None else validated(Scenario, document, problems)
    if document is not None and scenario is not None:
        problems += gate_problems(document, path)
    if problems or scenario is None:
        raise InvalidInput(_distinct(problems))
    return scenario


def check_file(path: Path) -> list[Problem]:
    """Everything wrong with one file; its keys, else its folder, tell which kind it is.

    A scenario is checked with its configurations, whose problems are among the result.
    """
    problems: list[Problem] = []
    if not path.suffix and not path.is_absolute() and not file_exists(path):
        return [Mark(shown_path(path), 1, 1).problem(unknown_either(path.as_posix()))]
    document = read_document(path, problems)
    if document is None:
        return problems
    kind = _kind(path, document)
    if kind is Scenario:
        try:
            load_plan(path)
        except InvalidInput as error:
            return error.problems
        return []
    if kind is None:
        keys = "a configuration has broker and backend, a scenario has workloads and measure"
        mark = document.value_mark(())
        return [*problems, mark.problem(f"neither a configuration nor a scenario: {keys}")]
    read_configuration(path, None, problems := [])
    return _distinct(problems)


def names_a_scenario(path: Path) -> bool:
    """Whether a file that can be read is a scenario."""
    document = read_document(path, [])
    return document is not None and _kind(path, document) is Scenario


# --- documents ----------------------------------------------------------------------------------


def _with_only(document: Document, only: Sequence[str]) -> Document:
    """With the configurations of the command line; by their names, those of the scenario itself."""
    if not only or not isinstance(document.data, dict):
        return document
    entries = document.get(("configurations",))
    own = {
        entry["name"]: document.below(("configurations", index), Mark("--config", 1, 1))
        for index, entry in enumerate(entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("name"), str)
    }
    start = Mark(f"--config {printable(only[0])}", 1, 1)
    part = Document([*only], {(): Spot(start, start)})
    for index, name in enumerate(only):
        mark = Mark(f"--config {printable(name)}", 1, 1)
        chosen = own.get(name) or Document(name, {(): Spot(mark, mark)})
        part = part.placed((index,), chosen)
    return document.placed(("configurations",), part)


def _names_an_app(scenario: Document) -> bool:
    entries = scenario.get(("workloads",))
    return any(
        isinstance(e, dict) and "app" in e for e in (entries if isinstance(entries, list) else ())
    )


def _kind(path: Path, document: Document) -> type[Scenario] | type[Configuration] | None:
    keys = frozenset(document.data) if isinstance(document.data, dict) else frozenset()
    as_scenario, as_configuration = len(keys & _SCENARIO_KEYS), len(keys & _CONFIGURATION_KEYS)
    if as_scenario != as_configuration:
        return Scenario if as_scenario > as_configuration else Configuration
    folder = path.absolute().parent.name
    if folder == "scenarios":
        return Scenario
    return Configuration if folder == "configs" else None


def _distinct(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(set(problems))
