"""Each kind of sentence: when it is said, what it says, and when it is not. All on made records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.report.answer.answer import Answer, answer_of
from harness.report.answer.axes import effect_sentences
from harness.report.answer.money import MONTH_S
from harness.report.answer.reasons import largest_phase, phase_of_difference
from harness.report.answer.sentences import Sentence, chosen, clauses
from harness.report.answer.takes import pairs_needed
from harness.report.tables.verdicts import comparison_table
from harness.report.view.cells import view_of
from harness.results.judge.compare import compare_run
from harness.results.judge.gates import MeasuredRun, evaluate
from harness.results.record.by_task import PartRecord
from harness.results.record.comparison import Comparison, EqualRateRecord
from harness.results.record.distributions import Outcomes
from harness.results.record.faults import FaultRecord, PromiseRecord, Trouble
from harness.results.record.loads import GroupLoad
from harness.results.record.periodic import Periodic
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.stats.paired import visible_effect
from tests.compare.runs import ratio_run
from tests.report.made.matrix_records import matrix_run
from tests.report.made.records import (
    MINISTACK,
    VALKEY,
    backlog_block,
    block,
    cell,
    load_phase,
    partial_run,
    run,
    searched_block,
    spread_around,
    warning,
)

GIVEN = {"load": "rate", "rate": 100.0}
LOADS = ("closed-8", "closed-8", "rate-100", "rate-100")
LATE = ("growth", "p99(latency.total) < 250ms")


def answer(record: RunRecord) -> Answer:
    """The answer of a made record."""
    return answer_of(view_of(record, Path("nowhere"), {}))


def told(record: RunRecord, kind: str) -> list[str]:
    """Its sentences of one kind."""
    return [one.text for one in answer(record).sentences if one.kind == kind]


def one_block(name: str = "redis/add/closed-8", **changes: Any) -> RunRecord:
    """A run of one block."""
    return run(cell(name, block(0, 0, **changes)))


def compared(ratio: float, **changes: Any) -> RunRecord:
    """The head at `ratio` times the base's 500/s, and the comparison of it."""
    record = ratio_run(ratio, **({"kind": "alternatives"} | changes))
    return record.model_copy(update={"comparison": compare_run(record, second_opinion=False)})


def compared_without_two(pairs: int) -> RunRecord:
    """As `compared`, but in two repetitions too many units of the head were lost."""
    record = ratio_run(0.9, pairs=pairs, kind="alternatives")
    base, head = record.cells
    lossy = [one.model_copy(update={"outcomes": Outcomes(ok=900, lost=100)}) for one in head.blocks]
    head = head.model_copy(update={"blocks": (*lossy[:2], *head.blocks[2:])})
    record = record.model_copy(update={"cells": (base, head)})
    return record.model_copy(update={"comparison": compare_run(record, second_opinion=False)})


def gated(limit: str, *others: tuple[str, BlockRecord]) -> RunRecord:
    """A block of 500 units/s under a gate, and further cells of one block."""
    cells = (cell(name, one) for name, one in others)
    record = run(cell("redis/add/closed-8", block(0, 0)), *cells)
    return record.model_copy(update={"gates": evaluate([limit], MeasuredRun(record, Path()))})


def at_rate(**changes: Any) -> RunRecord:
    """A load of 40/s for five seconds."""
    phase = load_phase("steady", 40, 5, **changes.pop("phase", {}))
    given = {"throughput_per_s": 40.0, "tasks_per_s": 40.0, "planned_per_s": 40.0}
    return run(cell("redis/add/rate-40", block(0, 0, load_phases=(phase,), **(given | changes))))


def searched(*searches: dict[float, tuple[str, ...]]) -> RunRecord:
    """Searches that tried these rates."""
    blocks = (searched_block(number, 0, rates) for number, rates in enumerate(searches))
    return run(cell("redis/add/saturate", *blocks))


def mixed(**run_s: float) -> RunRecord:
    """Own tasks of one name each, 50 units of each, whose functions take so long."""
    tasks = (
        PartRecord(task=task, units=50, completed=50, run_s=spread_around(mean, 50))
        for task, mean in run_s.items()
    )
    return one_block(by_task=tuple(tasks))


def faulted(trouble: Trouble, promise: PromiseRecord) -> RunRecord:
    """A worker killed after three seconds."""
    fault = FaultRecord(
        number=0,
        fault="kill_worker",
        planned_at_s=3.0,
        begin_at_s=3.0,
        trouble=trouble,
        disturbed=True,
        first_back_s=0.25,
        p99_back_s=2.0,
        watched_s=5.0,
    )
    lost = Outcomes(ok=1000 - trouble.lost, lost=trouble.lost)
    return run(
        cell(
            "redis/add/rate-25",
            block(0, 0, faults=(fault,), promises=(promise,), outcomes=lost,
                  unattributed=Trouble()),
        )
    )  # fmt: skip


def faulted_twice(*troubles: Trouble) -> RunRecord:
    """Blocks of one cell, in each of which a worker was killed."""
    blocks = (
        block(number, 0, faults=faulted(trouble, promised()).cells[0].blocks[0].faults)
        for number, trouble in enumerate(troubles)
    )
    return run(cell("redis/add/rate-40", *blocks))


def promised(**changes: Any) -> PromiseRecord:
    """At least once, put to the test."""
    fields: dict[str, Any] = {"promise": "at_least_once", "about": "worker", "kept": "kept"}
    return PromiseRecord(**(fields | changes))


def beat(**changes: Any) -> RunRecord:
    """Ten moments of a schedule."""
    periodic = Periodic(entries=1, expected=10, fires=10, **changes)
    return run(cell("redis/periodic-1s/schedule", block(0, 0, periodic=periodic)))


NEED = warning(
    "over_capacity", short_of="slots", rate_per_s=40.0, each_s=0.5, needed=20.0, there=8.0
)
NEED_OF_GROUP = warning(
    "over_capacity",
    short_of="slots",
    group="reports",
    rate_per_s=12.0,
    each_s=0.2,
    needed=2.4,
    there=2.0,
)
REPORTS = GroupLoad(
    group="reports", slots=2, planned=60, completed_per_s=9.5, could_complete=59, run_s=0.2
)
BEHIND: Mapping[str, Any] = {"completed": 80, "completed_per_s": 16.0, "in_flight_at_end": 120}

Said = tuple[str, Callable[[], RunRecord], str]
SAID: list[Said] = [
    ("missing", partial_run, "PARTIAL: stopped early, 1 of 3 blocks complete, 1 in part."),
    ("overload", lambda: at_rate(phase=BEHIND, warnings=(NEED,)), "20 slots, 8 there"),
    ("capacity", lambda: at_rate(phase=BEHIND, warnings=(NEED,)),
     "redis does not keep up with 40.0/s (steady): 16.0/s done."),
    ("capacity", lambda: at_rate(phase={"of_groups": (REPORTS,)}, warnings=(NEED_OF_GROUP,)),
     "redis: group reports does not keep up with its 12.0/s (steady): 9.50/s done."),
    ("overload", lambda: at_rate(phase={"of_groups": (REPORTS,)}, warnings=(NEED_OF_GROUP,)),
     "rate-40: group reports: 12/s x 200 ms = 2.4 slots of 2."),
    ("capacity", lambda: at_rate(phase=BEHIND),
     "redis is behind at 40.0/s (steady): 16.0/s done, 120 units under way at its end."),
    ("capacity", lambda: at_rate(phase={**BEHIND, "client_limited": True}), "the client was late."),
    ("capacity", at_rate, "redis keeps up with 40.0/s, mean latency 16.0 ms."),
    ("capacity", lambda: searched({200: (), 283: LATE}),
     "redis holds 200/s, not 283/s, within p99(latency.total) < 250ms; stopped by the workers"),
    ("capacity", lambda: searched({200: (), 283: LATE}, {240: (), 283: LATE}, {50: LATE}),
     "redis holds 220/s (200 to 240/s in 2 searches, none in 1 more) within p99(latency.total)"),
    ("disturbed", lambda: run(cell("redis/add/closed-8", block(0, 0)),
                              warnings=(warning("other_runs", runs=1),)),
     "DISTURBED: another run of the harness used the same cores"),
    ("capacity", lambda: searched({50: LATE}),
     "redis holds no rate that was tried within p99(latency.total) < 250ms; stopped by the limit"),
    ("broken", lambda: one_block(outcomes=Outcomes(ok=993, lost=4, wrong=3), duplicated=2),
     "redis: 4 lost, 2 duplicated, 3 wrong of 1,000 units."),
    ("limit", lambda: gated("throughput > 501"),
     "Limit throughput > 501 is broken by redis (500/s)."),
    ("held", lambda: gated("throughput > 499"), "The limit holds: throughput > 499."),
    ("held", lambda: gated("mean(phase.result) < 1s", ("redis/add/backlog", backlog_block(1, 1))),
     "The limit holds where judged: mean(phase.result) < 1s."),
    ("held", lambda: gated("throughput > 499", ("redis/add/backlog", backlog_block(1, 1))),
     "The limit holds in every cell: throughput > 499."),
    ("promise", lambda: faulted(Trouble(lost=2), promised(kept="broken", broken_by={"lost": 2})),
     "BROKEN PROMISE: a killed worker: at least once; may run twice: 2 lost."),
    ("held", lambda: faulted(Trouble(), promised()),
     "All promises put to the test were kept: a killed worker: at least once; may run twice."),
    ("fault", lambda: faulted_twice(Trouble(), Trouble(lost=2)),
     "worker killed (worst of 2 blocks): 2 lost; the first unit is back after 250 ms"),
    ("fault", lambda: faulted(Trouble(lost=2), promised()),
     "worker killed: 2 lost; the first unit is back after 250 ms, p99 after 2.00 s."),
    ("schedule", lambda: beat(missed=1), "redis: 10 of 10 fires, 1 missed, 0 doubled."),
    ("ahead", lambda: compared(0.5), "rabbitmq is slower than redis: throughput 50 % lower ("),
    ("ahead", lambda: compared(1.5), "rabbitmq is faster than redis: "),
    ("alike", lambda: compared(1.0), "No difference found between rabbitmq and redis: "),
    ("alike", lambda: compared(0.98, kind="change"),
     "rabbitmq against redis: not worse by more than 5 %: throughput 2 % lower ("),
    ("open", lambda: compared(0.95, kind="change"), "rabbitmq and redis cannot be told apart: "),
    ("takes", lambda: compared(0.9, pairs=4),
     "A verdict takes 6 pairs of blocks: --set measure.blocks=6, about "),
    ("takes", lambda: compared(0.9, pairs=4, scenario={
        "name": "x", "compare": {"kind": "alternatives", "pairs": {"min": 6, "max": 30}}}),
     "A verdict takes 6 pairs of blocks, about "),
    ("takes", lambda: compared_without_two(pairs=7),
     "A verdict takes 6 pairs that count, 5 of 7 do."),
    ("takes", lambda: run(cell("redis/add/closed-8", block(0, 0)),
                          cell("rabbitmq/add/closed-8", block(1, 1))),
     "No verdict: one block of each; 6 carry one: --set measure.blocks=6, about 6 min."),
    ("ahead", lambda: matrix_run(blocks=6),
     "task_acks_late=true is slower than false: throughput 18 % lower (17 % to 19 %); it depends"),
    ("measured", one_block,
     "redis: 500 units/s, mean latency 16.0 ms; 50 % of it is dispatch (received, not started)."),
    ("measured", lambda: run(cell("redis/add/backlog", backlog_block(0, 0))),
     "redis: 800 units/s consumed."),
    ("measured", lambda: run(cell("redis/add/closed-8", block(0, 0)),
                             cell("sqs-redis/add/closed-8", block(1, 1, throughput_per_s=900.0),
                                  servers={"broker": MINISTACK, "backend": VALKEY})),
     "add/closed-8, units/s: redis 500, sqs-redis (emulator) 900."),
    ("why", lambda: one_block(warnings=(warning("group_get_floor", join_p50_s=0.49),)),
     "redis: group.get() waits half a second"),
    ("broken", lambda: one_block(warnings=(
        warning("worker_fell", text="worker1 ended with exit code 1: MemoryError: " + "x" * 200),)),
     "redis: worker1 ended with exit code 1: MemoryError: xx"),
    ("why", lambda: at_rate(warnings=(warning("rate_limit_starves", limited=["mail"]),)),
     "redis: Tasks waited in the queue because tasks with a rate limit filled the worker."),
    ("why", lambda: mixed(resize=0.02, mail=0.001),
     "redis: resize takes 95 % of the time in tasks, 20.0 ms each (mean)."),
    ("bound", lambda: one_block(worker_cpu_ms_per_task=3.0, client_cpu_ms_per_task=0.8),
     "This machine's cores bound redis: 1.90 of 2 were busy."),
    ("bound", lambda: one_block(throughput_per_s=20.0, tasks_per_s=20.0, phases_s={
        "run": spread_around(0.095, 100)}),
     "The workers' slots bound redis: 1.90 of 2 were running tasks."),
    ("cost", lambda: one_block(dollars_per_million_tasks=0.9),
     "redis: $1,166 a month at the measured 500 tasks/s."),
    ("cost", lambda: at_rate(dollars_per_million_tasks=0.9, throughput_per_s=39.0,
                             tasks_per_s=39.0),
     "redis: $93.3 a month at 40.0 tasks/s."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "record", "words"), SAID)
def test_what_is_said(kind: str, record: Callable[[], RunRecord], words: str) -> None:
    said = told(record(), kind)
    assert any(words in text for text in said), said


SILENT: list[tuple[str, Callable[[], RunRecord]]] = [
    ("missing", one_block),
    ("disturbed", one_block),
    ("overload", at_rate),
    ("broken", one_block),
    # What a fault is to blame for is told as its doing.
    ("broken", lambda: faulted(Trouble(lost=2), promised())),
    ("limit", lambda: gated("throughput > 499")),
    ("held", lambda: gated("throughput > 501")),
    ("held", one_block),
    ("promise", lambda: faulted(Trouble(), promised())),
    ("held", lambda: faulted(Trouble(), promised(kept="untested"))),
    ("capacity", one_block),
    # Of what was cut short nobody knows whether it would have kept up.
    ("capacity", lambda: at_rate(phase=BEHIND, status="partial")),
    ("capacity", lambda: faulted(Trouble(), promised())),
    ("fault", one_block),
    ("schedule", one_block),
    # Alternatives are no change of each other.
    ("change", lambda: compared(0.5)),
    ("ahead", lambda: compared(1.0)),
    ("alike", lambda: compared(0.5)),
    ("open", lambda: compared(0.5)),
    ("takes", lambda: compared(0.5)),
    ("takes", one_block),
    # No verdict is wanted of an emulator.
    ("takes", lambda: run(cell("redis/add/closed-8", block(0, 0)),
                          cell("sqs-redis/add/closed-8", block(1, 1),
                               servers={"broker": MINISTACK, "backend": VALKEY}))),
    ("measured", lambda: compared(0.5)),
    ("why", one_block),
    ("why", lambda: compared(1.0)),
    ("why", lambda: mixed(resize=0.002, mail=0.002, count=0.002)),
    ("why", lambda: mixed(resize=0.02)),
    # These records' phases are all alike, so they do not add up to the difference.
    ("why", lambda: compared(0.5)),
    ("bound", one_block),
    ("bound", at_rate),
    ("cost", one_block),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "record"), SILENT)
def test_what_is_not_said(kind: str, record: Callable[[], RunRecord]) -> None:
    assert told(record(), kind) == []


def changed(ratio: float, **update: Any) -> RunRecord:
    """What `harness ab` measures: the head at `ratio` times the base's rate."""
    record = compared(ratio)
    sides = tuple(
        one.model_copy(update={"name": f"redis[ab={side}]/add/closed-8", "axes": {"ab": side},
                               "config": record.cells[0].config, **update})
        for one, side in zip(record.cells, ("base", "head"), strict=True)
    )  # fmt: skip
    record = record.model_copy(update={"cells": sides, "comparison": None})
    return record.model_copy(update={"comparison": compare_run(record, base="ab=base")})


def test_a_change_that_is_slower_is_a_regression() -> None:
    first = answer(changed(0.5)).sentences[0]
    assert first.kind == "change"
    assert first.flagged
    assert first.text.startswith("REGRESSION: head is slower than base: ")


def at_two_loads(own: float, at_rate: float) -> RunRecord:
    """What `harness ab` measures of one workload: the head at so many times the base's rate at its
    own load, and as much cheaper at a rate that both hold."""
    sides: list[CellRecord] = []
    for ratio, load in ((own, {"load": "closed", "in_flight": 8}), (at_rate, GIVEN)):
        measure = {"duration": 2.0}
        sides += changed(ratio, load=load, measure=measure).cells
    names = [f"{one.name.rsplit('/', 1)[0]}/{load}" for one, load in zip(sides, LOADS, strict=True)]
    cells = tuple(
        one.model_copy(
            update={
                "name": name,
                "blocks": tuple(
                    block.model_copy(
                        update={"number": 2 * block.number + index // 2, "cell": index}
                    )
                    for block in one.blocks
                ),
                "equal_rate": EqualRateRecord(
                    own=names[index % 2],
                    at_rate=names[index % 2 + 2],
                    base_per_s=500,
                    head_per_s=500,
                    share=0.5,
                    rate_per_s=100,
                ),
            }
        )
        for index, (one, name) in enumerate(zip(sides, names, strict=True))
    )
    order = tuple(index for index in changed(1.0).order for index in (index, index + 2))
    record = changed(1.0).model_copy(update={"cells": cells, "order": order, "comparison": None})
    return record.model_copy(update={"comparison": compare_run(record, base="ab=base")})


@pytest.mark.parametrize(
    ("own", "at_rate", "words"),
    [
        (0.98, 0.98, ": not worse by more than 5 %: throughput 2 % lower (0.9 % to 3.1 %), at "
                     "equal rates p50 latency, worker CPU per task."),
        (0.98, 0.95, ": not worse by more than 5 %: throughput 2 % lower (0.9 % to 3.1 %); at "
                     "equal rates p50 latency, worker CPU per task cannot be told."),
        (0.95, 0.98, " cannot be told apart: throughput 5 % lower (3.9 % to 6.1 %); not worse by "
                     "more than 5 %: at equal rates p50 latency, worker CPU per task."),
    ],
)  # fmt: skip
def test_a_headline_names_every_figure_that_was_judged(
    own: float, at_rate: float, words: str
) -> None:
    """At whichever of the two loads it is told; throughput at a rate that is given is none."""
    record = at_two_loads(own, at_rate)
    assert record.comparison is not None
    judged = [(one.metric, one.base.rsplit("/", 1)[1]) for one in record.comparison.judged]
    assert [one for one in judged if not one[0].startswith(("phase", "task"))] == [
        ("throughput", "closed-8"),
        ("latency.total.p50", "rate-100"),
        ("worker_cpu", "rate-100"),
    ]
    texts = [one.text for one in answer(record).sentences]
    assert any(text.endswith(words) for text in texts), texts


def test_at_a_given_rate_latency_and_cost_are_judged() -> None:
    """And the table says why throughput is not."""
    record = changed(0.98, load=GIVEN, measure={"duration": 2.0})
    found = record.comparison
    assert found is not None
    assert [one.metric for one in found.judged if not one.own] == [
        "latency.total.p50",
        "worker_cpu",
    ]
    assert found.rates_given == (record.cells[0].name,)
    assert (
        "Where the load gives the rate, throughput is not compared" in comparison_table(found).note
    )
    assert told(record, "alike") == [
        "head against base: not worse by more than 5 %: p50 latency 2 % higher (0.9 % to 3.2 %), "
        "worker CPU per task."
    ]


def test_at_the_rate_that_both_sides_are_given_only_costs_are_told() -> None:
    said = EqualRateRecord(own="", at_rate="", base_per_s=500, head_per_s=250)
    record = changed(0.5, load={"load": "rate", "rate": 100.0}, measure={"duration": 2.0})
    cells = tuple(
        one.model_copy(update={"equal_rate": said.model_copy(update={"at_rate": one.name})})
        for one in record.cells
    )
    record = record.model_copy(update={"cells": cells, "comparison": None})
    record = record.model_copy(update={"comparison": compare_run(record, base="ab=base")})
    kinds = [one.kind for one in answer(record).sentences]
    assert set(kinds) <= {"change", "cost"}
    assert not [text for text in told(record, "change") if "throughput" in text]


def test_an_interval_beyond_one_side_that_may_be_chance_is_not_called_alike() -> None:
    """Of many comparisons some look like a difference."""
    view = view_of(matrix_run(), Path("nowhere"), {})
    [effect] = [one for one in view.effects if one.metric == "throughput"][:1]
    texts = [
        one.text
        for low, high in ((0.4, 0.8), (1.2, 1.9), (0.4, 1.2))
        for changes in ({"low": low, "high": high, "ratio": (low * high) ** 0.5},)
        for one in effect_sentences(
            view,
            [effect.model_copy(update={**changes, "verdict": "inconclusive", "dependences": ()})],
        )
    ]
    assert ["may be chance" in text for text in texts] == [True, True, False]
    assert ["cannot be told apart" in text for text in texts] == [False, False, True]


def in_two_works(ratio: float) -> RunRecord:
    """The same two sides in a second workload, of the same blocks."""
    record = ratio_run(ratio, kind="alternatives")
    count = len(record.order)
    again = [
        cell(
            one.name.replace("add", "chain-2"),
            *(
                each.model_copy(update={"number": each.number + count, "cell": each.cell + 2})
                for each in one.blocks
            ),
        )
        for one in record.cells
    ]
    order = (*record.order, *(index + 2 for index in record.order))
    record = record.model_copy(update={"cells": (*record.cells, *again), "order": order})
    return record.model_copy(update={"comparison": compare_run(record, second_opinion=False)})


def test_costs_of_the_same_two_sides_share_a_sentence() -> None:
    """Redis does 500/s and spends 2 ms of CPU, RabbitMQ 1,000/s and 1 ms."""
    [said] = told(in_two_works(2.0), "cost")
    assert said.startswith("rabbitmq against redis: worker CPU per task 50 % lower (")
    assert ") in add/closed-8, 50 % lower (" in said
    assert said.endswith(") in chain-2/closed-8.")


def test_what_cannot_be_told_apart_in_several_works_is_a_figure() -> None:
    record = in_two_works(1.0)
    fine = compare_run(record, margin=0.001, second_opinion=False)
    [said] = told(record.model_copy(update={"comparison": fine}), "open")
    assert said == (
        "rabbitmq against redis: throughput cannot be told apart in 2 of 2 "
        "(add/closed-8, chain-2/closed-8)."
    )


@pytest.mark.parametrize(
    ("base", "first"),
    [("task_acks_late=false", "task_acks_late=true"), ("payload_bytes=64", "payload_bytes=16384"),
     ("redis", "rabbitmq"), (None, "rabbitmq")],
)  # fmt: skip
def test_the_axis_that_is_asked_for_comes_first(base: str | None, first: str) -> None:
    """Whatever the others do: RabbitMQ does 60 % more, late acknowledgements cost a few per cent,
    and so does a large payload."""
    record = matrix_run(blocks=6)
    said = compare_run(record, base=base, second_opinion=False) if base else None
    record = record.model_copy(update={"comparison": said})
    view = view_of(record, Path("nowhere"), {})
    assert next(effect_sentences(view, view.effects)).text.startswith(f"{first} ")


# --- why ------------------------------------------------------------------------------------------


def phased(name: str, ratio: float, **more_s: float) -> RunRecord:
    """The head at `ratio`, whose phases take so much more than the base's 16 ms."""
    record = compared(ratio)
    before = {"schedule": 0.0, "queue": 0.004, "dispatch": 0.008, "retry": 0.0, "run": 0.001,
              "result": 0.003}  # fmt: skip
    after = {phase: mean + more_s.get(phase, 0.0) for phase, mean in before.items()}
    cells = [_with_phases(one, of) for one, of in zip(record.cells, (before, after), strict=True)]
    return record.model_copy(update={"cells": tuple(cells), "run_id": f"20261124-{name}"})


def _with_phases(one: Any, means: Mapping[str, float]) -> Any:
    figures = {
        "phases_s": {phase: spread_around(mean, 1000) for phase, mean in means.items()},
        "latency_s": spread_around(sum(means.values()), 1000),
    }
    blocks = tuple(each.model_copy(update=figures) for each in one.blocks)
    return one.model_copy(update={"blocks": blocks})


def test_a_phase_with_at_least_half_of_the_difference_makes_it() -> None:
    [why] = told(phased("run", 0.5, run=0.012, queue=0.004), "why")
    assert why == (
        "Why: run (the task itself) takes 12.0 ms more, 75 % of the difference "
        "(mean 16.0 ms -> 32.0 ms)."
    )


def test_no_phase_is_named_where_none_has_half() -> None:
    [why] = told(phased("spread", 0.5, run=0.006, queue=0.005, result=0.005), "why")
    assert why == "Why: the difference is spread over several phases (mean 16.0 ms -> 32.0 ms)."


def test_a_mean_that_says_the_contrary_of_the_verdict_explains_nothing() -> None:
    assert told(phased("contrary", 0.5, run=-0.001), "why") == []


@pytest.mark.parametrize(("sides", "said"), [((1,), True), ((0,), False), ((0, 1), False)])
def test_a_trap_explains_only_the_slower_side_that_alone_walked_into_it(
    sides: tuple[int, ...], said: bool
) -> None:
    record = compared(0.5)
    found = (warning("polled_get"),)
    cells = tuple(
        one.model_copy(update={"blocks": tuple(
            each.model_copy(update={"warnings": found if index in sides else ()})
            for each in one.blocks)})
        for index, one in enumerate(record.cells)
    )  # fmt: skip
    whys = told(record.model_copy(update={"cells": cells}), "why")
    assert whys == (["rabbitmq: get() looks at this backend every half second only."] if said
                    else [])  # fmt: skip


def test_shares_of_phases() -> None:
    means = {"phase.queue": 0.004, "phase.run": 0.006, "latency.total": 0.010}
    assert largest_phase(means) == ("run", 0.6)
    assert largest_phase({**means, "latency.total": 0.020}) is None
    assert largest_phase({}) is None
    longer = {"phase.queue": 0.004, "phase.run": 0.016, "latency.total": 0.020}
    phase, change_s, share = phase_of_difference(means, longer) or ("", 0.0, 0.0)
    assert phase == "run"
    assert share == pytest.approx(1.0)
    assert change_s == pytest.approx(0.010)
    assert phase_of_difference(means, means) is None
    assert phase_of_difference(means, {**means, "latency.total": 0.020}) is None
    assert phase_of_difference({}, means) is None


# --- how many and how much ------------------------------------------------------------------------


def test_the_most_important_six_are_kept_in_the_order_of_their_kinds() -> None:
    found = [Sentence("held", "h."), *(Sentence("measured", f"{n}.") for n in range(6))]
    kept = chosen([*found, Sentence("missing", "m.")])
    assert [one.text for one in kept] == ["m.", "0.", "1.", "2.", "3.", "4."]


def test_many_losses_leave_room_for_a_regression_and_a_broken_limit() -> None:
    found = [Sentence("broken", f"{n}.", flagged=True) for n in range(6)]
    found += [Sentence("change", "slower.", flagged=True), Sentence("limit", "l.", flagged=True)]
    kept = chosen([*found, Sentence("capacity", "keeps up.")])
    assert [one.text for one in kept] == ["0.", "1.", "2.", "3.", "slower.", "l."]


def test_many_rates_that_are_kept_leave_room_for_who_is_ahead() -> None:
    found = [*(Sentence("capacity", f"{n}.") for n in range(6)), Sentence("ahead", "faster.")]
    assert [one.text for one in chosen(found)] == ["0.", "1.", "2.", "3.", "4.", "faster."]


def test_many_rates_that_are_kept_leave_room_for_the_trap_of_one_cell() -> None:
    """What every cell walked into makes no difference: it comes after that, and finds no room."""
    every, one = warning("connection_per_publish"), warning("eta_fills_window")
    phase = load_phase("steady", 40, 5)
    given: dict[str, Any] = {
        "throughput_per_s": 40.0,
        "planned_per_s": 40.0,
        "load_phases": (phase,),
    }
    cells = [
        cell(f"redis[queue=q{n}]/add/rate-40", block(n, n, warnings=found, **given))
        for n, found in enumerate([(every,), (every,), (every,), (every,), (every, one)])
    ]
    kept = [one for one in answer(run(*cells)).sentences if one.kind == "why"]
    assert [one.text for one in kept] == [
        "queue=q4: Tasks waited in the queue because tasks with an ETA filled the worker."
    ]


def test_clauses_say_how_many_are_left_out() -> None:
    assert clauses(["one", "two", "three"], room=8) == "one, two and 1 more"
    assert clauses(["one", "two", "three"], room=1) == "one and 2 more"
    assert clauses(["one", "two"], room=80) == "one, two"


def test_a_month_is_thirty_days() -> None:
    [row] = answer(one_block(dollars_per_million_tasks=0.9)).rows
    assert row.cost is not None
    assert row.cost.dollars == pytest.approx(0.9 * 500 * MONTH_S / 1e6)
    assert MONTH_S == 2_592_000


def comparison(**changes: Any) -> Comparison:
    """Ten pairs that could not be told apart."""
    fields: dict[str, Any] = {
        "base": "a", "head": "b", "metric": "throughput", "pairs": 10, "ratio": 0.97, "low": 0.88,
        "high": 1.07, "margin": 0.05, "verdict": "inconclusive",
        "smallest_effect": visible_effect(0.14, 10, 0.95),
    }  # fmt: skip
    return Comparison(**(fields | changes))


def test_the_pairs_that_it_takes_see_the_margin_at_this_spread() -> None:
    """From 3 % slower than the base to the margin, which lies 2.1 % beyond that."""
    pairs = pairs_needed(comparison())
    assert pairs is not None
    to_limit = 1 - 0.95 / 0.97
    assert visible_effect(0.14, pairs, 0.95) < to_limit
    assert visible_effect(0.14, round(0.7 * pairs), 0.95) > to_limit


@pytest.mark.parametrize(
    ("changes", "pairs"),
    [
        ({"pairs": 4}, 6),
        ({"pairs": 0}, None),
        ({"reason": "not interleaved"}, None),
        ({"judged": False}, None),
        ({"smallest_effect": None}, None),
    ],
)
def test_more_pairs_are_not_asked_for_where_they_would_not_help(
    changes: Mapping[str, Any], pairs: int | None
) -> None:
    assert pairs_needed(comparison(**changes)) == pairs
