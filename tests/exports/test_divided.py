"""Queues and worker groups in every export."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

from harness.report.registry import RENDERERS
from harness.report.view.cells import view_of
from harness.report.words.look import Look
from tests.exports.exported import exported
from tests.figures.test_of_tasks import mixed, own
from tests.report.made.divided import divided_run
from tests.report.made.records import block, cell, run


def test_openmetrics_has_a_label_for_each() -> None:
    lines = exported(divided_run(), "openmetrics").splitlines()
    found = {
        re.sub(r"\{.*?figure=", "{figure=", line.rpartition(" ")[0]): float(line.rpartition(" ")[2])
        for line in lines
        if 'queue="' in line or 'group="' in line
    }
    assert found['harness_figure_per_second{figure="throughput",queue="reports"}'] == 10.0
    assert found['harness_figure_count{figure="ok",queue="urgent"}'] == 900
    p99 = 'harness_figure_seconds{figure="latency.total",queue="urgent",statistic="p99"}'
    assert found[p99] == 0.024
    assert found['harness_figure{figure="busy_share",group="slow"}'] == 0.9
    assert found['harness_figure{figure="depth.max",queue="reports"}'] == 31
    assert found['harness_figure_bytes{figure="worker_memory",group="fast"}'] == 1 << 27
    assert lines[-1] == "# EOF"


def test_junit_has_a_line_for_each() -> None:
    text = exported(divided_run(), "junit")
    assert "queue reports: 100 ok, 10.0 units/s, queue 750 ms (mean), at most 31 waiting" in text
    assert "group slow: 900 begun, 90.0 tasks/s, busy 90 %" in text


def test_csv_has_columns_behind_all_others() -> None:
    text = RENDERERS["csv"](view_of(divided_run(), Path("x"), {}), Look())
    one, other = csv.DictReader(io.StringIO(text))
    assert other["throughput_per_s(queue=reports)"] == "10.0"
    assert other["latency_p99_s(queue=urgent)"] == "0.024"
    assert other["most_depth(queue=reports)"] == "31"
    assert other["busy_share(group=slow)"] == "0.9"
    assert one["busy_share(group=slow)"] == ""
    assert one["throughput_per_s"] == other["throughput_per_s"]


def test_json_has_the_record() -> None:
    view = view_of(divided_run(), Path("x"), {})
    found = json.loads(RENDERERS["json"](view, Look()))
    its = found["cells"][1]["blocks"][0]
    assert [one["name"] for one in its["by_queue"]] == ["urgent", "reports"]
    assert [one["busy_share"] for one in its["by_group"]] == [0.1, 0.9]


def test_one_queue_and_one_group_add_nothing() -> None:
    record = run(cell("redis/add/closed-8", block(0, 0)))
    for form in ("openmetrics", "junit"):
        text = exported(record, form)
        assert "queue=" not in text
        assert "group=" not in text


MIXED = run(cell("redis/mix-shop.tasks.add+mail/closed-8", mixed(0, 0)))


def test_every_export_has_the_parts_of_a_mix() -> None:
    metrics = exported(MIXED, "openmetrics")
    assert re.search(r'harness_figure_per_second\{.*figure="throughput",part="mail"\} 250', metrics)
    assert "part mail: 500 ok, 250 units/s, run 50.0 ms (mean)" in exported(MIXED, "junit")
    text = RENDERERS["csv"](view_of(MIXED, Path("x"), {}), Look())
    [row] = csv.DictReader(io.StringIO(text))
    assert row["throughput_per_s(part=mail)"] == "250.0"
    assert row["latency_p50_s(part=shop.tasks.add)"] == "0.006"


def test_one_task_of_the_users_own_is_the_whole() -> None:
    record = run(cell("redis/task-add/closed-8", block(0, 0, by_task=(own("add", 0.004),))))
    for form in ("openmetrics", "junit"):
        assert "part" not in exported(record, form).replace("parts", "")
