"""One run on the three brokers: two groups of workers, three queues, a route; and one of an app
whose own queues are kept. Many tests read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.results.record.queues_and_groups import QueueRecord
from harness.results.record.run import BlockRecord
from harness.services.provide import Services
from tests.runner.running import Ended, Site, make_site, never_told, outcomes_of
from tests.services.cases import RABBITMQ, REDIS, SQS, target_of

CASES = {"redis": REDIS, "rabbitmq": RABBITMQ, "sqs": SQS}
UNITS = 30
WORKERS = {
    "fast": {"queues": ["celery", "urgent"], "pool": "threads"},
    "slow": {"queues": ["reports"], "pool": "solo", "concurrency": 1},
}


def brokers_of(local: Services) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The session's servers, as somebody else's: reached, not started. And the variables that hold
    their URLs, which have passwords."""
    found: dict[str, dict[str, Any]] = {}
    environ = {}
    for name, configuration in CASES.items():
        target, variable = target_of(local, configuration), name.upper()
        found[name] = {"service": name, "provider": "external", "url": f"${{{variable}_URL}}"}
        environ[f"{variable}_URL"] = target.url
        if target.management_url is not None:
            found[name]["management_url"] = f"${{{variable}_MANAGEMENT}}"
            environ[f"{variable}_MANAGEMENT"] = target.management_url
    return found, environ


@pytest.fixture(scope="module")
def ran(local: Services, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A chain whose second link is routed elsewhere, on each broker."""
    brokers, environ = brokers_of(local)
    site = replace(make_site(tmp_path_factory.mktemp("queues")), environ=environ)
    for name, broker in brokers.items():
        settings: dict[str, Any] = {"task_routes": {"*.greeting_user": "reports"}}
        if name == "sqs":
            settings["broker_transport_options"] = {"wait_time_seconds": 0, "polling_interval": 0}
        backend = brokers["redis"]
        site.configuration(name, broker=broker, backend=backend, workers=WORKERS, settings=settings)
    site.scenario(
        configurations=list(brokers),
        workloads=[{"workload": "chain"}],
        measure={"units": UNITS, "warmup": 3},
    )
    return site.run(patience_s=270)


@pytest.fixture(params=list(CASES))
def block(request: pytest.FixtureRequest, ran: Ended) -> BlockRecord:
    assert ran.code in (0, 1), ran.stderr  # which it is, follows from how units ended
    (found,) = (
        block
        for cell in ran.record.cells
        for block in cell.blocks
        if cell.config["name"] == request.param
    )
    return found


def by_name(block: BlockRecord) -> dict[str, QueueRecord]:
    return {one.name: one for one in block.by_queue}


def test_every_unit_ends_well(ran: Ended, block: BlockRecord) -> None:
    untold = never_told(ran, block)
    assert outcomes_of(block) == {"ok": UNITS - untold} | ({"timed_out": untold} if untold else {})
    assert untold <= 1
    assert block.duplicated == 0


def test_units_are_counted_where_their_first_task_went(block: BlockRecord) -> None:
    """By the name of the files, though the default queue is called otherwise on the broker."""
    queues = by_name(block)
    assert {name: one.published for name, one in queues.items()} == {
        "celery": UNITS,
        "urgent": 0,
        "reports": 0,
    }
    assert {name: one.groups for name, one in queues.items()} == {
        "celery": ("fast",),
        "urgent": ("fast",),
        "reports": ("slow",),
    }


def test_links_were_run_by_whom_their_route_leads_to(block: BlockRecord) -> None:
    assert {one.name: one.tasks for one in block.by_group} == {"fast": UNITS, "slow": UNITS}


def test_the_depth_is_that_of_each_queue(ran: Ended, block: BlockRecord) -> None:
    assert {row["queue"] for row in ran.rows(block, "depth")} == {"celery", "urgent", "reports"}
    assert {one.left for one in block.by_queue} == {0}
    assert all(one.most_depth is not None for one in block.by_queue)


def test_each_worker_consumed_what_its_group_says(block: BlockRecord) -> None:
    assert {tuple(one.queues) for one in block.ran_with} == {("celery", "urgent"), ("reports",)}
    assert not {one.code for one in block.warnings} & {"stray_queues", "left_in_queue"}


# --- an app whose queues are kept ---------------------------------------------------------------

APP = """
from celery import Celery
from kombu import Exchange, Queue

app = Celery("shop")
app.conf.task_queues = [
    Queue("urgent", Exchange("urgent"), routing_key="urgent"),
    Queue("images", Exchange("media", type="topic"), routing_key="image.#"),
]
app.conf.task_default_queue = "urgent"
app.conf.task_routes = {
    "shop.resize": {"queue": "images", "routing_key": "image.resize"},
    "shop.mail": "mail",
}


@app.task(queue="urgent")
def pay(n):
    mail.delay(n)
    mail.apply_async((n,), queue="audit")
    return n


@app.task
def resize(n):
    return 2 * n


@app.task
def mail(n):
    return n
"""
MIX = [
    {"task": "shop.pay", "args": [{"unit": True}], "expect": {"argument": 0}},
    {"task": "shop.resize", "args": [3], "expect": 6},
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Two of its queues are consumed; one that its routes name is not, and one appears."""
    site = make_site(tmp_path_factory.mktemp("own"))
    (site.folder / "shop.py").write_text(APP, encoding="utf-8")
    site.configuration(queues={"from_app": True}, worker={"pool": "threads"})
    site.scenario(
        workloads=[{"workload": {"app": "shop:app", "mix": MIX}}],
        measure={"units": 20, "warmup": 2, "timeout": "4s"},
    )
    return site.run()


def test_an_app_keeps_its_queues(own: Ended) -> None:
    """By its own router, declared by its own exchanges; each unit where the app sends it."""
    assert own.block.outcomes.ok == 20, own.stderr
    assert own.block.ran_with[0].queues == ("images", "urgent")
    published = {one.name: one.published for one in own.block.by_queue}
    assert (published["urgent"], published["images"]) == (10, 10)


def test_its_queues_are_told_with_those_who_name_them(own: Ended) -> None:
    (told,) = (one.data for one in own.record.warnings if one.code == "app_queues")
    assert told["declared"] == {
        "urgent": ["task_queues", "queue of shop.pay", "shop.pay"],
        "images": ["task_queues", "task_routes", "shop.resize"],
        "mail": ["task_routes"],
    }
    assert told["unconsumed"] == ["mail"]
    assert not {"task_queues", "task_routes", "queue of shop.pay"} & {*told["overruled"]}


def test_what_nobody_consumes_is_named_with_its_depth(own: Ended) -> None:
    """Side tasks of a block with 20 units and its warm-up."""
    warnings = {one.code: one.data for one in own.block.warnings}
    left = warnings["left_in_queue"]["queues"]
    assert set(left) == {"mail"}
    assert warnings["stray_queues"]["queues"] == {"audit": left["mail"]}
    assert left["mail"] >= 10


def test_a_queue_that_nobody_consumes_is_refused_before_anything_starts(own: Ended) -> None:
    folder = own.results.parent
    site = Site(folder)
    site.configuration(queues={"from_app": True}, worker={"queues": ["urgent"]})
    (refused,) = site.harness("check", "scenarios/s.yaml").stdout.splitlines()
    assert "shop.resize goes to the queue images, which no worker consumes" in refused
