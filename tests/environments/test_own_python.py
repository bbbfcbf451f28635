"""`celery: {python: ...}`: what is installed in an environment of the user's own is measured, and
what is missing there is said before anything starts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.environments.asking import installed_in
from harness.environments.building import BuildError
from harness.errors import ExitCode, InvalidInput, RecordError, UsageError
from harness.results.judge.identity import key_of
from harness.results.store.run_folders import read_run
from harness.runner.prepare.ab import Effort, Frame, check_unlike, paired_plan, variant_of
from harness.runner.prepare.beginning import cells_as_now
from harness.runner.prepare.interpreters import _probe_alone
from harness.runner.prepare.own_apps import refusals
from harness.runner.prepare.stored_plan import plan_of, stored_cell
from harness.runner.run import RunOptions, resume
from harness.scenario.checks.own_python import packages_there, python_at
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.loader import load_plan
from harness.scenario.settings.celery_sets import title
from harness.workspace import open_workspace
from tests.cli.project import harness
from tests.environments.own import make_venv

CONFIGURATION = """\
name: mine
broker: {service: redis}
backend: {service: redis}
"""
SCENARIO = """\
name: s
configurations: [mine]
workloads:
  - workload:
      app: shop:app
      project: ..
      task: where
      expect: {list: [VENV, VENV, true, false, false]}
loads: [{load: closed, in_flight: 2}]
measure: {units: 6, warmup: 1}
"""
SHOP = """\
import importlib.util
import os
import sys
from celery import Celery

app = Celery("shop", broker="redis://127.0.0.1:1/0")

@app.task(name="where")
def where():
    names = ("redis", "pydantic", "harness.runner")
    there = [importlib.util.find_spec(name) is not None for name in names]
    return [sys.prefix, os.environ["VIRTUAL_ENV"], *there]
"""
PLAIN = """\
name: s
configurations: [mine]
workloads: [add]
loads: [closed]
measure: {units: 6, warmup: 1}
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment that has Celery with its client for Redis, and whose Python
    prints something while it starts."""
    folder = tmp_path_factory.mktemp("own") / ".venv"
    make_venv(folder, "celery", "redis", "packaging")
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "greets.pth").write_text("import os; os.write(1, b'{} hello ')\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bare") / ".venv"
    make_venv(folder)
    return folder


Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(python: object, more: str = "", scenario: str = PLAIN) -> Path:
        """A project with one configuration and one scenario, whose file it gives."""
        files = {
            "configs/mine.yaml": f"{CONFIGURATION}celery: {{python: {python}}}\n{more}",
            "scenarios/s.yaml": scenario,
        }
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / "scenarios" / "s.yaml"

    return write


def planned(path: Path, *sets: str) -> Plan:
    return load_plan(path, environ=dict(os.environ), sets=sets)


def refused(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        planned(path)
    (problem,) = caught.value.problems
    assert problem.file == str(path.parent.parent / "configs" / "mine.yaml")
    return f"{problem.line}:{problem.column} {problem.message}"


def test_own_tasks_run_with_what_is_installed_there(
    tmp_path: Path, own: Path, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".venv").symlink_to(own)
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    written("../.venv", scenario=SCENARIO.replace("VENV", str(tmp_path / ".venv")))
    checked = harness("check", "scenarios/s.yaml", folder=tmp_path)
    assert checked.returncode == ExitCode.PASS, checked.stdout
    done = harness("run", "scenarios/s.yaml", folder=tmp_path, timeout_s=280)
    assert done.returncode == ExitCode.PASS, done.stdout + done.stderr
    (path,) = (tmp_path / "results").glob("*/run.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    (cell,) = record["cells"]
    assert cell["blocks"][0]["outcomes"]["ok"] == 6
    assert cell["config"]["celery"]["python"] == "../.venv"
    # What was said to be there before is what clients and workers said when they ran.
    assert cell["packages"] == packages_there("../.venv", path.parents[2] / "scenarios", os.environ)
    assert cell["packages"]["celery"] == version("celery")
    # Taken up again, it has to be the same.
    begun = read_run(path.parent)
    plan = plan_of(begun)
    assert cells_as_now(begun, plan, os.environ) == begun.cells
    older = begun.cells[0].packages | {"celery": "5.5.0"}
    broken_off = begun.model_copy(
        update={
            "status": "partial",
            "order": (0, 0),
            "cells": (begun.cells[0].model_copy(update={"packages": older}),),
        }
    )
    path.write_text(broken_off.model_dump_json(), encoding="utf-8")
    options = RunOptions(None, tmp_path / "results", None, tmp_path, dict(os.environ))
    with pytest.raises(RecordError, match=rf"celery: 5\.5\.0 / {version('celery')}"):
        resume(path.parent, options, _Deaf())


class _Deaf:
    tick_s = None

    def hear(self, event: object, at_ns: int) -> None:
        """Nobody listens."""


def test_where_a_path_counts_from(
    tmp_path: Path, own: Path, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = own / "bin" / "python"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "env").symlink_to(own)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "env").symlink_to(own)
    monkeypatch.setenv("HOME", str(elsewhere))

    def found(path: Path, *sets: str) -> tuple[str, Path]:
        celery = planned(path, *sets).cells[0].configuration.celery
        assert celery is not None
        assert celery.python is not None
        return celery.python, python_at(celery.python, path.parent)

    beside = tmp_path / "configs" / "env" / "bin" / "python"
    assert found(written("env")) == ("../configs/env", beside)
    assert found(written("env/bin/python")) == ("../configs/env/bin/python", beside)
    assert found(written(python)) == (str(python), python)
    assert found(written("~/env")) == ("~/env", elsewhere / "env/bin/python")
    monkeypatch.chdir(elsewhere)
    told = ("../elsewhere/env", elsewhere / "env/bin/python")
    assert found(written("nowhere"), "config.celery.python=env") == told
    assert found(written("nowhere"), "config.celery={python: env}") == told


def test_as_an_axis_it_counts_from_the_scenario(
    tmp_path: Path, own: Path, written: Written
) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "new").symlink_to(own)
    axis = f"matrix: {{celery: [{{name: now, python: {own}}}, {{python: new}}]}}\n"
    path = written(own, scenario=PLAIN + axis)
    cells = [one.configuration.celery for one in planned(path).cells]
    assert [one and one.python for one in cells] == [str(own), "new"]
    assert [one and title(one) for one in cells] == ["now", "python new"]
    keys = {key_of(stored_cell(one)) for one in planned(path).cells}
    assert len(keys) == 2


def test_a_name_changes_nothing_and_another_environment_is_another_cell(
    own: Path, bare: Path, written: Written
) -> None:
    def key(value: str) -> str:
        plan = load_plan(written(own, scenario=f"{PLAIN}matrix: {{celery: [{value}]}}\n"))
        return key_of(stored_cell(plan.cells[0]))

    assert key(f"{{python: {own}}}") == key(f"{{name: now, python: {own}}}")
    assert key(f"{{python: {own}}}") != key(f"{{python: {bare}}}")


def test_what_is_not_there(tmp_path: Path, own: Path, bare: Path, written: Written) -> None:
    home = own / "bin"
    assert refused(written("../nowhere")) == (
        f"4:18 there is no {tmp_path}/nowhere: name the interpreter, or the virtual environment, "
        "that your project runs in"
    )
    assert refused(written("../no/bin/python")) == (
        f"4:18 there is no {tmp_path}/no/bin/python: make it (python3 -m venv {tmp_path}/no) and "
        "install what your project needs"
    )
    assert refused(written(home)).startswith(f"4:18 there is no {home}/bin/python: make it")
    assert refused(written(bare)) == (
        f"4:18 celery is not installed there: uv pip install --python {bare}/bin/python celery"
    )
    assert f"cannot be run: [Errno 13] Permission denied: '{own}/pyvenv.cfg'" in refused(
        written(own / "pyvenv.cfg")
    )
    assert "is no Python: it does not run what it is given" in refused(written("/bin/true"))
    assert "is no Python that runs: " in refused(written("/bin/false"))


def test_what_a_configuration_needs_there(own: Path, written: Written) -> None:
    install = f"not installed there: uv pip install --python {own}/bin/python"
    assert refused(written(own, "worker: {pool: gevent}\n")) == (
        f"5:16 pool gevent needs gevent, {install} gevent"
    )
    assert refused(written(own, "settings: {task_serializer: msgpack}\n")) == (
        f"5:29 msgpack is {install} msgpack"
    )
    path = written(own)
    other = path.parent.parent / "configs" / "mine.yaml"
    text = other.read_text(encoding="utf-8").replace(
        "backend: {service: redis}", "backend: {service: memcached}"
    )
    other.write_text(text, encoding="utf-8")
    assert refused(path) == (
        f"3:20 backend memcached needs pymemcache, {install} 'pymemcache>=4.0' "
        "'python-memcached>=1.61'"
    )


def stand_in(folder: Path, **told: object) -> Path:
    """Something that answers as an old Python would; there is none on every machine."""
    answer: dict[str, object] = {
        "python": [3, 9, 2],
        "versions": {"celery": "5.3.1"},
        "trouble": "",
        "of_transport": "",
    }
    answer |= told
    answer["modules"] = answer.get("modules", ["celery", "redis", "pip"])
    path = folder / f"python-{len(list(folder.iterdir()))}"
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_what_is_too_old_to_be_measured(tmp_path: Path, written: Written) -> None:
    folder = tmp_path / "pythons"
    folder.mkdir()
    assert planned(written(stand_in(folder)))
    path = stand_in(folder, python=[3, 8, 19])
    assert refused(written(path)) == (
        f"4:18 {path} is Python 3.8.19: clients and workers need 3.9 or newer"
    )
    path = folder / "python2.7"
    older = "import sys; sys.version_info = (2, 7, 18); sys.modules['importlib.util'] = None"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{older}; exec(sys.argv[2])" "$@"\n')
    path.chmod(0o755)
    assert f"{path} is Python 2.7.18: clients and workers need 3.9 or newer" in refused(
        written(path)
    )
    path = stand_in(folder, versions={"celery": "5.1.2"})
    assert refused(written(path)) == (
        f"4:18 {path} has celery 5.1.2, too old to be measured: {path} -m pip install 'celery>=5.2'"
    )
    path = stand_in(folder, python=[3, 12, 1], versions={"celery": "5.2.7"})
    assert f"{path}: celery==5.2.7 does not run on Python 3.12" in refused(written(path))
    path = stand_in(folder, trouble="ImportError: no vine")
    assert (
        refused(written(path)) == f"4:18 celery cannot be imported in {path}: ImportError: no vine"
    )
    path = stand_in(folder, of_transport="ModuleNotFoundError: No module named 'packaging'")
    assert refused(written(path)) == (
        "2:19 broker redis cannot be reached from there (ModuleNotFoundError: No module named "
        f"'packaging'): {path} -m pip install packaging redis"
    )
    path = stand_in(folder)
    assert refused(written(path, "worker: {concurrency: auto}\n")) == (
        f"5:23 celery 5.3.1 of {path} knows no concurrency auto: give a number"
    )


def test_it_stands_alone(own: Path, written: Written) -> None:
    path = written(f'{own}, version: "5.7.0"')
    with pytest.raises(InvalidInput, match="python names an environment that is there"):
        planned(path)


def test_a_python_that_prints_as_it_starts_or_ends(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of this Python's own variables, nor of the current folder."""
    monkeypatch.chdir(own)
    (site,) = own.glob("lib/python*/site-packages")
    (site / "leaves.pth").write_text("import atexit; atexit.register(print, 7)", encoding="utf-8")
    (own / "celery.py").write_text("raise RuntimeError('not this one')\n", encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(own), "PYTHONHOME": "/nowhere"}
    found = installed_in(own / "bin" / "python", environ, ("celery", "pydantic"))
    (own / "celery.py").unlink()
    (site / "leaves.pth").unlink()
    assert found.python == tuple(sys.version_info[:3])
    assert (found.versions, found.trouble) == ({"celery": version("celery")}, "")
    with pytest.raises(BuildError, match="cannot be run"):
        installed_in(own / "bin\0", environ, ())


def test_two_environments_side_by_side(
    tmp_path: Path, own: Path, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").symlink_to(own)
    monkeypatch.chdir(tmp_path)
    environ = dict(os.environ)
    base = variant_of((), tmp_path, environ, str(own))
    head = variant_of(("set:worker.concurrency=1",), tmp_path, environ, "new")
    frame = Frame(written("../nowhere"), (), (), None, environ)
    plan = paired_plan(frame, base, head, Effort())
    celery = [one.configuration.celery for one in plan.cells]
    assert [one and one.python for one in celery] == [str(own), "../new"]
    assert [one.configuration.worker.concurrency for one in plan.cells] == [2, 1]
    assert f"base: python {own}; head: set:worker.concurrency=1, python new" in (
        plan.scenario.question or ""
    )
    with pytest.raises(UsageError, match="each name a Celery"):
        variant_of(("pins:celery==5.7.0",), tmp_path, environ, "new")
    with pytest.raises(UsageError, match="each side says what it is"):
        variant_of((), tmp_path, environ)
    with pytest.raises(UsageError, match="are the same"):
        check_unlike(head, head)


NAMESAKE = """\
name: s
configurations: [redis]
workloads: [{workload: {app: harness.celery, project: .., task: harness.units.twice, args: [3]}}]
loads: [closed]
measure: {units: 6, warmup: 1}
"""


def test_a_package_of_the_harness_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own modules are found, though the harness has one of the name, too (`units`)."""
    (tmp_path / "harness").mkdir()
    for name, text in {
        "__init__": "from .celery import app as celery_app\n",
        "celery": "from celery import Celery\napp = Celery('harness', include=['harness.units'])\n",
        "units": "from harness import celery_app\n\n\n@celery_app.task\n"
        "def twice(n):\n    return n * 2\n",
    }.items():
        (tmp_path / "harness" / f"{name}.py").write_text(text, encoding="utf-8")
    scenario = tmp_path / "s" / "s.yaml"
    scenario.parent.mkdir()
    scenario.write_text(NAMESAKE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)  # where `python -m` looks first
    assert refusals(scenario) == []
    monkeypatch.chdir(scenario.parent)
    assert refusals(scenario) == []
    wrong = NAMESAKE.replace("units.twice", "units.twicf")
    scenario.write_text(wrong, encoding="utf-8")
    (problem,) = refusals(scenario)
    assert '(did you mean "harness.units.twice"?)' in problem.message
    (tmp_path / "harness" / "probe").mkdir()
    (problem,) = refusals(scenario)
    assert "its package harness has a module probe" in problem.message


def test_a_copy_of_the_probe_can_be_removed_though_the_harness_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "harness"
    (package / "probe").mkdir(parents=True)
    for name in ("__init__.py", "probe/__init__.py"):
        (package / name).touch()
    for place in (package / "probe", package):
        place.chmod(0o555)
    monkeypatch.setattr("harness.__file__", str(package / "__init__.py"))
    with open_workspace(dict(os.environ)) as workspace:
        folder = _probe_alone(workspace)
        modes = {place.stat().st_mode & 0o700 for place in (folder / "harness").rglob("probe")}
    for place in (package, package / "probe"):
        place.chmod(0o755)
    assert modes == {0o700}
