"""What an answer says of parts, queues and worker groups: when, what, and when not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.report.answer.answer import answer_of
from harness.report.charts.latency import divided_charts
from harness.report.formats.content import content_of
from harness.report.view.cells import view_of
from harness.results.record.distributions import Outcomes
from harness.results.record.run import RunRecord
from harness.results.samples.pooled import pooled
from tests.report.made.divided import (
    divided_run,
    group,
    group_block,
    group_cell,
    part,
    pool_block,
    pool_cell,
    queue,
)
from tests.report.made.faulted import KILLED
from tests.report.made.records import block, run, spread_around, warning, write_units


def told(record: RunRecord, *kinds: str) -> list[str]:
    """The answer's sentences of some kinds."""
    found = answer_of(view_of(record, Path("nowhere"), {})).sentences
    return [one.text for one in found if one.kind in kinds]


def test_what_two_groups_do_to_each_part() -> None:
    assert told(divided_run(), "parts") == [
        "With one-pool, 99 % of fast take up to 1.90 s, behind tasks of slow that run for 2.00 s; "
        "with two-groups 45.0 ms, and slow pays: 4.10 s -> 5.20 s."
    ]


def test_a_part_that_pays_little_is_not_told() -> None:
    record = run(pool_cell(pool_block(0, 0)), group_cell(group_block(1, 1, slow_p99_s=4.2)))
    (sentence,) = told(record, "parts")
    assert sentence.endswith("with two-groups 45.0 ms.")


def test_a_wait_that_is_no_slow_tasks_is_given_no_cause() -> None:
    """Half a second is not of the order of two."""
    record = run(pool_cell(pool_block(0, 0, 0.5)), group_cell(group_block(1, 1)))
    assert told(record, "parts")[0].startswith(
        "With one-pool, 99 % of fast take up to 500 ms; with two-groups 45.0 ms"
    )


@pytest.mark.parametrize("second_s", [0.04, 0.08])
def test_blocks_that_do_not_agree_say_nothing(second_s: float) -> None:
    """One of the blocks in one pool is as fast as with two groups; or little slower."""
    blocks = (pool_block(0, 0), pool_block(2, 0, second_s))
    record = run(pool_cell(*blocks), group_cell(group_block(1, 1), group_block(3, 1)), planned=2)
    divided = [one for one in told(record, "parts") if one.startswith("With ")]
    assert (divided == []) == (second_s == 0.04)


def test_cells_with_the_same_groups_are_not_set_against_each_other() -> None:
    """Where parts are unlike in one of them, each says how long its parts take."""
    other = pool_cell(pool_block(1, 1), name="other/mix/rate-100")
    assert told(run(pool_cell(pool_block(0, 0)), other), "parts") == []
    record = run(pool_cell(pool_block(0, 0)), group_cell(group_block(1, 1), name="two-groups/x/y"))
    assert [sentence.split(": ")[1] for sentence in told(record, "parts")] == [
        "99 % of fast take up to 1.90 s, of slow 4.10 s.",
        "99 % of fast take up to 45.0 ms, of slow 5.20 s.",
    ]


def test_parts_that_take_alike_are_not_told() -> None:
    """But for the only cell that there is: nothing else is told of it."""
    alike = (part("fast", 900, 0.02, 0.045), part("slow", 100, 0.02, 0.06))
    cells = [
        pool_cell(block(n, n, by_task=alike), name=f"{who}/mix/rate-100")
        for n, who in enumerate(("one", "other"))
    ]
    assert told(run(*cells), "parts") == []
    assert told(run(pool_cell(block(0, 0, by_task=alike))), "parts") == [
        "one-pool: 99 % of fast take up to 45.0 ms (half up to 24.0 ms), of slow 60.0 ms (half up "
        "to 24.0 ms)."
    ]


def test_of_few_units_the_slowest_is_told_and_not_a_percentile() -> None:
    few = (part("fast", 900, 0.02, 0.045), part("slow", 40, 0.02, 2.0))
    (sentence,) = told(run(pool_cell(block(0, 0, by_task=few))), "parts")
    assert sentence.startswith("one-pool: 99 % of fast take up to 45.0 ms (half up to 24.0 ms), ")
    assert sentence.endswith("the slowest of slow takes 2.00 s (half up to 24.0 ms).")


def one_cell(**changes: Any) -> RunRecord:
    return run(group_cell(group_block(0, 0, **changes)))


def test_a_queue_that_starved_beside_an_idle_group() -> None:
    queues = (queue("urgent", 900, 0.02, 1.8), queue("reports", 100, 2.0, 0.1, groups=("slow",)))
    groups = (group("fast", 0.99, ("urgent",)), group("slow", 0.4, ("reports",)))
    assert told(one_cell(by_queue=queues, by_group=groups), "why") == [
        "two-groups: 1 % of the tasks of queue urgent waited for 1.80 s and more, while group slow "
        "had 60 % of its slots idle."
    ]


@pytest.mark.parametrize(
    ("wait_s", "busy", "consumes"),
    [(0.1, 0.4, ("reports",)), (1.8, 0.7, ("reports",)), (1.8, 0.4, ("reports", "urgent"))],
)
def test_no_starving(wait_s: float, busy: float, consumes: tuple[str, ...]) -> None:
    """A short wait; a group that is at work; one that consumes the queue itself."""
    queues = (queue("urgent", 900, 0.02, wait_s), queue("reports", 100, 2.0, 0.1, groups=("slow",)))
    groups = (group("fast", 0.99, ("urgent",)), group("slow", busy, consumes))
    assert told(one_cell(by_queue=queues, by_group=groups), "why") == []


def test_tasks_that_were_asked_to_wait_did_not_starve() -> None:
    """The waits of a countdown are in queue and dispatch, whoever had slots to spare."""
    queues = (queue("urgent", 900, 0.02, 1.8), queue("reports", 100, 2.0, 0.1, groups=("slow",)))
    groups = (group("fast", 0.0, ("urgent",)), group("slow", 0.4, ("reports",)))
    late = spread_around(0.002, 900)
    assert told(one_cell(by_queue=queues, by_group=groups, lateness_s=late), "why") == []


def test_units_that_went_wrong_are_told_with_their_parts() -> None:
    bad = part("slow", 100, 2.0, 5.2, outcomes=Outcomes(ok=60, failed=40), completed=60)
    outcomes = Outcomes(ok=960, failed=40)
    parts = (part("fast", 900, 0.02, 0.045), bad)
    assert told(one_cell(by_task=parts, outcomes=outcomes), "broken") == [
        "two-groups: 40 failed of 1,000 units, all of slow."
    ]
    assert told(one_cell(by_task=(bad,), outcomes=outcomes), "broken") == [
        "two-groups: 40 failed of 1,000 units."
    ]


def test_a_queue_that_nobody_consumed() -> None:
    lonely = queue("exports", 40, 0.02, 0.0, groups=(), received=0, left=38, latency_s={"count": 0},
                   queue_s={"count": 0}, outcomes=Outcomes(lost=40))  # fmt: skip
    record = one_cell(by_queue=(queue("urgent", 900, 0.02, 0.004), lonely))
    assert told(record, "why") == [
        "two-groups: nobody consumed queue exports: 38 messages waited there in the end."
    ]
    unused = queue("exports", 0, 0.02, 0.0, groups=(), received=0, left=0)
    assert told(one_cell(by_queue=(queue("urgent", 900, 0.02, 0.004), unused)), "why") == []


def test_a_queue_that_appeared_while_it_ran() -> None:
    record = one_cell(warnings=(warning("stray_queues", queues={"shop-mail": 1200}),))
    assert told(record, "why") == [
        "two-groups: nobody consumed queue shop-mail, which appeared while it ran: 1,200 messages "
        "waited there in the end."
    ]


def test_a_queue_that_grew() -> None:
    grown = queue("reports", 100, 2.0, 3.0, groups=("slow",), grew_per_s=12.0, most_depth=840)
    record = one_cell(by_queue=(queue("urgent", 900, 0.02, 0.004), grown))
    assert told(record, "why") == [
        "two-groups: queue reports grew by 12.0 messages/s as long as units were sent, to 840: "
        "slow does not keep up."
    ]
    faulty = one_cell(by_queue=record.blocks[0].by_queue, faults=(KILLED,))
    assert [one.rpartition(": ")[2] for one in told(faulty, "why") if "grew" in one] == [
        "in blocks with faults."
    ]


def test_what_the_tables_show() -> None:
    content = content_of(view_of(divided_run(), Path("nowhere"), {}))
    tables = {table.title: table for table in content.tables}
    of_queues, of_groups = tables["By queue"], tables["By worker group"]
    ((urgent, reports),) = (section.rows for section in of_queues.sections)
    assert urgent.label == "urgent"
    assert dict(zip(of_queues.head, reports.cells, strict=True)) == {
        "taken by": "slow", "units/s": "10.0", "queue": "750 ms", "p50": "2.40 s", "p99": "5.00 s",
        "waiting": "9.25", "most": "31", "left": "0", "outcome": "100 ok",
    }  # fmt: skip
    ((fast, slow),) = (section.rows for section in of_groups.sections)
    assert (fast.label, slow.label) == ("fast", "slow")
    assert dict(zip(of_groups.head, slow.cells, strict=True)) == {
        "consumes": "reports", "slots": "4", "tasks/s": "90.0",
        "run": "20.0 ms", "busy": "90 %", "CPU/task": "1.25 ms", "memory": "128 MiB",
        "outcome": "900 begun",
    }  # fmt: skip


def test_sentence_table_and_chart_of_queues_are_of_all_samples_together(tmp_path: Path) -> None:
    """A twentieth of the tasks waits for one second in the first block, for three in the second:
    1 % of all wait for three, and the median of the blocks' own would be two."""
    blocks = []
    for number, wait_s in enumerate((1.0, 3.0)):
        totals_ns = [4 * 10**8] * 190 + [round(4e9 * wait_s)] * 10
        write_units(tmp_path, number, totals_ns, tasks=("urgent", "reports"))
        divided: dict[str, Any] = {
            "by_task": (),
            "by_queue": (
                queue("urgent", 100, 0.02, wait_s),
                queue("reports", 100, 0.02, 0.1, groups=("slow",)),
            ),
            "by_group": (group("fast", 0.99, ("urgent",)), group("slow", 0.4, ("reports",))),
            "latency_s": spread_around(0.4, 200),
            "files": {"units": f"blocks/{number:03d}/units.parquet"},
        }
        blocks.append(group_block(number, 0, **divided))
    record = run(group_cell(*blocks, name="two-groups/add/rate-100"), planned=2)
    view = view_of(record, tmp_path, pooled(tmp_path, record))
    sentences = [one.text for one in answer_of(view).sentences if "urgent waited" in one.text]
    assert sentences == [
        "two-groups: 1 % of the tasks of queue urgent waited for 3.00 s and more, while group slow "
        "had 60 % of its slots idle."
    ]
    (table,) = (one for one in content_of(view).tables if one.title == "By queue")
    assert [row.cells[table.head.index("p99")] for row in table.sections[0].rows] == ["12.0 s"] * 2
    (chart,) = divided_charts(view.cells)
    assert [row["p99"] for row in chart.data["parts"].records()] == [12_000.0] * 2
    apart = view_of(record, tmp_path, {})  # where samples are missing
    assert "waited for 2.00 s" in " ".join(one.text for one in answer_of(apart).sentences)


def test_few_units_on_one_side_are_told_as_such() -> None:
    before = pool_cell(block(0, 0, by_task=(part("fast", 900, 0.02, 1.9), part("slow", 9, 2.0, 4))))
    after = (part("fast", 90, 0.02, 0.045), part("slow", 9, 2.0, 4.0))
    (sentence,) = told(run(before, group_cell(group_block(1, 1, by_task=after))), "parts")
    assert sentence.startswith("With one-pool, 99 % of fast take up to 1.90 s, ")
    assert sentence.endswith("; with two-groups the slowest of fast takes 45.0 ms.")


def test_many_queues_of_long_names_do_not_widen_the_table() -> None:
    its = ("exports-of-the-whole-company", "b", "c", "d")
    names = {("urgent", "celery", "mail", "sms", "push"): "urgent, celery, mail and 2 more",
             its: "exports-of-the-wh... and 3 more"}  # fmt: skip
    for queues, told_as in names.items():
        record = one_cell(by_group=(group("fast", 0.1, queues), group("slow", 0.9, ("a\nb",))))
        (table,) = (one for one in content_of(view_of(record, Path("nowhere"), {})).tables
                    if one.title == "By worker group")  # fmt: skip
        fast, slow = table.sections[0].rows
        assert fast.cells[0] == told_as
        assert slow.cells[0] == "a\\nb"


def test_one_queue_and_one_group_have_no_tables() -> None:
    record = run(pool_cell(pool_block(0, 0)), pool_cell(block(1, 1), name="other/add/closed-8"))
    titles = [table.title for table in content_of(view_of(record, Path("nowhere"), {})).tables]
    assert not {"By queue", "By worker group"} & set(titles)


def test_trouble_in_a_queue_and_a_group_is_marked() -> None:
    lost = queue("urgent", 900, 0.02, 0.004, outcomes=Outcomes(ok=897, lost=3), duplicated=2)
    fallen = group("slow", 0.4, ("reports",), fallen=1)
    groups = (group("fast", 0.1, ("urgent",)), fallen)
    record = one_cell(by_queue=(lost, queue("reports", 10, 2.0, 0.1)), by_group=groups)
    tables = content_of(view_of(record, Path("nowhere"), {})).tables
    rows = {row.label: row for table in tables for part in table.sections for row in part.rows}
    assert rows["urgent"].flagged
    assert rows["urgent"].cells[-1] == "897 ok, 3 lost, 2 dup"
    assert rows["slow"].flagged
    assert rows["slow"].cells[-1] == "900 begun, 1 fallen"
    assert not rows["fast"].flagged
