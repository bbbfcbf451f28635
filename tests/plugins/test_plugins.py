"""Exporters and diagnoses of installed packages: found, used, and named where they fail."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode, PluginError
from harness.plugins import plugins
from harness.report.registry import formats_for_tools, render
from harness.report.words.warnings import warning_detail, warning_rank, warning_sentence
from harness.results.diagnoses import DIAGNOSES, plugged_in
from harness.results.store.run_folders import read_run
from harness.scenario.models.configuration import Worker
from tests.cli.project import harness
from tests.plugins.packages import harness as in_its_own_python
from tests.plugins.packages import install
from tests.results.diagnoses.test_diagnoses import ADD, adds, told
from tests.runner.running import Site, make_site

STORED = Path(__file__).parents[1] / "report/stored_runs/own"
Installed = Callable[..., None]


def _forget() -> None:
    plugins.cache_clear()
    plugged_in.cache_clear()
    sys.modules.pop("toy", None)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    """Makes a package that can be imported, for this test."""

    def one(package: str = "toy-plugin", **points: Mapping[str, str]) -> None:
        monkeypatch.syspath_prepend(str(install(tmp_path / "site", points, package)))
        _forget()

    _forget()
    yield one
    monkeypatch.undo()
    _forget()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def _rendered(form: str) -> str:
    return render(read_run(STORED), STORED, form)


def test_an_exporter_renders_a_stored_run(installed: Installed) -> None:
    installed(exporters={"names": "toy:as_names"})
    assert formats_for_tools()[-1] == "names"
    assert _rendered("names") == f"{read_run(STORED).cells[0].name}\n"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("toy:as_nothing", "ZeroDivisionError: by the toy"),
        ("toy:as_number", "it made a int, text was expected"),
        ("toy:gone", "AttributeError"),
        ("nowhere:gone", "No module named 'nowhere'"),
    ],
)
def test_an_exporter_that_fails_is_named(installed: Installed, what: str, said: str) -> None:
    installed(exporters={"names": what})
    with pytest.raises(PluginError) as caught:
        _rendered("names")
    assert "plug-in names of toy-plugin 1.0 (celery_config_bench.exporters) failed" in str(
        caught.value
    )
    assert said in str(caught.value)


def test_a_name_that_is_taken_is_refused(installed: Installed) -> None:
    installed(exporters={"csv": "toy:as_names"})
    with pytest.raises(PluginError, match=r"toy-plugin 1\.0.*csv is a format of the harness"):
        formats_for_tools()


def test_a_run_does_not_ask_for_exporters(site: Site) -> None:
    """One that cannot be used is for `harness report` to refuse, not for what was measured."""
    install(site.modules, {"exporters": {"csv": "toy:as_names"}})
    site.scenario(measure={"units": 5, "warmup": 0})
    ended = in_its_own_python(site, "run", "scenarios/s.yaml")
    assert ended.code == ExitCode.PASS, ended.stderr
    assert ended.block.outcomes.ok == 5
    told = in_its_own_python(site, "report", "latest")
    assert told.code == ExitCode.USAGE
    assert "csv is a format of the harness" in told.stderr


def test_two_packages_with_one_name(installed: Installed) -> None:
    installed(exporters={"names": "toy:as_names"})
    installed("other-plugin", exporters={"names": "toy:as_names"})
    with pytest.raises(PluginError, match=r"has the name of the plug-in names of .*uninstall one"):
        formats_for_tools()


def test_a_diagnosis_is_told_and_worded(installed: Installed) -> None:
    installed(diagnoses={"many": "toy:TOY_MANY"})
    found = _of_four_units()
    assert found["toy_many"] == {"units": 4}
    assert warning_sentence("toy_many") == (
        "There was more than one unit. The scenario asked for it. Nothing."
    )
    assert warning_detail("toy_many", found["toy_many"]) == "4 of them"
    assert warning_rank("toy_many") == len(DIAGNOSES)


@pytest.mark.parametrize("what", ["TOY_NUMBERS", "TOY_WORDS"])
def test_what_cannot_be_stored_costs_no_block(installed: Installed, what: str) -> None:
    """A number of numpy's, a text instead of a mapping."""
    installed(diagnoses={"one": f"toy:{what}"})
    found = _of_four_units()
    assert what.lower() not in found
    assert "plug-in one of toy-plugin 1.0" in found["plugin_failed"]["text"]


def test_words_that_raise_leave_the_data(installed: Installed) -> None:
    installed(diagnoses={"many": "toy:TOY_MANY"})
    assert warning_detail("toy_many", {"other": 4}) == "other=4"


def test_a_module_that_ends_the_process_is_named(installed: Installed) -> None:
    installed(exporters={"names": "toy_end:as_names"})
    with pytest.raises(PluginError, match=r"plug-in names of toy-plugin 1\.0.*SystemExit: bye"):
        _rendered("names")


def test_a_diagnosis_that_raises_costs_no_block(installed: Installed) -> None:
    installed(diagnoses={"broken": "toy:TOY_BROKEN", "many": "toy:TOY_MANY"})
    found = _of_four_units()
    assert found["toy_many"] == {"units": 4}
    assert "plug-in broken of toy-plugin 1.0" in found["plugin_failed"]["text"]
    assert "KeyError: 'toy'" in found["plugin_failed"]["text"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("toy:TAKEN", "there is a diagnosis prefetch_hoarding"),
        ("toy:as_names", "is a function; a Diagnosis was expected"),
        ("nowhere:gone", "No module named 'nowhere'"),
    ],
)
def test_a_diagnosis_that_cannot_be_used(installed: Installed, what: str, said: str) -> None:
    installed(diagnoses={"one": what})
    with pytest.raises(PluginError) as caught:
        plugged_in()
    assert "plug-in one of toy-plugin 1.0" in str(caught.value)
    assert said in str(caught.value)
    # A stored run is shown all the same.
    assert "does not know" in warning_sentence("toy_many")


def test_the_command_knows_them(tmp_path: Path) -> None:
    site = install(
        tmp_path / "site",
        {"exporters": {"names": "toy:as_names"}, "diagnoses": {"many": "toy:TOY_MANY"}},
    )
    shutil.copytree(STORED, tmp_path / "results/own")
    environ = {"PYTHONPATH": f"{site}:{Path(__file__).parents[2]}"}
    listed = harness("list", "plugins", environ=environ)
    assert listed.stdout.splitlines()[1:] == [
        "names    exporters  toy-plugin 1.0",
        "many     diagnoses  toy-plugin 1.0",
    ]
    shown = harness("report", "results/own", "--format", "names", environ=environ, folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == f"{read_run(STORED).cells[0].name}\n"


def test_a_run_that_cannot_use_one_measures_nothing(tmp_path: Path) -> None:
    site = install(tmp_path / "site", {"diagnoses": {"one": "nowhere:gone"}})
    ended = harness(
        "run",
        "scenarios/smoke.yaml",
        "--results",
        str(tmp_path / "results"),
        environ={"PYTHONPATH": f"{site}:{Path(__file__).parents[2]}"},
    )
    assert ended.returncode == 2
    assert "plug-in one of toy-plugin 1.0" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list((tmp_path / "results").glob("*/run.json"))


def _of_four_units() -> dict[str, dict[str, Any]]:
    return told(adds(5), ADD, Worker(), "redis")
