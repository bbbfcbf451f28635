"""Its app. TRAP_REAL_URL stands for the broker of production."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, worker_init

REAL = os.environ["TRAP_REAL_URL"]
for name in ("CELERY_BROKER_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND", "BROKER_URL"):
    os.environ[name] = REAL  # as a .env file that is read with override does
print("a project may print while it is imported")

other = Celery("other", broker=REAL)
app = Celery("trap", broker=REAL, backend=REAL, include=["trap.included"])
app.conf.broker_read_url = app.conf.broker_write_url = REAL
app.config_from_object("trap.settings", namespace="TRAP")
app.autodiscover_tasks(["trap"])
Celery("last", broker=REAL)  # which makes itself the current one


@celeryd_init.connect
def configure(conf: Any, **_: Any) -> None:
    conf.broker_url = conf.result_backend = REAL
    conf.task_ignore_result = True


@worker_init.connect
def configure_again(**_: Any) -> None:
    app.config_from_object("trap.settings", force=True, namespace="TRAP")
