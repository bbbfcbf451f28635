"""Environments of their own: built once, by one process, and again after an interrupted build."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.environments.building import (
    BuildError,
    ensure_environment,
    environment_folder,
    is_complete,
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}


def test_built_once_and_shared(environ: dict[str, str]) -> None:
    """Two threads ask at once; one builds. The half-built folder of a killed build is replaced."""
    folder = environment_folder(("pip",), environ)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half")
    assert not is_complete(folder)
    with ThreadPoolExecutor(2) as pool:
        # An empty set of pins needs no package index: pip has nothing to do but is asked for help.
        asked = [pool.submit(ensure_environment, ("pip",), environ=environ) for _ in range(2)]
        first, second = (future.result() for future in asked)
    assert first == second
    code = "import sys; print(sys.prefix)"
    done = subprocess.run([first, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(first.parent.parent)
    changed, marker = first.stat().st_ctime_ns, folder / ".complete"
    os.utime(marker, (0, 0))
    assert ensure_environment(("pip",), environ=environ) == first
    assert first.stat().st_ctime_ns == changed
    assert marker.stat().st_mtime > 0  # who cleans up sees that it was used


def test_pins_and_interpreter_name_the_folder(environ: dict[str, str]) -> None:
    one = environment_folder(("a==1", "b==2"), environ)
    assert one == environment_folder(("b==2", "a==1"), environ)
    assert one != environment_folder(("a==1", "b==3"), environ)
    assert one.is_relative_to(environ["XDG_CACHE_HOME"])


def test_what_cannot_be_installed_is_one_clear_error(environ: dict[str, str]) -> None:
    offline = {
        **environ,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
    }
    with pytest.raises(BuildError) as caught:
        ensure_environment(("celery-config-bench-absent==0",), environ=offline)
    assert "-m pip install --quiet --no-input celery-config-bench-absent==0" in str(caught.value)
    assert "harness doctor --fix" in str(caught.value)
    assert not is_complete(environment_folder(("celery-config-bench-absent==0",), offline))


def test_nowhere_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="XDG_CACHE_HOME"):
        ensure_environment(("pip",), environ={"XDG_CACHE_HOME": str(tmp_path / "file")})
