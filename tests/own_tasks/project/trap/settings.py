"""Its settings, under a namespace as in Django projects."""

import os

from kombu import Exchange, Queue

TRAP_BROKER_URL = os.environ["TRAP_REAL_URL"]
TRAP_RESULT_BACKEND = TRAP_BROKER_URL
TRAP_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "real:", "visibility_timeout": 7200}
TRAP_TASK_ALWAYS_EAGER = True
TRAP_TASK_IGNORE_RESULT = True
TRAP_TASK_DEFAULT_QUEUE = "real"
TRAP_TASK_DEFAULT_EXCHANGE = "real"
TRAP_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
TRAP_TASK_DEFAULT_ROUTING_KEY = "real.key"
TRAP_TASK_QUEUES = [Queue("real", Exchange("real", type="topic"), routing_key="real.#")]
TRAP_TASK_ROUTES = ({"trap.tasks.*": {"queue": "real", "routing_key": "real.routed"}},)
TRAP_TASK_ANNOTATIONS = {"*": {"rate_limit": "300/s"}}
TRAP_WORKER_DIRECT = True
TRAP_WORKER_PREFETCH_MULTIPLIER = 2
TRAP_TASK_TRACK_STARTED = True
TRAP_BEAT_SCHEDULE = {"nightly": {"task": "trap.tasks.plain", "schedule": 86400.0}}
