"""Every export is read back by the program that it is for."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import pyperf
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from harness.errors import RecordError
from harness.report.registry import Format
from harness.results.record.run import RunRecord
from tests.exports.exported import exported, judged_run, run_tool, written
from tests.report.made import records
from tests.report.made.records import block, cell, run

# https://bencher.dev/bmf.json, with no room for a misspelt key
BMF_SCHEMA = {
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        name: {"type": "number"} for name in ("value", "lower_value", "upper_value")
                    },
                    "required": ["value"],
                    "additionalProperties": False,
                }
            },
        }
    },
}


def _slower() -> RunRecord:
    """As the first cell of `brokers_run`, at 80 % of its speed."""
    return run(
        cell(
            "redis/add/closed-8",
            block(0, 0, throughput_per_s=400.0),
            block(1, 0, throughput_per_s=448.0),
        ),
        planned=2,
    )


def _steady(throughput_per_s: float) -> RunRecord:
    """Three blocks within 1 % of each other."""
    rates = (throughput_per_s, throughput_per_s * 1.01, throughput_per_s * 0.99)
    blocks = (block(number, 0, throughput_per_s=rate) for number, rate in enumerate(rates))
    return run(cell("redis/add/closed-8", *blocks), planned=3)


# --- pytest-benchmark ---------------------------------------------------------------------------


def test_pytest_benchmark_compares_two_runs(tmp_path: Path) -> None:
    base = written(tmp_path, "base.json", records.brokers_run(), "pytest-benchmark")
    head = written(tmp_path, "head.json", _slower(), "pytest-benchmark")
    table = tmp_path / "table.csv"
    arguments = ("--sort=name", "--group-by=fullname", "--columns=mean,median,rounds,ops")
    shown = run_tool(
        *("pytest_benchmark", "compare", *arguments, f"--csv={table}", base.name, head.name),
        folder=tmp_path,
    )
    assert "sqs-redis/add/closed-8 (emulator)" in shown
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    redis = [row for row in rows if row["name"].endswith("::redis/add/closed-8")]
    assert [float(row["mean"]) for row in redis] == pytest.approx(
        [(1 / 500 + 1 / 560) / 2, (1 / 400 + 1 / 448) / 2]
    )
    assert {row["rounds"] for row in rows} == {"2"}
    assert {row["param:configuration"] for row in rows} == {"redis", "rabbitmq", "sqs-redis"}


def test_pytest_benchmark_groups_by_workload(tmp_path: Path) -> None:
    path = written(tmp_path, "run.json", records.tutorial_run(), "pytest-benchmark")
    shown = run_tool(
        *("pytest_benchmark", "compare", "--group-by=param:workload", path.name), folder=tmp_path
    )
    assert "benchmark 'workload=chain-2': 1 tests" in shown
    assert "benchmark 'workload=add': 2 tests" in shown


def test_pytest_benchmark_carries_percentiles_and_outcomes() -> None:
    document = json.loads(exported(records.tutorial_run(), "pytest-benchmark"))
    first = document["benchmarks"][0]
    assert first["fullname"] == "scenarios/example.yaml::redis/add/closed-8"
    assert first["stats"]["data"] == [0.002]
    assert first["extra_info"]["latency_s"]["p99"] == pytest.approx(0.0256)
    assert first["extra_info"]["outcomes"]["ok"] == 1000
    assert document["commit_info"]["id"] == records.ENVIRONMENT.git_commit


# --- pyperf -------------------------------------------------------------------------------------


def test_pyperf_compares_two_runs(tmp_path: Path) -> None:
    base = written(tmp_path, "base.json", _steady(500.0), "pyperf")
    head = written(tmp_path, "head.json", _steady(400.0), "pyperf")
    shown = run_tool("pyperf", "compare_to", base.name, head.name, folder=tmp_path)
    assert "[base] 2.00 ms +- 0.02 ms -> [head] 2.50 ms +- 0.03 ms: 1.25x slower" in shown


@pytest.mark.parametrize("command", ["show", "stats", "metadata", "hist", "dump", "check"])
def test_pyperf_reads_the_file(tmp_path: Path, command: str) -> None:
    path = written(tmp_path, "run.json", records.brokers_run(), "pyperf")
    run_tool("pyperf", command, path.name, folder=tmp_path)


def test_pyperf_metadata(tmp_path: Path) -> None:
    path = written(tmp_path, "run.json", records.brokers_run(), "pyperf")
    suite = pyperf.BenchmarkSuite.load(str(path))
    assert suite.get_benchmark_names()[2] == "sqs-redis/add/closed-8 (emulator)"
    redis, _, sqs = suite.get_benchmarks()
    assert redis.get_values() == (1 / 500, 1 / 560)
    assert redis.get_unit() == "second"
    assert redis.get_metadata()["harness_ok"] == 2000
    assert sqs.get_metadata()["harness_remarks"].startswith("emulator: ")


# --- JUnit --------------------------------------------------------------------------------------


def _cases(record: RunRecord, tmp_path: Path) -> dict[str, Any]:
    xml = JUnitXml.fromfile(str(written(tmp_path, "junit.xml", record, "junit")))
    stated = [xml.tests, xml.failures, xml.errors, xml.skipped]
    xml.update_statistics()
    assert stated == [xml.tests, xml.failures, xml.errors, xml.skipped]
    return {case.name: case for suite in xml for case in suite}


def test_junit_of_gates_and_verdicts(tmp_path: Path) -> None:
    cases = _cases(judged_run(), tmp_path)
    kinds = {name: [type(result) for result in case.result] for name, case in cases.items()}
    compared = "[redis-late/add/closed-8 against redis/add/closed-8]"
    assert kinds == {
        "every planned block was measured": [],
        "redis/add/closed-8": [],
        "lost == 0 [redis/add/closed-8]": [],
        "p99(latency.total) < 20ms [redis/add/closed-8]": [Failure],
        "throughput > 0.95 * baseline [redis/add/closed-8]": [],
        "throughput > 0.95 * baseline [redis/chain-2/closed-8]": [Skipped],
        f"throughput {compared}": [Failure],
        f"worker_cpu {compared}": [Skipped],
        f"latency.total.p50 {compared}": [],
        f"latency.total.p99 {compared}": [Skipped],
    }
    (gate,) = cases["p99(latency.total) < 20ms [redis/add/closed-8]"].result
    assert gate.message == "25.6 ms, wanted < 20.0 ms"
    (undecided,) = cases["throughput > 0.95 * baseline [redis/chain-2/closed-8]"].result
    assert undecided.message == "not evaluated: the baseline has no such cell"
    (regression,) = cases[f"throughput {compared}"].result
    assert regression.message.startswith("REGRESSION: throughput 20 % lower (18 % to 22 %)")
    assert "ratio 0.8, 95 % interval 0.78 to 0.82, above 1 is better" in regression.text
    (inconclusive,) = cases[f"worker_cpu {compared}"].result
    assert inconclusive.message.startswith("cannot be told: worker CPU per task 3.1 % higher")
    assert inconclusive.message.endswith(
        "; slowdowns from 16 % on would have been called a regression"
    )
    assert "differences from 12 % on would have been seen" in inconclusive.text
    (shown,) = cases[f"latency.total.p99 {compared}"].result
    assert shown.message.startswith("not judged: p99 latency 43 % higher (25 % to 67 %)")
    assert "would have been called" not in shown.text


def test_junit_says_what_a_comparison_has_to_be_read_with(tmp_path: Path) -> None:
    judged = judged_run()
    assert judged.comparison is not None
    apart = judged.comparison.model_copy(update={"interleaved": False})
    cases = _cases(judged.model_copy(update={"comparison": apart}), tmp_path)
    (one,) = cases["throughput [redis-late/add/closed-8 against redis/add/closed-8]"].result
    assert "NOT INTERLEAVED" in one.text


def test_junit_of_losses(tmp_path: Path) -> None:
    cases = _cases(records.troubled_run(), tmp_path)
    (lossy,) = cases["redis/add/closed-8"].result
    assert isinstance(lossy, Failure)
    assert "4 lost (3 never received by a worker, 1 started but never finished)" in lossy.message
    assert "990 ok" in lossy.text


def test_junit_of_a_failed_and_a_partial_run(tmp_path: Path) -> None:
    failed = _cases(records.failed_run(), tmp_path)
    partial = _cases(records.partial_run(), tmp_path)
    (state,) = failed["every planned block was measured"].result
    (block_failed,) = failed["redis/add/closed-8"].result
    assert (type(state), type(block_failed)) == (Error, Error)
    assert "worker1 ended with exit code 1" in block_failed.message
    (stopped,) = partial["every planned block was measured"].result
    assert isinstance(stopped, Skipped)
    (not_run,) = partial["redis/add/backlog"].result
    assert (type(not_run), not_run.message) == (Skipped, "not run: none of 1 blocks")


# --- OpenMetrics --------------------------------------------------------------------------------


def test_openmetrics() -> None:
    text = exported(records.brokers_run(), "openmetrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {family.type for family in families.values()} == {"gauge"}
    throughput = families["harness_throughput_units_per_second"]
    assert throughput.unit == "units_per_second"
    found = {(s.labels["configuration"], s.labels["block"]): s.value for s in throughput.samples}
    assert found["redis", "0"] == 500.0
    assert found["rabbitmq", "4"] == 1234.5
    latency = families["harness_latency_seconds"].samples
    p99 = [s.value for s in latency if s.labels["statistic"] == "p99"]
    assert p99 == [pytest.approx(0.0256)] * 6
    emulated = {s.labels["cell"] for s in throughput.samples if s.labels["emulator"] == "yes"}
    assert emulated == {"sqs-redis/add/closed-8 (emulator)"}


def test_openmetrics_of_gates_and_verdicts() -> None:
    text = exported(judged_run(), "openmetrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    gates = families["harness_gate_passed"].samples
    assert [(s.labels["gate"], s.value) for s in gates] == [
        ("lost == 0", 1.0),
        ("p99(latency.total) < 20ms", 0.0),
        ("throughput > 0.95 * baseline", 1.0),
    ]
    ratios = families["harness_comparison_ratio"].samples
    assert [s.value for s in ratios[:3]] == [0.78, 0.8, 0.82]
    assert (ratios[0].labels["verdict"], ratios[0].labels["judged"]) == ("regression", "yes")
    assert {s.labels["judged"] for s in ratios if s.labels["metric"].endswith("p99")} == {"no"}


@pytest.mark.parametrize("name", ["brokers", "troubled", "hostile"])
def test_a_collector_of_text_files_reads_openmetrics_too(name: str) -> None:
    """node_exporter parses the older Prometheus text format, in which `# EOF` is a comment."""
    text = exported(getattr(records, f"{name}_run")(), "openmetrics")
    older, newer = (
        sorted((s.name, sorted(s.labels.items()), s.value) for f in parse(text) for s in f.samples)
        for parse in (prometheus_text, text_string_to_metric_families)
    )
    assert older == newer


# --- github-action-benchmark, Bencher -----------------------------------------------------------


def _entries(record: RunRecord, form: Format) -> dict[str, Any]:
    entries = json.loads(exported(record, form))
    for entry in entries:
        assert set(entry) <= {"name", "unit", "value", "range", "extra"}
        assert math.isfinite(entry["value"])
        assert all(isinstance(text, str) for key, text in entry.items() if key != "value")
    named = {entry["name"]: entry for entry in entries}
    assert len(named) == len(entries)
    return named


def test_github_benchmark_has_one_direction_per_file() -> None:
    bigger = _entries(records.brokers_run(), "github-benchmark-bigger")
    smaller = _entries(judged_run(), "github-benchmark-smaller")
    redis = bigger["redis/add/closed-8 · throughput"]
    assert (redis["value"], redis["unit"], redis["range"]) == (530.0, "units/s", "500-560")
    emulated = bigger["sqs-redis/add/closed-8 (emulator) · throughput"]
    assert emulated["extra"].startswith("emulator: not a figure of the real service\n")
    assert smaller["redis/add/closed-8 · latency p99"]["value"] == pytest.approx(25.6)
    assert smaller["redis/add/closed-8 · worker CPU per task"]["value"] == 1.5
    assert smaller["redis/add/closed-8 · not as meant"]["value"] == 0


def test_github_benchmark_alerts_on_a_loss() -> None:
    bigger = _entries(records.troubled_run(), "github-benchmark-bigger")
    smaller = _entries(records.troubled_run(), "github-benchmark-smaller")
    assert bigger["redis/add/closed-8 · ended as meant"]["value"] == 99.0
    assert smaller["redis/add/closed-8 · not as meant"]["value"] == 15
    assert bigger["redis/chain-2/closed-8 · throughput"]["value"] == 0
    assert bigger["redis/chain-2/closed-8 · complete blocks"]["value"] == 0


def test_every_measure_is_a_name_that_bencher_takes() -> None:
    """At most 64 characters, and as it stands the slug that Bencher would make of it."""
    document = json.loads(exported(records.tutorial_run(), "bmf"))
    names = {name for measures in document.values() for name in measures}
    assert {"latency", "throughput", "lost", "queue-place-p99"} <= names
    assert not [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){0,9}", name)]


def test_bencher_metric_format() -> None:
    document = json.loads(exported(records.brokers_run(), "bmf"))
    jsonschema.validate(document, BMF_SCHEMA)
    redis = document["redis/add/closed-8"]
    assert redis["throughput"] == {"value": 530, "lower_value": 500, "upper_value": 560}
    assert redis["latency"] == pytest.approx(
        {"value": 16e6, "lower_value": 16e6, "upper_value": 16e6}
    )
    assert "sqs-redis/add/closed-8 (emulator)" in document
    lossy = json.loads(exported(records.troubled_run(), "bmf"))
    jsonschema.validate(lossy, BMF_SCHEMA)
    measures = lossy["redis/add/closed-8"]
    counted = {name: measures[name]["value"] for name in ("lost", "wrong", "failed", "timed-out")}
    assert counted == {"lost": 4, "wrong": 2, "failed": 1, "timed-out": 3}
    assert lossy["redis/chain-2/closed-8"]["incomplete-blocks"]["value"] == 1
    backlog = json.loads(exported(records.tutorial_run(), "bmf"))["redis/add/backlog"]
    assert backlog["queue-place"]["value"] == pytest.approx(6e8)
    assert "latency" not in backlog


# --- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pytest-benchmark", "pyperf"])
def test_a_run_without_a_data_point_is_refused(form: Format) -> None:
    nothing = run(cell("redis/add/closed-8"), status="partial")
    with pytest.raises(RecordError, match="no cell of this run has a completed unit"):
        exported(nothing, form)
