"""Settings: as strict as a typo needs, never stricter than Celery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from celery.app.defaults import DEFAULTS, SETTING_KEYS
from celery.bin.worker import worker
from kombu.transport.redis import Channel as RedisChannel
from kombu.transport.SQS import Channel as SqsChannel
from kombu.transport.SQS import Transport as SqsTransport

from harness.probe.own_app.celery_sources import installed, understood_by
from harness.scenario.files.document import Document, Mark, Spot
from harness.scenario.settings.celery_settings import OWNED, settings_problems
from harness.scenario.settings.celery_since import since
from harness.scenario.settings.worker_options import worker_option_problems
from harness.scenario.vendors.registry import BROKERS
from harness.scenario.vendors.transport_options import OWNED_OPTIONS
from tests.scenario.project import CONFIGURATION, Project

HERE = Mark("f", 1, 1)


def complaints(settings: dict[str, Any], service: str = "redis") -> list[str]:
    document = Document({"settings": settings}, {(): Spot(HERE, HERE)})
    return [one.message for one in settings_problems(document, ("settings",), service)]


def plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | dict)


@pytest.mark.parametrize("name", sorted(SETTING_KEYS - set(OWNED)))
def test_every_default_of_celery_is_accepted(name: str) -> None:
    value = DEFAULTS[name]
    value = list(value) if isinstance(value, tuple) else value
    value = value if plain(value) or isinstance(value, list) else 86400
    assert complaints({name: value}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("broker_pool_limit", None),
        ("broker_use_ssl", {"cert_reqs": "CERT_NONE"}),
        ("result_expires", None),
        ("result_backend_max_retries", float("inf")),
        ("task_default_delivery_mode", "transient"),
        ("task_default_delivery_mode", 1),
        ("task_default_priority", 5),
        ("task_default_rate_limit", "10/s"),
        ("task_compression", "gzip"),
        ("task_time_limit", 5),
        ("broker_transport_options", {"confirm_publish": True, "unheard_of": 1}),
        ("result_backend_transport_options", {"visibilty_timeout": 5}),
    ],
)
def test_what_celery_takes_beyond_its_table(name: str, value: Any) -> None:
    assert complaints({name: value}) == []


def test_owned_settings_exist_in_celery_or_would_be_reported_anyway() -> None:
    assert set(OWNED) <= SETTING_KEYS | installed().settings
    assert {setting for setting, _ in OWNED_OPTIONS} <= SETTING_KEYS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CELERY_ACKS_LATE", "task_acks_late"),
        ("CELERYD_MAX_TASKS_PER_CHILD", "worker_max_tasks_per_child"),
        ("CELERY_IGNORE_RESULT", "task_ignore_result"),
        ("CELERY_TASK_RESULT_EXPIRES", "result_expires"),
        ("CELERY_TASK_ACKS_LATE", "task_acks_late"),
        ("BROKER_POOL_LIMIT", "broker_pool_limit"),
        ("CELERY_ACCEPT_CONTENT", "accept_content"),
    ],
)
def test_old_names_say_the_new_one(old: str, new: str) -> None:
    assert complaints({old: 1}) == [f'"{old}" is an old name: write {new}']


def test_transport_options_belong_to_a_broker() -> None:
    typo = {"broker_transport_options": {"poling_interval": 1}}
    expected = 'unknown transport option "poling_interval" (did you mean "polling_interval"?)'
    assert complaints(typo, "sqs") == [expected]
    assert complaints(typo, "rabbitmq") == []


@pytest.mark.parametrize(
    ("service", "name", "value", "told"),
    [
        ("redis", "visibility_timeout", True, "a number, 0 or more, not true"),
        ("redis", "visibility_timeout", "30", 'a number, 0 or more, not "30"'),
        ("redis", "socket_timeout", float("nan"), "a number, 0 or more, not NaN"),
        ("sqs", "wait_time_seconds", -1, "a number, 0 or more, not -1"),
        ("sqs", "polling_interval", [1], "a number, 0 or more, not a list"),
        ("rabbitmq", "confirm_publish", "abc", 'true or false, not "abc"'),
        ("rabbitmq", "confirm_publish", 1, "true or false, not 1"),
    ],
)
def test_values_of_transport_options(service: str, name: str, value: Any, told: str) -> None:
    settings = {"broker_transport_options": {name: value}}
    assert complaints(settings, service) == [f"{name}: expected {told}"]


@pytest.mark.parametrize(
    ("service", "options"),
    [
        ("redis", {"visibility_timeout": 0, "polling_interval": 0.05, "socket_timeout": None}),
        ("redis", {"visibility_timeout": float("inf"), "fanout_prefix": "/{db}."}),
        ("redis", {"visibility_timeout": "${SECONDS}", "socket_keepalive": "${SWITCH}"}),
        ("redis", {"confirm_publish": "not this transport's"}),
        ("rabbitmq", {"confirm_publish": False, "max_retries": None, "login_method": "PLAIN"}),
    ],
)
def test_values_that_transports_take(service: str, options: dict[str, Any]) -> None:
    assert complaints({"broker_transport_options": options}, service) == []


def test_defaults_of_transports_are_kombus_own() -> None:
    """Diagnoses, promises and the drain go by them where a configuration says nothing."""
    redis, sqs = BROKERS["redis"], BROKERS["sqs"]
    assert redis.default("visibility_timeout") == RedisChannel.visibility_timeout
    assert sqs.default("visibility_timeout") == SqsChannel.default_visibility_timeout
    assert sqs.default("wait_time_seconds") == SqsChannel.default_wait_time_seconds
    assert sqs.default("polling_interval") == SqsTransport.polling_interval
    assert BROKERS["rabbitmq"].default("visibility_timeout") is None


# --- what Celery's code asks for, and since when -------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("result_backend_thread_safe", True),
        ("redis_client_name", "bench"),
        ("redis_backend_health_check_interval", 30),
        ("redis_backend_credential_provider", "shop.credentials:Provider"),
        ("gcs_threadpool_maxsize", 4),
    ],
)
def test_what_celerys_code_asks_for_beside_its_table(name: str, value: Any) -> None:
    assert name not in SETTING_KEYS
    assert complaints({name: value}) == []


def test_a_typo_of_them_is_told_with_the_right_name() -> None:
    expected = 'Celery has no setting "redis_clent_name" (did you mean "redis_client_name"?)'
    assert complaints({"redis_clent_name": "x"}) == [expected]
    expected = 'result_backend_thread_safe: expected true or false, not "yes"'
    assert complaints({"result_backend_thread_safe": "yes"}) == [
        f"{expected}: that is text in YAML 1.2"
    ]


def test_the_source_says_what_celery_says_of_itself() -> None:
    """Read without importing: every setting of the table, every option of the command."""
    assert installed().settings >= SETTING_KEYS
    options = {word for option in worker.params for word in option.opts}
    assert installed().worker_options == options - {"--help"}


def test_a_source_of_ones_own(tmp_path: Path) -> None:
    for name, text in {
        "app/defaults.py": "NAMESPACES = Namespace(timezone=Option(), beat=Namespace("
        "__old__=OLD, schedule=Option({})))",
        "bin/worker.py": "@click.option('-Z', '--zeal', is_flag=True)\ndef worker(): pass",
        "bin/base.py": "params = [DaemonOption(('-f', '--logfile'), help='-x')]",
        "backends/redis.py": "_get = app.conf.get\n_get('redis_colour')\nself.app.conf.get('a_b')\n"
        "conf['broker_mood']\nconf.task_pace\nconf.find_option()\nother.get('no_such')\n"
        "getattr(app.conf, 'event_tone')\nclass T:\n    from_config = (('x', 'task_x'),)",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = understood_by(tmp_path)
    assert found.settings == {
        *("timezone", "beat_schedule", "redis_colour", "a_b", "broker_mood", "task_pace"),
        *("event_tone", "task_x"),
    }
    assert found.worker_options == {"-Z", "--zeal", "-f", "--logfile"}


def test_an_older_celery_has_fewer_settings() -> None:
    document = Document(
        {"settings": {"worker_eta_task_limit": 5, "redis_client_name": "x"}}, {(): Spot(HERE, HERE)}
    )
    told = [one.message for one in settings_problems(document, ("settings",), "redis", "5.5.3")]
    assert told == [
        f"celery 5.5.3 has no setting {name}: it came with 5.6, and an older one would ignore it"
        for name in ("worker_eta_task_limit", "redis_client_name")
    ]
    assert settings_problems(document, ("settings",), "redis", "5.6.0") == []
    assert since("task_acks_late") is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"visibility_timeout": 60},
            "visibility_timeout is an option of the transport: put it under "
            "broker_transport_options",
        ),
        (
            {"task_default_rate_limit": "10/q"},
            'task_default_rate_limit: expected a rate such as 10/s, 100/m or 500/h, not "10/q"',
        ),
        (
            {"task_annotations": {"*": {"rate_limit": "ten"}}},
            'rate_limit: expected a rate such as 10/s, 100/m or 500/h, not "ten"',
        ),
        (
            {"task_annotations": {"*": {"prioritty": 3}}},
            'tasks have no attribute "prioritty" (did you mean "priority"?)',
        ),
        (
            {"task_annotations": [{"t": {"acks_late": "yes"}}]},
            'acks_late: expected true or false, not "yes": that is text in YAML 1.2',
        ),
        (
            {"task_annotations": {"t": {"acks_late": "yes"}}},
            'acks_late: expected true or false, not "yes": that is text in YAML 1.2',
        ),
        (
            {"timezone": "Europe/Belin"},
            'timezone: there is no "Europe/Belin" (did you mean "Europe/Berlin"?)',
        ),
        (
            {"task_queue_max_priority": 300},
            "task_queue_max_priority: expected a whole number, 0 to 255, not 300",
        ),
        (
            {"worker_max_tasks_per_child": 0},
            "worker_max_tasks_per_child: expected a whole number, 1 or more, not 0",
        ),
        (
            {"task_publish_retry_policy": {"max_retrys": 3}},
            'kombu has no retry option "max_retrys" (did you mean "max_retries"?)',
        ),
        (
            {"task_default_exchange_type": "topc"},
            'task_default_exchange_type: expected one of direct, topic, fanout, headers, not "topc"'
            ' (did you mean "topic"?)',
        ),
        (
            {"broker_transport_options": {"queue_order_strategy": "prioritty"}},
            "queue_order_strategy: expected one of round_robin, priority, sorted, not "
            '"prioritty" (did you mean "priority"?)',
        ),
    ],
)
def test_what_would_fail_only_when_it_runs(settings: dict[str, Any], told: str) -> None:
    assert complaints(settings) == [told]


@pytest.mark.parametrize(
    ("name", "value", "most"),
    [
        ("wait_time_seconds", 30, 20),
        ("visibility_timeout", 50_000, 43_200),
        ("wait_time_seconds", 1.5, 20),
    ],
)
def test_what_aws_would_refuse(name: str, value: float, most: int) -> None:
    settings = {"broker_transport_options": {name: value}}
    told = f"{name}: SQS takes whole seconds, 0 to {most}, not {value}"
    assert complaints(settings, "sqs") == [told]
    assert complaints(settings, "redis") == []


@pytest.mark.parametrize(
    ("settings"),
    [
        {"task_annotations": {"*": {"rate_limit": "10/m", "my_own": 3, "max_retries": None}}},
        {"task_annotations": {"t": {"rate_limit": 5}}},
        {"timezone": "Asia/Tokyo", "task_default_exchange_type": "x-delayed-message"},
        {"task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.5}},
        {"broker_transport_options": {"queue_order_strategy": "shop.order:Mine"}},
    ],
)
def test_values_that_run(settings: dict[str, Any]) -> None:
    assert complaints(settings) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--prefetch-multiplierr=1"],
            'celery worker has no option "--prefetch-multiplierr" (did you mean '
            '"--prefetch-multiplier"?)',
        ),
        (["--qqq"], 'celery worker has no option "--qqq"'),
        (["--without-gossip=1"], '--without-gossip takes no value: leave "1" out'),
        (["--max-tasks-per-child"], "--max-tasks-per-child needs a value"),
        (["--max-tasks-per-child", "many"], "--max-tasks-per-child: 'many' is not a valid integer"),
        (["--max-tasks-per-child=0"], "--max-tasks-per-child: must be at least 1, not 0"),
        (["-Ofare"], "-O: 'fare' is not one of 'default', 'fair'"),
        (["--autoscale=4,x"], '--autoscale: expected "MOST,LEAST" processes, not "4,x"'),
        (["--time-limit 3"], 'one word for each entry: write "--time-limit=3"'),
        (["fair"], 'celery worker has no use for "fair": options begin with - or --'),
        (["--disable-prefetch"], "celery 5.5.3 has no option --disable-prefetch: it came with 5.6"),
    ],
)
def test_words_that_celery_worker_would_not_take(words: list[str], told: str) -> None:
    version = "5.5.3" if words == ["--disable-prefetch"] else None
    good = ["--without-gossip", "-O", "fair", "--autoscale", "4,1", "-E"]
    found = [*worker_option_problems([*good, *words], version, of_own_apps=False)]
    assert found == [(len(good), told)]


def test_an_app_may_have_worker_options_of_its_own() -> None:
    assert [*worker_option_problems(["--shop-colour"], None, of_own_apps=True)] == []
    assert len([*worker_option_problems(["--without-gosip"], None, of_own_apps=True)]) == 1


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        ("imports: [json, nope.tasks, shop.tasks]", ["4:28"]),
        ("imports: shop.tasks, include: [shop.nope, shop.tasks.inside]", ["4:43", "4:54"]),
        ("worker_consumer: 'nope.there:Consumer'", ["4:29"]),
        ("worker_consumer: 'celery.worker.consumer:Consumer'", []),
        ("imports: ['${HARNESS_TEST_MODULE}']", []),
    ],
)
def test_modules_that_no_worker_will_find(
    project: Project, monkeypatch: pytest.MonkeyPatch, settings: str, places: list[str]
) -> None:
    """Looked for before a run, in packages that are not imported for it."""
    monkeypatch.chdir(project.folder)
    (project.folder / "shop").mkdir()
    (project.folder / "shop" / "__init__.py").write_text("raise RuntimeError\n")
    (project.folder / "shop" / "tasks.py").write_text("raise RuntimeError\n")
    project.configuration(f"{CONFIGURATION}settings: {{{settings}}}\n")
    problems = project.problems(environ={"HARNESS_TEST_MODULE": "nope"})
    assert [one.split(": ")[0] for one in problems] == [f"configs/c.yaml:{at}" for at in places]
    assert all("there is no module" in one for one in problems)
    assert project.problems() == [], "what is installed elsewhere may be there when it is run"
