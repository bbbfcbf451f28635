"""The commands in the documents' fenced blocks, and how each of them is tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SHELL = ("", "sh", "bash", "shell", "console")
_COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?((?:harness|make) .*|harness|make)$")


@dataclass(frozen=True)
class Run:
    """Executed with so much less to measure, by these further arguments."""

    shorter: tuple[str, ...]
    code: int = 0


@dataclass(frozen=True)
class Parse:
    """Only its arguments are taken and checked, because of this."""

    reason: str


@dataclass(frozen=True)
class DryRun:
    """`make -n`: what it would do is executed elsewhere."""

    reason: str


@dataclass(frozen=True)
class AsItIs:
    """Executed as it stands; needs no server."""

    replaced: dict[str, str] = field(default_factory=dict)
    """Words that stand for something else."""


How = Run | Parse | DryRun | AsItIs
LIGHT = (
    "baseline",
    "check",
    "compare",
    "copy",
    "docs",
    "history",
    "index",
    "list",
    "report",
    "schema",
    "show",
    "show-config",
    "sql",
)
"""Subcommands that only read what is there, and are executed as they stand."""

_SOLO = ("--set", "config.worker.pool=solo", "--set", "config.worker.concurrency=1")
_TINY = (
    *_SOLO,
    *("--set", "workloads=[add]", "--set", "loads=[{load: closed, in_flight: 2}]"),
    *("--set", "measure={units: 10, warmup: 0, blocks: 1}"),
)
_PAIRS = "twelve blocks at least; tests/ab/test_live.py runs ab with revisions, pins and settings"
_SELFTEST = "minutes of planted troubles; tests/selftest/test_live.py runs it"
_INIT = "it needs a project; tests/init/test_command.py runs it in one"
_VERSIONS = "builds an environment per version; tests/environments/test_live.py runs a pair of them"

SPECIAL: dict[str, How] = {
    "make run": DryRun("tests/runner/test_quickstart.py runs what it runs"),
    "make test": DryRun("this is it"),
    "make check": DryRun("CI runs it before the tests"),
    "make docs": DryRun("make check says whether there is anything left for it to do"),
    "harness init": Parse(_INIT),
    "harness init -A worker.celery --python .venv/bin/python": Parse(_INIT),
    "harness init --ci github --dry-run": Parse(_INIT),
    "harness check benchmarks": Parse(_INIT),
    "harness run tasks-smoke": Parse(_INIT),
    "harness run scenarios/compare-brokers.yaml": Parse(
        "ten minutes; the next one runs it with two brokers, tests/runner/test_tutorial.py all"
    ),
    "harness run scenarios/compare-brokers.yaml --config redis --config rabbitmq "
    "--set measure.blocks=10": Run(_TINY),
    "harness run scenarios/late-acks.yaml": Run(
        (*_TINY, "--config", "redis", "--set", "matrix={settings.task_acks_late: [false, true]}")
    ),
    "harness run scenarios/saturate.yaml": Run(
        (
            *_SOLO,
            "--config",
            "redis",
            "--set",
            "loads=[{load: saturate, limits: [p99(latency.total) < 5s], start: 20/s, "
            "most: 20/s, step: 500ms, time: 2s}]",
        )
    ),
    "harness run scenarios/open-loop.yaml": Run(
        (
            *_SOLO,
            "--config",
            "redis",
            "--set",
            "measure.blocks=1",
            "--set",
            "loads=[{load: rate, phases: [{phase: steady, "
            "rate: 20/s, duration: 500ms}, {phase: drain, duration: 100ms}]}]",
        )
    ),
    "harness run scenarios/choose-backend.yaml": Run(
        (*_TINY, "--config", "redis", "--config", "redis-sqlite", "--set", "matrix={}")
    ),
    "harness run scenarios/periodic.yaml": Parse(
        "three minutes by the clock; tests/runner/sessions/test_schedule.py runs schedules"
    ),
    "harness run scenarios/kill-workers.yaml": Parse(
        "minutes of faults; tests/runner/faults/test_faults.py kills workers"
    ),
    "harness run examples/shop/scenarios/shop.yaml": Parse(
        "tests/own_tasks/test_shop.py runs it, in a folder of its own"
    ),
    "harness run scenarios/smoke.yaml": Run(_TINY),
    "harness run scenarios/smoke.yaml --baseline main": Run(
        (
            *(*_TINY, "--set", "loads=[closed]", "--force"),
            *("--set", "gates=[throughput > 0.0001 * baseline]"),
        )
    ),
    "harness run scenarios/smoke.yaml --json-lines > progress.jsonl": Run(_TINY),
    "harness run scenarios/celery-versions.yaml": Parse(_VERSIONS),
    "harness run scenarios/celery-versions.yaml --config redis --set measure.duration=1s "
    "--set measure.blocks=6": Parse(_VERSIONS),
    "harness run scenarios/smoke.yaml --set config.celery.python=.venv": Parse(
        "tests/environments/test_own_python.py runs an environment of the user's"
    ),
    "harness selftest": Parse(_SELFTEST),
    "harness selftest --short --broker redis": Parse(_SELFTEST),
    "harness compare BASE HEAD": AsItIs({"BASE": "aaaaaa", "HEAD": "bbbbbb"}),
    "harness compare BASE HEAD --force": AsItIs({"BASE": "aaaaaa", "HEAD": "bbbbbb"}),
}
"""Every other command that measures, and why it is not executed as it stands. A document that
shows a new one has to give it a line here."""


def commands() -> dict[str, list[str]]:
    """Every command, without its comment -> the documents that show it."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))):
        for command in _in(path.read_text(encoding="utf-8")):
            documents = found.setdefault(command, [])
            if (name := str(path.relative_to(ROOT))) not in documents:
                documents.append(name)
    return found


def how(command: str) -> How | None:
    """How a command is tried; None for one that nobody has thought of."""
    if command in SPECIAL:
        return SPECIAL[command]
    name = command.split()[1] if " " in command else ""
    if name == "ab":
        return Parse(_PAIRS)
    return AsItIs() if command.startswith("harness ") and name in LIGHT else None


def _in(text: str) -> Iterator[str]:
    for kind, block in _FENCED.findall(text):
        for line in block.replace("\\\n", " ").splitlines() if kind in _SHELL else ():
            plain = re.sub(r"\s+#.*$", "", line).strip()
            if found := _COMMAND.match(plain):
                yield re.sub(r"\s+", " ", found[1])
