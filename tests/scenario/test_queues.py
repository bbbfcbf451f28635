"""`queues:` of configurations: what each broker's may have, and what nobody would ever take."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from celery import current_app

from harness.scenario.models.messages import MessageOptions
from harness.scenario.models.queues import default_queue, known_queues, queue_options
from harness.scenario.plan.loader import check_file, load_configuration
from harness.scenario.vendors.rabbitmq import RabbitmqQueue
from harness.scenario.vendors.sqs import SqsQueue
from harness.scenario.workloads.registry import ROWS, TASKS
from tests.scenario.project import Project

BACKENDS = {"redis": "redis", "rabbitmq": "rpc", "sqs": "redis"}


def configuration(broker: str, lines: str) -> str:
    return (
        f"name: c\nbroker: {{service: {broker}}}\nbackend: {{service: {BACKENDS[broker]}}}\n{lines}"
    )


def problems(project: Project, broker: str, lines: str) -> list[str]:
    path = project.configuration(configuration(broker, lines))
    return [f"{one.line}:{one.column}: {one.message}" for one in check_file(path)]


QUORUM = (
    "a quorum queue takes no x-max-priority (RabbitMQ 3 refuses the queue, 4 has two priorities "
    "without it)"
)


@pytest.mark.parametrize(
    ("broker", "lines", "expected"),
    [
        ("redis", "queues: {urgent: {}, reports: {}}\n", []),
        ("rabbitmq", "queues: {urgent: {type: quorum}, low: {max_priority: 10}}\n", []),
        ("rabbitmq", "queues: {a: {arguments: {x-message-ttl: 60000}}}\n", []),
        ("sqs", "queues: {jobs.fifo: {}, a: {attributes: {VisibilityTimeout: 60}}}\n", []),
        ("sqs", "queues: {jobs.fifo: {fifo: true, attributes: {DelaySeconds: 1}}}\n", []),
        ("redis", "queues: {from_app: true}\n", []),
        (
            "redis",
            "queues: {urgent: {type: quorum}}\n",
            ["4:19: on Redis all queues are alike: write {}"],
        ),
        (
            "redis",
            "queues:\n  urgent: 5\n",
            ["5:11: expected a mapping, {} for a queue like any other, not 5"],
        ),
        (
            "redis",
            "queues: {unacked: {}}\n",
            [
                "4:19: unacked is a key of Celery's and kombu's own on Redis: give the queue "
                "another name"
            ],
        ),
        (
            "redis",
            'queues: {"a b": {}}\n',
            ['4:10: the name of a queue has no spaces and no commas, not "a b"'],
        ),
        (
            "rabbitmq",
            "queues:\n  urgent: {max_prority: 3}\n",
            ['5:12: unknown key "max_prority" (did you mean "max_priority"?)'],
        ),
        (
            "rabbitmq",
            "queues:\n  urgent: {type: quorun}\n",
            ['5:18: expected one of classic, quorum, not "quorun" (did you mean "quorum"?)'],
        ),
        (
            "rabbitmq",
            "queues: {a: {max_priority: 0}}\n",
            ["4:28: must be at least 1, not 0"],
        ),
        (
            "rabbitmq",
            "queues:\n  a: {type: quorum, max_priority: 3}\n",
            [f"5:35: {QUORUM}: remove it, or use type: classic"],
        ),
        (
            "rabbitmq",
            "queues:\n  a: {type: quorum}\nsettings: {task_queue_max_priority: 5}\n",
            [
                f"5:13: {QUORUM}, and Celery would give it task_queue_max_priority: say "
                '"max_priority:" of the other queues'
            ],
        ),
        (
            "rabbitmq",
            "queues:\n  a: {arguments: {x-queue-type: quorum}}\n",
            ['5:18: x-queue-type has a key of its own here: say "type:"'],
        ),
        (
            "rabbitmq",
            "queues:\n  a: {arguments: {ttl: 5}}\n",
            ["5:18: RabbitMQ's arguments begin with x-, and ttl does not"],
        ),
        (
            "rabbitmq",
            "queues:\n  a: {arguments: {x-message-ttl: 10s}}\n",
            [
                '5:18: x-message-ttl is a whole number from 0 on, not "10s": RabbitMQ refuses the '
                "queue"
            ],
        ),
        (
            "rabbitmq",
            "queues:\n  a: {arguments: {x-max-length: -1}}\n",
            ["5:18: x-max-length is a whole number from 0 on, not -1: RabbitMQ refuses the queue"],
        ),
        *(
            (
                "rabbitmq",
                f"queues:\n  a: {{arguments: {{{argument}: {said}}}}}\n",
                [f"5:18: {argument} is {rule}, not {said}: RabbitMQ refuses the queue"],
            )
            for argument, said, rule in (
                ("x-expires", "0", "a whole number from 1 on"),
                ("x-message-ttl", "-1", "a whole number from 0 on"),
                ("x-max-length-bytes", "true", "a whole number from 0 on"),
                ("x-message-ttl", "315360000001", "a whole number up to 315360000000"),
                ("x-queue-version", "3", "a whole number up to 2"),
                ("x-overflow", '"drop"', "one of drop-head, reject-publish, reject-publish-dlx"),
                ("x-queue-mode", '"lzy"', "one of default, lazy"),
                ("x-single-active-consumer", '"yes"', "true or false"),
                ("x-dead-letter-exchange", "3", "a text"),
            )
        ),
        *(
            (
                "rabbitmq",
                f"queues:\n  a: {{arguments: {{{said}}}{more}}}\n",
                [f"5:18: {message}"],
            )
            for said, more, message in (
                (
                    "x-delivery-limit: 1.5",
                    ", type: quorum",
                    "x-delivery-limit is a whole number from -1 on, not 1.5: no limit that "
                    "RabbitMQ could keep",
                ),
                (
                    "x-delivery-limit: 5",
                    "",
                    "x-delivery-limit is for queues of type quorum, not classic: RabbitMQ refuses "
                    "the queue",
                ),
                (
                    "x-queue-mode: lazy",
                    ", type: quorum",
                    "x-queue-mode is for queues of type classic, not quorum: RabbitMQ refuses the "
                    "queue",
                ),
                (
                    "x-dead-letter-routing-key: a",
                    "",
                    "x-dead-letter-routing-key needs x-dead-letter-exchange beside it: RabbitMQ "
                    "refuses the queue",
                ),
            )
        ),
        ("rabbitmq", "queues: {a: {max_priority: 256}}\n", ["4:28: must be at most 255, not 256"]),
        (
            "sqs",
            "queues:\n  a.fifo: {attributes: {FifoThroughputLimit: perMessageGroupId}}\n",
            [
                "5:24: SQS takes FifoThroughputLimit: perMessageGroupId only with "
                "DeduplicationScope: messageGroup: say it, too"
            ],
        ),
        (
            "rabbitmq",
            "queues: {amq.a: {}}\n",
            ["4:17: amq.a is a name for queues of RabbitMQ's or Celery's own: use another one"],
        ),
        (
            "sqs",
            "queues:\n  jobs: {fifo: true}\n",
            [
                "5:16: the ending .fifo is SQS' own rule for the names of FIFO queues, and only of "
                "theirs: rename the queue, or remove this"
            ],
        ),
        (
            "sqs",
            "queues:\n  jobs: {attributes: {ContentBasedDeduplication: true}}\n",
            ["5:22: only FIFO queues have ContentBasedDeduplication: remove it"],
        ),
        (
            "sqs",
            "queues:\n  jobs: {attributes: {VisibilityTimout: 5}}\n",
            ['5:23: unknown key "VisibilityTimout" (did you mean "VisibilityTimeout"?)'],
        ),
        (
            "sqs",
            "queues: {jobs.high: {}}\n",
            [
                "4:21: SQS takes letters, digits, - and _ in names, and .fifo at the end of a FIFO "
                "queue's"
            ],
        ),
        (
            "sqs",
            f"queues: {{{'j' * 31}: {{}}}}\n",
            [
                "4:43: longer than 30 characters: 80 are SQS' limit, and a prefix for the block "
                "stands before it"
            ],
        ),
        (
            "redis",
            "queues: {from_app: yes}\n",
            ['4:20: from_app is true, or not there: "yes" says nothing'],
        ),
        (
            "redis",
            "queues: {from_app: true, urgent: {}}\n",
            ["4:10: the app says what its queues are: remove the others, or from_app"],
        ),
    ],
)
def test_what_a_queue_may_have(
    project: Project, broker: str, lines: str, expected: list[str]
) -> None:
    assert problems(project, broker, lines) == expected


def test_queues_as_their_vendor_has_them(project: Project, tmp_path: Path) -> None:
    project.configuration(
        configuration("rabbitmq", "queues: {urgent: {type: quorum}, low: {max_priority: 10}}\n")
    )
    (cell,) = project.plan().cells
    options = queue_options(cell.configuration)
    assert options == {
        "urgent": RabbitmqQueue(type="quorum"),
        "low": RabbitmqQueue(max_priority=10),
    }
    assert options["urgent"].declared_with() == {"x-queue-type": "quorum"}
    assert options["low"].declared_with() == {"x-max-priority": 10}
    assert default_queue(cell.configuration) == "celery"
    sqs = SqsQueue.model_validate(
        {"attributes": {"VisibilityTimeout": 60, "ContentBasedDeduplication": True}}
    )
    assert sqs.attributes_told() == {"VisibilityTimeout": "60", "ContentBasedDeduplication": "true"}


GROUPS = "workers:\n  fast: {queues: [urgent]}\n  slow: {queues: [reports]}\n"


@pytest.mark.parametrize(
    ("lines", "workload", "expected"),
    [
        (GROUPS, "{workload: add, options: {queue: urgent}}", []),
        (f"{GROUPS}settings: {{task_routes: {{tasks.add: reports}}}}\n", "add", []),
        ("queues: {urgent: {}}\n", "{workload: add, options: {queue: urgent}}", []),
        (
            GROUPS,
            "{workload: add, options: {queue: urgnt}}",
            [
                'scenarios/s.yaml:3:46: no worker of configuration "c" consumes queue "urgnt" (did '
                'you mean "urgent"?); they consume urgent, reports'
            ],
        ),
        (
            GROUPS,
            "add",
            [
                "scenarios/s.yaml:3:13: its tasks go to Celery's default queue: no worker of "
                'configuration "c" consumes queue "celery"; they consume urgent, reports; say '
                '"options: {queue: ...}" here, or name it in the queues of a group'
            ],
        ),
        (
            GROUPS,
            "{workload: mix, parts: [{workload: add, queue: urgnt}, {workload: add, name: b, "
            "options: {queue: reports}}, {workload: add, name: c}]}",
            [
                'scenarios/s.yaml:3:60: no worker of configuration "c" consumes queue "urgnt" (did '
                'you mean "urgent"?); they consume urgent, reports',
                "scenarios/s.yaml:3:121: its tasks go to Celery's default queue: no worker of "
                'configuration "c" consumes queue "celery"; they consume urgent, reports; say '
                '"options: {queue: ...}" here, or name it in the queues of a group',
            ],
        ),
        (
            f"{GROUPS}queues:\n  report: {{}}\n",
            "{workload: add, options: {queue: urgent}}",
            [
                'configs/c.yaml:8:11: no worker of configuration "c" consumes queue "report" (did '
                'you mean "reports"?); they consume urgent, reports'
            ],
        ),
        (
            f"{GROUPS}settings:\n  task_routes: {{tasks.add: nowhere}}\n",
            "add",
            [
                'configs/c.yaml:8:28: no worker of configuration "c" consumes queue "nowhere"; '
                "they consume urgent, reports"
            ],
        ),
        (
            f"{GROUPS}settings:\n  task_routes: {{tasks.add: {{queue: urgent, priority: 3}}}}\n",
            "{workload: add, options: {queue: urgent}}",
            [
                'configs/c.yaml:8:28: task_routes: "tasks.add" goes to a queue, by its name or as '
                "{queue: NAME}: what else a call has, its workload says"
            ],
        ),
        (
            "settings: {task_queues: [a]}\n",
            "add",
            [
                'configs/c.yaml:4:12: task_queues may not be set: say "queues:", and "queues:" of '
                "a group of workers which of them it consumes"
            ],
        ),
        (
            "settings: {task_default_queue: main}\nworker: {queues: [mine]}\n",
            "{workload: periodic, every: 1s, options: {queue: mian}}",
            [
                'scenarios/s.yaml:3:62: no worker of configuration "c" consumes queue "mian" (did '
                'you mean "mine"?); they consume mine'
            ],
        ),
        (
            "queues: {from_app: true}\n",
            "add",
            [
                'scenarios/s.yaml:3:13: configuration "c" keeps the queues of an app of your own, '
                "and add has none: use workload task"
            ],
        ),
        (
            "settings: {task_default_queue: main}\nqueues: {from_app: true}\n",
            "{workload: task, app: shop, task: shop.add}",
            ["configs/c.yaml:4:32: queues: {from_app: true} lets the app's own hold: remove this"],
        ),
    ],
)
def test_messages_that_nobody_would_take(
    project: Project, lines: str, workload: str, expected: list[str]
) -> None:
    project.configuration(configuration("redis", lines))
    project.change(f"workloads: [{workload}]")
    if "periodic" in workload:
        project.change("-loads")
        project.change("measure: {duration: 5s}")
    assert project.problems() == expected


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ("queues: {a: {max_priority: 5}}\n", "{queue: a, priority: 5}", None),
        ("queues: {a: {max_priority: 5}}\n", "{queue: a, priority: 6}", "6 is above the"),
        ("queues: {a: {max_priority: 5}}\n", "{priority: 5}", "RabbitMQ needs task_queue_max"),
        ("queues: {a: {type: quorum}}\n", "{queue: a, priority: 1}", "quorum queues take no"),
        (
            "queues: {a: {}}\nsettings: {task_create_missing_queue_type: quorum}\n",
            "{queue: a, priority: 1}",
            "quorum queues take no",
        ),
    ],
)
def test_a_priority_is_judged_by_its_queue(
    project: Project, lines: str, options: str, message: str | None
) -> None:
    project.configuration(configuration("rabbitmq", lines))
    project.change(f"workloads: [{{workload: add, options: {options}}}]")
    found = project.problems()
    expected = [] if message is None else [message]
    assert [one for one in found if not any(word in one for word in expected)] == []
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("broker", "lines", "expected"),
    [
        ("redis", "queues: {a: {type: quorum}}", ["4:14: on Redis all queues are alike: write {}"]),
        (
            "redis",
            "queues: {a: }",
            ["4:12: expected a mapping, {} for a queue like any other, not nothing"],
        ),
        (
            "sqs",
            "queues: {a: {type: x}}",
            ['4:14: unknown key "type"; known here: fifo, attributes'],
        ),
        (
            "rabbitmq",
            "queues: {a: {max_priority: 300}, b: {tipe: x}, c: {type: quorum, max_priority: 5}}",
            [
                "4:28: must be at most 255, not 300",
                '4:38: unknown key "tipe" (did you mean "type"?)',
                f"4:80: {QUORUM}: remove it, or use type: classic",
            ],
        ),
    ],
)
def test_a_scenario_is_judged_beside_queues_that_make_no_sense(
    project: Project, broker: str, lines: str, expected: list[str]
) -> None:
    project.configuration(configuration(broker, lines + "\n"))
    project.change(
        "workloads: [{workload: add, options: {queue: a}}]\n"
        'gates: ["p99(latency.total, queue=a) < 1s"]'
    )
    assert project.problems() == [f"configs/c.yaml:{one}" for one in expected]


def test_several_queues_need_a_vhost(project: Project) -> None:
    text = configuration("rabbitmq", "worker: {queues: [a]}\n").replace(
        "{service: rabbitmq}", "{service: rabbitmq, provider: external, url: amqp://h}"
    )
    project.configuration(text.replace("service: rpc", "service: redis"))
    project.change("workloads: [{workload: add, options: {queue: a}}]")
    needed = "several queues need a vhost for each block"
    assert [one.partition(",")[0] for one in project.problems()] == [
        f"configs/c.yaml:4:19: {needed}",
        f"scenarios/s.yaml:3:46: {needed}",
    ]


@pytest.mark.parametrize(
    ("lines", "options", "known"),
    [
        ("", MessageOptions(), ()),
        ("queues: {a: {}}\n", MessageOptions(), ("celery", "a")),
        ("settings: {task_default_queue: m}\n", MessageOptions(queue="m"), ("m",)),
        (GROUPS, MessageOptions(queue="reports"), ("urgent", "reports")),
        (GROUPS, MessageOptions(), ("celery", "urgent", "reports")),
        ("settings: {task_routes: {a.*: b}}\n", MessageOptions(), ("celery", "b")),
    ],
)
def test_all_queues_of_a_cell(
    project: Project, lines: str, options: MessageOptions, known: tuple[str, ...]
) -> None:
    path = project.configuration(configuration("redis", lines))
    assert known_queues(load_configuration(path), (options,)) == known


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("rabitmq", ['unknown service "rabitmq" (did you mean "rabbitmq"?)']),
        ("redis", ["on Redis all queues are alike: write {}"]),
    ],
)
def test_queues_of_a_broker_that_is_not_known_are_not_judged(
    project: Project, broker: str, expected: list[str]
) -> None:
    """Nor does a gate on a queue, or a workload's, bring problems of its own."""
    text = configuration("redis", "queues: {a: {max_priority: 9}}\n")
    project.configuration(
        text.replace("broker: {service: redis}", f"broker: {{service: {broker}}}")
    )
    project.change("workloads: [{workload: add, options: {queue: a}}]")
    project.change("gates: ['p99(latency.total, queue=a) < 9s']")
    found = project.problems()
    assert [one.partition(": ")[2].partition("; known")[0] for one in found] == expected


@pytest.mark.parametrize(
    ("lines", "workload", "notes"),
    [
        (GROUPS, "{workload: add, options: {queue: urgent}}", ["6:3: group "]),
        (GROUPS.replace("[reports]", "[reports, celery]"), "add", ["5:3: group "]),
        (f"{GROUPS}settings: {{task_routes: {{harness.probe.*: urgent}}}}\n",
         "{workload: add, options: {queue: reports}}", []),
        (f"{GROUPS}settings: {{task_routes: {{shop.add: urgent}}}}\n",
         "{workload: add, options: {queue: reports}}",
         ["7:26: task_routes: no cell of this scenario runs a task "]),
        (f"{GROUPS}settings: {{task_routes: {{shop.add: urgent}}}}\n",
         "{workload: task, app: shop, task: shop.add, options: {queue: reports}}", []),
        ("queues: {from_app: true}\n", "{workload: task, app: shop, task: shop.add}", []),
    ],
)  # fmt: skip
def test_what_nothing_comes_to_is_noted_at_its_line_and_no_fault(
    project: Project, lines: str, workload: str, notes: list[str]
) -> None:
    project.configuration(configuration("redis", lines))
    project.change(f"workloads: [{workload}]")
    found = [f"{note.line}:{note.column}: {note.message}" for note in project.plan().notes]
    assert len(found) == len(notes)
    assert all(one.startswith(note) for one, note in zip(found, notes, strict=True))


def test_a_group_that_works_at_one_point_of_a_matrix_is_not_idle(project: Project) -> None:
    project.configuration(configuration("redis", GROUPS))
    project.change("workloads: [{workload: add, options: {queue: urgent}}]")
    project.change("matrix: {workload.options.queue: [urgent, reports]}")
    assert project.plan().notes == ()


def test_the_harness_knows_the_names_of_its_own_tasks() -> None:
    """Routes are checked by them. A new task of a workload has its place in that table."""
    for row in ROWS:
        importlib.import_module(row.units.partition(":")[0])
    names = {name for name in current_app.tasks if name.startswith("harness.probe.")}
    assert names == set(TASKS)
