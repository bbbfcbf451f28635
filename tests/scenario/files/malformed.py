"""Files that must not load, and every message they give: the line, the column, the words."""

# ruff: noqa: E501 - messages are compared as printed, each on one line

from typing import get_args

from harness.scenario.files.kinds import kinds
from harness.scenario.workloads.mix import may_be_a_part
from harness.scenario.workloads.registry import WORKLOADS, Workload

KNOWN = ", ".join(
    get_args(model.model_fields["workload"].annotation)[0] for model in kinds(Workload)
)
PARTS = ", ".join(name for name, model in WORKLOADS.items() if may_be_a_part(model))
Cases = tuple[tuple[str, list[str]], ...]

SYNTAX: Cases = (
    ("", ["1:1: there is nothing in it"]),
    ("# only a comment\n", ["1:1: there is nothing in it"]),
    ("---\n...\n", ['2:1: expected a mapping ("key: value" lines), not nothing']),
    ("null\n", ['1:1: expected a mapping ("key: value" lines), not nothing']),
    ("- a\n- b\n", ['1:1: expected a mapping ("key: value" lines), not a list']),
    ("just text\n", ['1:1: expected a mapping ("key: value" lines), not "just text"']),
    ("name: x\n\tbroker: y\n", ["2:1: a tab cannot indent YAML: use spaces"]),
    ("name: 'x\n", ["1:7: the quote that begins here is never closed"]),
    ('name: "a\\q"\n', ["1:10: there is no such escape: use single quotes for plain text"]),
    ("name: [a, b\n", ["2:1: a [ or { that begins here is never closed, or lacks a comma"]),
    ("name: {a: b\n", ["2:1: a [ or { that begins here is never closed, or lacks a comma"]),
    (
        "name: a: b\n",
        [
            '1:8: this ":" is out of place: check the indents, and put text that holds ": " in quotes'
        ],
    ),
    (
        "name: x\n  broker: y\n",
        [
            '2:9: this ":" is out of place: check the indents, and put text that holds ": " in quotes'
        ],
    ),
    ("name: @x\n", ["1:7: this character cannot begin a value: put the text in quotes"]),
    ("name: `x`\n", ["1:7: this character cannot begin a value: put the text in quotes"]),
    ("name: %x\n", ["1:7: this character cannot begin a value: put the text in quotes"]),
    ("name: 'x' y\n", ["1:11: this does not go with what stands above: check indents and quotes"]),
    ("name: *nowhere\n", ["1:7: this alias has no anchor before it"]),
    (
        "name: &a [*a]\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ["1:7: an alias may not stand inside its own anchor"],
    ),
    ("name: x\n---\nname: y\n", ["2:1: a second document begins here: one file holds one"]),
    (
        "name: !!binary aGk=\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ['1:7: the tag "!!binary" is not supported'],
    ),
    (
        "name: !python/object:os.system x\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ['1:7: the tag "!python/object:os.system" is not supported'],
    ),
    (
        "name: !!int abc\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ['1:7: not a whole number of 64 bits: "abc"'],
    ),
    (
        "name: !!set {a, b}\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ['1:7: the tag "!!set" is not supported'],
    ),
    (
        'name: "\\ud800"\nbroker: {service: redis}\nbackend: {service: redis}\n',
        ["1:7: text with a NUL or half of a surrogate pair cannot be used"],
    ),
    (
        'name: "a\\0b"\nbroker: {service: redis}\nbackend: {service: redis}\n',
        ["1:7: text with a NUL or half of a surrogate pair cannot be used"],
    ),
    ('name: "\\UFFFFFFFF"\n', ["1:1: not valid YAML: an escape or number out of range"]),
    ("a\u0000b", ["1:2: a character that YAML does not allow"]),
    (
        "%YAML 2.0\n---\nname: x\n",
        ["1:1: not valid YAML: found incompatible YAML document (version 1.* is required)"],
    ),
    (
        "? [a, b]\n: c\nname: c\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ["1:3: a key must be text, not a list or a mapping"],
    ),
    (
        "? {a: b}\n: c\nname: c\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ["1:3: a key must be text, not a list or a mapping"],
    ),
    ("1: x\n", ['1:1: a key must be text: write "1" in quotes']),
    ("true: x\n", ['1:1: a key must be text: write "true" in quotes']),
    ("~: x\n", ['1:1: a key must be text: write "~" in quotes']),
    ("2.5: x\n", ['1:1: a key must be text: write "2.5" in quotes']),
    ("<<: {a: b}\n", ["1:1: merge keys (<<) are not part of YAML 1.2: write the keys out"]),
    (
        "name: x\nname: y\nbroker: {service: redis}\nbackend: {service: redis}\n",
        [
            '1:7: "x" differs from the file\'s name: write "c"',
            '2:1: duplicate key "name" (first in line 1)',
        ],
    ),
    (
        "name: 99999999999999999999\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ['1:7: not a whole number of 64 bits: "99999999999999999999"'],
    ),
    (
        "key\nother: 1\n",
        [
            '2:6: this ":" is out of place: check the indents, and put text that holds ": " in quotes'
        ],
    ),
    ("- a\nb: c\n", ["2:1: this does not go with what stands above: check indents and quotes"]),
    ("name: >\n x\n\ty\n", ["3:1: a tab cannot indent YAML: use spaces"]),
    (
        "name: |\n  x\n y\n",
        ["3:2: this does not go with what stands above: check indents and quotes"],
    ),
)
"""Whole configuration files."""

ADDED: Cases = (
    ("workers: {a: }", ['4:13: expected a mapping ("key: value" lines), not nothing']),
    ("workers: {a: {queues: [null]}}", ["4:24: expected text, not nothing"]),
    (
        "workers: {a: {queues: ['']}}",
        ['4:24: the name of a queue has no spaces and no commas, not ""'],
    ),
    ("workers: {a: {queues: {x: {}}}}", ["4:23: expected a list, not a mapping"]),
    ("workers: {'': {}}", ['4:11: the name of a group has letters, digits, - and _, not ""']),
    ("workers: {5: {}}", ['4:11: a key must be text: write "5" in quotes']),
    ("workers: {a: {concurrency: 0}}", ["4:28: must be at least 1, not 0"]),
    ("workers: {a: {concurrency: atuo}}", ['4:28: expected a whole number, or auto, not "atuo"']),
    ("workers: {a: {count: 65}}", ["4:22: must be at most 64, not 65"]),
    ("workers: {a: {options: [-c, 3]}}", ["4:29: expected text, not 3: put it in quotes"]),
    ("queues: []", ['4:9: expected a mapping ("key: value" lines), not a list']),
    (
        "queues: {a: [], b: 5}",
        [
            "4:13: expected a mapping, {} for a queue like any other, not a list",
            "4:20: expected a mapping, {} for a queue like any other, not 5",
        ],
    ),
    (
        "settings: {task_default_queue: a b}",
        ['4:32: task_default_queue: the name of a queue has no spaces and no commas, not "a b"'],
    ),
    (
        "settings: {task_routes: {a: ''}}",
        ['4:29: task_routes: the name of a queue has no spaces and no commas, not ""'],
    ),
    (
        "settings: {task_routes: {a: {queue: 5}}}",
        [
            '4:29: task_routes: "a" goes to a queue, by its name or as {queue: NAME}: what else a call has, its workload says'
        ],
    ),
    (
        "settings: {task_routes: {harness.probe.tasks.ad: a}}",
        [
            '4:50: task_routes: the harness has no task "harness.probe.tasks.ad" (did you mean "harness.probe.tasks.add"?)'
        ],
    ),
    (
        "workers: {fast: {queues: [a]}, slow: {count: 2}}",
        [
            '4:38: group "slow" has no queues, and of several groups each says what it consumes: add "queues: [...]"'
        ],
    ),
    (
        "worker: {count: 2}\nworkers: {fast: {queues: [a]}}",
        ['5:1: "worker" says already which workers there are: give one of the two'],
    ),
    (
        "workers: {fast: {}}\nworker: {count: 2}",
        ['5:1: "workers" says already which workers there are: give one of the two'],
    ),
    ("workers: {}", ['4:10: no group of workers: add one, such as "fast: {queues: [urgent]}"']),
    ("workers: [fast]", ['4:10: expected a mapping ("key: value" lines), not a list']),
    ("workers: {fast: 3}", ['4:17: expected a mapping ("key: value" lines), not 3']),
    (
        "workers: {fast.x: {}}",
        ['4:11: the name of a group has letters, digits, - and _, not "fast.x"'],
    ),
    ("workers: {fast: {queue: [a]}}", ['4:18: unknown key "queue" (did you mean "queues"?)']),
    ("workers: {fast: {queues: a}}", ['4:26: expected a list, not "a"']),
    (
        "workers: {fast: {queues: [a b, 'c,d', a, a]}}",
        [
            '4:27: the name of a queue has no spaces and no commas, not "a b"',
            '4:32: the name of a queue has no spaces and no commas, not "c,d"',
            '4:42: queue "a" stands here twice',
        ],
    ),
    (
        "workers: {fast: {queues: [a], pool: solo}, slow: {queues: [b], options: [-E, --without-gosip]}}",
        [
            '4:11: pool solo runs one task at a time: set "concurrency: 1"',
            '4:78: celery worker has no option "--without-gosip" (did you mean "--without-gossip"?)',
        ],
    ),
    (
        "workers: {fast: {queues: [a], options: [-Q, x]}}",
        ['4:41: the harness itself decides --queues: remove "-Q"'],
    ),
    (
        "workers: {pool: {queues: [a], count: 100}, count: {queues: [b], pool: gevents}}",
        [
            "4:38: must be at most 64, not 100",
            '4:71: expected one of prefork, threads, gevent, solo, not "gevents" (did you mean "gevent"?)',
        ],
    ),
    # serializers and compression
    (
        "settings: {task_serializer: pickle}",
        [
            "4:29: pickle runs what a message says, so it has to be asked for: if you trust everybody"
            ' who can reach the broker, say "accept_content: [json, pickle]" under "settings:"'
        ],
    ),
    (
        "settings: {task_serializer: yaml, accept_content: [json, msgpack]}",
        ["4:29: nobody would accept yaml: add it to accept_content"],
    ),
    (
        "settings: {result_serializer: yaml, result_accept_content: [json]}",
        ["4:31: nobody would accept yaml: add it to result_accept_content"],
    ),
    (
        "settings: {task_default_queue_type: qorum}",
        [
            '4:37: task_default_queue_type: expected one of classic, quorum, not "qorum"'
            ' (did you mean "quorum"?)'
        ],
    ),
    (
        "settings: {task_default_delivery_mode: durable}",
        ['4:40: task_default_delivery_mode: expected one of persistent, transient, not "durable"'],
    ),
    (
        "settings: {task_serializer: msgpac}",
        ['4:29: task_serializer: unknown "msgpac" (did you mean "msgpack"?)'],
    ),
    (
        "settings: {task_compression: gzipp}",
        ['4:30: task_compression: unknown "gzipp" (did you mean "gzip"?)'],
    ),
    ("brokr: 1", ['4:1: unknown key "brokr" (did you mean "broker"?)']),
    (
        "task_acks_late: true",
        ['4:1: "task_acks_late" is a Celery setting: put it under "settings:"'],
    ),
    (
        "visibility_timeout: 60",
        [
            '4:1: "visibility_timeout" is an option of the transport: put it under "settings:'
            ' {broker_transport_options: ...}"'
        ],
    ),
    ("description: 3.5", ["4:14: expected text, not 3.5: put it in quotes"]),
    ("worker: 4", ['4:9: expected a mapping ("key: value" lines), not 4']),
    (
        "worker: {pool: eventlet}",
        [
            '4:16: expected one of prefork, threads, gevent, solo, not "eventlet" (did you mean "gevent"?)'
        ],
    ),
    (
        "worker: {pool: Threads}",
        [
            '4:16: expected one of prefork, threads, gevent, solo, not "Threads" (did you mean "threads"?)'
        ],
    ),
    ("worker: {concurrency: 0}", ["4:23: must be at least 1, not 0"]),
    ("worker: {concurrency: 2.0}", ["4:23: expected a whole number, or auto, not 2.0"]),
    ("worker: {concurrency: '2'}", ['4:23: expected a whole number, or auto, not "2"']),
    ("worker: {concurrency: 1_000}", ['4:23: expected a whole number, or auto, not "1_000"']),
    ("worker: {count: 65}", ["4:17: must be at most 64, not 65"]),
    ("worker: {count: true}", ["4:17: expected a whole number, not true"]),
    ("worker: {options: --without-gossip}", ['4:19: expected a list, not "--without-gossip"']),
    (
        "worker: {options: [-c 4, --pool=solo]}",
        [
            '4:20: the harness itself decides --concurrency: remove "-c 4"',
            '4:26: the harness itself decides --pool: remove "--pool"',
        ],
    ),
    (
        "worker: {pool: threads, options: [--max-tasks-per-child=3]}",
        [
            "4:35: --max-tasks-per-child is about the processes of a prefork pool, and pool threads takes no notice of it: remove it"
        ],
    ),
    (
        "worker: {pool: threads, options: [--autoscale=4]}",
        ["4:35: pool threads cannot grow: remove --autoscale"],
    ),
    (
        'celery: "5.6.3"\nworker: {concurrency: auto}',
        ["5:23: celery 5.6.3 knows no concurrency auto, which came with 5.7: give a number"],
    ),
    (
        "worker: {pool: solo, concurrency: auto}",
        ['4:35: pool solo runs one task at a time: set "concurrency: 1"'],
    ),
    ("worker: {pool: solo}", ['4:1: pool solo runs one task at a time: set "concurrency: 1"']),
    ("worker: {concurency: 2}", ['4:10: unknown key "concurency" (did you mean "concurrency"?)']),
    ("settings: [a]", ['4:11: expected a mapping ("key: value" lines), not a list']),
    (
        "settings: {task_ack_late: true}",
        ['4:12: Celery has no setting "task_ack_late" (did you mean "task_acks_late"?)'],
    ),
    (
        "settings: {CELERY_ACKS_LATE: true}",
        ['4:12: "CELERY_ACKS_LATE" is an old name: write task_acks_late'],
    ),
    (
        "settings: {TASK_ACKS_LATE: true}",
        ['4:12: "TASK_ACKS_LATE" is an old name: write task_acks_late'],
    ),
    (
        "settings: {CELERYD_PREFETCH_MULTIPLIER: 1}",
        ['4:12: "CELERYD_PREFETCH_MULTIPLIER" is an old name: write worker_prefetch_multiplier'],
    ),
    (
        "settings: {task_acks_late: yes}",
        ['4:28: task_acks_late: expected true or false, not "yes": that is text in YAML 1.2'],
    ),
    ("settings: {task_acks_late: 1}", ["4:28: task_acks_late: expected true or false, not 1"]),
    ("settings: {task_acks_late:}", ["4:27: task_acks_late: expected true or false, not nothing"]),
    (
        "settings: {worker_prefetch_multiplier: four}",
        ['4:40: worker_prefetch_multiplier: expected a whole number, not "four"'],
    ),
    (
        "settings: {worker_prefetch_multiplier: 1.5}",
        ["4:40: worker_prefetch_multiplier: expected a whole number, not 1.5"],
    ),
    (
        "settings: {broker_transport_options: 5}",
        ["4:38: broker_transport_options: expected a mapping, not 5"],
    ),
    ("settings: {accept_content: json}", ['4:28: accept_content: expected a list, not "json"']),
    ("settings: {task_serializer: 5}", ["4:29: task_serializer: expected text, not 5"]),
    (
        "settings: {broker_url: 'redis://'}",
        ['4:12: broker_url may not be set: the harness makes it from "broker:"'],
    ),
    (
        "settings: {result_backend: x}",
        ['4:12: result_backend may not be set: the harness makes it from "backend:"'],
    ),
    (
        "settings: {task_default_exchange: q}",
        [
            "4:12: task_default_exchange may not be set: Celery's default queue has a name of the block's own, and these follow from it"
        ],
    ),
    (
        "settings: {worker_concurrency: 4}",
        [
            '4:12: worker_concurrency may not be set: the worker\'s command line decides it: set "concurrency:" under "worker:"'
        ],
    ),
    (
        "settings: {task_always_eager: true}",
        [
            "4:12: task_always_eager may not be set: tasks would run in the client, and no broker be measured"
        ],
    ),
    (
        "settings: {broker_transport_options: {visibilty_timeout: 5}}",
        ['4:39: unknown transport option "visibilty_timeout" (did you mean "visibility_timeout"?)'],
    ),
    (
        "settings: {worker_prefetch_multiplier: -1}",
        ["4:40: worker_prefetch_multiplier: expected a whole number, 0 or more, not -1"],
    ),
    (
        "settings: {broker_transport_options: {visibility_timeout: abc}}",
        ['4:59: visibility_timeout: expected a number, 0 or more, not "abc"'],
    ),
    (
        "settings: {broker_transport_options: {polling_interval: -0.1, socket_keepalive: on}}",
        [
            "4:57: polling_interval: expected a number, 0 or more, not -0.1",
            '4:81: socket_keepalive: expected true or false, not "on": that is text in YAML 1.2',
        ],
    ),
    (
        "settings: {broker_transport_options: {global_keyprefix: x}}",
        [
            "4:39: global_keyprefix may not be set here: the harness names it, to find and remove it after the block"
        ],
    ),
    (
        "settings: {s3_secret_access_key: abc}",
        [
            '4:12: s3_secret_access_key may not be set: the harness makes it from "backend:"',
            "4:34: a password in plain text: secrets come in through ${NAME} only",
        ],
    ),
    ("settings: {qqqqqq: 1}", ['4:12: Celery has no setting "qqqqqq"']),
)
"""Lines added to a good configuration, whose first three lines are name, broker, backend."""

OTHERS = """settings: {task_serializer: jsn}
worker: {pool: solo, concurrency: 3, options: [--autoscal=3]}
"""
AND_OTHERS = [
    '4:29: task_serializer: unknown "jsn" (did you mean "json"?)',
    '5:35: pool solo runs one task at a time: set "concurrency: 1"',
    '5:48: celery worker has no option "--autoscal" (did you mean "--autoscale"?)',
]
CONFIGURATIONS: Cases = (
    (
        f"name: c\nbroker: {{service: redes}}\nbackend: {{service: redis, provider: external}}\n{OTHERS}",
        [
            '2:19: unknown service "redes" (did you mean "redis"?); known: redis, rabbitmq, sqs',
            '3:37: provider external needs a "url:", for example redis://host',
            *AND_OTHERS,
        ],
    ),
    (
        f"name: c\nbroker: {{service: redis, provider: external}}\nbackend: {{service: redes}}\n{OTHERS}",
        [
            '2:36: provider external needs a "url:", for example redis://host',
            '3:20: unknown service "redes" (did you mean "redis"?); known: redis, rpc, sqlite, postgresql, mysql, filesystem, memcached, dynamodb, s3, none',
            *AND_OTHERS,
        ],
    ),
    (
        f"name: c\nbroker: redis\nbackend: {{service: redis}}\n{OTHERS}",
        ['2:9: expected a mapping with "service:", not "redis"', *AND_OTHERS],
    ),
    (
        f"name: c\n\nbackend: {{service: redis}}\n{OTHERS}",
        ['1:1: missing key "broker"', *AND_OTHERS],
    ),
    (
        "name: c\nbroker: {service: redis, provider: local, url: redis://h}\nbackend: {service: redis}\n",
        ["2:48: only provider external reads this, and this broker has provider local: remove it"],
    ),
    (
        "name: c\nbroker: {service: rabbitmq, provider: compose, management_url: http://h, ca: x}\nbackend: {service: rpc}\n",
        [
            "2:64: only provider external reads this, and this broker has provider compose: remove it",
            "2:78: only provider external reads this, and this broker has provider compose: remove it",
        ],
    ),
    (
        "name: c\nbroker: {service: redis}\nbackend: {service: redis, provider: external, url: redis://h, persistence: aof, apart: true}\n",
        [
            "3:76: only provider local reads this, and this backend has provider external: remove it",
            "3:88: only provider local reads this, and this backend has provider external: remove it",
        ],
    ),
    (
        "name: c\nbroker: {service: sqs, provider: external, server: moto}\nbackend: {service: s3, provider: local, bucket: b}\n",
        [
            "2:52: only provider local reads this, and this broker has provider external: remove it",
            "3:49: only provider external reads this, and this backend has provider local: remove it",
        ],
    ),
    (
        # What `--provider external` will use, if somebody says so.
        "name: c\nbroker: {service: redis, url: redis://h, persistence: aof}\nbackend: {service: redis}\n",
        [],
    ),
    (
        "name: c\nbroker: {service: redis, provider: external, url: 'redis://h', isolation: database}\n"
        "backend: {service: redis}\n",
        ["2:75: isolation: database is for servers that the harness starts itself: use prefix"],
    ),
    (
        "{}\n",
        ['1:1: missing key "backend"', '1:1: missing key "broker"', '1:1: missing key "name"'],
    ),
    ("name: c\n", ['1:1: missing key "backend"', '1:1: missing key "broker"']),
    (
        "name: 5\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ["1:7: expected text, not 5: put it in quotes"],
    ),
    (
        "name: other\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ['1:7: "other" differs from the file\'s name: write "c"'],
    ),
    (
        "name: ../c\nbroker: {service: redis}\nbackend: {service: redis}\n",
        ['1:7: "../c" differs from the file\'s name: write "c"'],
    ),
    (
        "name: c\nbroker: redis\nbackend: {service: redis}\n",
        ['2:9: expected a mapping with "service:", not "redis"'],
    ),
    (
        "name: c\nbroker: {service: rediss}\nbackend: {service: redis}\n",
        ['2:19: unknown service "rediss" (did you mean "redis"?); known: redis, rabbitmq, sqs'],
    ),
    (
        "name: c\nbroker: {service: kafka}\nbackend: {service: redis}\n",
        ['2:19: unknown service "kafka"; known: redis, rabbitmq, sqs'],
    ),
    (
        "name: c\nbroker: {server: x}\nbackend: {service: redis}\n",
        ['2:9: missing key "service": one of redis, rabbitmq, sqs'],
    ),
    (
        "name: c\nbroker: {service: [a]}\nbackend: {service: redis}\n",
        ["2:19: unknown service a list; known: redis, rabbitmq, sqs"],
    ),
    (
        "name: c\nbroker:\nbackend: {service: redis}\n",
        ['2:8: expected a mapping with "service:", not nothing'],
    ),
    (
        "name: c\nbroker: []\nbackend: {service: redis}\n",
        ['2:9: expected a mapping with "service:", not a list'],
    ),
    (
        "name: c\nbroker: {service: redis, server: 7}\nbackend: {service: rpc}\n",
        ["2:34: expected text, not 7: put it in quotes"],
    ),
    (
        "name: c\nbroker: {service: sqs}\nbackend: {service: rpc}\n",
        [
            "3:20: rpc results work with the broker rabbitmq or redis only, not with sqs: choose "
            "from `harness list backends`, for example redis"
        ],
    ),
    (
        "name: c\nbroker: {service: sqs, server: elasticmq}\nbackend: {service: redis}\n",
        ['2:32: expected one of ministack, moto, not "elasticmq"'],
    ),
    (
        "name: c\nbroker: {service: sqs, regoin: x}\nbackend: {service: redis}\n",
        ['2:24: unknown key "regoin" (did you mean "region"?)'],
    ),
    (
        "name: c\nbroker: {service: redis, provider: docker}\nbackend: {service: redis}\n",
        ['2:36: expected one of local, compose, external, not "docker"'],
    ),
    (
        "name: c\nbroker: {service: redis, provider: external}\nbackend: {service: redis}\n",
        ['2:36: provider external needs a "url:", for example redis://host'],
    ),
    (
        "name: c\nbroker: {service: redis, url: localhost:6379}\nbackend: {service: redis}\n",
        ["2:31: the url begins with one of redis, rediss, then ://"],
    ),
    (
        "name: c\nbroker: {service: rabbitmq, url: 'amq://h'}\nbackend: {service: redis}\n",
        ['2:34: the url begins with one of amqp, amqps, pyamqp, then :// (did you mean "amqp"?)'],
    ),
    (
        "name: c\nbroker: {service: redis, url: 'redis://:hunter2@h'}\nbackend: {service: redis}\n",
        ["2:31: a password in plain text: secrets come in through ${NAME} only"],
    ),
    (
        "name: c\nbroker: {service: redis, url: 'redis://h?password=hunter2'}\nbackend: {service: redis}\n",
        ["2:31: a password in plain text: secrets come in through ${NAME} only"],
    ),
    (
        "name: c\nbroker: {service: redis, url: '${}'}\nbackend: {service: redis}\n",
        ['2:31: "${}" holds a ${ that is not ${NAME}, of letters, digits and _'],
    ),
    (
        "name: c\nbroker: {service: redis, server: '${X}'}\nbackend: {service: redis}\n",
        [
            "2:34: no variables here: they work in urls, region, queue_name_prefix, bucket, folder and settings only"
        ],
    ),
)
"""Whole configuration files."""

SCENARIOS: Cases = (
    ("workloads: [{workload: {a: b}}]", [f'3:25: unknown workload "a"; known: {KNOWN}']),
    (
        "workloads: [{workload: {heavy_tsk: {n: 3}}}]",
        [f'3:25: unknown workload "heavy_tsk" (did you mean "heavy_task"?); known: {KNOWN}'],
    ),
    (
        "workloads: [{workload: {group: {size: 3}}}]",
        ['3:25: write "workload: group", with its fields beside it: its name is no key'],
    ),
    (
        "workloads: [{workload: {tsk: a.b, app: c}}]",
        ['3:25: unknown key "tsk" (did you mean "task"?)'],
    ),
    (
        "workloads: [{workload: group, collect: join, loads: [backlog, {load: rate, rate: 5}]}]",
        [
            "3:31: collect says how a caller waits, and in load backlog and rate nobody does: use load closed, or remove it"
        ],
    ),
    (
        "workloads: [{workload: chunks, size: 2, chunk: 1, collect: get, loads: [backlog]}]",
        [
            "3:51: collect says how a caller waits, and in load backlog nobody does: use load closed, or remove it"
        ],
    ),
    (
        "workloads: [{workload: nested, follow_parents: true, loads: [backlog]}]",
        [
            "3:32: follow_parents says how a caller waits, and in load backlog nobody does: use load closed, or remove it"
        ],
    ),
    ("workloads: [{workload: group, collect: join, loads: [backlog, closed]}]", []),
    (
        "loads: [{load: saturate}, {load: rate, phases: [{phase: steady, rate: 5, duration: 1}]}]",
        ["5:11: load saturate and rate says itself how long it lasts: remove this"],
    ),
    ("loads: [{load: saturate}, closed]", []),
    (
        "workloads: [add, {workload: chain, measure: {duration: 5s}, loads: [{load: saturate}]}]",
        ["3:46: load saturate says itself how long it lasts: remove this"],
    ),
    (
        "baseline: main",
        ['6:1: no gate says "baseline", so nothing is compared with it: add one, or remove this'],
    ),
    ("-name", ['1:1: missing key "name"']),
    ("configurations: []", ["2:17: needs at least one entry"]),
    ("configurations: c", ['2:17: expected a list, not "c"']),
    (
        "configurations: [cc]",
        ['2:18: no configuration "cc" in configs, nor shipped (did you mean "c"?)'],
    ),
    ("configurations: [c, c]", ['2:21: a second configuration with the name "c"']),
    ("configurations: [nowhere/x.yaml]", ["2:18: there is no file scenarios/nowhere/x.yaml"]),
    (
        "configurations: [{broker: {service: redis}}]",
        ['2:18: missing key "backend"', '2:18: missing key "name"'],
    ),
    (
        "configurations: [{name: i, broker: {service: redes}, backend: {service: redis}}]",
        [
            '2:46: unknown service "redes" (did you mean "redis"?); known: redis, rabbitmq, sqs',
        ],
    ),
    (
        "configurations: [{name: c, broker: {service: redis}, backend: {service: redis}}, c]",
        ['2:82: a second configuration with the name "c"'],
    ),
    ("configurations: [5]", ["2:18: expected text, not 5: put it in quotes"]),
    (
        'configurations: ["a\\u001bb"]',
        ['2:18: no configuration "a\\u001bb" in configs, nor shipped'],
    ),
    ("workloads: []", ["3:12: needs at least one entry"]),
    ("workloads: add", ['3:12: expected a list, not "add"']),
    (
        "workloads: [ad]",
        [f'3:13: unknown workload "ad" (did you mean "add"?); known: {KNOWN}'],
    ),
    (
        "workloads: [periodic]",
        ['3:13: give "every:", such as 1s, or "crontab:", such as "* * * * *"'],
    ),
    (
        "workloads: [{size: 3}]",
        [f'3:13: missing key "workload": one of {KNOWN}'],
    ),
    (
        "workloads: [{workload: group, length: 3}]",
        [
            '3:31: unknown key "length"; known here: name, loads, measure, options, workload, size, volume, count, collect, payload_bytes'
        ],
    ),
    ("workloads: [{workload: group, size: 0}]", ["3:37: must be at least 1, not 0"]),
    ("workloads: [{workload: add, x: 4}]", ["3:13: give both x and y, or neither"]),
    ("workloads: [{workload: add, x: 4, y: five}]", ['3:38: expected a whole number, not "five"']),
    ("workloads: [{workload: group, volume: 1}]", ["3:13: give both volume and count, or neither"]),
    (
        "workloads: [{workload: chord, size: 1}]",
        ["3:37: must be at least 2, not 1"],
    ),
    ("workloads: [{workload: canvas, depth: 5}]", ["3:39: must be at most 4, not 5"]),
    ("workloads: [{workload: canvas, depth: 1}]", ["3:39: must be at least 2, not 1"]),
    ("workloads: [{workload: canvas, width: 1}]", ["3:39: must be at least 2, not 1"]),
    (
        "workloads: [{workload: canvas, depth: 4, width: 100, length: 2}]",
        ["3:13: 40,000 tasks in a unit: at most 10,000"],
    ),
    (
        "workloads: [{workload: canvas, of: chain, width: 317}]",
        [
            "3:13: its 317 first messages carry 317 further tasks each, 100,489 in all: at most 100,000"
        ],
    ),
    (
        "workloads: [{workload: canvas, of: chain, depth: 4}]",
        [
            "3:13: of: chain has a depth of 3 at most: where a chain goes on behind groups that end with groups, Celery's workers fail now and then (Never call result.get() within a task)"
        ],
    ),
    (
        "workloads: [{workload: canvas, of: chord}]",
        ['3:36: expected one of group, chain, not "chord"'],
    ),
    (
        "workloads: [{workload: chunks, size: 5}]",
        ["3:13: chunk is larger than size: at most 5 calls to a chunk"],
    ),
    (
        "workloads: [{workload: work, cpu: 20mss}]",
        ["3:35: expected a duration such as 250ms, 10s or 2m, not '20mss'"],
    ),
    (
        "workloads: [{workload: work, memory: 1.5}]",
        ["3:38: expected a size such as 1000, 64KiB or 10MiB, not 1.5"],
    ),
    (
        "workloads: [{workload: work, sleep: {lognorml: {median: 20ms, p99: 2s}}}]",
        ['3:38: unknown key "lognorml" (did you mean "lognormal"?)'],
    ),
    (
        "workloads: [{workload: work, sleep: {}}]",
        [
            "3:30: nothing stands here: give an amount, or one of lognormal, uniform, exponential and choice"
        ],
    ),
    (
        "workloads: [{workload: work, sleep: {value: 1, exponential: {mean: 1}}}]",
        [
            "3:30: value and exponential stand here: give an amount, or one of lognormal, uniform, exponential and choice"
        ],
    ),
    (
        "workloads: [{workload: work, sleep: {lognormal: {median: 20ms}}}]",
        ['3:38: missing key "p99"'],
    ),
    (
        "workloads: [{workload: work, sleep: {lognormal: {median: 20ms, p99: 2ms}}}]",
        ["3:38: p99 is below the median"],
    ),
    (
        "workloads: [{workload: work, sleep: {lognormal: {median: 20ms, p99: 2s, max: 1s}}}]",
        ["3:38: max is below p99"],
    ),
    (
        "workloads: [{workload: work, sleep: {exponential: {mean: 20ms, max: 1ms}}}]",
        ["3:38: max is below the mean"],
    ),
    (
        "workloads: [{workload: work, sleep: {lognormal: {median: 0, p99: 2ms}}}]",
        ["3:58: must be more than 0, not 0"],
    ),
    (
        "workloads: [{workload: work, payload_bytes: {uniform: {from: 2KiB, to: 1000}}}]",
        ["3:46: to is below from"],
    ),
    (
        "workloads: [{workload: work, payload_bytes: {uniform: {to: 1000}}}]",
        ['3:46: missing key "from"'],
    ),
    (
        "workloads: [{workload: work, payload_bytes: {uniform: {from: 20ms, to: 1000}}}]",
        ["3:62: expected a size such as 1000, 64KiB or 10MiB, not '20ms'"],
    ),
    ("workloads: [{workload: work, cpu: {choice: []}}]", ["3:44: needs at least one entry"]),
    (
        "workloads: [{workload: work, cpu: {choice: [{value: 1, weight: 0}]}}]",
        ["3:64: must be at least 1, not 0"],
    ),
    (
        "workloads: [{workload: work, sleep: {lognormal: {median: 20ms, p99: 40s}}}]",
        [
            "3:37: some units take 40 s, and the timeout is 30 s: raise measure.timeout, or lower sleep"
        ],
    ),
    ("workloads: [mix]", ['3:13: missing key "parts"']),
    ("workloads: [{workload: mix, parts: []}]", ["3:36: needs at least one entry"]),
    (
        "workloads: [{workload: mix, parts: [add, group]}]",
        [f"3:42: group cannot be a part of a mix; what can is {PARTS}"],
    ),
    (
        "workloads: [{workload: mix, parts: [add, {workload: chord, size: 3}]}]",
        [f"3:42: chord cannot be a part of a mix; what can is {PARTS}"],
    ),
    (
        "workloads: [{workload: mix, parts: [add, {workload: periodic, every: 1s}]}]",
        [f"3:42: periodic cannot be a part of a mix; what can is {PARTS}"],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: task, task: a.b, app: c}]}]",
        [
            f"3:37: task cannot be a part of a mix: your own tasks have a mix of theirs; what can is {PARTS}"
        ],
    ),
    (
        "workloads: [{workload: mix, parts: [ad]}]",
        [f'3:37: unknown workload "ad" (did you mean "add"?); known: {PARTS}'],
    ),
    (
        "workloads: [{workload: mix, parts: [{weight: 2}]}]",
        [f'3:37: missing key "workload": one of {PARTS}'],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, wieght: 2}]}]",
        ['3:53: unknown key "wieght" (did you mean "weight"?)'],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, weight: 0}]}]",
        ["3:61: must be at least 1, not 0"],
    ),
    (
        "workloads: [{workload: mix, parts: [add, {workload: add, weight: 2}]}]",
        ['3:13: "add" stands here twice: give each a "name:"'],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, loads: [closed]}]}]",
        ["3:60: loads and measure are the whole mix's: write it there"],
    ),
    (
        "workloads: [{workload: mix, parts: [add, {workload: work, measure: {units: 3}}]}]",
        ["3:59: loads and measure are the whole mix's: write it there"],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, options: {priority: [1, 2]}}]}]",
        ["3:53: an entry of a mix has one priority: make an entry for each"],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, expect: 3}]}]",
        ['3:61: expected a mapping ("key: value" lines), not 3'],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, expect: {message: no}}]}]",
        ["3:53: give {raises: NAME}, or {unchecked: true}"],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: work, sleep: {uniform: {to: 1s}}}]}]",
        ['3:62: missing key "from"'],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: heavy_task, sleep: 1ms}, {workload: heavy_task, name: b}]}]",
        [
            "3:13: parts have different sleeps of heavy_task, which takes its from the worker: give them the same, or use workload work"
        ],
    ),
    (
        "workloads: [{workload: mix, parts: [add, {workload: work, sleep: 40s}]}]",
        ["3:66: a unit takes 40 s, and the timeout is 30 s: raise measure.timeout, or lower sleep"],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, weight: 99}, work], measure: {units: 50}}]",
        [
            "3:36: a round of these weights has 100 units, and a block 50: measure more, or give weights of a smaller sum"
        ],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, weight: 9}, work], loads: [{load: closed, clients: 2}], measure: {units: 19}}]",
        [
            "3:36: a round of these weights has 10 units for each of 2 clients, and a block 19: measure more, or give weights of a smaller sum"
        ],
    ),
    (
        "workloads: [{workload: mix, parts: [add, work], loads: [{load: backlog, publish: prebuilt}], measure: {units: 50}}]",
        [
            "3:82: publish: prebuilt writes what all messages share, and the parts of a mix share nothing: use publish: api"
        ],
    ),
    (
        "workloads: [{workload: mix, parts: [add, {workload: work, options: {priority: 12}}]}]",
        ["3:79: on Redis a priority lies between 0 (first) and 9, not 12"],
    ),
    (
        'workloads: [{workload: mix, parts: [add, work]}]\ngates: ["p99(latency.total, part=wrk) < 1s"]',
        [
            '4:34: gate "p99(latency.total, part=wrk) < 1s": no workload here has a part "wrk" (did you mean "work"?); there are add, work'
        ],
    ),
    (
        "workloads: [{workload: mix, parts: [{workload: add, queue: a, options: {queue: b}}]}]",
        ["3:37: queue stands here and in options: write it once"],
    ),
    (
        "workloads: [{workload: task, app: a, mix: [{task: b.c, queue: a, options: {queue: b}}]}]",
        ["3:44: queue stands here and in options: write it once"],
    ),
    (
        "workloads: [{workload: tracking, interval: 1s}]",
        ["3:13: wait: busy has no interval: say wait: interval, or leave it"],
    ),
    (
        "workloads: [{workload: tracking, wait: lazily}]",
        ['3:40: expected one of busy, interval, get, not "lazily"'],
    ),
    (
        "workloads: [{workload: tracking, loads: [backlog]}]",
        [
            "3:42: tracking is about callers that wait, and in load backlog nobody does: use load closed"
        ],
    ),
    (
        "workloads: [{workload: starmap, loads: [{load: backlog, publish: prebuilt}]}]",
        ["3:66: publish: prebuilt needs a workload of one message per unit: add, heavy_task, work"],
    ),
    (
        "workloads: [{workload: chord, loads: [{load: backlog, publish: batch}]}]",
        ["3:64: Celery publishes a chord past any batch: use publish: api"],
    ),
    ("workloads: [{workload: heavy_task, n: 2000}]", ["3:39: must be at most 1500, not 2000"]),
    (
        "workloads: [{workload: heavy_task, n: [5]}]",
        ["3:39: expected a whole number or text, not a list"],
    ),
    (
        "workloads: [{workload: heavy_task, sleep: 10 parsecs}]",
        ["3:43: expected a duration such as 250ms, 10s or 2m, not '10 parsecs'"],
    ),
    (
        "workloads: [{workload: heavy_task, n: 1000, sleep: 1s}]",
        [
            "3:39: one unit takes at least 998 s, and the timeout is 30 s: raise measure.timeout, or lower n or sleep"
        ],
    ),
    (
        "loads: [{load: rate, rate: 20000/s, measure: {duration: 1000s, units: null}}]",
        [
            "4:16: 20,000,020 units in a block, and its client has numbers for 16,000,000: give the load clients: 2, or measure for less long"
        ],
    ),
    (
        "loads: [{load: rate, clients: 2, phases: [{phase: ramp, rate: 10000/s, to: 100000/s, duration: 2000s}]}]",
        [
            "4:16: 110,000,020 units in a block, and each of its 2 clients has numbers for 16,000,000: give the load clients: 7, or measure for less long",
            "5:11: load rate says itself how long it lasts: remove this",
        ],
    ),
    (
        "loads: [{load: backlog, measure: {units: 300000000}}]",
        [
            "4:16: 300,000,020 units in a block, and its client has numbers for 16,000,000: measure for less long (16 clients is the most there may be)"
        ],
    ),
    (
        "loads: [{load: closed, measure: {warmup: 16000001}}]",
        [
            "4:16: 16,000,006 units in a block, and its client has numbers for 16,000,000: give the load clients: 2, or measure for less long"
        ],
    ),
    (
        "workloads: [{workload: periodic, every: 100ms, entries: 1000, measure: {duration: 2000s}}]",
        [
            "3:24: 20,000,000 fires in a block: beat has numbers for 16,000,000, so measure for less long"
        ],
    ),
    ("workloads: [add, add]", ["3:18: the same workload, load and measure stand here twice"]),
    (
        "workloads: [{workload: chain, payload_bytes: 1, id: 2}]",
        ["3:13: payload_bytes replaces id: give one or the other"],
    ),
    (
        "workloads: [{workload: group, collect: joni}]",
        ['3:40: expected one of get, join, not "joni" (did you mean "join"?)'],
    ),
    ("-loads", ['3:13: no load for this workload: add "loads:" to it or to the scenario']),
    ("loads: []", ["4:8: needs at least one entry"]),
    (
        "loads: [rat]",
        [
            '4:9: unknown load "rat" (did you mean "rate"?); known: closed, backlog, rate, saturate, schedule'
        ],
    ),
    (
        "loads: [clsed]",
        [
            '4:9: unknown load "clsed" (did you mean "closed"?); known: closed, backlog, rate, saturate, schedule'
        ],
    ),
    ("loads: [{load: closed, in_flight: 0}]", ["4:35: must be at least 1, not 0"]),
    (
        "loads: [{load: backlog, in_flight: 3}]",
        ['4:25: unknown key "in_flight"; known here: measure, clients, load, publish'],
    ),
    (
        "loads: [{load: backlog, publish: prebuild}]",
        ['4:34: expected one of api, batch, prebuilt, not "prebuild" (did you mean "prebuilt"?)'],
    ),
    (
        "loads: [{load: closed, publish: batch}]",
        ['4:24: unknown key "publish"; known here: measure, clients, load, in_flight'],
    ),
    (
        "workloads: [{workload: group, loads: [{load: backlog, publish: prebuilt}]}]",
        ["3:64: publish: prebuilt needs a workload of one message per unit: add, heavy_task, work"],
    ),
    (
        "workloads: [{workload: chain, loads: [{load: backlog, publish: prebuilt}]}]",
        ["3:64: publish: prebuilt needs a workload of one message per unit: add, heavy_task, work"],
    ),
    (
        "workloads: [{workload: chain, loads: [{load: backlog, publish: batch}]}]",
        ["3:64: Celery publishes a chain past any batch: use publish: api"],
    ),
    ("workloads: [{workload: group, loads: [{load: backlog, publish: batch}]}]", []),
    (
        "loads: [{load: closed, measure: {units: 1, duration: 1s}}]",
        ["4:24: give units or duration, not both"],
    ),
    (
        "loads: [{load: closed, measure: {blocks: 3}}]",
        ['4:34: unknown key "blocks"; known here: warmup, units, duration, timeout, results_left'],
    ),
    ("-measure", ['1:1: missing key "measure"']),
    (
        "measure: {}",
        ["4:9: how long is load closed measured? give measure.units or measure.duration"],
    ),
    ("measure: {units: 5, duration: 5s}", ["5:1: give units or duration, not both"]),
    ("measure: {units: 0}", ["5:18: must be at least 1, not 0"]),
    ("measure: {unitz: 5}", ['5:11: unknown key "unitz" (did you mean "units"?)']),
    (
        "measure: {duration: 1:30}",
        ["5:21: expected a duration such as 250ms, 10s or 2m, not '1:30'"],
    ),
    ("measure: {duration: -5}", ["5:21: a duration lies between 0 and 7 days"]),
    (
        'workloads: [{workload: periodic, every: 1s, crontab: "* * * * *"}]',
        ['3:13: give "every:", such as 1s, or "crontab:", such as "* * * * *"'],
    ),
    (
        "workloads: [{workload: periodic, every: 50ms}]",
        [
            "3:13: a schedule is measured for a time: give measure.duration, not measure.units",
            '3:41: must be at least 0.1, not "50ms"',
        ],
    ),
    (
        "workloads: [{workload: periodic, every: 1s, entries: 1001}]",
        [
            "3:13: a schedule is measured for a time: give measure.duration, not measure.units",
            "3:54: must be at most 1000, not 1001",
        ],
    ),
    (
        "workloads: [{workload: periodic, every: 1s, through: cron}]",
        [
            "3:13: a schedule is measured for a time: give measure.duration, not measure.units",
            '3:54: expected one of beat, worker, not "cron"',
        ],
    ),
    ("measure: {duration: 0s}", ['5:21: must be more than 0, not "0s"']),
    (
        "measure: {duration: 2026-01-01}",
        ["5:21: expected a duration such as 250ms, 10s or 2m, not '2026-01-01'"],
    ),
    ("measure: {duration: .inf}", ["5:21: a duration lies between 0 and 7 days"]),
    ("measure: {duration: .nan}", ["5:21: a duration lies between 0 and 7 days"]),
    (
        "measure: {units: 5, timeout: 8d}",
        ["5:30: expected a duration such as 250ms, 10s or 2m, not '8d'"],
    ),
    ("measure: {units: 5, blocks: 1001}", ["5:29: must be at most 1000, not 1001"]),
    ("measure: {units: 5, warmup: -1}", ["5:29: must be at least 0, not -1"]),
    ("measure: 5", ['5:10: expected a mapping ("key: value" lines), not 5']),
    ("matrix: [a]", ['6:9: expected a mapping ("key: value" lines), not a list']),
    ("matrix: {worker.concurrency: 4}", ["6:30: expected a list, not 4"]),
    ("matrix: {worker.concurrency: []}", ["6:30: needs at least one entry"]),
    ("matrix: {worker.concurrency: [2, 2]}", ["6:34: the value 2 stands here twice"]),
    (
        "matrix: {worker.concurency: [2]}",
        ['6:10: unknown key "concurency" (did you mean "concurrency"?)'],
    ),
    ("matrix: {wrker.concurrency: [2]}", ['6:10: unknown key "wrker" (did you mean "worker"?)']),
    (
        "matrix: {worker.concurrency: [2, many]}",
        ['6:34: expected a whole number, or auto, not "many"'],
    ),
    (
        "matrix: {settings.task_ack_late: [true]}",
        ['6:10: Celery has no setting "task_ack_late" (did you mean "task_acks_late"?)'],
    ),
    (
        "matrix: {settings.broker_transport_options.polling_interval: [1, abc]}",
        ['6:66: polling_interval: expected a number, 0 or more, not "abc"'],
    ),
    (
        "matrix: {settings.task_acks_late: [true, sometimes]}",
        ['6:42: task_acks_late: expected true or false, not "sometimes"'],
    ),
    (
        "matrix: {broker.service: [redis, rabitmq]}",
        ['6:34: unknown service "rabitmq" (did you mean "rabbitmq"?); known: redis, rabbitmq, sqs'],
    ),
    ("matrix: {name: [a, b]}", ["6:10: name does not change what is measured"]),
    ("matrix: {worker: [{}], worker.count: [1]}", ['6:24: overlaps with "worker"']),
    (
        "matrix: {'a..b': [1]}",
        ['6:10: "a..b" is not a dotted path, nor several of them joined by +'],
    ),
    ("matrix: {worker.options.0: [x]}", ["6:29: expected a list, not a mapping"]),
    (
        "matrix: {broker.service.x: [x]}",
        ['6:10: "x" cannot be set below something that is not a mapping'],
    ),
    # message options
    (
        "workloads: [{workload: add, options: {priority: [1, 1]}}]",
        ["3:29: priority names a number twice: units take them in turn"],
    ),
    (
        "workloads: [{workload: add, options: {priority: 300}}]",
        ["3:49: must be at most 255, not 300"],
    ),
    (
        "workloads: [{workload: add, options: {countdown: 5s, expires: 5s}}]",
        ["3:29: tasks would expire before their countdown is over"],
    ),
    (
        "workloads: [{workload: retry, failures: 3, countdown: 10s}]",
        [
            "3:55: the 3 retries of a unit may wait 30 s together, and the timeout is 30 s: raise measure.timeout, or wait less",
        ],
    ),
    (
        "workloads: [{workload: retry, retry_backoff: 1500ms}]",
        ["3:46: Celery counts a backoff in whole seconds: 1s, 2s ..."],
    ),
    (
        "workloads: [{workload: add, options: {priority: 10}}]",
        ["3:49: on Redis a priority lies between 0 (first) and 9, not 10"],
    ),
    (
        "workloads: [{workload: add, options: {message_groups: 2}}]",
        ["3:55: message groups are of SQS: remove them"],
    ),
    (
        "workloads: [{workload: add, options: {expires: 5s},"
        " loads: [{load: backlog, publish: prebuilt}]}]",
        [
            "3:86: publish: prebuilt writes what all messages share, and expires differs from"
            " message to message: use publish: api"
        ],
    ),
    # axes of workloads and loads, and joined ones
    (
        "matrix: {load.in_flight: [4, 0]}",
        ["6:30: must be at least 1, not 0"],
    ),
    (
        "matrix: {workload.size: [4]}",
        [
            '6:10: unknown key "size"; known here: name, loads, measure, options, rate_limit, workload, x, y,'
            " payload_bytes"
        ],
    ),
    (
        "matrix: {worker.count+worker.concurrency: [1, 2], worker.count: [1]}",
        [
            '6:10: overlaps with "worker.count"',
            '6:51: overlaps with "worker.count"',
        ],
    ),
    (
        "matrix: {worker.count+worker.count: [1]}",
        ['6:10: "worker.count+worker.count" names a path twice'],
    ),
    (
        "matrix: {worker.count+: [1]}",
        ['6:10: "worker.count+" is not a dotted path, nor several of them joined by +'],
    ),
)
