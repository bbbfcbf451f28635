"""Names of cells: unlike where values are, readable, and no part of what a cell is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.checks.judging import place_of
from harness.scenario.plan.identity import cell_key, work_key
from harness.scenario.plan.pairing import UnknownBaseError, default_base, paired_cells
from harness.scenario.plan.value_words import canonical, words_of
from tests.scenario.project import Project

GOSSIP, MINGLE = "--without-gossip", "--without-mingle"
LISTS: list[list[str]] = [
    [],
    [GOSSIP, MINGLE, "--without-heartbeat"],
    [GOSSIP, MINGLE, "--max-tasks-per-child=1"],
]
MAPPINGS = [
    {"visibility_timeout": 3600, "unacked_restore_interval": 1, "unacked_restore_limit": 1},
    {"visibility_timeout": 3600, "unacked_restore_interval": 10, "unacked_restore_limit": 7},
]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.text("ab/ ", max_size=60),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("given_values", "words"),
    [
        ([1, 4], ["1", "4"]),
        ([False, True, None], ["false", "true", "null"]),
        (LISTS, ["none", "no-gossip+no-mingle+no-heartbeat", "no-gossip..+max-tasks-per-child=1"]),
        (MAPPINGS, ["..unacked_restore_interval:1..", "..unacked_restore_interval:10.."]),
        ([[0, 9], {"rtt": "5ms", "loss": 0}], ["0+9", "rtt:5ms+loss:0"]),
        ([{"version": "5.3.1", "pins": ["redis<5"]}], ["version:5.3.1+pins:(redis<5)"]),
        (["x" * 60 + "-one", "x" * 60 + "-two"], ["xxxxxxxx..one", "xxxxxxxx..two"]),
        (["a b", "a/b", "c"], ["a_b~5e229e", "a_b~f5effa", "c"]),
    ],
)
def test_words(given_values: list[Any], words: list[str]) -> None:
    assert words_of(given_values) == words


def test_a_name_is_taken_as_it_is() -> None:
    told = words_of(["lean", LISTS[1]], [None, "lean"])
    assert told[1] == "lean"
    assert told[0].startswith("lean~")


@given(st.lists(values, unique_by=canonical, max_size=8))
def test_unlike_values_have_unlike_words_fit_for_a_name(different: list[Any]) -> None:
    words = words_of(different)
    assert len(set(words)) == len(different)
    assert all(len(word) <= 104 and not set(word) & set("/,[] \n") for word in words)
    assert sorted(words_of(different[::-1])) == sorted(words)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_the_order_of_a_mapping_changes_nothing(settings: dict[str, Any]) -> None:
    turned = json.loads(json.dumps(settings), object_pairs_hook=lambda pairs: dict(pairs[::-1]))
    keys = [
        cell_key({"name": "c"}, {"settings.x": one}, {"workload": "add"}, {"load": "closed"})
        for one in (settings, turned)
    ]
    assert keys[0] == keys[1]


def test_the_order_of_a_list_does() -> None:
    keys = {
        cell_key({"name": "c"}, {"settings.x": one}, {"workload": "add"}, {"load": "closed"})
        for one in ([1, 2], [2, 1], [1.0, 2], ["1", 2], [True, 2])
    }
    assert len(keys) == 5


def test_defaults_and_the_way_of_writing_are_no_part_of_a_cell() -> None:
    """A field that a later version adds, or a number written as `1s`, ends no series."""
    configuration = {"name": "c", "broker": {"service": "redis"}, "backend": {"service": "redis"}}
    slow = [configuration | {"network": {"rtt": 0.005}}, configuration | {"network": {"rtt": 5e-3}}]
    keys = {
        cell_key(config, {"network.rtt": written}, {"workload": "add", **more}, {"load": "closed"})
        for config, written, more in zip(
            slow, ["5ms", 0.005], [{}, {"payload_bytes": 0}], strict=True
        )
    }
    assert len(keys) == 1


def test_a_workload_may_be_renamed_without_becoming_another_one() -> None:
    named = [{"workload": "add", "name": name, "x": 1} for name in ("a", "b")] + [
        {"workload": "add", "x": 1}
    ]
    config, load = {"name": "c"}, {"load": "closed"}
    assert len({cell_key(config, {}, workload, load) for workload in named}) == 1
    assert len({work_key(workload, load, {}, []) for workload in named}) == 1
    assert cell_key(config, {}, named[0] | {"x": 2}, load) != cell_key(config, {}, named[0], load)


def test_work_is_the_same_at_every_value_of_its_axis() -> None:
    keys = {
        work_key({"workload": "add", "options": {"priority": n}}, {"load": "closed"}, {}, axes)
        for axes in ([["workload.options.priority"]])
        for n in (0, 9)
    }
    assert len(keys) == 1


# --- from files ----------------------------------------------------------------------------------


def matrix(project: Project, axis: str, entries: list[Any], compare: str = "{}") -> None:
    project.change(f"matrix: {json.dumps({axis: entries})}")
    project.change(f"compare: {compare}")


def test_values_alike_in_their_first_characters_are_each_measured_and_compared(
    project: Project,
) -> None:
    for axis, entries in (
        ("worker.options", LISTS),
        ("settings.broker_transport_options", MAPPINGS),
        ("settings.worker_log_format", ["x" * 50 + "1", "x" * 50 + "2", "x" * 50 + "3"]),
    ):
        matrix(project, axis, entries)
        cells = project.plan().cells
        assert len({cell.name for cell in cells}) == len(entries)
        assert [cell.axes[axis] for cell in cells] == entries
        places = [place_of(cell) for cell in cells]
        base = default_base(places)
        assert paired_cells(places, base) == tuple((0, n) for n in range(1, len(entries)))


def test_a_value_with_a_name_of_its_own(project: Project) -> None:
    named = {"name": "lean", "value": LISTS[1]}
    matrix(project, "worker.options", [[], named], "{base: options=lean}")
    cells = project.plan().cells
    assert [cell.name for cell in cells] == [
        "c[options=none]/add/closed-8",
        "c[options=lean]/add/closed-8",
    ]
    assert cells[1].configuration.worker.options == tuple(LISTS[1])
    assert cells[1].axes == {"worker.options": LISTS[1]}
    places = [place_of(cell) for cell in cells]
    assert paired_cells(places, "options=lean") == ((1, 0),)
    # A mapping with these two keys that is itself the value.
    matrix(project, "settings.broker_transport_options", [{}, {"name": "both", "value": named}])
    assert project.plan().cells[1].configuration.settings == {"broker_transport_options": named}


@pytest.mark.parametrize(
    ("axis", "entries", "message"),
    [
        ("worker.options", [[GOSSIP], [GOSSIP]], "the value a list stands here twice"),
        (
            "worker.options",
            [{"name": "a", "value": [GOSSIP]}, {"name": "b", "value": [GOSSIP]}],
            "the value a list stands here twice",
        ),
        ("network.rtt", ["1s", "1000ms"], 'the value "1000ms" means the same as "1s" before it'),
        ("workload.options.countdown", [1, "1s"], 'the value "1s" means the same as 1 before it'),
        (
            "worker.concurrency",
            [{"name": "n", "value": 1}, {"name": "n", "value": 2}],
            'two values with the name "n"',
        ),
        ("worker.concurrency", [{"name": "a/b", "value": 1}], '"a/b" is no name for a value'),
        ("worker.concurrency", [{"name": 5, "value": 1}], "5 is no name for a value"),
    ],
)
def test_what_would_be_one_cell_twice_is_refused(
    project: Project, axis: str, entries: list[Any], message: str
) -> None:
    project.change(f"matrix: {json.dumps({axis: entries})}")
    problems = project.problems()
    assert len(problems) == 1
    assert message in problems[0]


def test_a_value_is_good_where_another_axis_makes_it_so(project: Project) -> None:
    """Pool solo runs one task at a time: alone it would not go with the file's concurrency."""
    matrix(project, "worker.pool", ["solo", "threads"])
    assert len(project.problems()) == 1
    axes = {"worker.pool": ["solo", "threads"], "worker.concurrency": [1]}
    project.change(f"matrix: {json.dumps(axes)}")
    assert [cell.configuration.worker.concurrency for cell in project.plan().cells] == [1, 1]
    axes["worker.concurrency"] = [1, 2]
    project.change(f"matrix: {json.dumps(axes)}")
    [problem] = project.problems()
    assert "pool solo runs one task at a time" in problem


def test_a_workload_is_called_as_the_scenario_says(project: Project) -> None:
    project.change("workloads: [{workload: add, name: small}, {workload: add, payload_bytes: 9}]")
    names = [cell.name.split("/")[1] for cell in project.plan().cells]
    assert names == ["small", "add,payload_bytes=9"]


def test_two_names_make_no_two_workloads(project: Project) -> None:
    project.change("workloads: [{workload: add, name: a}, {workload: add, name: b}]")
    (problem,) = project.problems()
    assert "twice" in problem


def test_a_word_that_could_be_several_values_is_no_base(project: Project) -> None:
    """As the first versions shortened values; the error says how to name one."""
    matrix(project, "settings.worker_log_format", ["x" * 50 + "1", "x" * 50 + "2"])
    places = [place_of(cell) for cell in project.plan().cells]
    with pytest.raises(UnknownBaseError, match=r"could be .*1 or .*2: write which"):
        paired_cells(places, f"worker_log_format={'x' * 40}")


URL = "sqla+postgresql://user:${PW}@db%s.example.com:5432/app?sslmode=%s"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            [URL % (1, "disable"), URL % (1, "require"), URL % (2, "disable")],
            ["db1..sslmode=disable", "db1..sslmode=require", "db2..sslmode=disable"],
        ),
        (
            [
                f"amqp://u@rabbit-{node}.prod.example.org:5672//?heartbeat={beat}&x=1"
                for node in (1, 2)
                for beat in (0, 10)
            ],
            [f"rabbit-{node}..heartbeat={beat}" for node in (1, 2) for beat in (0, 10)],
        ),
    ],
)
def test_texts_that_differ_in_two_places_say_what_differs(
    values: list[str], expected: list[str]
) -> None:
    assert words_of(values) == expected
    assert words_of(values[::-1]) == expected[::-1]
