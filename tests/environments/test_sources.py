"""Environments from something without a name in an index, and the probe alone on its path."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.environments import (
    OWN,
    BuildError,
    Interpreter,
    Source,
    ensure_environment,
    environment_folder,
    is_complete,
)
from harness.runner.interpreters import interpreters
from harness.scenario.models import CelerySet, Configuration, RedisBackend, RedisBroker
from harness.workspace import open_workspace


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}


def test_a_source_is_unpacked_once_beside_its_environment(environ: dict[str, str]) -> None:
    unpacked: list[Path] = []

    def unpack(folder: Path) -> Sequence[str]:
        unpacked.append(folder)
        (folder / "requirements.txt").write_text("pip\n")
        return ("-r", "requirements.txt")

    source = Source("one", unpack)
    python = ensure_environment((), environ=environ, source=source)
    assert python == environment_folder((), environ, source) / "bin" / "python"
    assert ensure_environment((), environ=environ, source=source) == python
    assert unpacked == [python.parent.parent.with_suffix(".source")]
    assert (unpacked[0] / "requirements.txt").is_file()
    assert environment_folder((), environ, Source("two", unpack)) != python.parent.parent
    assert environment_folder((), environ) != python.parent.parent


def test_a_source_that_cannot_be_unpacked_leaves_nothing_half_built(
    environ: dict[str, str],
) -> None:
    def unpack(folder: Path) -> Sequence[str]:
        raise BuildError("no such thing")

    source = Source("broken", unpack)
    with pytest.raises(BuildError, match="no such thing"):
        ensure_environment((), environ=environ, source=source)
    assert not is_complete(environment_folder((), environ, source))


def test_the_end_of_pips_message_and_the_advice(environ: dict[str, str]) -> None:
    offline = {**environ, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    offline |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    with pytest.raises(BuildError) as caught, open_workspace(offline) as workspace:
        interpreters(
            [_configuration(CelerySet(version="5.3.1"))],
            project=Path.cwd(),
            workspace=workspace,
            environ=offline,
            building=list[str]().append,
        )
    text = str(caught.value)
    assert "No matching distribution found for" in text
    assert "celery==5.3.1" in text
    assert "`celery:`" in text


def test_only_the_probe_is_in_reach(tmp_path: Path) -> None:
    """Not the harness' packages, not the user's PYTHONPATH, not the rest of the harness."""
    (tmp_path / "stray.py").touch()
    environ = dict(os.environ)
    with open_workspace(environ) as workspace:
        titles: list[str] = []
        configurations = [_configuration(None), *2 * [_configuration(CelerySet(version="5.3.1"))]]
        found = interpreters(
            configurations,
            project=tmp_path,
            workspace=workspace,
            environ=environ,
            building=titles.append,
        )
        assert found[0] == OWN
        assert found[1] == found[2]
        assert titles in ([], ["celery 5.3.1"])
        own = found[1]
        assert own.folder is not None
        assert sorted(path.name for path in own.folder.iterdir()) == ["harness"]
        assert {path.name for path in (own.folder / "harness").iterdir()} == {
            "__init__.py",
            "probe",
        }
        code = (
            "import harness.probe.recorder as r, importlib.util as u;"
            "print(r.__file__, u.find_spec('stray'), u.find_spec('pydantic'),"
            "u.find_spec('harness.runner'))"
        )
        done = subprocess.run(
            [own.python, "-c", code],
            env=own.environ({**environ, "PYTHONPATH": str(tmp_path)}),
            cwd=own.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        path, *others = done.stdout.split()
        assert Path(path).is_relative_to(own.folder)
        assert others == ["None", "None", "None"]


def test_the_harness_own_interpreter_changes_nothing() -> None:
    assert Interpreter() == OWN
    assert OWN.environ({"PYTHONPATH": "here"}) == {"PYTHONPATH": "here"}


def _configuration(celery: CelerySet | None) -> Configuration:
    return Configuration(
        name="c",
        broker=RedisBroker(service="redis"),
        backend=RedisBackend(service="redis"),
        celery=celery,
    )
