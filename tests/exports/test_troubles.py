"""What went wrong is visible in every export, and nothing in a name breaks one."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyperf
import pytest
from junitparser import JUnitXml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness.report.registry import Format
from harness.results.record.run import RunRecord
from tests.exports.exported import EXPORTS, exported, run_tool, written
from tests.report.made import records

LOSS: dict[Format, str] = {
    "md-summary": "4 lost",
    "md-comment": "4 lost",
    "junit": "4 lost (3 never received",
    "pytest-benchmark": '"lost": 4',
    "pyperf": '"harness_lost": 4',
    "github-benchmark-bigger": "4 lost (3 never received",
    "github-benchmark-smaller": "4 lost (3 never received",
    "bmf": '"lost": {\n   "value": 4.0\n  }',
    "openmetrics": 'outcome="lost"} 4.0',
}
PARTIAL: dict[Format, str] = {
    "md-summary": "PARTIAL: stopped early",
    "md-comment": "PARTIAL: stopped early",
    "junit": "PARTIAL: stopped early",
    "pytest-benchmark": "block 1 was stopped early",
    "pyperf": "block 1 was stopped early",
    "github-benchmark-bigger": "block 1 was stopped early",
    "github-benchmark-smaller": "block 1 was stopped early",
    "bmf": '"incomplete-blocks": {\n   "value": 1.0\n  }',
    "openmetrics": 'block="1",status="partial"',
}
FAILED: dict[Format, str] = {
    "md-summary": "worker1 ended with exit code 1",
    "md-comment": "worker1 ended with exit code 1",
    "junit": "block 1 could not be measured: worker1 ended with exit code 1",
    "pytest-benchmark": "block 1 could not be measured: worker1 ended with exit code 1",
    "pyperf": "block 1 could not be measured: worker1 ended with exit code 1",
    "github-benchmark-bigger": "block 1 could not be measured: worker1 ended with exit code 1",
    "github-benchmark-smaller": "block 1 could not be measured: worker1 ended with exit code 1",
    "bmf": '"incomplete-blocks": {\n   "value": 1.0\n  }',
    "openmetrics": 'block="1",status="failed"',
}


@pytest.mark.parametrize("form", EXPORTS)
def test_a_loss_is_visible(form: Format) -> None:
    assert LOSS[form] in exported(records.troubled_run(), form)


@pytest.mark.parametrize("form", EXPORTS)
def test_an_early_end_is_visible(form: Format) -> None:
    assert PARTIAL[form] in exported(records.partial_run(), form)


@pytest.mark.parametrize("form", EXPORTS)
def test_a_failed_block_is_visible(form: Format) -> None:
    assert FAILED[form] in exported(records.failed_run(), form)


@pytest.mark.parametrize("form", EXPORTS)
def test_an_emulator_is_called_one(form: Format) -> None:
    assert "(emulator)" in exported(records.brokers_run(), form)


def test_csv_says_of_each_block_what_went_wrong() -> None:
    def rows(record: RunRecord) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(exported(record, "csv"))))

    lossy, gave_up = rows(records.troubled_run())
    ledger = [lossy[name] for name in ("ok", "lost", "wrong", "failed", "timed_out", "duplicated")]
    assert ledger == ["990", "4", "2", "1", "3", "5"]
    assert (gave_up["status"], gave_up["warnings"]) == ("partial", "gave_up")
    failed = rows(records.failed_run())[1]
    assert (failed["run_status"], failed["status"]) == ("failed", "failed")
    assert failed["error"].startswith("worker1 ended with exit code 1")
    assert [row["emulator"] for row in rows(records.brokers_run())].count("yes") == 2


FIGURE = 987.125
"""Throughput of a block that failed after it was measured."""


@pytest.mark.parametrize("form", EXPORTS)
def test_figures_of_a_failed_block_are_in_no_export(form: Format) -> None:
    broken = records.block(
        *(1, 0),
        status="failed",
        error="left something behind",
        throughput_per_s=FIGURE,
        latency_s=records.spread_around(FIGURE, 1000),
    )
    record = records.run(
        records.cell("redis/add/closed-8", records.block(0, 0), broken), planned=2, status="failed"
    )
    text = exported(record, form)
    assert "987" not in text
    assert str(1 / FIGURE)[:8] not in text
    assert any(figure in text for figure in ("500", "0.002", "16.0"))


@pytest.mark.parametrize("form", ["junit", "pytest-benchmark", "openmetrics", "pyperf"])
def test_warnings_are_exported(form: Format) -> None:
    text = exported(records.brokers_run(), form)
    assert "few_samples" in text or "Fewer than 100 completed units" in text


@pytest.mark.parametrize("form", EXPORTS)
def test_a_killed_run_is_no_complete_one(form: Format) -> None:
    text = exported(records.killed_run(), form)
    said = ("NOT ENDED", "was stopped early", '"incomplete-blocks": {\n   "value": 2', '"partial"')
    assert any(words in text for words in said)


@pytest.mark.parametrize("form", EXPORTS)
@pytest.mark.parametrize("name", ["troubled", "failed", "partial"])
def test_every_cell_stands_in_every_export(form: Format, name: str) -> None:
    record = getattr(records, f"{name}_run")()
    text = exported(record, form)
    for cell in record.cells:
        if form.startswith("md") and not cell.blocks:
            continue
        work = cell.name.partition("/")[2]
        assert (work if form.startswith("md") else cell.name) in text


# --- names that mean harm -----------------------------------------------------------------------


@pytest.mark.parametrize("form", EXPORTS)
def test_no_control_character_gets_through(form: Format) -> None:
    text = exported(records.hostile_run(), form)
    assert not [char for char in text if not char.isprintable() and char != "\n"]


def test_hostile_names_are_read_back(tmp_path: Path) -> None:
    record = records.hostile_run()
    xml = JUnitXml.fromfile(str(written(tmp_path, "junit.xml", record, "junit")))
    assert any("|<b>*x*</b>" in case.name for suite in xml for case in suite)
    families = text_string_to_metric_families(exported(record, "openmetrics"))
    assert any("|<b>*x*</b>" in s.labels["cell"] for f in families for s in f.samples)
    suite = pyperf.BenchmarkSuite.load(str(written(tmp_path, "p.json", record, "pyperf")))
    assert len(suite.get_benchmarks()) == 1
    path = written(tmp_path, "b.json", record, "pytest-benchmark")
    assert "|<b>*x*</b>" in run_tool("pytest_benchmark", "compare", path.name, folder=tmp_path)


@pytest.mark.parametrize("form", sorted(set(EXPORTS) - {"pytest-benchmark", "pyperf"}))
def test_a_record_without_figures_is_exported(form: Format) -> None:
    assert exported(records.old_run(), form).endswith("\n")


@pytest.mark.parametrize("form", ["pytest-benchmark", "github-benchmark-smaller", "bmf", "pyperf"])
def test_json_has_no_nan(form: Format) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(exported(records.troubled_run(), form), parse_constant=refuse)
