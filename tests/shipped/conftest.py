"""The wheel as people get it, without network: made from the sdist, in an environment that has what
the base needs and no extra."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
_OF_THE_PROJECT = (
    *("harness", "configs", "scenarios", "schemas", "docs", "examples", "results/README.md"),
    *("README.md", "CHANGELOG.md", "LICENSE", "MANIFEST.in", "pyproject.toml", "setup.py"),
)


@dataclass(frozen=True)
class Installed:
    """The wheel's content in a folder of its own, the Python of an environment that has it, and an
    empty folder that commands run in."""

    site: Path
    python: Path
    empty: Path
    wheel: Path

    def harness(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the installed harness: nothing of the checkout is imported."""
        return self.called(["-m", "harness", *words], cwd)

    def called(
        self, words: Sequence[str], cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The same of whatever Python is told."""
        return subprocess.run(
            [self.python, *words],
            cwd=cwd or self.empty,
            env={**os.environ, "TMPDIR": str(self.site.parent)},
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
    compileall.compile_dir(site, quiet=2)  # as pip does
    empty.mkdir()
    return Installed(site, _base_environment(folder / "base", site), empty, wheel)


def _base_environment(folder: Path, site: Path) -> Path:
    """The Python of an environment with the harness, all that it requires without an extra, and
    pip: each package is that of this environment, by a link."""
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "harness.pth").write_text(f"{site}\n")
    (ours,) = site.glob("*.dist-info")
    needed = {"pip": distribution("pip")}
    _add_needs(Distribution.at(ours), (), needed)
    tops = {
        (file.parts[0], Path(str(one.locate_file(file.parts[0]))))
        for one in needed.values()
        for file in one.files or ()
        if file.parts[0] not in ("..", "__pycache__")
    }
    for top, there in tops:
        (packages / top).symlink_to(there)
    return folder / "bin/python"


def _add_needs(
    package: Distribution, extras: tuple[str, ...], needed: dict[str, Distribution]
) -> None:
    """What a package requires, and what some extras of it do, with all that these need."""
    for one in map(Requirement, package.requires or ()):
        wanted = any(
            one.marker is None or one.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        if wanted and (one.name not in needed or one.extras):
            needed[one.name] = distribution(one.name)
            _add_needs(needed[one.name], tuple(one.extras), needed)


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
