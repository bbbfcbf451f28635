"""A mix of the harness' own workloads, before it runs: parts, what they may have, what is told."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.results.events.mix import Mix
from harness.results.record.typed_work import stored_workload
from harness.scenario.checks.judging import place_of
from harness.scenario.models.messages import MessageOptions
from harness.scenario.workloads.base import WorkloadBase
from harness.scenario.workloads.mix import first_calls, may_be_a_part, short_name
from harness.scenario.workloads.registry import WORKLOADS, comes_along, spec_of
from tests.scenario.project import Project, make_project

SLOW = {"workload": "work", "name": "slow", "sleep": {"choice": [{"value": "1s"}, {"value": "3s"}]}}


def mix(*parts: Any, **fields: Any) -> WorkloadBase:
    return WORKLOADS["mix"].model_validate({"workload": "mix", "parts": list(parts), **fields})


def nine_to_one(**fields: Any) -> WorkloadBase:
    return mix({"workload": "add", "weight": 9}, {**SLOW, "cpu": "100ms"}, **fields)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def test_whatever_is_one_task_may_be_a_part() -> None:
    """By what the row's model says, so that workloads to come and those of plug-ins are parts."""
    can = [name for name, model in WORKLOADS.items() if may_be_a_part(model)]
    cannot = ["group", "chain", "chord", "nested", "chunks", "tracking", "periodic", "task", "mix"]
    assert {"add", "heavy_task", "work", "map", "starmap"} <= set(can)
    assert not set(cannot) & set(can)

    class Plugged(WorkloadBase):
        """A workload of another package, as simple as can be."""

    assert may_be_a_part(Plugged)


def test_figures_that_are_planned_with_are_the_mean_of_all_units() -> None:
    made = nine_to_one()
    assert made.least_run_s == pytest.approx((9 * 0 + 2.1) / 10)
    assert made.cpu_s == pytest.approx(0.01)
    assert mix({"workload": "map", "size": 5}, "add").calls == 3
    assert mix({"workload": "heavy_task", "sleep": "5ms"}, "add").heavy_step_s == 0.005


def test_options_of_a_part_win_over_those_of_the_whole() -> None:
    part = {"workload": "work", "options": {"countdown": "2s"}}
    made = mix("add", part, options={"countdown": "1s", "expires": "9s"})
    assert made.message_options == (
        MessageOptions(countdown=1, expires=9),
        MessageOptions(countdown=2, expires=9),
    )


def test_the_queue_of_a_part_is_short_for_that_of_its_options(project: Project) -> None:
    part = {"workload": "work", "queue": "reports", "options": {"countdown": "2s"}}
    long = {"workload": "work", "options": {"queue": "reports", "countdown": "2s"}}
    assert mix("add", part).message_options == mix("add", long).message_options
    project.configuration(
        "name: c\nbroker: {service: redis}\nbackend: {service: redis}\n"
        "workers: {a: {queues: [celery]}, b: {queues: [reports]}}\n"
    )
    project.change("workloads: [{workload: mix, parts: [add, {workload: work, queue: reprots}]}]")
    assert project.problems() == [
        'scenarios/s.yaml:3:66: no worker of configuration "c" consumes queue "reprots" (did you '
        'mean "reports"?); they consume celery, reports'
    ]


def test_a_name_says_the_parts_as_far_as_there_is_room() -> None:
    assert nine_to_one().word.kind == "mix-add+slow"
    assert short_name("mix", ["a" * 20, "b" * 20, "c"]) == f"mix-{'a' * 20}+2"
    assert len(short_name("mix", ["a" * 90, "b"])) <= 40


def test_a_record_gives_the_same_mix_back() -> None:
    made = nine_to_one(options={"priority": 3})
    stored = json.loads(json.dumps(made.model_dump(mode="json")))
    assert stored_workload(stored) == made
    assert "loads" not in stored["parts"][0]
    assert Mix.of(stored_workload(stored), 7) == Mix.of(made, 7)


def test_a_record_gives_every_part_back_that_needs_no_fields() -> None:
    """A record names all fields, those that nobody has said too."""
    for name, model in WORKLOADS.items():
        if not may_be_a_part(model):
            continue
        with suppress(ValidationError):  # of one that needs more than its name
            made = mix(name)
            assert stored_workload(made.model_dump(mode="json")) == made


def test_a_record_of_parts_that_are_not_known_here_is_read() -> None:
    """Of a plug-in that is gone, or with a number that is refused today."""
    stored = mix("add", {"workload": "heavy_task", "weight": 3}).model_dump(mode="json")
    stored["parts"][1]["n"] = 10**6
    stored["parts"].append({"workload": "pair", "by": 3, "weight": 2, "options": {"countdown": 1}})
    read = stored_workload(stored)
    assert [(kind.label, kind.weight) for kind in read.mixed] == [
        ("add", 1),
        ("heavy_task", 3),
        ("pair", 2),
    ]
    assert read.message_options[2].countdown == 1
    assert (read.steps, read.calls) == ((1,), 1)
    found = Mix.of(read, 1)
    assert found is not None
    assert found.labels == ("add", "heavy_task", "pair")


def test_clients_are_told_each_part_as_its_workload_tells_it() -> None:
    add, slow = spec_of(nine_to_one(options={"countdown": "1s"}))["parts"]
    assert (add["units"], add["weight"]) == ("harness.probe.workloads.add:Add", 9)
    assert (slow["label"], slow["cpu"], slow["options"]["countdown"]) == ("slow", 0.1, 1.0)
    assert comes_along(nine_to_one())


def test_warm_up_calls_the_parts_that_it_leaves_out(project: Project) -> None:
    """At most so many: what a block may take depends on it."""
    project.change("workloads: [{workload: mix, parts: [{workload: add, weight: 9}, work]}]")
    [cell] = project.plan("measure.units=50").cells
    for warmup, called in ((0, 2), (9, 1), (10, 0)):
        measure = cell.measure.model_copy(update={"warmup": warmup})
        assert first_calls([9, 1], cell.load, measure) == called


@pytest.mark.parametrize(
    ("axis", "values", "words"),
    [
        ("workload.parts.1.weight", "[1, 3]", ["weight=1", "weight=3"]),
        ("workload.parts.0.payload_bytes", "[10, 20]", ["payload_bytes=10", "payload_bytes=20"]),
        ("workload.parts.1.queue", "[a, b]", ["queue=a", "queue=b"]),
    ],
)
def test_a_field_of_a_part_is_an_axis(
    project: Project, axis: str, values: str, words: list[str]
) -> None:
    """What is measured at its points is the same work, which may be compared."""
    project.change("workloads: [{workload: mix, parts: [add, work]}]")
    project.change(f"matrix: {{{axis}: {values}}}")
    cells = project.plan("measure.units=50").cells
    assert [cell.name for cell in cells] == [f"c[{word}]/mix-add+work/closed-8" for word in words]
    assert len({place_of(cell).work for cell in cells}) == 1


def test_two_mixes_of_other_weights_have_names_of_their_own(project: Project) -> None:
    one = "{workload: mix, parts: [{workload: add, weight: 3}, work]}"
    project.change(f"workloads: [{one}, {one.replace('3', '4')}]")
    names = [cell.name for cell in project.plan().cells]
    assert len(set(names)) == 2
    assert all("mix-add+work" in name for name in names)
