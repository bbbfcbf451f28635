"""A mix inside a client: which part a unit is of, and what it has to come to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from harness.probe.publishing.batch import _about_bytes
from harness.probe.recording.ids import namer, new_tag
from harness.probe.workloads.drawing import UNCHECKED, Failure, table
from harness.probe.workloads.mismatches import Mismatches
from harness.probe.workloads.mix import Mix
from harness.probe.workloads.registry import import_tasks, units_of
from harness.scenario.workloads.registry import WORKLOADS, spec_of

PARTS = [
    {"workload": "add", "weight": 3},
    {"workload": "work", "payload_bytes": {"uniform": {"from": 1, "to": 900}}, "weight": 2},
    {"workload": "heavy_task", "n": 5},
]


def spec(*parts: dict[str, Any], seed: int = 1) -> dict[str, Any]:
    told = WORKLOADS["mix"].model_validate({"workload": "mix", "parts": list(parts)})
    return dict(spec_of(told, seed))


def made(*parts: dict[str, Any]) -> Mix:
    units = units_of(spec(*(parts or PARTS)))
    assert isinstance(units, Mix)
    return units


def test_which_part_a_unit_is_of_is_what_the_reader_goes_by() -> None:
    units, drawn = made(), table([3, 2, 1], 1)
    assert [units.part(unit) for unit in range(9000)] == [
        drawn[unit % units.round_units] for unit in range(9000)
    ]
    assert Counter(map(units.part, range(units.round_units))) == {
        0: units.round_units // 2,
        1: units.round_units // 3,
        2: units.round_units // 6,
    }


def test_each_unit_has_to_come_to_what_its_own_workload_says() -> None:
    units = made()
    alone = [units_of({**one, "seed": 1}) for one in spec(*PARTS)["parts"]]
    for unit in range(60):
        assert units.expected(unit) == alone[units.part(unit)].expected(unit)


def test_a_part_may_be_meant_to_end_in_another_way() -> None:
    late = {"raises": "TimeLimitExceeded"}
    units = made(
        {"workload": "work", "expect": late},
        {"workload": "add", "expect": {"unchecked": True}},
        {"workload": "heavy_task", "n": "text", "expect": {"raises": "A", "message": "b"}},
    )
    first = {units.part(unit): units.expected(unit) for unit in range(50)}
    assert first == {0: Failure("TimeLimitExceeded", None), 1: UNCHECKED, 2: Failure("A", "b")}


def test_warm_up_calls_each_part_once_that_it_has_left_out() -> None:
    units = made()
    found = units.first_units(range(4096, 4096))
    assert sorted(map(units.part, found)) == [0, 1, 2]
    one = next(unit for unit in range(100) if units.part(unit) == 2)
    assert 2 not in map(units.part, units.first_units(range(one, one + 1)))


class Waiting:
    """A part whose caller waits in a way of its own."""

    waited: list[float]

    def __init__(self) -> None:
        self.waited = []

    def wait(self, result: Any, timeout_s: float) -> str:
        self.waited.append(timeout_s)
        return f"{result.id} is over"


class Result:
    def __init__(self, ident: str) -> None:
        self.id = ident


def test_who_waits_for_a_unit_waits_as_its_part_does() -> None:
    """The id says which unit it is."""
    units, waiting, name = made(), Waiting(), namer(new_tag())
    units.parts[1] = waiting  # type: ignore[call-overload]  # only waited for
    unit = next(unit for unit in range(100) if units.part(unit) == 1)
    result: Any = Result(name(unit, 0))
    assert units.wait(result, 3.0) == f"{result.id} is over"
    assert waiting.waited == [3.0]


def test_workers_import_the_tasks_of_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    monkeypatch.setattr("harness.probe.workloads.registry.import_module", imported.append)
    import_tasks(spec(*PARTS))
    assert imported == [
        f"harness.probe.workloads.{name}" for name in ("mix", "add", "work", "heavy_task")
    ]


def test_a_batch_is_no_larger_than_its_largest_part_allows() -> None:
    large = {"workload": "work", "payload_bytes": "1MiB"}
    assert _about_bytes(made({"workload": "add"}, large)) > 1 << 20
    assert _about_bytes(made()) < 5000


def test_a_wrong_result_is_told_once_of_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    units, mismatches = made(), Mismatches()
    for unit in range(60):
        mismatches.note(units, unit, 1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert {line.split()[4] for line in lines} == {"add", "work", "heavy_task"}
