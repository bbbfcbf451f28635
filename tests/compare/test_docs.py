"""docs/verdicts.md says what the code does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from harness.results.judge.metrics import COMPARED
from harness.scenario.models.compare import Compare, PairBudget
from harness.scenario.models.gate_words import FUNCTIONS, UNITS
from harness.scenario.models.gates import parse_gate
from harness.scenario.plan.loader import load_plan
from harness.stats.looks import confidence_of
from harness.stats.paired import FEWEST_PAIRS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/verdicts.md").read_text(encoding="utf-8")
GATES = TEXT.partition("## Gates")[2].partition("## Exit codes")[0]


def test_the_scenario_loads(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    scenario = tmp_path / "scenarios/late-acks.yaml"
    scenario.parent.mkdir()
    scenario.write_text(text, encoding="utf-8")
    plan = load_plan(scenario)
    assert plan.scenario.compare is not None
    assert plan.scenario.compare.look_sizes == tuple(range(6, 31, 2))
    assert len(plan.cells) == 4


def test_every_metric_function_and_unit_of_gates_is_documented() -> None:
    documented = set(re.findall(r"`([A-Za-z0-9_.%]+)`", GATES))
    assert {*FUNCTIONS, *UNITS} <= documented


def test_the_gates_of_the_document_can_be_read() -> None:
    found = re.findall(r"^  - (.*)$", GATES, re.MULTILINE)
    assert len([parse_gate(text) for text in found]) == 4


def test_the_grammar_is_the_one_of_the_code() -> None:
    from harness.scenario.models import gates  # noqa: PLC0415 - its docstring is what is compared

    grammar = re.findall(r"^ *(\w+ +=.*)$", gates.__doc__ or "", re.MULTILINE)
    assert len(grammar) == 9
    assert all(line in GATES for line in grammar)


def test_what_is_judged_is_named_so() -> None:
    judged = [metric.name for metric in COMPARED if metric.judged]
    (said,) = re.findall(r"^Compared are (.*?), and beside", TEXT, re.MULTILINE)
    assert re.findall(r"`([^`]+)`", said) == judged
    assert [metric.name for metric in COMPARED if not metric.judged] == ["latency.total.p99"]


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"At least {FEWEST_PAIRS} pairs" in TEXT
    assert f"{100 * confidence_of(range(6, 31, 2)):.4g} % intervals each" in TEXT
    scenarios = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    rows = scenarios.partition("### compare")[2].partition("## The command line")[0]
    assert set(re.findall(r"^\| `(\w+)`", rows, re.MULTILINE)) == set(Compare.model_fields)
    assert f"`min` ({PairBudget().min}) and `max` ({PairBudget().max})" in rows
    assert f"| {100 * Compare().margin:g}% |" in rows
