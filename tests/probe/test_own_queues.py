"""The queues of a user's own app: which there are, by whose word, and where measured tasks go."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from kombu.entity import Exchange, Queue

from harness.probe.own_app.application import OwnQueues, choosing_on, overrule
from harness.probe.own_app.own_queues import described, led_to
from harness.probe.queues import declare
from harness.probe.spoken import QueueSpec

# Celery would rather have routes than queues of tasks; apps have both.
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*'queue' task attribute is deprecated")


def made(**settings: Any) -> Celery:
    app = Celery("shop", set_as_current=False)
    app.conf.update(settings)

    def one(n: int) -> int:
        return n

    app.task(one, name="shop.pay", queue="urgent", shared=False)
    app.task(one, name="shop.mail", shared=False)
    app.task(one, name="shop.resize", shared=False)
    app.finalize()
    return app


def part(task: str, **options: Any) -> dict[str, Any]:
    return {"task": task, "options": options}


def test_an_app_that_says_nothing_has_the_default_queue() -> None:
    assert described(made(), [part("shop.mail")], [()]) == {
        "declared": {
            "celery": ["task_default_queue", "shop.mail"],
            "urgent": ["queue of shop.pay"],
        },
        "consumed": ["celery"],
        "measured": ["celery"],
    }


def test_every_queue_with_those_who_name_it() -> None:
    media: Any = Exchange("media", type="topic")  # type: ignore[no-untyped-call]  # kombu is half typed
    urgent: Any = Queue("urgent")  # type: ignore[no-untyped-call]
    images: Any = Queue("images", media, routing_key="image.resize")  # type: ignore[no-untyped-call]
    app = made(
        task_queues=[urgent, images],
        task_routes={
            "shop.mail": {"queue": "mail"},
            "shop.resize": {"exchange": "media", "routing_key": "image.resize"},
        },
    )
    found = described(
        app,
        [part("shop.pay"), part("shop.mail", queue="slow"), part("shop.resize"), part("shop.mail")],
        [("urgent", "mail"), ()],
    )
    assert found["consumed"] == ["urgent", "images"]
    assert found["measured"] == ["urgent", "slow", "images", "mail"]
    assert found["declared"] == {
        "urgent": ["task_queues", "queue of shop.pay", "workers", "shop.pay"],
        "images": ["task_queues", "shop.resize"],
        "mail": ["task_routes", "workers", "shop.mail"],
        "slow": ["shop.mail"],
    }


def test_a_route_to_an_exchange_without_such_a_queue_leads_nowhere_known() -> None:
    app = made(task_routes={"shop.mail": {"exchange": "other", "routing_key": "x"}})
    assert led_to(app, part("shop.mail")) is None


SEVERAL: list[QueueSpec] = [
    {"name": "harness-1", "called": "celery", "arguments": {}},
    {"name": "urgent", "called": "urgent", "arguments": {}},
]


@pytest.mark.parametrize(
    ("told", "asked", "routes", "queue"),
    [
        ([], None, None, "harness-1"),
        ([], "urgent", None, "harness-1"),
        (SEVERAL, "urgent", None, "urgent"),
        (SEVERAL, "celery", None, "harness-1"),
        (SEVERAL, "the-apps-own", None, "harness-1"),
        (SEVERAL, "the-apps-own", {"shop.*": "urgent"}, "urgent"),
        (SEVERAL, None, {"shop.mail": {"queue": "urgent"}}, "urgent"),
    ],
)
def test_without_its_own_queues_an_app_keeps_to_the_blocks(
    told: list[QueueSpec], asked: str | None, routes: Any, queue: str
) -> None:
    """Whatever its code asks for, a message goes where somebody consumes."""
    app = made(task_default_queue="harness-1", task_routes=routes)
    declare(app, told)
    router = OwnQueues(app, told)
    options = {"priority": 3, "exchange": "media", **({"queue": asked} if asked else {})}
    found = router.route(options, "shop.mail", (), {})
    assert found.pop("queue").name == queue
    assert found == {"priority": 3}


def test_what_a_worker_was_told_to_consume_outlives_the_last_rule() -> None:
    """Celery chooses the queues of `--queues` before `worker_init`, when the rule is laid above the
    app once more."""
    settings = {"broker_url": "memory://", "result_backend": None}
    app = made()
    for name in (None, "urgent", "celery"):
        if name is not None:
            app.amqp.queues.select([name])
        with choosing_on(app):
            overrule(app, settings, stores_results=True)
            declare(app, SEVERAL)
        consumed = {"urgent": ["urgent"], "celery": ["harness-1"]}.get(name or "")
        assert sorted(app.amqp.queues.consume_from) == (consumed or ["harness-1", "urgent"])


def test_modules_that_settings_name_are_imported_by_workers_of_an_own_app() -> None:
    """Though the app had its own looked up before the cell's settings were laid above them."""
    app = made(imports=["json"])
    app.loader.import_default_modules()
    settings = {"broker_url": "memory://", "result_backend": None, "imports": ["wave"]}
    overrule(app, settings, stores_results=True)
    assert [module.__name__ for module in app.loader.import_default_modules()][-1] == "wave"
