"""The fingerprint of the machine and the software of a run."""

from __future__ import annotations

import platform
import socket
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

import harness
from harness.affinity import ANYWHERE, Affinity, usable_cores
from harness.environments.interpreter import Interpreter
from harness.results.record.environment import Environment
from harness.results.record.run import RunRecord
from harness.scenario.settings.celery_sets import MEASURED
from harness.scenario.vendors.registry import VENDORS

_RECORDED = (
    *MEASURED,
    *(name for vendor in VENDORS.values() for name in vendor.server_packages),
)
"""Packages that decide how fast a run on this machine is."""


def fingerprint(folder: Path, affinity: Affinity = ANYWHERE) -> Environment:
    """Describe this machine; `folder` is the one whose git commit is recorded."""
    commit, dirty = commit_of(folder)
    return Environment(
        hostname=socket.gethostname(),
        cpu=_cpu_model(),
        cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: found for name in _RECORDED if (found := _version(name))},
        harness=harness.__version__,
        harness_commit=_own_commit(),
        git_commit=commit,
        git_dirty=dirty,
        affinity=affinity.described(),
        sched_autogroup=_sched_autogroup(),
    )


def with_projects_commits(record: RunRecord, pythons: Sequence[Interpreter]) -> RunRecord:
    """The record with the commit of the project that each cell runs, where it is another one than
    that of the folder the harness was started in; empty where git knows none."""
    here = record.environment.git_commit, record.environment.git_dirty
    cells = []
    for cell, python in zip(record.cells, pythons, strict=True):
        ran = here
        if python.commit is not None:
            ran = python.commit, False
        elif python.project is not None:
            ran = commit_of(python.project)
        commit, dirty = (None, None) if ran == here else (ran[0] or "", ran[1])
        cells.append(cell.model_copy(update={"project_commit": commit, "project_dirty": dirty}))
    return record.model_copy(update={"cells": tuple(cells)})


def with_missing_commits(begun: RunRecord, now: RunRecord) -> RunRecord:
    """The record of a run that goes on. Cells of the version before do not say what they began
    with: it is taken to be what is there now, which later resumptions are compared with."""
    cells = (
        stored if stored.project_known else found
        for stored, found in zip(begun.cells, now.cells, strict=True)
    )
    return begun.model_copy(update={"cells": tuple(cells)})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _sched_autogroup() -> bool | None:
    try:
        text = Path("/proc/sys/kernel/sched_autogroup_enabled").read_text(encoding="ascii")
    except OSError:
        return None
    return text.strip() == "1"


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _own_commit() -> str | None:
    """Of the checkout that holds this package, if one does: it may as well lie, installed, in a
    virtual environment of somebody's repository."""
    package = Path(harness.__file__).resolve().parent
    try:
        _git_says(package, "ls-files", "--error-unmatch", "__init__.py")
        return _git_says(package, "rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return None


def commit_of(folder: Path) -> tuple[str | None, bool | None]:
    """The commit of a folder, and whether it has uncommitted changes; None where git knows none."""
    try:
        commit = _git_says(folder, "rev-parse", "HEAD")
        return commit, bool(_git_says(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git_says(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return answer.stdout.strip()
