"""What a wheel brings beside the code, and that it is found there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness import shipped
from tests.shipped.conftest import ROOT, Installed

_FOLDERS = {
    "configs": "*.yaml",
    "scenarios": "*.yaml",
    "schemas": "*.json",
    "docs": "*.md",
    "examples": "*",
}


def _files(folder: Path, pattern: str) -> dict[Path, bytes]:
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in found if _kept(path)}


def _kept(path: Path) -> bool:
    return "__pycache__" not in path.parts


def test_a_checkout_reads_its_own_folders() -> None:
    assert shipped.root() == ROOT
    assert shipped.folder("configs") == ROOT / "configs"


def test_a_wheel_made_of_the_sdist_brings_every_file(installed: Installed) -> None:
    for name, pattern in _FOLDERS.items():
        ours = _files(ROOT / name, pattern)
        assert ours, name
        assert _files(installed.site / "harness/shipped" / name, pattern) == ours
    for name in ("README.md", "CHANGELOG.md", "results/README.md"):
        there = installed.site / "harness/shipped" / name
        assert there.read_bytes() == (ROOT / name).read_bytes()


def test_nothing_but_the_package_is_at_the_top_of_the_wheel(installed: Installed) -> None:
    """Folders called `docs` or `tests` would be everybody's."""
    tops = {path.name for path in installed.site.iterdir()}
    assert tops == {"harness", "celery_config_bench-0.1.0.dist-info"}


def test_the_installed_package_finds_its_own(installed: Installed) -> None:
    code = "from harness import shipped; print(shipped.folder('scenarios'))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installed.empty,
        env={"PYTHONPATH": str(installed.site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(answer.stdout.strip()) == installed.site / "harness/shipped/scenarios"
