"""The configurations of a scenario: found, read, changed as the command line asks, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import Problem
from harness.scenario.checks.combinations import (
    configuration_conflicts,
    installation_conflicts,
    unused_urls,
)
from harness.scenario.checks.groups import form_problems
from harness.scenario.checks.own_python import counted_from_scenario, missing_there
from harness.scenario.checks.queues import queue_problems
from harness.scenario.checks.without_effect import add_unread_fields, has_provider_axis
from harness.scenario.files.document import Document, Location, Mark
from harness.scenario.files.overrides import Change, changed
from harness.scenario.files.secrets import missing_variable_problems, secret_problems
from harness.scenario.files.unknown import NotKnownError, as_far_as_known, known_part
from harness.scenario.files.validation import Model, mended, validate, without_consequences
from harness.scenario.files.wording import closest, shown
from harness.scenario.files.yaml12 import read_document, shown_path
from harness.scenario.models.configuration import END_NAMES, Configuration, EndName
from harness.scenario.plan.finding import SUFFIXES, file_exists, find, unknown
from harness.scenario.settings.celery_sets import celery_version
from harness.scenario.settings.celery_settings import known_settings, settings_problems
from harness.scenario.vendors.base import Provider


@dataclass(frozen=True)
class ConfigurationCheck:
    """Everything that a configuration's document has to pass, alone or at a matrix point."""

    environ: Mapping[str, str] | None
    provider: Provider | None
    own_app: bool = False
    """Whether the scenario runs an app of the user's own, which may know more than Celery."""
    as_written: bool = True
    """Whether the command line changes nothing in the files."""
    folder: Path = Path()
    """The scenario's, from which the Python of an environment of the user's own counts."""

    def __call__(self, document: Document, problems: list[Problem]) -> Configuration | None:
        """The configuration as far as it can be read, see `mended`; None if that is too little."""
        said = [*problems]
        validated(Configuration, document, said)
        found = said[len(problems) :]
        faulty = [*found]
        configuration, readable = None, mended(Configuration, document)
        if readable is not None:
            configuration = _known(readable)
        found += self._settings_problems(configuration, document)
        found += secret_problems(document)
        found += form_problems(document)
        of_queues = queue_problems(document)
        found += of_queues
        if readable is not None:
            readable = readable.doubted(_bad_queues(document, of_queues))
            configuration = _known(_doubted_settings(readable, found))
            self._add_conflicts(configuration, readable, found)
        new = without_consequences(found, faulty)
        problems += [one for one in new if one not in problems]
        return configuration

    def _settings_problems(
        self, configuration: Configuration | None, document: Document
    ) -> list[Problem]:
        service, version = document.get(("broker", "service")), None
        with suppress(NotKnownError):
            version = None if configuration is None else celery_version(configuration.celery)
        return settings_problems(document, ("settings",), service, version)

    def _add_conflicts(
        self, configuration: Configuration, document: Document, problems: list[Problem]
    ) -> None:
        provider, own_app = self.provider, self.own_app
        conflicts = configuration_conflicts(configuration, provider, own_app=own_app)
        if self.environ is not None:
            conflicts += installation_conflicts(configuration, own_app=own_app)
            there = (self.folder, self.environ)
            conflicts += as_far_as_known(missing_there, configuration, *there)
            unused = tuple(
                place for role in END_NAMES for place in _unused(configuration, role, provider)
            )
            problems += missing_variable_problems(document, self.environ, unused)
        problems += [document.value_mark(place).problem(message) for place, message in conflicts]


def _unused(
    configuration: Configuration, role: EndName, provider: Provider | None
) -> tuple[Location, ...]:
    """Places of an end whose variables nobody needs; all of it where nobody knows who runs it."""
    try:
        return tuple(unused_urls(configuration, role, provider))
    except NotKnownError:
        return ((role,),)


def _bad_queues(document: Document, problems: list[Problem]) -> list[Location]:
    """Places of the queues that something is wrong with, or may be."""
    marks = {Mark(one.file, one.line, one.column) for one in problems}
    of_queues = {at: spot for at, spot in document.spots.items() if at[:1] == ("queues",)}
    bad = [at[:2] for at, spot in of_queues.items() if {spot.key, spot.value} & marks]
    return [*dict.fromkeys(at if len(at) > 1 else ("queues",) for at in bad)]


def _known(document: Document) -> Configuration:
    """What is known of a mended document."""
    return known_part(Configuration.model_validate(document.data), document)


def _doubted_settings(document: Document, problems: list[Problem]) -> Document:
    """Without the settings that something is wrong with. A key that there is not stands for the one
    that was probably meant, else for any."""
    marks = {Mark(one.file, one.line, one.column) for one in problems}
    unknown, partial = [], []
    for place, spot in document.spots.items():
        if place[:1] != ("settings",) or len(place) == 1:
            continue
        if spot.value in marks:
            unknown.append(place)
        elif spot.key in marks:
            meant = closest(str(place[-1]), known_settings()) if len(place) == _SETTING else None
            unknown.append((*place[:-1], meant or place[-1]))
            partial += [] if meant else [place[:-1]]
    return document.doubted(unknown, partial)


_SETTING = len(("settings", "task_acks_late"))


@dataclass(frozen=True)
class Configurations:
    """Configurations of a scenario that can be read, without what is wrong in them."""

    usable: tuple[Document, ...]
    complete: bool
    """Whether all of the scenario's are among them, by their names."""
    shadowed: tuple[str, ...] = ()
    """Of each that was found by a name that a shipped one has, too: which one is meant."""


def read_configuration(
    path: Path, environ: Mapping[str, str] | None, problems: list[Problem]
) -> Configuration | None:
    """One configuration by itself, as far as it can be read; with `environ`, for this machine,
    too."""
    document = read_document(path, problems)
    if document is None:
        return None
    _check_name(path, document, problems)
    configuration = ConfigurationCheck(environ, None)(document, problems)
    add_unread_fields(configuration, document, problems)
    return configuration


def configurations_of(
    scenario_path: Path,
    scenario: Document,
    from_command_line: bool,
    changes: Sequence[Change],
    check: ConfigurationCheck,
    problems: list[Problem],
) -> Configurations:
    """The documents of the scenario's configurations, before the matrix."""
    entries = scenario.get(("configurations",))
    entries = entries if isinstance(entries, list) else []
    usable: dict[str, Document] = {}
    shadowed: list[str] = []
    as_written = check.as_written and check.provider is None and not has_provider_axis(scenario)
    near, complete = None if from_command_line else scenario_path, True
    for index, entry in enumerate(entries):
        place = ("configurations", index)
        mark = scenario.value_mark(place)
        document: Document | None
        if isinstance(entry, dict):
            path: Path | None = scenario_path
            document, called = scenario.below(place, mark), entry.get("name")
        elif isinstance(entry, str):
            path = _path_of(entry, near, scenario_path, mark, shadowed, problems)
            document, called = _of_file(path, mark, problems), "" if path is None else path.stem
        else:
            continue  # reported with the scenario's own types
        if document is None or path is None:
            continue
        of_files = [change for change in changes if change.of_configurations]
        document = changed(document, of_files, problems)
        document = counted_from_scenario(document, path, scenario_path)
        configuration, readable = check(document, problems), mended(Configuration, document)
        if as_written:
            add_unread_fields(configuration, document, problems)
        if configuration is None or readable is None:
            continue
        name = readable.get(("name",))
        if name in usable:
            message = f"a second configuration with the name {shown(name)}"
            problems.append(mark.problem(message))
        usable[name] = readable
        complete = complete and name == called
    complete = complete and len(usable) == len(entries)
    return Configurations(tuple(usable.values()), complete, tuple(shadowed))


def with_names(scenario: Document) -> Document:
    """The scenario with the name in place of each configuration that it holds itself. One without
    a name is told to need one with its other problems."""
    entries = scenario.get(("configurations",))
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            place = ("configurations", index)
            name = entry.get("name")
            called = Document(str(name or index + 1), {(): scenario.spots[place]})
            scenario = scenario.placed(place, called)
    return scenario


def _of_file(path: Path | None, mark: Mark, problems: list[Problem]) -> Document | None:
    """What the file that an entry means holds, by the name that the file has."""
    document = None if path is None else _read_at(path, mark, problems)
    if path is not None and document is not None:
        _check_name(path, document, problems)
    return document


def _path_of(
    entry: str,
    near: Path | None,
    scenario_path: Path,
    mark: Mark,
    shadowed: list[str],
    problems: list[Problem],
) -> Path | None:
    """The file that an entry means; None, and a problem, if there is none. `near`: the scenario
    that paths count from, None where they count from the current folder."""
    as_path = (Path() if near is None else near.parent) / entry
    if entry.endswith(SUFFIXES) or ("/" in entry and file_exists(as_path)):
        return Path(os.path.normpath(as_path))
    found = find("configs", entry, scenario_path)
    if found is None:
        problems.append(mark.problem(unknown("configs", entry, scenario_path)))
        return None
    if found.shadows is not None:
        shadowed.append(f"{shown_path(found.path)} is meant, not the shipped {entry}")
    return found.path


def _read_at(path: Path, mark: Mark, problems: list[Problem]) -> Document | None:
    """Read a configuration; that a file is missing is a problem of who names it."""
    if not file_exists(path):
        problems.append(mark.problem(f"there is no file {shown_path(path)}"))
        return None
    return read_document(path, problems)


def _check_name(path: Path, document: Document, problems: list[Problem]) -> None:
    name = document.get(("name",))
    if isinstance(name, str) and name != path.stem:
        message = f"{shown(name)} differs from the file's name: write {shown(path.stem)}"
        problems.append(document.value_mark(("name",)).problem(message))


def validated(model: type[Model], document: Document, problems: list[Problem]) -> Model | None:
    """The model of a document, or None with its problems; those are left out that only follow from
    a value that was no YAML of ours."""
    known = {(problem.file, problem.line, problem.column) for problem in problems}
    found: list[Problem] = []
    result = validate(model, document, found)
    problems += [one for one in found if (one.file, one.line, one.column) not in known]
    return result
