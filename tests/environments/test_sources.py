"""Environments from something without a name in an index, and the probe alone on its path."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.environments.building import BuildError, Source, ensure_environment, environment_folder
from harness.environments.interpreter import OWN, Interpreter
from harness.runner.prepare.interpreters import interpreters
from harness.scenario.models.configuration import CelerySet, Configuration
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.workspace import open_workspace
from tests.ab.repository import make_repository

METADATA = "Metadata-Version: 2.1\nName: ours\nVersion: 1\n"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}


def test_a_source_is_installed_once(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "requirements.txt").write_text("pip\n")
    source = Source("one", tmp_path, [("-r", "requirements.txt")], "pip>1\n")
    python = ensure_environment((), environ=environ, source=source)
    assert python == environment_folder((), environ, source) / "bin" / "python"
    (tmp_path / "requirements.txt").unlink()
    assert ensure_environment((), environ=environ, source=source) == python
    bound = python.parent.parent.with_suffix(".constraints")
    assert bound.read_text() == "pip>1\n"
    kept = (python.parents[1] / ".pins").read_text()
    assert kept == f"-r\nrequirements.txt\n-c\n{bound}\n"
    two = Source("two", tmp_path, source.calls)
    assert environment_folder((), environ, two) != python.parent.parent
    assert environment_folder((), environ) != python.parent.parent


def test_the_end_of_pips_message_and_the_advice(environ: dict[str, str]) -> None:
    text = _refusal(CelerySet(version="5.3.1"), environ, Path.cwd())
    assert text.startswith("celery 5.3.1: ")
    assert "No matching distribution found for" in text
    assert "celery==5.3.1" in text
    assert "`celery:`" in text


def test_requirements_with_hashes_bear_no_others_beside_them(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    wheel = tmp_path / "ours-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("ours.py", "")
        archive.writestr("ours-1.dist-info/METADATA", METADATA)
        archive.writestr("ours-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("ours-1.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"./{wheel.name} --hash=sha256:{digest}\n")
    source = Source("hashes", tmp_path, [("-r", "requirements.txt")])
    python = ensure_environment(("pip",), environ=environ, source=source)
    subprocess.run([python, "-c", "import ours"], check=True)


def test_what_a_killed_build_left_running_is_ended(tmp_path: Path, environ: dict[str, str]) -> None:
    """pip dies with its harness, but not what pip had started: it would write into the new one."""
    source = Source("killed", tmp_path, ())
    folder = environment_folder((), environ, source)
    left = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        env={**environ, "HARNESS_BUILDS": str(folder)},
    )
    with left:
        ensure_environment((), environ=environ, source=source)
        # Its input is still open, so it did not end by itself.
        assert left.poll() is not None


@pytest.mark.parametrize("name", ["imports", "include"])
def test_where_modules_that_settings_import_are_looked_for(tmp_path: Path, name: str) -> None:
    """In the revision, else in the project; and nowhere for who imports none."""
    make_repository(tmp_path, {"requirements.txt": "celery==5.7.0\n", "shop.py": ""})
    settings = {name: ["shop"]}
    sets = (CelerySet(version="5.7.0"), CelerySet(revision="HEAD"))
    configurations = [
        *(_configuration(one, settings) for one in sets),
        *(_configuration(one) for one in sets),
    ]
    environ = dict(os.environ)
    with open_workspace(environ) as workspace:
        found = interpreters(
            configurations,
            project=tmp_path,
            scenario=tmp_path / "s.yaml",
            workspace=workspace,
            environ=environ,
            building=list[str]().append,
        )
        assert found[0].modules == tmp_path
        assert found[1].modules is not None
        assert found[1].modules != tmp_path
        assert (found[1].modules / "shop.py").is_file()
        assert [one.modules for one in found[2:]] == [None, None]


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
            scenario=tmp_path / "s.yaml",
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
            "import harness.probe.recording.recorder as r, importlib.util as u;"
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


def _refusal(celery: CelerySet, environ: dict[str, str], project: Path) -> str:
    """What is said where no package index answers."""
    offline = {**environ, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    offline |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}
    with pytest.raises(BuildError) as caught, open_workspace(offline) as workspace:
        interpreters(
            [_configuration(celery)],
            project=project,
            scenario=project / "s.yaml",
            workspace=workspace,
            environ=offline,
            building=list[str]().append,
        )
    return str(caught.value)


def _configuration(
    celery: CelerySet | None, settings: Mapping[str, Any] | None = None
) -> Configuration:
    return Configuration(
        name="c",
        broker=RedisBroker(service="redis"),
        backend=RedisBackend(service="redis"),
        settings=dict(settings or {}),
        celery=celery,
    )
