"""Which configurations can run in a project's environment, before they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import shipped
from harness.scenario.checks.own_python import missing_there
from harness.scenario.models.configuration import CelerySet
from harness.scenario.plan.loader import load_configuration

OFFERED = ("redis", "rabbitmq")
"""Shipped ones, the first with a server that comes with the harness."""


@dataclass(frozen=True)
class Usable:
    """Those that can run there, and why others cannot."""

    names: tuple[str, ...]
    lacking: Mapping[str, str]
    """Name -> what it lacks, and the command that installs it."""


def usable(python: Path | None, environ: Mapping[str, str]) -> Usable:
    """Ask the project's Python; that of the harness itself has what both need."""
    names, lacking = [], {}
    for name in OFFERED:
        one = load_configuration(shipped.folder("configs") / f"{name}.yaml", environ=environ)
        if python is not None:
            one = one.model_copy(update={"celery": CelerySet(python=str(python))})
        reasons = [message for _, message in missing_there(one, Path.cwd(), environ)]
        if reasons:
            lacking[name] = "; ".join(reasons)
        else:
            names.append(name)
    return Usable(tuple(names), lacking)
