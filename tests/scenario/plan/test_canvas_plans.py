"""Plans of the workloads beyond the tutorial: names, defaults, and where they cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.plan.loader import load_plan
from harness.scenario.vendors.registry import BACKENDS
from harness.scenario.workloads.canvas import CanvasWorkload
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
        ("canvas", "canvas-group"),
        ("{workload: canvas, of: chain, width: 3}", "canvas-chain"),
        (
            "{workload: canvas, depth: 3, width: 5, length: 4}",
            "canvas-group,width=5,length=4,depth=3",
        ),
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


def test_a_canvas_has_chords_where_a_chain_goes_on_behind_a_group(project: Project) -> None:
    project.configuration(RPC)
    project.change("workloads: [{workload: canvas}, {workload: canvas, of: chain}]")
    project.change("loads: [backlog]")
    (problem,) = project.problems()
    assert problem.startswith(
        "scenarios/s.yaml:3:44: a chain that goes on behind a group is a chord, and rpc takes none"
    )
    project.configuration(WITHOUT)
    joined = "a group's results are joined, and configuration"
    assert [joined in problem for problem in project.problems()] == [True, True]


@pytest.mark.parametrize(
    ("canvas", "steps", "strands"),
    [
        ("{workload: canvas, width: 3, length: 2}", (3, 3), (1, 3)),
        ("{workload: canvas, of: chain, width: 3, length: 2}", (3, 3), (1, 1)),
        ("{workload: canvas, depth: 3, width: 2, length: 2}", (4, 4), (1, 2)),
        (
            "{workload: canvas, of: chain, depth: 3, width: 2, length: 3}",
            (2,) * 9,
            (1, 2, 2) * 3,
        ),
        ("{workload: canvas, depth: 4, width: 2, length: 2}", (4,) * 4, (1, 4, 2, 4)),
    ],
)
def test_which_tasks_of_a_canvas_wait_for_which(
    project: Project, canvas: str, steps: tuple[int, ...], strands: tuple[int, ...]
) -> None:
    """Worked out by hand: a chain of two groups of three chains is one strand at each new link."""
    project.change(f"workloads: [{canvas}]")
    (cell,) = project.plan().cells
    assert (cell.workload.steps, cell.workload.strands) == (steps, strands)


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
        ("{workload: canvas, of: chain, width: 30, length: 99}", True),
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


def test_a_canvas_sends_what_is_to_come_along(project: Project) -> None:
    """Each of the first tasks carries the rest of its chain: 2,970 tasks of some 200 bytes."""
    project.configuration(SQS)
    project.change("workloads: [{workload: canvas, of: chain, width: 30, length: 100}]")
    (problem,) = project.problems()
    assert problem.startswith("scenarios/s.yaml:3:50: 594,000 bytes are a message of 1,056,000")


@pytest.mark.parametrize(
    ("canvas", "behind"),
    [
        ("{workload: canvas, width: 3, length: 2}", 1),
        ("{workload: canvas, of: chain, width: 3, length: 2}", 3),
        ("{workload: canvas, depth: 3, width: 2, length: 2}", 2),
        ("{workload: canvas, of: chain, depth: 3, width: 2, length: 3}", 14),
        ("{workload: canvas, depth: 4, width: 5, length: 3}", 32),
    ],
)
def test_what_a_first_task_carries_for_later(project: Project, canvas: str, behind: int) -> None:
    """Worked out by hand: all of the groups behind its own, none of its neighbours' chains."""
    project.change(f"workloads: [{canvas}]")
    (cell,) = project.plan().cells
    assert isinstance(cell.workload, CanvasWorkload)
    assert cell.workload.tasks_behind == behind
    assert cell.workload.largest_message_bytes == 200 * behind


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
