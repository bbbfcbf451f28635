"""How cells are called beside each other: shorter, unlike, and what is left out is said."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from harness.report.view.names import shown_names

CELLS = [
    f"{broker}[task_acks_late={late},concurrency=2]/add,x=4,y=5/closed-{n}"
    for broker, late, n in itertools.product(("redis", "rabbitmq"), ("false", "true"), (1, 8))
]


def test_axes_with_one_value_and_fields_that_all_share_are_left_out() -> None:
    names = shown_names(CELLS)
    assert names.of(CELLS[0]) == "redis[task_acks_late=false]/add/closed-1"
    assert names.everywhere == ("concurrency=2", "add: x=4, y=5")
    assert names.columns == ("configuration", "task_acks_late")
    assert names.by_name[CELLS[-1]].places == ("rabbitmq", "true")


def test_a_field_that_tells_kinds_apart_stays() -> None:
    one, other = "redis/periodic-0.1s,through=worker/schedule", "redis/periodic-1s/schedule"
    names = shown_names([one, other])
    assert (names.of(one), names.of(other)) == (one, other)
    assert names.everywhere == ()


def test_a_single_cell_is_called_by_its_kinds() -> None:
    name = "redis[rtt=5ms]/heavy_task-12/saturate,limits=p99(latency.total)_<_400ms,start=5.0"
    names = shown_names([name])
    assert names.of(name) == "redis/heavy_task-12/saturate"
    assert names.everywhere == (
        "rtt=5ms", "saturate: limits=p99(latency.total) < 400ms, start=5"
    )  # fmt: skip
    assert names.columns == ()


def test_what_is_no_cells_name_stays_as_it_is() -> None:
    odd = ["redis", "a[b/c/d", "x[y]z/add/closed-8", "", "redis[late]/add/closed-8"]
    for name in odd:
        names = shown_names([*CELLS, name])
        assert names.of(name) == name
        assert names.of(CELLS[0]) == CELLS[0]
    assert shown_names([]).of("redis/add/closed-8") == "redis/add/closed-8"


def test_without_an_axis_somewhere_there_are_no_columns() -> None:
    names = shown_names(["redis/add/closed-8", "redis[rtt=5ms]/add/closed-8"])
    assert names.columns == ()
    assert names.of("redis[rtt=5ms]/add/closed-8") == "redis[rtt=5ms]/add/closed-8"


_word = st.sampled_from(["1", "2", "true", "a-b", "x=y"])
_variant = st.builds(
    lambda name, axes: f"{name}[{','.join(f'{k}={v}' for k, v in axes.items())}]" if axes else name,
    st.sampled_from(["redis", "rabbitmq"]),
    st.dictionaries(st.sampled_from(["c", "late"]), _word, max_size=2),
)
_work = st.builds(
    lambda kind, fields: ",".join([kind, *fields]),
    st.sampled_from(["add", "group-2", "group-10"]),
    st.lists(st.sampled_from(["x=1", "x=2", "collect=join"]), max_size=2, unique=True),
)
_name = st.builds(lambda *parts: "/".join(parts), _variant, _work, _work)


@given(st.lists(_name, min_size=1, max_size=6, unique=True))
def test_unlike_names_stay_unlike_and_are_no_longer(names: list[str]) -> None:
    shown = shown_names(names)
    called = [shown.of(name) for name in names]
    assert len(set(called)) == len(names)
    assert all(len(short) <= len(name) for short, name in zip(called, names, strict=True))
    again = shown_names(called)
    assert [again.of(name) for name in called] == called
