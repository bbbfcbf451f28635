"""What `base` means."""

from __future__ import annotations

import pytest

from harness.scenario.plan.pairing import Place, UnknownBaseError, default_base, paired_cells

ONE = [Place("redis", {}, "redis/add/closed-8"), Place("rabbitmq", {}, "rabbitmq/add/closed-8")]
AXIS = [
    Place("redis", {"worker.concurrency": n}, f"redis[concurrency={n}]/{work}/closed-8")
    for n in (1, 2, 4)
    for work in ("add", "chain-2")
]
TWO_AXES = [
    Place(
        config,
        {"worker.concurrency": n, "settings.task_acks_late": late},
        f"{config}[concurrency={n},task_acks_late={str(late).lower()}]/add/closed-8",
    )
    for config in ("redis", "rabbitmq")
    for n in (1, 2)
    for late in (False, True)
]


def test_a_configuration_against_the_others() -> None:
    assert paired_cells(ONE, "redis") == ((0, 1),)
    assert paired_cells(ONE, "rabbitmq") == ((1, 0),)


@pytest.mark.parametrize("base", ["worker.concurrency=1", "concurrency=1", "redis[concurrency=1]"])
def test_an_axis_value_against_the_others_at_the_same_work(base: str) -> None:
    assert paired_cells(AXIS, base) == ((0, 2), (0, 4), (1, 3), (1, 5))


def test_all_else_stays_equal() -> None:
    by_configuration = paired_cells(TWO_AXES, "redis")
    assert by_configuration == ((0, 4), (1, 5), (2, 6), (3, 7))
    assert paired_cells(TWO_AXES, "task_acks_late=false") == ((0, 1), (2, 3), (4, 5), (6, 7))


def test_a_variant_against_all_others() -> None:
    base = "rabbitmq[concurrency=1,task_acks_late=false]"
    assert paired_cells(TWO_AXES, base) == tuple((4, other) for other in (0, 1, 2, 3, 5, 6, 7))


def test_defaults() -> None:
    assert default_base(ONE) == "redis"
    assert default_base(AXIS) == "worker.concurrency=1"
    assert default_base(TWO_AXES) == "redis"
    assert default_base(TWO_AXES[:4]) == "redis[concurrency=1,task_acks_late=false]"
    with pytest.raises(UnknownBaseError, match="only one configuration and no matrix"):
        default_base(ONE[:1])


@pytest.mark.parametrize(
    ("places", "base", "message"),
    [
        (ONE, "reddis", 'did you mean "redis"'),
        (AXIS, "concurrency=3", "no configuration or axis value"),
        (AXIS, "redis", "is the only configuration: name one of its variants"),
        (ONE[:1], "redis[x]", "no configuration or axis value"),
    ],
)
def test_an_unknown_base(places: list[Place], base: str, message: str) -> None:
    with pytest.raises(UnknownBaseError) as raised:
        paired_cells(places, base)
    assert message in str(raised.value)
