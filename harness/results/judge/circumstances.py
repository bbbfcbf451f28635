"""What a record says about the circumstances of a cell, as words that can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.results.record.environment import Server
from harness.results.record.run import CellRecord, RunRecord

COMMIT = "commit"
PACKAGE = "package "
"""Before the name of a package in the facts of a cell."""
CONFIG = "config."
"""Before the dotted path of a field of a configuration."""
_SHOWN_COMMIT = 12
_GIB = 1024**3
_PLACES = {True: "", False: " on another host", None: " on an unknown host"}
_REVISION = f"{CONFIG}celery.revision"


def facts_of(record: RunRecord, cell: CellRecord) -> dict[str, str]:
    """Everything recorded that may make a difference to a cell's figures."""
    environment = record.environment
    return {
        COMMIT: project_of(record, cell)[0] or "",
        "harness": environment.harness,
        "python": environment.python,
        "kernel": environment.kernel,
        **software_of(record, cell),
        **dict(_flat(CONFIG.rstrip("."), cell.config)),
    }


def project_of(record: RunRecord, cell: CellRecord) -> tuple[str | None, bool]:
    """The commit of the user's project that a cell ran, and whether with uncommitted changes."""
    if cell.project_commit is not None:
        return cell.project_commit or None, bool(cell.project_dirty)
    return record.environment.git_commit, bool(record.environment.git_dirty)


def software_of(record: RunRecord, cell: CellRecord) -> dict[str, str]:
    """Versions of the packages and servers under which a cell ran."""
    packages = record.environment.packages | cell.packages
    facts = {f"{PACKAGE}{name}": version for name, version in sorted(packages.items())}
    for role, server in sorted(cell.servers.items()):
        facts[role] = f"{server.product} {server.version}"
    return facts


def machine_of(record: RunRecord, cell: CellRecord, reference: CellRecord | None = None) -> str:
    """Where a cell was measured. Versions are no part of it: their effect is a history's topic."""
    environment = record.environment
    words = [
        environment.cpu,
        f"{environment.cores} cores",
        f"{round(environment.memory_bytes / _GIB)} GiB",
        *(f"{role} on core {cores}" for role, cores in environment.affinity.items()),
        *(f"{role} {_place(server)}" for role, server in cell.servers.items()),
    ]
    for role, server in reference.servers.items() if reference is not None else ():
        own = cell.servers.get(role)
        if own is None or _place(own) != _place(server):
            words.append(f"reference's {role} {_place(server)}")
    return ", ".join(words)


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The facts that are not the same on both sides; an empty text where one has none."""
    names = [*before, *(name for name in after if name not in before)]
    return {
        name: (before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    }


def difference_words(name: str, before: str, after: str) -> str:
    """One difference between two runs in words: `celery 5.6.3 -> 5.7.0`."""
    short = slice(_SHOWN_COMMIT) if name in (COMMIT, _REVISION) else slice(None)
    return f"{fact_words(name)} {before[short] or 'none'} -> {after[short] or 'none'}"


def fact_words(name: str) -> str:
    """A fact's name for people."""
    return name.removeprefix(PACKAGE).removeprefix(CONFIG)


def _place(server: Server) -> str:
    return f"{server.product}, {server.provider}{_PLACES[server.same_host]}"


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, part in sorted(value.items()):
            if f"{path}.{key}" not in ("config.description", "config.celery.name"):
                yield from _flat(f"{path}.{key}", part)
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value)
