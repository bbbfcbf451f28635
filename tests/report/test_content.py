"""What reports must say, whatever they look like."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.report.formats.as_csv import COLUMNS
from harness.report.formats.content import content_of
from harness.report.registry import RENDERERS, Format, render
from harness.report.tables.costs import cost_tables
from harness.report.tables.main import tables
from harness.report.view.cells import RunView, Spread, view_of
from harness.report.words.look import Look
from harness.results.block.unfinished import Unfinished
from harness.results.record.run import RunRecord
from harness.results.samples.pooled import PooledCell
from harness.results.store.run_folders import RunFolder, read_run
from tests.report.made import records
from tests.report.made.divided import group_block, group_cell
from tests.report.made.records import block, cell, run, spread_around, warning


def _view(record: RunRecord, being_written: bool | None = None) -> RunView:
    return view_of(record, Path("results/example"), {}, being_written=being_written)


def test_phases_add_up_to_the_total_over_blocks_of_unlike_size() -> None:
    small = block(0, 0, units=10, latency_s=spread_around(0.16, 10))
    small = small.model_copy(
        update={
            "phases_s": {
                n: spread_around(10 * (d.mean or 0), 10) for n, d in small.phases_s.items()
            }
        }
    )
    figures = _view(run(cell("redis/add/closed-8", small, block(1, 0)), planned=2)).cells[0].figures
    names = ("schedule", "queue", "dispatch", "run", "result")
    phases = sum(figures.mean_s[f"phase.{name}"] for name in names)
    assert figures.mean_s["latency.total"] == pytest.approx((10 * 0.16 + 1000 * 0.016) / 1010)
    assert phases == pytest.approx(figures.mean_s["latency.total"])


def test_a_rate_of_several_blocks_is_their_median_with_its_range() -> None:
    blocks = [block(n, 0, throughput_per_s=rate) for n, rate in enumerate((500.0, 900.0, 510.0))]
    spread = _view(run(cell("redis/add/closed-8", *blocks), planned=3)).cells[0].figures
    assert spread.throughput_per_s is not None
    assert (spread.throughput_per_s.median, spread.throughput_per_s.lowest) == (510, 500)
    assert (spread.throughput_per_s.highest, spread.throughput_per_s.blocks) == (900, 3)


def test_a_cell_is_asked_for_any_figure_by_its_name() -> None:
    """As a test of somebody's own does with `harness_run`."""
    blocks = [
        block(n, 0, canvas_s={"hop": spread_around(0.1 + n, 10)}, traffic={"redis.commands": 18.0})
        for n in range(3)
    ]
    figures = _view(run(cell("redis/add/closed-8", *blocks), planned=3)).cells[0].figures
    assert figures["lost"] == 0
    assert figures["units"] == 3000
    hop, commands = figures["canvas.hop.p50"], figures["traffic.redis.commands"]
    assert isinstance(hop, Spread)
    assert (hop.median, hop.lowest, hop.highest, hop.blocks) == (1.1, 0.1, 2.1, 3)
    assert isinstance(commands, Spread)
    assert commands.median == 18
    assert isinstance(figures["worker_memory"], Spread)
    assert figures["worker_rss"] == figures["worker_memory"]
    assert figures["saturation"] is None
    with pytest.raises(UsageError, match="did you mean"):
        figures["lots"]


def test_who_asks_for_a_group_that_is_not_there_is_told_which_there_are() -> None:
    divided = group_cell(group_block(0, 0), group_block(1, 0))
    figures = _view(run(divided, planned=2)).cells[0].figures
    assert figures["busy_share(group=slow)"] is not None
    with pytest.raises(UsageError, match='no group is called "nope"; there are fast, slow'):
        figures["busy_share(group=nope)"]
    with pytest.raises(UsageError, match=r'no queue is called "urgnt" \(did you mean "urgent"'):
        figures["p99(latency.total, queue=urgnt)"]
    alone = _view(run(cell("redis/add/closed-8", block(0, 0)))).cells[0].figures
    assert alone["busy_share(group=slow)"] is None, "nothing is divided there"


def test_without_samples_every_block_shows_its_own_latency() -> None:
    blocks = (block(0, 0), block(1, 0, latency_s=spread_around(0.032, 1000)))
    content = content_of(_view(run(cell("redis/add/closed-8", *blocks), planned=2)))
    rows = content.tables[0].sections[0].rows
    p50 = content.tables[0].head.index("p50")
    assert [(row.label, row.cells[p50], row.part) for row in rows] == [
        ("add/closed-8", "-", False),
        ("block 0", "16.0 ms", True),
        ("block 1", "32.0 ms", True),
    ]
    assert any("block by block" in remark for remark in content.remarks)


def test_a_block_with_a_loss_is_marked_in_every_table_and_format() -> None:
    view = _view(records.troubled_run())
    for table in (*tables(view), *cost_tables(view)):
        assert all(row.flagged for section in table.sections for row in section.rows)
    text, markdown = (RENDERERS[form](view, Look()) for form in ("text", "md"))
    assert text.count("\n!   add/closed-8 ") + text.count("\n! add/closed-8 ") == 6
    assert markdown.count("| ⚠️ `add/closed-8` |") == 6
    assert "4 lost (3 never received by a worker, 1 started but never finished)" in text


def test_every_table_with_a_throughput_has_the_outcome_beside_it() -> None:
    for make in (records.tutorial_run, records.brokers_run, records.failed_run):
        for table in tables(_view(make())):
            assert any("units/s" in head for head in table.head) == ("outcome" in table.head)


def test_an_emulator_is_called_one_in_every_table() -> None:
    view = view_of(records.brokers_run(), Path("x"), {2: PooledCell((2, 3), spread_around(1, 2))})
    for table in tables(view):
        labels = [row.label for section in table.sections for row in section.rows if not row.part]
        assert labels == ["redis", "rabbitmq", "sqs-redis (emulator)"]
    for form in ("text", "md"):
        assert "ministack (SQS emulator) 1.5.33, local" in RENDERERS[form](view, Look())


def test_failed_blocks_are_left_out_of_figures_and_kept_in_the_ledger() -> None:
    failed = block(1, 0, status="failed", throughput_per_s=9.0, error="the worker died")
    view = _view(run(cell("redis/add/closed-8", block(0, 0), failed), planned=2, status="failed"))
    figures = view.cells[0].figures
    assert figures.throughput_per_s is not None
    assert figures.throughput_per_s.median == 500
    assert figures.counts.completed == 2000
    assert view.cells[0].flagged


@pytest.mark.parametrize(
    ("being_written", "word"),
    [(True, "RUNNING: "), (False, "INTERRUPTED: "), (None, "NOT ENDED: ")],
)
@pytest.mark.parametrize("form", ["text", "md"])
def test_a_run_without_an_end_says_so_first(
    being_written: bool | None, word: str, form: Format
) -> None:
    record = run(cell("redis/add/closed-8", block(0, 0)), planned=2, status="running")
    first = RENDERERS[form](_view(record, being_written), Look()).splitlines()[0]
    assert word in first
    assert "1 of 2 blocks complete" in first


def test_the_last_line_is_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 40)  # longer than any terminal is wide
    text = render(records.tutorial_run(), folder, "text", Look(width=80))
    assert text.splitlines()[-1] == str(folder)


def test_json_is_the_record_and_the_pooled_figures() -> None:
    record = records.brokers_run()
    pooled = {1: PooledCell((1, 4), spread_around(0.5, 2000))}
    shown = json.loads(RENDERERS["json"](view_of(record, Path("x"), pooled), Look()))
    pools = [cell.pop("pooled") for cell in shown["cells"]]
    assert pools[0] is None
    assert pools[1]["blocks"] == [1, 4]
    assert pools[1]["latency_s"]["p99"] == 0.8
    assert RunRecord.model_validate(shown) == record


def test_csv_has_a_row_for_each_block_with_every_column() -> None:
    rows = list(csv.DictReader(io.StringIO(RENDERERS["csv"](_view(records.brokers_run()), Look()))))
    assert [row["block"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert all(tuple(row) == COLUMNS and None not in row.values() for row in rows)
    assert rows[4]["throughput_per_s"] == "1234.5"
    assert rows[2]["emulator"] == "yes"
    assert rows[2]["warnings"] == "few_samples"
    assert rows[0]["publish_rate_per_s"] == ""


def test_a_report_comes_from_disk_alone(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "20261123T225401Z-example-4f1a9c")
    record = run(
        cell(
            "redis/add/closed-8",
            block(0, 0, latency_s=spread_around(0.1, 3)),
            block(1, 0, latency_s=spread_around(0.1, 1)),
        ),
        planned=2,
    )
    folder.write(record)
    folder.close()
    records.write_units(folder.path, 0, [1_000_000, 2_000_000, 3_000_000])
    records.write_units(folder.path, 1, [100_000_000])
    shown = json.loads(render(read_run(folder.path), folder.path, "json"))
    # Never an average of the blocks' own percentiles, which would be 51 ms.
    assert shown["cells"][0]["pooled"]["latency_s"]["p50"] == 0.002


@pytest.mark.parametrize("count", [1, 8, 9, 30])
def test_a_warning_of_many_cells_names_the_first_ones(count: int) -> None:
    few = (warning("few_samples", units=20),)
    cells = [cell(f"c{n}/add/closed-8", block(n, n, warnings=few)) for n in range(count)]
    (caution,) = content_of(_view(run(*cells, planned=count))).cautions
    named = [f"c{n}/add/closed-8" for n in range(min(count, 8))]
    more = [f"... and {count - 8} more in run.json"] if count > 8 else []
    assert [place.partition(": 20 units")[0] for place in caution.places] == named + more


def test_causes_stand_before_remarks() -> None:
    """Whatever the order of the cells: the reader of a long report sees the first ones."""
    remarks = (warning("few_samples", units=3), warning("app_overruled", app="", overruled=[]))
    first = block(0, 0, warnings=(*remarks, warning("connection_per_publish")))
    poison = warning("poison_task", tasks={})
    others = (warning("side_tasks", tasks=2), warning("never_at_rest", tasks={}), poison)
    second = block(1, 1, warnings=others)
    cells = (cell("a/add/closed-8", first), cell("b/add/closed-8", second))
    cautions = content_of(_view(run(*cells, planned=2))).cautions
    assert [" ".join(one.sentence.split()[:2]) for one in cautions] == [
        "A task",
        "The client",
        "Something was",
        "Fewer than",
        "Your app",
        "Your tasks",
    ]


def test_what_did_not_come_to_rest_went_wrong() -> None:
    """It is the reason of the exit code where every unit is ok."""
    left = {"poll": Unfinished(executions=42, messages=42, never_run=3)}
    record = run(cell("a/add/closed-8", block(0, 0, unfinished=left)), planned=1)
    (trouble,) = content_of(_view(record)).troubles
    assert trouble.what == (
        "still under way in the end: poll was run 42 times, 3 messages that tasks sent not run",
    )
