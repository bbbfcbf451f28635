"""Groups of workers in files, in plans, and in the names of cells."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.scenario.models.configuration import Configuration, Worker, group_of, groups_of
from harness.scenario.plan.identity import cell_key, configuration_key
from harness.scenario.settings.planned import planned, planned_slots
from tests.scenario.project import CONFIGURATION, Project

GROUPS = (
    "workers: {fast: {queues: [urgent, celery], pool: threads, concurrency: 8, count: 2},"
    " slow: {queues: [reports]}}\n"
)
FAST = Worker(queues=("urgent", "celery"), pool="threads", concurrency=8, count=2)
SLOW = Worker(queues=("reports",))
BOTH = (
    "matrix: {workers: [{name: one-pool, value: {all: {concurrency: 8}}}, {name: two-groups,"
    " value: {fast: {queues: [celery], concurrency: 6}, slow: {queues: [reports]}}}]}"
)


def configured(project: Project, line: str) -> Configuration:
    project.configuration(f"{CONFIGURATION}{line}\n")
    (cell,) = project.plan().cells
    return cell.configuration


def test_either_form_is_read_by_one_way(project: Project) -> None:
    groups = configured(project, GROUPS)
    assert list(groups.groups.items()) == [("fast", FAST), ("slow", SLOW)]
    assert (groups.worker_count, planned_slots(groups)) == (3, 18)
    alike = configured(project, "worker: {count: 2}")
    assert alike.groups == {"worker": Worker(count=2)}
    assert configured(project, "").groups == {"worker": Worker()}


def test_workers_are_numbered_over_all_groups(project: Project) -> None:
    configuration = configured(project, GROUPS)
    found = [group_of(configuration, number) for number in range(5)]
    assert found == [None, FAST, FAST, SLOW, None]


def test_records_of_either_form_are_read(project: Project) -> None:
    """Of older versions, too, which knew one form, and had fewer fields."""
    stored = configured(project, GROUPS).model_dump(mode="json")
    assert groups_of(stored) == {"fast": FAST, "slow": SLOW}
    assert groups_of({"worker": {"pool": "solo", "concurrency": 1}}) == {
        "worker": Worker(pool="solo", concurrency=1)
    }
    assert groups_of({}) == {"worker": Worker()}


def test_a_record_has_the_form_that_was_given(project: Project) -> None:
    """Nothing that older versions did not know, where nothing of it was said: no comparison with
    their runs finds a difference."""
    alike = configured(project, "worker: {count: 2}").model_dump(mode="json")
    assert alike["worker"] == {"pool": "prefork", "concurrency": 2, "count": 2, "options": []}
    assert alike.keys().isdisjoint({"workers", "queues"})
    grouped = configured(project, GROUPS)
    stored = grouped.model_dump(mode="json")
    assert ("worker" in stored, list(stored["workers"])) == (False, ["fast", "slow"])
    assert Configuration.model_validate_json(grouped.model_dump_json()) == grouped


@pytest.mark.parametrize(
    ("axes", "place"),
    [
        ("workers: [{a: {}}], worker.count: [1]", '6:30: overlaps with "workers"'),
        ("worker: [{}], workers.fast.count: [1]", '6:24: overlaps with "worker"'),
        ("worker: [{}], workers: [{a: {}}]", "overlaps with"),
        ("workers.fast: [{}], workers.fast.count: [1]", '6:30: overlaps with "workers.fast"'),
    ],
)
def test_axes_that_would_undo_each_other_are_refused(
    project: Project, axes: str, place: str
) -> None:
    project.configuration(CONFIGURATION + GROUPS)
    project.change(f"matrix: {{{axes}}}")
    assert place in " ".join(project.problems())


def test_each_group_is_planned_by_its_own_options(project: Project) -> None:
    options = "options: ['--autoscale=6,2', --prefetch-multiplier=1]"
    configuration = configured(
        project, f"workers: {{a: {{queues: [celery], {options}}}, b: {{queues: [y], count: 3}}}}"
    )
    first, second = planned(configuration).values()
    assert (first.least_concurrency, first.concurrency, first.prefetch_count) == (2, 6, 6)
    assert (second.concurrency, second.prefetch_count, second.slots) == (2, 8, 6)


@pytest.mark.parametrize(
    ("axes", "names"),
    [
        ("workers.fast.concurrency: [2, 4]", ["concurrency=2", "concurrency=4"]),
        (
            "workers.slow.options: [[], [--without-gossip]]",
            ["options=none", "options=no-gossip"],
        ),
        (
            "workers.fast.count: [1, 2], workers.slow.count: [1]",
            ["fast.count=1,slow.count=1", "fast.count=2,slow.count=1"],
        ),
    ],
)
def test_every_field_of_a_group_can_be_an_axis(
    project: Project, axes: str, names: list[str]
) -> None:
    project.configuration(CONFIGURATION + GROUPS)
    project.change(f"matrix: {{{axes}}}")
    cells = project.plan().cells
    assert [cell.name for cell in cells] == [f"c[{name}]/add/closed-8" for name in names]
    assert len({configuration_key(one.configuration.model_dump(mode="json")) for one in cells}) == 2


@pytest.mark.parametrize("written", ["", "worker: {count: 3}\n", GROUPS])
def test_the_grouping_itself_can_be_an_axis(project: Project, written: str) -> None:
    """Its values replace whatever form the file has."""
    project.configuration(CONFIGURATION + written)
    project.change(BOTH)
    one, two = project.plan().cells
    assert [one.name, two.name] == [
        "c[workers=one-pool]/add/closed-8",
        "c[workers=two-groups]/add/closed-8",
    ]
    assert one.configuration.groups == {"all": Worker(concurrency=8)}
    assert two.configuration.groups == {
        "fast": Worker(queues=("celery",), concurrency=6),
        "slow": Worker(queues=("reports",)),
    }


def test_a_grouping_is_found_again_whatever_its_name(project: Project) -> None:
    project.configuration(CONFIGURATION)
    project.change(BOTH)
    before = [keyed(cell.model_dump(mode="json")) for cell in project.plan().cells]
    project.change(BOTH.replace("one-pool", "together"))
    assert [keyed(cell.model_dump(mode="json")) for cell in project.plan().cells] == before
    assert len(set(before)) == 2


def keyed(cell: Mapping[str, Mapping[str, object]]) -> str:
    return cell_key(cell["configuration"], cell["axes"], cell["workload"], cell["load"])


def test_the_command_line_changes_groups(project: Project) -> None:
    project.configuration(CONFIGURATION + GROUPS)
    (cell,) = project.plan("config.workers.fast.count=1").cells
    assert cell.configuration.groups["fast"] == FAST.model_copy(update={"count": 1})
    (cell,) = project.plan("config.worker={count: 4}").cells
    assert cell.configuration.groups == {"worker": Worker(count=4)}


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        (["config.workers.fsat.count=1"], 'no group "fsat" of workers (did you mean "fast"?)'),
        (
            ["config.worker.count=1"],
            'the configuration has "workers": this says something of "worker"',
        ),
        (
            ["matrix.worker.concurrency=[1, 2]"],
            'the configuration has "workers": this says something of "worker"',
        ),
        (["matrix.workers.fsat.count=[1, 2]"], 'no group "fsat" of workers (did you mean "fast"?)'),
        (
            ["config.workers={a: {}}", "config.worker={count: 2}"],
            'the configuration has "workers": this says something of "worker"',
        ),
    ],
)
def test_a_change_leads_to_a_group_that_there_is(
    project: Project, sets: list[str], complaint: str
) -> None:
    project.configuration(CONFIGURATION + GROUPS)
    (problem,) = project.problems(*sets)
    assert complaint in problem


@pytest.mark.parametrize("groups", ["", "worker: {count: 2}\n"])
def test_an_axis_of_a_group_needs_the_group(project: Project, groups: str) -> None:
    project.configuration(CONFIGURATION + groups)
    project.change("matrix: {workers.fast.concurrency: [2, 4]}")
    assert project.problems() == ['scenarios/s.yaml:6:10: there is no group "fast" of workers']
