"""The compose provider: the file by the real Compose, the flow by a stand-in for the engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness.errors import ServiceError
from harness.processes import is_alive, spawn, wait_ended
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.services.provide import Services, provide
from harness.services.sweep import sweep
from harness.workspace import open_workspace

ROOT = Path(__file__).parents[3]
CONFIGURATION = Configuration(
    name="composed", broker=RedisBroker(service="redis"), backend=RedisBackend(service="redis")
)
DEADLINE_S = 20.0


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A PATH on which `docker` is the stand-in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "docker"
    stand_in = Path(__file__).with_name("docker_stand_in.py")
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    script.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "STAND_IN": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }


@contextmanager
def composed(environ: dict[str, str], folder: Path, project_dir: Path = ROOT) -> Iterator[Services]:
    with (
        open_workspace(environ) as workspace,
        provide(
            [CONFIGURATION],
            provider="compose",
            workspace=workspace,
            log_dir=folder,
            environ=environ,
            project_dir=project_dir,
        ) as services,
    ):
        yield services


def test_up_use_and_down(environ: dict[str, str], tmp_path: Path) -> None:
    with composed(environ, tmp_path) as services:
        (info,) = services.infos
        assert (info.product, info.provider, info.same_host) == ("Valkey", "compose", True)
        assert info.detail == "image redis:8.0.3"
        with services.open_block(CONFIGURATION, "one") as space:
            assert space.broker.depth() == 0
            assert space.isolation == {"broker": "key prefix", "backend": "key prefix"}
        log = (tmp_path / "compose.log").read_text()
        assert not [secret for secret in services.secrets if secret in log]
    calls = [line.split(" ", 1) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [words for _, words in calls] == [
        "up -d --wait redis",
        "config --format json",
        "down -v --remove-orphans --timeout 2",
    ]
    (project,) = {name for name, _ in calls}
    assert project.startswith("harness-")
    assert not (tmp_path / project).exists()


def test_the_sweep_takes_a_killed_runs_project_down(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, signal; from pathlib import Path\n"
        "from tests.services.hosting.test_compose import composed\n"
        f"with composed(dict(os.environ), Path({str(tmp_path)!r})):\n"
        "    print('up', flush=True); signal.pause()\n"
    )
    process = spawn(
        [sys.executable, "-c", code],
        name="parent",
        log=tmp_path / "parent.log",
        env=environ,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n", process.log_tail()
    (state,) = [path for path in tmp_path.iterdir() if len(path.name) == len("harness-") + 12]
    server = psutil.Process(int(state.read_text()))
    process.kill()
    assert is_alive(server)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert "removed compose-project" in sweep(environ)[0]
    assert wait_ended([server], DEADLINE_S) == []
    assert sweep(environ) == []


def test_an_engine_that_does_not_answer(environ: dict[str, str], tmp_path: Path) -> None:
    broken = {**environ, "STAND_IN_FAILS": "1"}
    with pytest.raises(ServiceError, match="Cannot connect to the Docker daemon"):
        composed(broken, tmp_path).__enter__()


def test_no_docker(environ: dict[str, str], tmp_path: Path) -> None:
    without = {**environ, "PATH": str(tmp_path / "nothing")}
    with pytest.raises(ServiceError, match="there is no `docker` on PATH"):
        composed(without, tmp_path).__enter__()


def test_the_file_is_valid() -> None:
    folder = str(Path(sys.executable).parent)
    compose = shutil.which("docker-compose", path=folder)
    schema = shutil.which("check-jsonschema", path=folder)
    assert compose is not None
    assert schema is not None
    file = str(ROOT / "docker-compose.yml")
    for argv in (
        [compose, "--profile", "*", "-f", file, "config", "-q"],
        [schema, "--builtin-schema", "vendor.compose-spec", file],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_port_is_on_loopback_and_every_image_is_pinned() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    published = [line.strip() for line in text.splitlines() if line.strip().startswith('- "')]
    assert len(published) == 8
    assert all(line.startswith('- "127.0.0.1:${HARNESS_') for line in published)
    images = [line for line in text.splitlines() if "image:" in line]
    assert len(images) == 7
    assert all(line.rpartition(":")[2][0].isdigit() for line in images)
