"""The paired re-runs that would confirm or refute a nominated change, as commands to copy.

Each varies one kind of what the records say changed: versions, settings, the project's commit.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.results.judge.circumstances import COMMIT, CONFIG, PACKAGE, fact_words
from harness.results.record.run import CellRecord, RunRecord
from harness.scenario.models.configuration import OTHER_FORM, groups_of
from harness.scenario.models.scenario import AB_AXIS
from harness.scenario.plan.axes import lies_in, parts
from harness.scenario.settings.celery_settings import known_settings
from harness.scenario.vendors.registry import BROKERS, VENDORS

Different = Mapping[str, tuple[str, str]]
_PINNED = ("celery", "kombu", "billiard", "vine", "amqp", "redis")
_GEVENT = "gevent"
_CELERY = f"{CONFIG}celery"
_VARIABLE = tuple(f"{CONFIG}{field}." for field in ("settings", *OTHER_FORM))


class CellOfRun(NamedTuple):
    """A cell as one run measured it."""

    run: RunRecord
    cell: CellRecord
    """Of `run`, with all its blocks."""


@dataclass(frozen=True)
class Rerun:
    """A paired re-run that could confirm a change of level."""

    command: str
    """To be pasted into a shell, without a word of secrets."""
    varies: tuple[str, ...]
    """Names of the facts in which its two sides differ, as the two runs did."""


@dataclass(frozen=True)
class _Sides:
    base: tuple[str, ...]
    head: tuple[str, ...]
    facts: tuple[str, ...]


def reruns(
    before: CellOfRun, after: CellOfRun, different: Different, *, with_configurations: Sequence[str]
) -> tuple[Rerun, ...]:
    """Commands that measure what differs between two runs of a cell as pairs in one session.

    Empty where nothing that differs can be varied. `with_configurations` are the names of those
    that have to run; the others of the scenario are left out.
    """
    found = [
        _by_versions(before, after, different),
        _by_settings(before, after, different),
        _by_commit(before, after, different),
    ]
    common = _common(after, with_configurations)
    return tuple(
        Rerun(_command(sides, common), tuple(map(fact_words, sides.facts)))
        for sides in found
        if sides is not None and sides.base != sides.head
    )


def run_again(after: CellOfRun) -> str:
    """The command that measures the scenario once more, as it is now."""
    return shlex.join(["harness", "run", *_common(after, ())])


def _command(sides: _Sides, common: Sequence[str]) -> str:
    refs = [
        *(word for ref in sides.base for word in ("--base", ref)),
        *(word for ref in sides.head for word in ("--head", ref)),
    ]
    return shlex.join(["harness", "ab", *refs, *common])


def _common(after: CellOfRun, configurations: Sequence[str]) -> list[str]:
    words = [word for name in _chosen(after.run, configurations) for word in ("--config", name)]
    providers = {server.provider for server in after.cell.servers.values()}
    if len(providers) == 1 and providers != {"local"}:
        words += ["--provider", *providers]
    source = after.run.source
    # A path that begins with a dash would be read as an option.
    return [*words, f"./{source}" if source.startswith("-") else source]


def _chosen(run: RunRecord, configurations: Sequence[str]) -> list[str]:
    """Some of the scenario's configurations; nothing if that means all, or paths: these are
    relative to another folder on the command line."""
    entries = [str(entry) for entry in run.scenario.get("configurations") or ()]
    chosen = [entry for entry in entries if entry in configurations]
    complete = len(chosen) == len(dict.fromkeys(configurations))
    return chosen if complete and len(chosen) < len(entries) else []


# --- what can be varied -------------------------------------------------------------------------


def _by_versions(before: CellOfRun, after: CellOfRun, different: Different) -> _Sides | None:
    if _is_axis(after.cell, "celery"):
        return None
    own = [name for name in different if name.startswith(f"{_CELERY}.")]
    packages = [name for name in different if name.startswith(PACKAGE)]
    if own:
        sides = [_chosen_celery(side) or _installed(side) for side in (before, after)]
    elif any(name.removeprefix(PACKAGE) in _packages(after.cell) for name in packages):
        sides = [_installed(side) for side in (before, after)]
    else:
        return None
    if not all(sides):
        return None
    known = _packages(after.cell)
    varied = [name for name in packages if own or name.removeprefix(PACKAGE) in known]
    return _Sides((sides[0],), (sides[1],), (*own, *varied))


def _chosen_celery(side: CellOfRun) -> str:
    """What the configuration itself says; a set of pins, or a revision."""
    chosen = side.cell.config.get("celery") or {}
    if chosen.get("revision"):
        return str(chosen["revision"])[:12]
    version = [f"celery=={chosen['version']}"] if chosen.get("version") else []
    pins = [*version, *(chosen.get("pins") or ())]
    return f"pins:{','.join(pins)}" if pins else ""


def _installed(side: CellOfRun) -> str:
    """All that decides how fast a worker is, as the record has it: not what pip finds today."""
    packages = side.run.environment.packages | side.cell.packages
    pins = [f"{name}=={packages[name]}" for name in _packages(side.cell) if name in packages]
    return f"pins:{','.join(pins)}" if pins and pins[0].startswith("celery==") else ""


def _packages(cell: CellRecord) -> tuple[str, ...]:
    services = (server.service for server in cell.servers.values())
    clients = (
        one for name in services if name in BROKERS for one in VENDORS[name].clients.packages
    )
    groups = groups_of(cell.config).values()
    gevent = (_GEVENT,) if any(group.pool == _GEVENT for group in groups) else ()
    return tuple(dict.fromkeys((*_PINNED, *clients, *gevent)))


def _by_settings(before: CellOfRun, after: CellOfRun, different: Different) -> _Sides | None:
    changed: list[tuple[str, Any, Any]] = []
    for name in different:
        path = name.removeprefix(CONFIG)
        if not name.startswith(_VARIABLE) or _is_axis(after.cell, path):
            continue
        try:
            values = [_value(side.cell, path) for side in (before, after)]
        except KeyError:
            continue
        changed.append((path, *values))
    if not changed:
        return None
    return _Sides(
        tuple(f"set:{path}={json.dumps(base)}" for path, base, _ in changed),
        tuple(f"set:{path}={json.dumps(head)}" for path, _, head in changed),
        tuple(f"{CONFIG}{path}" for path, _, _ in changed),
    )


def _value(cell: CellRecord, path: str) -> Any:
    """Of a field; of a setting that is not there, Celery's default. KeyError for anything else."""
    place: Any = cell.config
    *parents, last = path.split(".")
    for key in parents:
        place = place.get(key) or {}
    if last in place:
        return place[last]
    if parents != ["settings"]:
        raise KeyError(path)
    default = known_settings()[last].default
    if not isinstance(default, bool | int | float | str):
        raise KeyError(path)
    return default


def _by_commit(before: CellOfRun, after: CellOfRun, different: Different) -> _Sides | None:
    base, head = different.get(COMMIT, ("", ""))
    celery = [side.cell.config.get("celery") for side in (before, after)]
    # In a repository that is not here, or in none.
    elsewhere = any(side.cell.project_commit is not None for side in (before, after))
    if not base or not head or any(celery) or elsewhere or _is_axis(after.cell, "celery"):
        return None
    return _Sides((base[:12],), (head[:12],), (COMMIT,))


def _is_axis(cell: CellRecord, path: str) -> bool:
    """Whether the scenario's own matrix varies it: `harness ab` then refuses to."""
    axes = (axis for axis in cell.axes if axis != AB_AXIS)
    varied = [one for axis in axes for one in parts(axis)]
    return any(lies_in(one, path) or lies_in(path, one) for one in varied)


def not_varied(different: Different, found: Sequence[Rerun]) -> Iterator[str]:
    """Facts that differ, and that no re-run varies."""
    varied = {name for rerun in found for name in rerun.varies}
    yield from (name for name in different if fact_words(name) not in varied)
