"""The door of this package: a scenario file in, a checked plan out, or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InvalidInput, Problem
from harness.scenario.checks.combinations import (
    configuration_conflicts,
    installation_conflicts,
    unused_urls,
)
from harness.scenario.checks.judging import base_problems, gate_problems
from harness.scenario.checks.without_effect import add_unread_fields, has_provider_axis
from harness.scenario.files.document import Document, Location, Mark, Spot
from harness.scenario.files.overrides import Change, changed, parse_changes
from harness.scenario.files.secrets import missing_variable_problems, secret_problems
from harness.scenario.files.validation import Model, mended, validate, without_consequences
from harness.scenario.files.wording import did_you_mean, printable, shown
from harness.scenario.files.yaml12 import read_document, shown_path
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell, Plan, Scenario
from harness.scenario.plan import expand
from harness.scenario.settings.celery_sets import celery_version
from harness.scenario.settings.celery_settings import settings_problems
from harness.scenario.vendors.base import Provider
from harness.scenario.vendors.prices import with_prices
from harness.scenario.workloads.own_task_forms import with_own_tasks

SUFFIXES = (".yaml", ".yml")
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

    `only` (`--config`) replaces the scenario's configurations: names in `configs/`, or paths.
    `sets` (`--set`) are `PATH=VALUE`. With `environ`, what has to be there at run time is checked
    too: variables and optional packages. `provider` is the command line's `--provider`: URLs of
    servers that the harness starts itself need no variables.

    Raises InvalidInput with all the problems of all the files. `${NAME}` stays unexpanded.
    """
    problems: list[Problem] = []
    plan = _plan(path, only, sets, environ, provider, problems)
    if problems or plan is None:
        raise InvalidInput(_distinct(problems))
    return plan


def readable_plan(path: Path) -> Plan | None:
    """What of a scenario can be read, whatever is wrong with the rest; None if it is too little."""
    return _plan(path, (), (), None, None, [])


def _plan(
    path: Path,
    only: Sequence[str],
    sets: Sequence[str],
    environ: Mapping[str, str] | None,
    provider: Provider | None,
    problems: list[Problem],
) -> Plan | None:
    changes = parse_changes(sets, problems)
    document = _read_scenario(path, problems)
    if document is None:
        return None
    document = _with_only(document, only)
    of_file = [change for change in changes if not change.of_configurations]
    document = changed(document, of_file, problems)
    document = with_own_tasks(document, problems)
    document = with_prices(document, path, problems)
    _validated(Scenario, document, problems)
    problems += gate_problems(document, path)
    check = _ConfigurationCheck(environ, provider, _names_an_app(document), not changes)
    configurations = _configurations(path, document, bool(only), changes, check, problems)
    # What is wrong somewhere does not keep the rest from being judged.
    faulty, readable = [*problems], mended(Scenario, document)
    scenario = None if readable is None else validate(Scenario, readable, [])
    if scenario is None or readable is None:
        return None
    if readable.get(("compare",)) != document.get(("compare",)):  # what it asks for is not known
        scenario = scenario.model_copy(update={"compare": None})
    cells = _cells(scenario, readable, configurations, check, problems)
    problems[:] = without_consequences(problems, faulty)
    return Plan(scenario=scenario, source=str(path), cells=cells)


def _cells(
    scenario: Scenario,
    document: Document,
    configurations: _Configurations,
    check: _ConfigurationCheck,
    problems: list[Problem],
) -> tuple[Cell, ...]:
    """Every cell of a scenario that can be read, and what cannot work in them."""
    before = len(problems)
    resolved = expand.variants(document, configurations.usable, check, problems)
    all_there = configurations.complete and len(problems) == before
    cells = expand.cells(
        scenario, document, resolved, problems, check.provider, as_written=check.as_written
    )
    if cells and all_there:  # else the base may be one of those that are not
        problems += base_problems(document, scenario, cells)
    return cells


def _read_scenario(path: Path, problems: list[Problem]) -> Document | None:
    """The file; where there is none, with the one that was probably meant."""
    if _exists(path):
        return read_document(path, problems)
    folder = Path("scenarios")
    known = [str(one) for one in yaml_files(folder)] if folder.is_dir() else []
    named = [one for one in known if path.stem == Path(one).stem]
    guess = f' (did you mean "{named[0]}"?)' if named else did_you_mean(str(path), known)
    message = f"there is no such file{guess}"
    if not guess:
        message += "; `harness list scenarios` shows which there are"
    problems.append(Mark(shown_path(path), 1, 1).problem(message))
    return None


def load_configuration(path: Path, *, environ: Mapping[str, str] | None = None) -> Configuration:
    """Read one configuration. Raises InvalidInput with all its problems."""
    problems: list[Problem] = []
    configuration = _configuration(path, environ, problems)
    if problems or configuration is None:
        raise InvalidInput(_distinct(problems))
    return configuration


def load_scenario(path: Path) -> Scenario:
    """Read one scenario without its configurations. Raises InvalidInput with all its problems."""
    problems: list[Problem] = []
    document = read_document(path, problems)
    document = None if document is None else with_own_tasks(document, problems)
    document = None if document is None else with_prices(document, path, problems)
    scenario = None if document is None else _validated(Scenario, document, problems)
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
    _configuration(path, None, problems := [])
    return _distinct(problems)


def names_a_scenario(path: Path) -> bool:
    """Whether a file that can be read is a scenario."""
    document = read_document(path, [])
    return document is not None and _kind(path, document) is Scenario


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files of a folder and below, sorted, hidden ones left out."""
    found = [path for suffix in SUFFIXES for path in folder.rglob(f"*{suffix}")]
    visible = (
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    return sorted(visible, key=lambda path: (path.parent, path.stem))


# --- configurations -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _ConfigurationCheck:
    """Everything that a configuration's document has to pass, alone or at a matrix point."""

    environ: Mapping[str, str] | None
    provider: Provider | None
    own_app: bool = False
    """Whether the scenario runs an app of the user's own, which may know more than Celery."""
    as_written: bool = True
    """Whether the command line changes nothing in the files."""

    def __call__(self, document: Document, problems: list[Problem]) -> Configuration | None:
        """The configuration as far as it can be read, see `mended`; None if that is too little."""
        said = [*problems]
        _validated(Configuration, document, said)
        found = said[len(problems) :]
        faulty = [*found]
        readable = mended(Configuration, document)
        configuration = None if readable is None else validate(Configuration, readable, [])
        service = document.get(("broker", "service"))
        version = None if configuration is None else celery_version(configuration.celery)
        found += settings_problems(document, ("settings",), service, version)
        found += secret_problems(document)
        if configuration is not None and readable is not None:
            self._add_conflicts(configuration, readable, found)
        new = without_consequences(found, faulty)
        problems += [one for one in new if one not in problems]
        return configuration

    def _add_conflicts(
        self, configuration: Configuration, document: Document, problems: list[Problem]
    ) -> None:
        conflicts = configuration_conflicts(configuration, self.provider, own_app=self.own_app)
        if self.environ is not None:
            conflicts += installation_conflicts(configuration, own_app=self.own_app)
            unused = unused_urls(configuration, self.provider)
            problems += missing_variable_problems(document, self.environ, unused)
        problems += [document.value_mark(place).problem(message) for place, message in conflicts]


@dataclass(frozen=True)
class _Configurations:
    """Those that can be read, without what is wrong in them."""

    usable: tuple[Document, ...]
    complete: bool
    """Whether all of the scenario's are among them."""


def _configuration(
    path: Path, environ: Mapping[str, str] | None, problems: list[Problem]
) -> Configuration | None:
    document = read_document(path, problems)
    if document is None:
        return None
    _check_name(path, document, problems)
    configuration = _ConfigurationCheck(environ, None)(document, problems)
    add_unread_fields(configuration, document, problems)
    return configuration


def _configurations(
    scenario_path: Path,
    scenario: Document,
    from_command_line: bool,
    changes: Sequence[Change],
    check: _ConfigurationCheck,
    problems: list[Problem],
) -> _Configurations:
    """The documents of the scenario's configurations, before the matrix."""
    entries = scenario.get(("configurations",))
    usable: dict[str, Document] = {}
    base = Path() if from_command_line else scenario_path.parent
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        mark = scenario.value_mark(("configurations", index))
        if not isinstance(entry, str):
            continue  # reported with the scenario's own types
        path = _find(entry, base, _folders(scenario_path), mark, problems)
        document = None if path is None else _read_at(path, mark, problems)
        if path is None or document is None:
            continue
        _check_name(path, document, problems)
        of_files = [change for change in changes if change.of_configurations]
        document = changed(document, of_files, problems)
        configuration, readable = check(document, problems), mended(Configuration, document)
        if check.as_written and check.provider is None and not has_provider_axis(scenario):
            add_unread_fields(configuration, document, problems)
        if configuration is None or readable is None:
            continue
        if configuration.name in usable:
            message = f"a second configuration with the name {shown(configuration.name)}"
            problems.append(mark.problem(message))
        usable[configuration.name] = readable
    count = len(entries) if isinstance(entries, list) else 0
    return _Configurations(tuple(usable.values()), len(usable) == count)


def _folders(scenario_path: Path) -> list[Path]:
    """Where names of configurations are looked up: beside the scenario's folder, then here."""
    beside = Path(os.path.normpath(scenario_path.parent / ".." / "configs"))
    return list(dict.fromkeys((beside, Path("configs"))))


def _find(
    entry: str, base: Path, folders: Sequence[Path], mark: Mark, problems: list[Problem]
) -> Path | None:
    """The file that an entry of `configurations` means; None, and a problem, if there is none."""
    if "/" in entry or entry.endswith(SUFFIXES):
        return Path(os.path.normpath(base / entry))
    for folder in folders:
        for suffix in SUFFIXES:
            if _exists(path := folder / f"{entry}{suffix}"):
                return path
    files = [path for folder in folders if folder.is_dir() for path in yaml_files(folder)]
    places = " or ".join(shown_path(folder) for folder in folders)
    named = next((path for path in files if _name_in(path) == entry), None)
    guess = (
        f": {shown_path(named)} has that name, write {shown(named.stem)} in both"
        if named
        else did_you_mean(entry, sorted({path.stem for path in files}))
    )
    problems.append(mark.problem(f"no configuration {shown(entry)} in {places}{guess}"))
    return None


def _name_in(path: Path) -> object:
    """What a file of a configuration calls it; it should be the file's name."""
    document = read_document(path, [])
    return document.get(("name",)) if document is not None else None


def _read_at(path: Path, mark: Mark, problems: list[Problem]) -> Document | None:
    """Read a configuration; that a file is missing is a problem of who names it."""
    if not _exists(path):
        problems.append(mark.problem(f"there is no file {shown_path(path)}"))
        return None
    return read_document(path, problems)


def _names_an_app(scenario: Document) -> bool:
    entries = scenario.get(("workloads",))
    return any(
        isinstance(e, dict) and "app" in e for e in (entries if isinstance(entries, list) else ())
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, a NUL in it
        return False


def _check_name(path: Path, document: Document, problems: list[Problem]) -> None:
    name = document.get(("name",))
    if isinstance(name, str) and name != path.stem:
        message = f"{shown(name)} differs from the file's name: write {shown(path.stem)}"
        problems.append(document.value_mark(("name",)).problem(message))


# --- documents ----------------------------------------------------------------------------------


def _with_only(document: Document, only: Sequence[str]) -> Document:
    if not only or not isinstance(document.data, dict):
        return document
    spots: dict[Location, Spot] = {}
    for index, name in enumerate(only):
        mark = Mark(f"--config {printable(name)}", 1, 1)
        spots[(index,)] = Spot(mark, mark)
    part = Document(list(only), {(): spots[(0,)], **spots})
    return document.placed(("configurations",), part)


def _validated(model: type[Model], document: Document, problems: list[Problem]) -> Model | None:
    """As `validate`, without what only follows from a value that was no YAML of ours."""
    known = {(problem.file, problem.line, problem.column) for problem in problems}
    found: list[Problem] = []
    result = validate(model, document, found)
    problems += [one for one in found if (one.file, one.line, one.column) not in known]
    return result


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
