"""Plans of the workloads beyond the tutorial: names, defaults, and where they cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.plan.loader import load_plan
from harness.scenario.vendors.registry import BACKENDS
from harness.scenario.workloads.tracking import TrackingWorkload
from tests.scenario.project import Project

ROOT = Path(__file__).parents[3]
RPC = "name: c\nbroker: {service: rabbitmq}\nbackend: {service: rpc}\n"
WITHOUT = "name: c\nbroker: {service: redis}\nbackend: {service: none}\n"
IGNORED = (
    "name: c\nbroker: {service: redis}\nbackend: {service: redis}\n"
    "settings: {task_ignore_result: true}\n"
)
SQS = "name: c\nbroker: {service: sqs}\nbackend: {service: redis}\n"


@pytest.mark.parametrize(
    ("workload", "label"),
    [
        ("chord", "chord-10"),
        ("{workload: chord, size: 100, payload_bytes: 5}", "chord-100,payload_bytes=5"),
        ("{workload: chord, follow_parents: false}", "chord-10,follow_parents=false"),
        ("nested", "nested-10"),
        ("map", "map-10"),
        ("starmap", "starmap-10"),
        ("{workload: chunks, size: 50, chunk: 7}", "chunks-50,chunk=7"),
        ("tracking", "tracking-busy"),
        ("{workload: tracking, wait: interval, interval: 1s}", "tracking-interval,interval=1.0"),
        ("{workload: tracking, wait: get, n: no number}", "tracking-get-text"),
    ],
)
def test_names_of_cells(project: Project, workload: str, label: str) -> None:
    project.change(f"workloads: [{workload}]")
    (cell,) = project.plan().cells
    assert cell.name == f"c/{label}/closed-8"


@pytest.mark.parametrize("workload", ["chord", "nested"])
@pytest.mark.parametrize(
    ("configuration", "without"),
    [(RPC, "backend rpc"), (WITHOUT, "backend none"), (IGNORED, "task_ignore_result")],
)
def test_chords_need_a_backend_that_takes_them(
    project: Project, workload: str, configuration: str, without: str
) -> None:
    project.configuration(configuration)
    project.change(f"workloads: [{workload}]")
    project.change("loads: [backlog]")
    (problem,) = project.problems()
    fit = " or ".join(name for name, row in BACKENDS.items() if row.chords)
    instead = f"use backend {fit}"
    if without == "task_ignore_result":
        instead = "leave task_ignore_result out, or this workload"
    assert problem == (
        f"scenarios/s.yaml:3:13: a {workload} waits for its header's results, "
        f'and configuration "c" has {without}: {instead}'
    )


def test_chunks_are_joined_as_groups_are(project: Project) -> None:
    project.configuration(WITHOUT)
    project.change("workloads: [chunks, map]")
    project.change("loads: [backlog]")
    (problem,) = project.problems()
    assert "3:13: a group's results are joined" in problem


@pytest.mark.parametrize(
    ("workload", "fits"),
    [
        ("{workload: chord, size: 16, payload_bytes: 36000}", True),
        ("{workload: chord, size: 17, payload_bytes: 36000}", False),
        ("{workload: starmap, size: 17, payload_bytes: 36000}", False),
        ("{workload: chunks, size: 100, chunk: 16, payload_bytes: 36000}", True),
        ("{workload: chunks, size: 100, chunk: 17, payload_bytes: 36000}", False),
    ],
)
def test_a_message_carries_all_its_calls(project: Project, workload: str, fits: bool) -> None:
    """SQS takes a mebibyte: what counts is the unit's largest message, not one call."""
    project.configuration(SQS)
    project.change(f"workloads: [{workload}]")
    problems = project.problems()
    told = "612,000 bytes are a message of 1,088,000 bytes or more on sqs"
    assert ([] if fits else [told]) == [
        problem.split(": ", 1)[1].partition(", base64")[0] for problem in problems
    ]


def test_the_shipped_scenarios_ask_what_they_say() -> None:
    sizes = {
        (cell.workload.workload, getattr(cell.workload, "size", None))
        for cell in load_plan(ROOT / "scenarios" / "fan-out.yaml", environ={}).cells
    }
    assert {
        (kind, size) for kind in ("group", "chord", "starmap") for size in (10, 100, 1000)
    } <= sizes
    cells = load_plan(ROOT / "scenarios" / "track-states.yaml", environ={}).cells
    watched = [cell.workload for cell in cells if isinstance(cell.workload, TrackingWorkload)]
    assert {one.wait for one in watched} == {"busy", "interval", "get"}
    assert {isinstance(one.n, str) for one in watched} == {True, False}
    assert {cell.axes["settings.task_track_started"] for cell in cells} == {False, True}
