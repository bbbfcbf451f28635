"""The language of gates: what it accepts, what it means, and where it complains."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.figures.table import FIGURES
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gate_words import COMPARATORS, FUNCTIONS, UNITS
from harness.scenario.models.gates import GatedFigure, parse_gate
from tests.scenario.project import Project, make_project


@pytest.mark.parametrize(
    ("text", "measure", "comparator", "limit"),
    [
        ("p99(latency.total) < 250ms", GatedFigure("latency.total", "p99", 0), "<", 0.25),
        ("throughput > 0.95 * baseline", GatedFigure("throughput", None, 0), ">", 95.0),
        ("lost == 0", GatedFigure("lost", None, 0), "==", 0.0),
        ("mean(phase.queue) < 5ms", GatedFigure("phase.queue", "mean", 0), "<", 0.005),
        ("  p50( call.store )<=1.5 s", GatedFigure("call.store", "p50", 2), "<=", 1.5),
        ("worker_memory < 200MiB", GatedFigure("worker_memory", None, 0), "<", 200 * 1024**2),
        ("worker_cpu != 1e-3s", GatedFigure("worker_cpu", None, 0), "!=", 0.001),
        ("throughput >= baseline - 10", GatedFigure("throughput", None, 0), ">=", 90.0),
        ("throughput >= (baseline - 10) / 2", GatedFigure("throughput", None, 0), ">=", 45.0),
        ("throughput >= 10 - 4 - 3 * 2", GatedFigure("throughput", None, 0), ">=", 0.0),
        ("failed < 1% * baseline", GatedFigure("failed", None, 0), "<", 1.0),
        (
            "p99(latency.total) < baseline + 20ms",
            GatedFigure("latency.total", "p99", 0),
            "<",
            100.02,
        ),
        ("canvas.hop.p99 < 1s", GatedFigure("canvas.hop", "p99", 0), "<", 1.0),
        ("max(periodic.due_to_sent) < 1s", GatedFigure("periodic.due_to_sent", "max", 0), "<", 1.0),
        ("traffic.sqs.requests < 3", GatedFigure("traffic.sqs.requests", None, 0), "<", 3.0),
        ("client_memory < 1GiB", GatedFigure("client_memory", None, 0), "<", 1024.0**3),
        ("lost < -(-5)", GatedFigure("lost", None, 0), "<", 5.0),
        (
            "p99(phase.run, task=shop.tasks.add) < 20ms",
            GatedFigure("phase.run", "p99", 0, "shop.tasks.add", 20, "task"),
            "<",
            0.02,
        ),
        (
            "phase.run.p99( task = shop-2 )<baseline",
            GatedFigure("phase.run", "p99", 0, "shop-2", 22, "task"),
            "<",
            100.0,
        ),
        ('lost(task="a, (b)") == 0', GatedFigure("lost", None, 0, "a, (b)", 10, "task"), "==", 0.0),
    ],
)
def test_gates(text: str, measure: GatedFigure, comparator: str, limit: float) -> None:
    gate = parse_gate(text)
    assert (gate.text, gate.measure, gate.comparator) == (text, measure, comparator)
    assert gate.limit_at(100.0) == pytest.approx(limit)
    assert gate.needs_baseline == ("baseline" in text)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 0, "expected a metric such as throughput or p99(latency.total), not the end"),
        ("lost ==", 7, "expected a number or baseline, not the end"),
        ("lost = 0", 5, '"=" has no meaning here: write == to ask whether two values are equal'),
        ("lost 0", 5, 'expected one of <, <=, >, >=, ==, !=, not "0"'),
        ("lost == 0 0", 10, 'expected the end of the gate, not "0"'),
        ("lots == 0", 0, 'unknown metric "lots" (did you mean "lost"?)'),
        ("p99(phase.quee) < 1s", 4, 'unknown metric "phase.quee" (did you mean "phase.queue"?)'),
        ("worker_rss < 1GiB", 0, '"worker_rss" is called worker_memory'),
        ("qqqq < 1", 0, 'unknown metric "qqqq"; harness list metrics names all there are'),
        ("p98(latency.total) < 1s", 0, 'unknown function "p98" (did you mean "p99"?)'),
        ("p99 < 1s", 0, "p99 asks for a metric: p99(latency.total)"),
        ("p99() < 1s", 4, 'expected a metric in p99(...), not ")"'),
        ("p99(latency.total < 1s", 18, 'expected ")", not "<"'),
        ("call.store < 1s", 0, "call.store is a distribution: write p99(call.store) or "
         "mean(call.store)"),
        ("mean(lost) < 1", 0, "lost is one figure per cell: write it without mean(...)"),
        ("p99(latency.total) < 250", 21, "latency.total is a duration: compare it with one such as "
         "250ms, not a plain number"),
        ("throughput > 3ms", 13, "throughput is a rate: compare it with one such as 10, not a "
         "duration"),
        ("p99(latency.total) < 250mss", 24, 'unknown unit "mss" (did you mean "ms"?)'),
        ("lost < 2 * baselin", 11, 'expected a number or baseline, not "baselin" (did you mean '
         '"baseline"?)'),
        ("throughput > baseline * baseline", 22, "a rate cannot be multiplied by a rate"),
        ("mean(phase.run) < 1 / 5ms", 20, "a number cannot be divided by a duration"),
        ("mean(phase.run) < baseline + 5", 27, "a duration and a number cannot be added"),
        ("lost == (0", 10, 'expected ")", not the end'),
        ("lost == " + "(" * 60, 58, "nested too deeply"),
        ("lost == " + "-" * 60, 58, "nested too deeply"),
        ("lost == " + "1 + " * 300 + "1", 500, "longer than 500 characters"),
        ("lost < 1e999", 7, '"1e999" is too large a number'),
        ("lost < $HOME", 7, '"$" has no meaning here'),
        ("phase.run(task=a) < 1s", 0, "phase.run is a distribution: write "
         "p99(phase.run, task=...) or mean(phase.run, task=...)"),
        ("lost(task=a < 1", 12, 'expected ")", not "<"'),
        ("p99(phase.run, a) < 1s", 15,
         'expected one of task=NAME, part=NAME, queue=NAME, group=NAME, not "a"'),
        ('lost(task="\\q") < 1', 10, '"\\q" is no name of a task'),
        ("lost < ²", 7, '"²" has no meaning here'),
        ("lost < ٣", 7, '"٣" has no meaning here'),
    ],
)  # fmt: skip
def test_complaints(text: str, column: int, message: str) -> None:
    with pytest.raises(GateSyntaxError) as raised:
        parse_gate(text)
    assert (str(raised.value), raised.value.column) == (message, column)


def _column(text: str) -> int | None:
    """Where a gate is wrong, or None."""
    try:
        gate = parse_gate(text)
    except GateSyntaxError as error:
        return error.column
    with contextlib.suppress(ZeroDivisionError):
        assert isinstance(gate.holds(1.0, gate.limit_at(1.0)), bool)
    return None


WORDS = st.sampled_from(
    [
        *(row.name for row in FIGURES),
        *FUNCTIONS,
        *COMPARATORS,
        *UNITS,
        *"+-*/() ",
        "baseline",
        "0",
        "1e300",
        "0.5",
        "é",
    ]
)


@settings(deadline=None)
@given(st.text(max_size=600) | st.lists(WORDS, max_size=40).map(" ".join))
@example("lost < " + "1 - " * 120 + "1")
@example("lost < " + "(" * 45 + "1" + ")" * 45)
def test_any_text_is_a_gate_or_a_complaint_within_it(text: str) -> None:
    assert _column(text) in {None, *range(len(text) + 1)}


@given(
    st.sampled_from([row.name for row in FIGURES if row.distribution]),
    st.sampled_from(FUNCTIONS),
    st.sampled_from(list(COMPARATORS)),
    st.integers(0, 10**6),
)
def test_spaces_do_not_matter(metric: str, function: str, comparator: str, number: int) -> None:
    tight = parse_gate(f"{function}({metric}){comparator}{number}us")
    loose = parse_gate(f" {function} ( {metric} ) {comparator}  {number} us ")
    assert (tight.measure.metric, tight.comparator) == (loose.measure.metric, loose.comparator)
    assert tight.limit_at(None) == loose.limit_at(None) == pytest.approx(number / 1e6)


# --- in a scenario's file -----------------------------------------------------------------------


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("gates: [lots == 0]", '6:9: gate "lots == 0": unknown metric "lots"'),
        ("gates: ['lost == 0', \"lost = 0\"]", '6:28: gate "lost = 0": "=" has no meaning here'),
        ("gates:\n  - lost == 0\n  - lost > 3ms", '8:12: gate "lost > 3ms": lost is a count'),
        ("gates:\n  - >-\n    lots == 0", '7:5: gate "lots == 0": unknown metric'),
        ("gates: [lost == 0, lost == 0]", '6:20: the gate "lost == 0" stands here twice'),
        ("gates: [1]", "6:9: expected text, not 1"),
        ("gates: lost == 0", '6:8: expected a list, not "lost == 0"'),
    ],
)  # fmt: skip
def test_positions_point_into_the_gate(project: Project, lines: str, problem: str) -> None:
    with project.scenario.open("a", encoding="utf-8") as file:
        file.write(lines + "\n")
    [found] = project.problems()
    assert found.startswith(f"scenarios/s.yaml:{problem}")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("compare: {}", "6:1: there is only one configuration and no matrix: nothing to compare"),
        ("matrix: {worker.concurrency: [1, 2]}\ncompare: {base: concurrency=3}",
         '7:17: no configuration or axis value "concurrency=3" (did you mean '
         '"worker.concurrency=2"?)'),
        ("compare: {bas: x}", '6:11: unknown key "bas" (did you mean "base"?)'),
        ("compare: {margin: 120%}", "6:19: a share lies between 0% and 100%"),
        ("compare: {margin: five}", "6:19: expected a share such as 5% or 0.05, not 'five'"),
        ("compare: {pairs: {min: 5}}", "6:24: must be at least 6, not 5"),
        ("compare: {pairs: {min: 10, max: 6}}", "6:11: max is smaller than min"),
        ("matrix: {settings.worker_state_db: [a, b]}\ncompare: {design: twins}",
         "7:19: c[worker_state_db=a]/add/closed-8 cannot be measured as twins: an option or a "
         "setting names a file that two cannot share; design: auto leaves it alone"),
        ("compare: {minutes: 5}", "6:1: looks and minutes limit added pairs: give pairs as well"),
        ("compare: {pairs: {min: 6, max: 9}, looks: [6, 8]}", "6:1: the first look is at pairs."),
        ("compare: {pairs: {min: 6, max: 9}, looks: [6, 9, 9]}", "6:1: looks must grow"),
    ],
)  # fmt: skip
def test_comparisons_are_checked(project: Project, lines: str, problem: str) -> None:
    with project.scenario.open("a", encoding="utf-8") as file:
        file.write(lines + "\n")
    [found] = project.problems()
    assert found.startswith(f"scenarios/s.yaml:{problem}")


def test_a_sound_comparison_is_read(project: Project) -> None:
    with project.scenario.open("a", encoding="utf-8") as file:
        file.write(
            "matrix: {worker.concurrency: [1, 2]}\nbaseline: main\n"
            "gates: [throughput > 0.9 * baseline]\n"
            "compare: {base: concurrency=1, margin: 5%, pairs: {min: 6, max: 20}, minutes: 10}\n"
        )
    scenario = project.plan().scenario
    assert scenario.compare is not None
    assert (scenario.compare.margin, scenario.compare.look_sizes) == (
        0.05,
        (6, 8, 10, 12, 14, 16, 18, 20),
    )
    assert (scenario.gates, scenario.baseline) == (
        ("throughput > 0.9 * baseline",),
        "main",
    )
