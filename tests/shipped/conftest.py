"""The wheel as people get it, without network: made from the sdist, installed into a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_OF_THE_PROJECT = (
    *("harness", "configs", "scenarios", "schemas", "docs", "examples", "results/README.md"),
    *("README.md", "CHANGELOG.md", "LICENSE", "MANIFEST.in", "pyproject.toml", "setup.py"),
)


@dataclass(frozen=True)
class Installed:
    """The wheel's content in a folder of its own, and an empty one that commands run in."""

    site: Path
    empty: Path
    wheel: Path

    def harness(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the installed harness: nothing of the checkout is imported."""
        environ = {**os.environ, "PYTHONPATH": str(self.site), "TMPDIR": str(self.site.parent)}
        return subprocess.run(
            [sys.executable, "-m", "harness", *words],
            cwd=cwd or self.empty,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built and unpacked once: a wheel of Python code alone is installed by being unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    project, site, empty = (folder / name for name in ("project", "site", "empty"))
    for name in _OF_THE_PROJECT:
        _copy(ROOT / name, project / name)
    left = project / "examples" / "shop" / "results" / "run.json"  # of somebody's run
    left.parent.mkdir()
    left.touch()
    (sdist,) = _built("sdist", project, folder / "sdist")
    shutil.unpack_archive(sdist, folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    (wheel,) = _built("wheel", unpacked, folder / "dist")
    shutil.unpack_archive(wheel, site, "zip")
    empty.mkdir()
    return Installed(site, empty, wheel)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, target)


def _built(what: str, project: Path, into: Path) -> list[Path]:
    """By the backend itself, as pip calls it, in a process as it goes by the current folder."""
    into.mkdir()
    call = f"from setuptools import build_meta as b; b.build_{what}({str(into)!r})"
    subprocess.run(
        [sys.executable, "-c", call], cwd=project, check=True, capture_output=True, text=True
    )
    return list(into.iterdir())
