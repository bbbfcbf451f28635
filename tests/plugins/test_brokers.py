"""A broker that another package brings: no file of the harness is touched for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode
from tests.plugins.packages import harness, install
from tests.runner.running import Site, make_site

BROKER: dict[str, Any] = {"broker": {"service": "keydb"}, "backend": {"service": "sqlite"}}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def plug_in(site: Site, value: str) -> None:
    """What pip would leave of a package with one entry point."""
    install(site.modules, {"drivers": {"keydb": value}}, "keydb-bench")


def test_a_broker_of_somebody_elses_is_measured(site: Site) -> None:
    """Two files and an entry point: its vendor's room, its driver, its row."""
    plug_in(site, "tests.plugins.broker.vendor:ROW")
    site.configuration(**BROKER)
    listed = harness(site, "list", "backends")
    assert "KEYDB" in listed.words.upper().splitlines()[0]
    ended = harness(site, "run", "scenarios/s.yaml")
    assert ended.code == ExitCode.PASS, ended.stderr
    assert ended.block.outcomes.ok == 20
    (cell,) = ended.record.cells
    assert cell.config["broker"]["service"] == "keydb"
    assert cell.servers["broker"].product == "Valkey"


def test_what_it_cannot_do_is_refused_at_its_line(site: Site) -> None:
    """By the same checks as of our own: it has no batch, and knows its options' ranges."""
    plug_in(site, "tests.plugins.broker.vendor:ROW")
    options = {"broker_transport_options": {"visibility_timeout": "soon"}}
    site.configuration(**BROKER, settings=options)
    site.scenario(loads=[{"load": "backlog", "publish": "batch"}])
    ended = harness(site, "check", "scenarios/s.yaml")
    assert ended.code == ExitCode.USAGE
    assert 'visibility_timeout: expected a number, 0 or more, not "soon"' in ended.stdout
    assert "keydb has no batch: use api" in ended.stdout


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tests.plugins.broker.nowhere:ROW", "failed: ModuleNotFoundError"),
        ("tests.plugins.broker.vendor:NO_ROW", "is no VendorRow of harness.scenario.vendors.base"),
        (
            "tests.plugins.broker.vendor:OTHER_NAME",
            "its vendor is keydb2, its models keydb",
        ),
        ("tests.plugins.broker.vendor:NO_VENDOR", "AttributeError: 'str' object has no"),
        ("tests.plugins.broker.vendor:REDIS_AGAIN", "there is a service redis already"),
    ],
)
def test_one_that_is_no_use_is_named(site: Site, value: str, words: str) -> None:
    plug_in(site, value)
    ended = harness(site, "check", "scenarios/s.yaml")
    assert ended.code == ExitCode.USAGE
    assert "plug-in keydb of keydb-bench 1.0 (celery_config_bench.drivers)" in ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_doctor_says_which_driver_cannot_be_loaded(site: Site) -> None:
    """And what of all others."""
    plug_in(site, "tests.plugins.broker.vendor:NO_DRIVER")
    ended = harness(site, "doctor")
    (line,) = [line for line in ended.stdout.splitlines() if "keydb" in line]
    assert "tests.plugins.broker.driver:Nowhere" in ended.stdout
    assert "cannot be loaded" in ended.stdout, line
    assert "rabbitmq" in ended.stdout
    assert "Traceback" not in ended.stderr
