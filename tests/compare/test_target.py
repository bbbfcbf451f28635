"""What a run can find in its time, by the noise of its first look; and who asks for that."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.errors import UsageError
from harness.report.tables.verdicts import comparison_table
from harness.report.words.first_looks import design_words, target_words
from harness.results.judge.compare import compare_run
from harness.results.judge.target import target_of
from harness.results.record.comparison import DesignRecord, TargetFigure, TargetRecord
from harness.results.record.run import RunRecord
from harness.runner.adaptive import Budget
from harness.runner.order import at_once, interleaved
from harness.runner.prepare.ab import Effort, Frame, paired_plan, variant_of
from harness.runner.run import RunOptions, planned
from harness.runner.twins import parted
from harness.scenario.models.compare import Compare, PairBudget
from harness.scenario.plan.loader import load_plan
from harness.stats.looks import confidence_of
from harness.stats.paired import beyond, visible_effect
from tests.compare.runs import BASE, HEAD, measured
from tests.report.made.records import cell, run
from tests.scenario.project import make_project

ROOT = Path(__file__).parents[2]
LOOKS = Compare(effect=0.1, minutes=5).look_sizes


def _first_look(spread: float, **compare: object) -> RunRecord:
    """Six pairs whose log ratios of throughput have exactly this spread, and a mean of 0."""
    order = interleaved([6, 6], seed=5)
    signs = [1, -1, 1, -1, 1, -1]
    size = spread / math.sqrt(6 / 5)
    blocks: tuple[list[object], list[object]] = ([], [])
    for number, index in enumerate(order):
        repetition = len(blocks[index])
        rate = 500 * (math.exp(size * signs[repetition]) if index else 1)
        blocks[index].append(measured(number, index, repetition, rate))
    plan = {"margin": 0.05, "effect": 0.1, "minutes": 5, **compare}
    cells = [cell(BASE, *blocks[0]), cell(HEAD, *blocks[1])]  # type: ignore[arg-type] # blocks
    return run(*cells, order=order, scenario={"name": "s", "compare": plan})


def test_what_fits_in_the_time_and_what_so_many_pairs_see() -> None:
    target = target_of(_first_look(0.08), elapsed_s=60)
    assert target is not None
    assert (target.after_pairs, target.pair_s, target.pairs) == (6, 10, 30)
    assert (target.effect, target.within_s) == (0.1, 300)
    [throughput] = [one for one in target.figures if one.metric == "throughput"]
    assert throughput.spread == pytest.approx(0.08)
    sees = beyond(0.05, visible_effect(0.08, 30, confidence_of(LOOKS)))
    assert throughput.sees == pytest.approx(sees)
    assert throughput.needs_pairs is not None
    for pairs, seen in ((throughput.needs_pairs, True), (throughput.needs_pairs - 2, False)):
        found = beyond(0.05, visible_effect(0.08, pairs, confidence_of(LOOKS)))
        assert (found <= 0.1) == seen


def test_a_quiet_machine_reaches_the_target_and_a_noisy_one_says_what_it_would_take() -> None:
    quiet = target_of(_first_look(0.03), elapsed_s=60)
    assert quiet is not None
    assert target_words(quiet).startswith("In 5 min this machine sees a slowdown of 6.9 % of thr")
    assert "not" not in target_words(quiet)
    noisy = target_of(_first_look(0.25), elapsed_s=60)
    assert noisy is not None
    words = target_words(noisy)
    assert words.startswith("In 5 min this machine sees 20 % of throughput, not 10 %: for that it")
    assert "the spread of a pair is throughput 25 %" in words
    wild = target_of(_first_look(3.0), elapsed_s=60)
    assert wild is not None
    assert all(one.needs_pairs is None for one in wild.figures)
    assert "for that it is too noisy" in target_words(wild)
    assert "the spread of a pair is throughput 300 %" in target_words(wild)


def test_the_first_look_is_over_however_little_time_there_is() -> None:
    target = target_of(_first_look(0.05), elapsed_s=600)
    assert target is not None
    assert (target.pairs, target.pair_s) == (6, 100)


def test_figures_without_sound_pairs_are_left_out_and_without_any_nothing_is_told() -> None:
    record = _first_look(0.05)
    blind = [
        block.model_copy(update={"throughput_per_s": None}) for block in record.cells[1].blocks
    ]
    some = record.cells[1].model_copy(update={"blocks": tuple(blind)})
    target = target_of(record.model_copy(update={"cells": (record.cells[0], some)}), elapsed_s=60)
    assert target is not None
    assert "throughput" not in {one.metric for one in target.figures}
    broken = [block.model_copy(update={"status": "failed"}) for block in record.cells[1].blocks]
    none = record.cells[1].model_copy(update={"blocks": tuple(broken)})
    assert target_of(record.model_copy(update={"cells": (record.cells[0], none)}), 60) is None


def test_the_comparison_bears_what_was_told() -> None:
    record = _first_look(0.05)
    target = target_of(record, elapsed_s=60)
    report = compare_run(record.model_copy(update={"target": target}))
    assert report.target == target
    assert target_of(_first_look(0.05, effect=None, pairs={"min": 6, "max": 12}), 60) is None


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        ({"effect": 0.1}, "in how many minutes"),
        ({"effect": 0.05, "minutes": 5}, "within the margin"),
        ({"minutes": 5}, "give pairs as well"),
        ({"effect": 0.1, "minutes": 5, "looks": [6, 12]}, "give pairs as well"),
    ],
)
def test_what_a_target_needs(compare: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Compare.model_validate(compare)


def test_pairs_of_a_target_are_those_that_fit_unless_it_names_them() -> None:
    assert Compare(effect=0.1, minutes=5).budget == PairBudget(min=6, max=40)
    named = Compare(effect=0.1, minutes=5, pairs=PairBudget(min=8, max=12))
    assert named.look_sizes == (8, 10, 12)


def test_the_shipped_gate_is_a_plan_for_two_sides() -> None:
    path = ROOT / "scenarios/speed-gate.yaml"
    plan = load_plan(path)
    with pytest.raises(UsageError, match="harness ab --base REF --head REF"):
        planned(plan, RunOptions("local", ROOT, 1, ROOT, {}))
    sides = [variant_of((f"set:worker.count={count}",), ROOT, {}) for count in ("1", "2")]
    paired = paired_plan(Frame(path, (), (), None, {}), sides[0], sides[1], Effort())
    compare = paired.scenario.compare
    assert compare is not None
    assert (compare.effect, compare.minutes, compare.base) == (0.1, 5, "ab=base")
    assert Budget(paired).blocks() == [6, 6]
    assert Budget(paired).most_blocks() == [40, 40]


def test_the_command_line_names_a_target_for_any_scenario(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    sides = [variant_of((f"set:worker.count={count}",), tmp_path, {}) for count in ("1", "2")]
    frame = Frame(project.scenario, (), (), None, {})
    paired = paired_plan(frame, sides[0], sides[1], Effort(effect=0.2, minutes=2))
    compare = paired.scenario.compare
    assert compare is not None
    assert (compare.effect, compare.minutes, compare.look_sizes[-1]) == (0.2, 2, 40)
    with pytest.raises(UsageError, match="give minutes"):
        paired_plan(frame, sides[0], sides[1], Effort(effect=0.2))


def test_a_figure_that_one_cell_is_too_noisy_for_is_not_said_to_be_seen() -> None:
    def figure(head: str, metric: str, spread: float, sees: float) -> TargetFigure:
        return TargetFigure(
            head=head,
            metric=metric,
            spread=spread,
            sees=sees,
            needs_pairs=400,
            verdict="inconclusive",
        )

    target = TargetRecord(
        effect=0.1,
        within_s=300,
        after_pairs=6,
        pair_s=14.97,
        pairs=20,
        figures=(
            figure("add", "throughput", 0.03, 0.07),
            figure("chain", "throughput", 1.2, 0.996),
            figure("add", "worker_cpu", 0.02, 0.06),
        ),
    )
    assert target_words(target) == (
        "In 5 min this machine sees a slowdown of 6 % of worker_cpu. In 5 min this machine sees "
        "100 % of throughput, not 10 %: for that it needs about 1 h 40 min. (First look after "
        "6 pairs of 15.0 s: the spread of a pair is throughput 120 %, worker_cpu 2 %.)"
    )


def test_a_comparison_by_twins_says_so() -> None:
    record = _first_look(0.03)
    assert compare_run(record).design is None
    design = DesignRecord(asked="auto", twins=((0, 1),))
    report = compare_run(record.model_copy(update={"design": design}))
    assert report.design == design
    words = design_words(design)
    assert words.startswith("Twins: two cells are up at once, and their load is put on in turns")
    assert words in comparison_table(report).note


def test_twins_that_could_not_be_up_at_once_are_told() -> None:
    """From then on their blocks follow each other; what was measured before stays."""
    record = _first_look(0.03)
    design = DesignRecord(asked="auto", twins=((0, 1), (2, 3)))
    record = record.model_copy(update={"design": design, "order": (2, 3, 0, 1, 1, 0)})
    after, told = parted(record, 4, "port 8000")
    assert after.design is not None
    assert (after.design.twins, after.design.parted) == (((2, 3),), (told,))
    base, head = (record.cells[index].name for index in (0, 1))
    assert (told.cells, told.block, told.reason) == ((base, head), 4, "port 8000")
    assert at_once(after.order, after.design.twins, 4, set(), set()) == (4,)
    note = comparison_table(compare_run(after)).note
    assert note.endswith(
        f"{base} and {head} cannot be up at once (port 8000): they are measured one after the "
        "other from block 5 on."
    )
    alone = design_words(after.design.model_copy(update={"twins": ()}))
    assert alone.startswith(base), "no word of twins where there are none left"
