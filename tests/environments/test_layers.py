"""Which layer a difference comes from: named where the blocks show it, and nowhere else."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.report.tables.layers import layer_sentence, layers_table
from harness.results.judge.compare import compare_run
from harness.results.record.comparison import ComparisonReport, LayerPath
from harness.results.record.run import BlockRecord, CellRecord
from harness.runner.order import interleaved
from tests.compare.runs import measured
from tests.report.made.records import cell, run

OLD = {"python": "3.11.7", "celery": "5.3.1", "kombu": "5.3.1", "redis": "4.6.0", "amqp": "5.1.1"}
CLIENTS = OLD | {"redis": "8.1.0", "amqp": "5.4.2"}
KOMBU = CLIENTS | {"kombu": "5.7.0"}
NEW = KOMBU | {"celery": "5.7.0"}
MIDDLE = OLD | {"celery": "5.4.0", "kombu": "5.3.7", "redis": "5.0.4"}
SETS = {"5.3.1": OLD, "5.4.0": MIDDLE, "5.7.0": NEW, "clients": CLIENTS, "kombu": KOMBU}
REDIS = {"name": "redis", "broker": {"service": "redis"}, "backend": {"service": "redis"}}


def compared(
    speeds: Mapping[str, float],
    *,
    pairs: int = 10,
    spread: float = 0.01,
    sets: Mapping[str, Mapping[str, str]] = SETS,
    order: Sequence[int] | None = None,
    base: str = "celery=5.3.1",
    config: Mapping[str, Any] = REDIS,
    seed: int = 3,
) -> ComparisonReport:
    """Blocks of 500/s times the speed of their set, under a noise of this spread."""
    noise = random.Random(seed)  # noqa: S311 - a simulation
    order = interleaved([pairs] * len(sets), seed=5) if order is None else order
    blocks: dict[int, list[BlockRecord]] = {index: [] for index in range(len(sets))}
    for number, index in enumerate(order):
        rate = 500 * speeds.get(list(sets)[index], 1.0) * math.exp(noise.gauss(0, spread))
        blocks[index].append(measured(number, index, len(blocks[index]), rate))
    cells: list[CellRecord] = [
        cell(
            f"redis[celery={name}]/add/closed-8",
            *blocks[index],
            axes={
                "celery": {"name": name, "pins": ["x"]} if name in ("clients", "kombu") else name
            },
            packages=dict(packages),
            config=dict(config),
        )
        for index, (name, packages) in enumerate(sets.items())
    ]
    return compare_run(run(*cells, order=tuple(order)), base=base)


def throughput(report: ComparisonReport) -> LayerPath:
    [path] = [path for path in report.layers if path.metric == "throughput"]
    return path


def test_a_planted_slow_kombu_is_named_and_nothing_else() -> None:
    report = compared({"kombu": 0.8, "5.7.0": 0.8})
    path = throughput(report)
    assert [step.layer for step in path.steps] == ["client library", "kombu", "Celery"]
    assert [step.verdict for step in path.steps] == ["no_change", "slower", "no_change"]
    assert path.steps[0].changes == ("redis 4.6.0 to 8.1.0",)  # amqp is idle on Redis
    assert path.steps[1].ratio == pytest.approx(0.8, rel=0.02)
    assert layer_sentence(path) == "slower, through kombu"
    assert {path.metric for path in report.layers} == {
        *("throughput", "latency.total.p50", "worker_cpu"),
    }


@pytest.mark.parametrize(
    ("broker", "backend", "used"),
    [
        ("sqs", "redis", ("boto3", "redis")),
        ("redis", "dynamodb", ("boto3", "redis")),
        ("rabbitmq", "s3", ("amqp", "boto3")),
        ("rabbitmq", "redis", ("amqp", "redis")),
        ("redis", "postgresql", ("redis",)),
    ],
)
def test_a_client_library_is_one_of_a_service_that_is_used(
    broker: str, backend: str, used: tuple[str, ...]
) -> None:
    """boto3 speaks to DynamoDB and S3 as well as to SQS; elsewhere it is installed, and idle."""
    sets = {name: {**packages, "boto3": "1.40.0"} for name, packages in SETS.items()}
    sets["5.3.1"]["boto3"] = "1.34.0"
    config = {"name": "c", "broker": {"service": broker}, "backend": {"service": backend}}
    path = throughput(compared({}, sets=sets, config=config))
    assert path.steps[0].layer == "client library"
    assert tuple(change.partition(" ")[0] for change in path.steps[0].changes) == used


def test_the_layers_multiply_to_the_whole() -> None:
    path = throughput(compared({"clients": 1.3, "kombu": 0.9, "5.7.0": 0.7}, spread=0.05))
    product = math.prod(step.ratio or math.nan for step in path.steps)
    assert product == pytest.approx(path.whole.ratio)
    [whole] = [
        one
        for one in compared({"clients": 1.3, "kombu": 0.9, "5.7.0": 0.7}, spread=0.05).comparisons
        if "5.7.0" in one.head and one.metric == "throughput"
    ]
    assert path.whole.ratio == pytest.approx(whole.ratio)


@pytest.mark.parametrize(
    ("speeds", "sentence"),
    [
        ({}, "no change, no layer to name"),
        (
            {"clients": 1.4, "kombu": 1.4, "5.7.0": 1.2},
            "faster, through client library, against Celery",
        ),
        ({"clients": 0.7, "kombu": 0.7, "5.7.0": 0.6}, "slower, through client library and Celery"),
        (
            {"clients": 0.7},
            "no change together, but client library slows and kombu speeds up",
        ),
    ],
)
def test_what_is_said(speeds: Mapping[str, float], sentence: str) -> None:
    report = compared(speeds)
    assert layer_sentence(throughput(report)) == sentence
    [title] = [
        section.title
        for section in layers_table(report.layers).sections
        if section.title.startswith("throughput")
    ]
    assert title.endswith(sentence)


def test_a_cost_per_task_within_the_margin_is_no_layers() -> None:
    """Three per cent are no chance here; of a cost the rate alone may move as much."""
    report = compared({"kombu": 0.97, "5.7.0": 0.97}, spread=0.002)
    assert throughput(report).steps[1].verdict == "slower"
    [cpu] = [path for path in report.layers if path.metric == "worker_cpu"]
    assert cpu.steps[1].ratio == pytest.approx(0.97, rel=0.01)
    assert {step.verdict for step in (*cpu.steps, cpu.whole)} == {"no_change"}


def test_noise_names_no_layer() -> None:
    """A ratio far from 1 is no claim as long as its interval is not."""
    path = throughput(compared({"kombu": 0.93, "5.7.0": 0.93}, spread=0.3))
    assert {step.verdict for step in path.steps} == {"inconclusive"}
    assert layer_sentence(path) == "cannot be told, no layer's part can be told from chance"


def test_identical_sets_name_a_layer_rarely() -> None:
    """Over 40 runs of nothing but noise, q and the shared error keep false claims near 5 %."""
    chain = {name: SETS[name] for name in ("5.3.1", "5.7.0", "clients", "kombu")}
    claims = 0
    for seed in range(40):
        path = throughput(compared({}, sets=chain, spread=0.1, pairs=6 + 2 * (seed % 3), seed=seed))
        claims += any(step.verdict in ("slower", "faster") for step in path.steps)
    assert claims <= 4


def test_no_claim_from_few_or_unordered_blocks() -> None:
    few = throughput(compared({"kombu": 0.5, "5.7.0": 0.5}, pairs=5))
    assert layer_sentence(few) == "nothing can be said, 5 pairs only"
    in_turn = [index for index in range(len(SETS)) for _ in range(10)]
    unordered = throughput(compared({"kombu": 0.5, "5.7.0": 0.5}, order=in_turn))
    assert layer_sentence(unordered) == "nothing can be said, not interleaved"
    assert {step.verdict for step in unordered.steps} == {"inconclusive"}


def test_versions_alone_lead_nowhere() -> None:
    """Between plain versions several layers differ at once: no way, no table."""
    plain = {name: SETS[name] for name in ("5.3.1", "5.4.0", "5.7.0")}
    assert compared({}, sets=plain).layers == ()
    assert compared({}, base="celery=5.4.0").layers == ()


def test_the_way_begins_at_the_base() -> None:
    """From a set in the middle there are two ways, onward and back."""
    report = compared({"5.7.0": 0.8}, base="celery=kombu")
    ways = {
        tuple(step.layer for step in path.steps): layer_sentence(path)
        for path in report.layers
        if path.metric == "throughput"
    }
    assert ways == {
        ("Celery",): "slower, through Celery",
        ("kombu", "client library"): "no change, no layer to name",
    }


def test_another_python_is_no_layer() -> None:
    other = {"5.3.1": OLD, "elsewhere": CLIENTS | {"python": "3.12.1"}}
    assert compared({}, sets=other).layers == ()


def test_on_rabbitmq_the_client_library_is_amqp() -> None:
    rabbitmq = {"name": "r", "broker": {"service": "rabbitmq"}, "backend": {"service": "rpc"}}
    path = throughput(compared({}, config=rabbitmq))
    assert path.steps[0].changes == ("amqp 5.1.1 to 5.4.2",)
