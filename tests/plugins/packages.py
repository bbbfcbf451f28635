"""Installed packages with entry points of the harness, made for a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.cli import project
from tests.runner.running import Ended, Site

PATIENCE_S = 270.0
MODULE = """
from harness.report.view.cells import RunView
from harness.report.words.look import Look
from harness.results.diagnoses import Diagnosis, Evidence


def as_names(view: RunView, look: Look) -> str:
    return "\\n".join(cell.name for cell in view.record.cells)


def as_nothing(view: RunView, look: Look) -> str:
    raise ZeroDivisionError("by the toy")


def as_number(view: RunView, look: Look) -> int:
    return len(view.record.cells)


def many(evidence: Evidence) -> dict[str, int] | None:
    units = len(evidence.merged.units.unit)
    return {"units": units} if units > 1 else None


def broken(evidence: Evidence) -> None:
    raise KeyError("toy")


def numbers(evidence: Evidence) -> dict[str, object]:
    return {"units": evidence.merged.units.unit[0]}


def words(evidence: Evidence) -> str:
    return "no mapping"


def made(code: str, find) -> Diagnosis:
    return Diagnosis(
        code=code,
        looks_at="the number of units",
        sentence="There was more than one unit.",
        cause="The scenario asked for it.",
        advice="Nothing.",
        find=find,
        detail=lambda data: f"{data['units']} of them",
    )


TOY_MANY = made("toy_many", many)
TOY_BROKEN = made("toy_broken", broken)
TOY_NUMBERS = made("toy_numbers", numbers)
TOY_WORDS = made("toy_words", words)
TAKEN = made("prefetch_hoarding", many)
"""


def install(
    site: Path, points: Mapping[str, Mapping[str, str]], package: str = "toy-plugin"
) -> Path:
    """A distribution in a folder for `sys.path`: group -> name -> what it names."""
    site.mkdir(exist_ok=True)
    (site / "toy.py").write_text(MODULE)
    (site / "toy_end.py").write_text("import sys\nsys.exit('bye')\n")
    info = site / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    groups = (
        "\n".join(
            [
                f"[celery_config_bench.{group}]",
                *(f"{name} = {what}" for name, what in names.items()),
            ]
        )
        for group, names in points.items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups) + "\n")
    return site


def harness(site: Site, *arguments: str) -> Ended:
    """`harness ARGUMENTS` in a Python of its own, as plug-ins are looked for when it starts."""
    done = project.harness(
        *arguments, folder=site.folder, environ=site.environment(), timeout_s=PATIENCE_S
    )
    return Ended(done.returncode, done.stdout, done.stderr, site.results)
