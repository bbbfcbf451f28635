"""Two variants of every cell of a scenario, to be measured side by side in one run.

A variant is what `harness ab --base REF` means: a git revision of the user's project, a set of
pins, settings, or several of these together. All of them end as changes to configurations, so
an A/B run is an ordinary run whose cells have one axis more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import ValidationError

from harness.errors import InvalidInput, UsageError
from harness.results.record.run import RunRecord
from harness.results.record.typed_work import stored_workload
from harness.runner.prepare.interpreters import IMPORTING
from harness.runner.prepare.revisions.commits import find_revision
from harness.scenario.models.compare import Compare, PairBudget
from harness.scenario.models.scenario import AB_AXIS, Cell, Plan, Scenario
from harness.scenario.plan.axes import lies_in, parts
from harness.scenario.plan.loader import load_plan
from harness.scenario.vendors.base import Provider
from harness.scenario.workloads.own_tasks import OwnTaskWorkload

BASE, HEAD = "base", "head"
_SHORT = 12
_PINS, _SET = "pins:", "set:"
_BETWEEN_PINS = re.compile(r",\s*(?=[A-Za-z])(?![^\[]*\])")
"""A comma before a name: those in `redis<5,>=4` and in `celery[redis,sqs]` separate nothing."""


@dataclass(frozen=True)
class Variant:
    """One side of an A/B comparison."""

    title: str
    """How reports call the side: `main (3a17031b8c2d)`, `pins:celery==5.6.3`."""
    changes: tuple[str, ...]
    """What the side changes in every configuration, as `--set` takes it."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths of the fields it changes."""
        return tuple(change.partition("=")[0].removeprefix("config.") for change in self.changes)


@dataclass(frozen=True)
class Frame:
    """What both sides have in common: a scenario and the command line's changes to it."""

    scenario: Path
    only: tuple[str, ...]
    sets: tuple[str, ...]
    provider: Provider | None
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Effort:
    """How the two sides are compared. None: as the scenario says, else 5 % and 6 to 30 pairs."""

    margin: float | None = None
    pairs: tuple[int, int] | None = None
    """Fewest and most."""
    minutes: float | None = None
    effect: float | None = None
    """The slowdown that is to be found within the minutes."""


def variant_of(
    refs: Sequence[str],
    project: Path,
    environ: Mapping[str, str],
    python: str | None = None,
    of_revision: Mapping[str, Sequence[str]] | None = None,
) -> Variant:
    """What the REFs of one side mean together, and its environment of the user's own if it has one.
    `of_revision`: how a revision is installed and prepared, by fields of `celery:`. UsageError for
    a REF that means nothing."""
    if not refs and python is None:
        raise UsageError(
            "each side says what it is: --base and --head with a git revision, pins:... or "
            "set:..., or --base-python and --head-python with an environment"
        )
    changes: list[str] = []
    titles: list[str] = []
    celery: list[str] = []
    for ref in refs:
        if ref.startswith(_SET):
            changes.append(f"config.{ref.removeprefix(_SET)}")
            titles.append(ref)
            continue
        if ref.startswith(_PINS):
            celery.append(json.dumps(_of_pins(ref)))
            titles.append(ref)
            continue
        commit = find_revision(ref, project, environ).commit
        told = {name: list(words) for name, words in (of_revision or {}).items() if words}
        celery.append(json.dumps({"name": commit[:_SHORT], "revision": commit, **told}))
        titles.append(f"{ref} ({commit[:_SHORT]})")
    if python is not None:
        celery.append(json.dumps({"python": python}))
        titles.append(f"python {python}")
    if len(celery) > 1:
        raise UsageError(
            f"{' and '.join(titles)} each name a Celery: one side takes one revision, one "
            "pins:... or one environment, and any number of set:..."
        )
    changes += [f"config.celery={one}" for one in celery]
    return Variant(", ".join(titles), tuple(changes))


def check_revisions(refs: Sequence[str]) -> None:
    """UsageError where none of the REFs of both sides is a revision, of which something is told."""
    if all(ref.startswith((_PINS, _SET)) for ref in refs):
        raise UsageError(
            "--install and --prepare are about git revisions, and neither side names one"
        )


def check_unlike(base: Variant, head: Variant) -> None:
    """UsageError if both sides are one and the same, and only noise could be measured."""
    if sorted(base.changes) == sorted(head.changes):
        raise UsageError(
            f"--base {base.title} and --head {head.title} are the same: there is nothing to "
            "compare. Name two that differ, or say --force to see how much noise alone does"
        )


def nothing_told_apart(record: RunRecord) -> bool:
    """Whether the two sides differ in their revision only, and no process noticed.

    They ran the same packages, and no module of the project was imported: whatever the verdict
    is, it is about noise.
    """
    sides: dict[object, list[str]] = {BASE: [], HEAD: []}
    for cell in record.cells:
        if isinstance(stored_workload(cell.workload), OwnTaskWorkload):
            return False
        if any(cell.config.get("settings", {}).get(name) for name in IMPORTING):
            return False
        rest = {name: value for name, value in cell.config.items() if name != "celery"}
        sides[cell.axes.get(AB_AXIS)].append(
            json.dumps([rest, cell.packages], sort_keys=True, default=str)
        )
    return sides[BASE] == sides[HEAD]


def paired_plan(frame: Frame, base: Variant, head: Variant, effort: Effort) -> Plan:
    """The scenario with every cell twice, the two beside each other.

    Raises InvalidInput with the problems of either side, UsageError where the scenario's own
    matrix would undo what a side changes.
    """
    plans = [_plan(frame, side, name) for side, name in ((base, BASE), (head, HEAD))]
    scenario = plans[0].scenario
    _check_axes(scenario, [*base.paths, *head.paths])
    cells = tuple(
        _cell(cell, name)
        for pair in zip(*(plan.cells for plan in plans), strict=True)
        for cell, name in zip(pair, (BASE, HEAD), strict=True)
    )
    changed: dict[str, object] = {
        "name": f"{scenario.name[:60]}-{AB_AXIS}",
        "question": f"Is {HEAD} slower than {BASE}? {BASE}: {base.title}; {HEAD}: {head.title}",
        "compare": _compare(scenario.compare, effort),
    }
    scenario = scenario.model_copy(update=changed)
    return plans[0].model_copy(update={"scenario": scenario, "cells": cells})


def _plan(frame: Frame, side: Variant, name: str) -> Plan:
    try:
        return load_plan(
            frame.scenario,
            only=frame.only,
            sets=(*frame.sets, *side.changes),
            environ=frame.environ,
            provider=frame.provider,
        )
    except InvalidInput as error:
        ours = {f"--set {path.partition('=')[0]}" for path in side.changes}
        raise InvalidInput(
            [
                replace(problem, file=problem.file.replace("--set config.", f"--{name} "))
                if problem.file in ours
                else problem
                for problem in error.problems
            ]
        ) from error


def _check_axes(scenario: Scenario, paths: Sequence[str]) -> None:
    for axis in (part for joined in scenario.matrix for part in parts(joined)):
        for path in paths:
            if lies_in(axis, path) or lies_in(path, axis):
                raise UsageError(
                    f"the matrix of scenario {scenario.name} varies {axis} itself, and would undo "
                    f"{path}: compare within it by `harness compare`, or use a "
                    "scenario without that axis"
                )


def _cell(cell: Cell, name: str) -> Cell:
    label, workload, load = cell.name.rsplit("/", 2)
    word = f"{AB_AXIS}={name}"
    label = f"{label[:-1]},{word}]" if label.endswith("]") else f"{label}[{word}]"
    update = {
        "name": f"{label}/{workload}/{load}",
        "axes": {**cell.axes, AB_AXIS: name},
        "axis_words": {**cell.axis_words, AB_AXIS: name},
    }
    return cell.model_copy(update=update)


def _compare(planned: Compare | None, effort: Effort) -> Compare:
    """The scenario's own plan for comparing with what the command line changes in it."""
    planned = planned or Compare()
    update: dict[str, object] = {"base": f"{AB_AXIS}={BASE}", "kind": "change"}
    if effort.margin is not None:
        update["margin"] = effort.margin
    if effort.minutes is not None:
        update["minutes"] = effort.minutes
    if effort.effect is not None:
        update["effect"] = effort.effect
    in_time = effort.effect is not None or planned.effect is not None
    if effort.pairs is not None or (planned.pairs is None and not in_time):
        low, high = effort.pairs or (PairBudget().min, PairBudget().max)
        update |= {"pairs": PairBudget(min=low, max=high), "looks": None}
    changed = planned.model_copy(update=update)
    try:
        return Compare.model_validate(changed.model_dump())
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"--effect, --minutes, --margin: {reason}") from error


def _of_pins(ref: str) -> dict[str, object]:
    """A Celery set from `pins:celery==5.6.3,redis<6`. A plain version brings its companions."""
    pins = [pin for pin in _BETWEEN_PINS.split(ref.removeprefix(_PINS).strip()) if pin]
    version, rest = None, []
    for pin in pins:
        exact = _exact_celery(ref, pin)
        version = exact or version
        if exact is None:
            rest.append(pin)
    return {"pins": rest} if version is None else {"version": version, "pins": rest}


def _exact_celery(ref: str, pin: str) -> str | None:
    try:
        one = Requirement(pin)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{ref}: {pin!r} is not a requirement such as celery==5.7.0: {reason}"
        ) from (error)
    exact = re.fullmatch(r"==(\d+\.\d+\.\d+[a-z0-9.]*)", str(one.specifier))
    return exact[1] if one.name.lower() == "celery" and exact and not one.url else None
