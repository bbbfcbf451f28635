"""What a Celery user would write to measure `add`: no harness in it. Prints units per second.

BROKER=redis://... BACKEND=redis://... python handwritten.py IN_FLIGHT WARMUP UNITS
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])


@app.task(name="add")
def add(x: int, y: int) -> int:
    return x + y


def caller(numbers: Iterator[int]) -> None:
    for i in numbers:  # shared with the other callers
        assert add.delay(i, i + 1).get(timeout=60) == 2 * i + 1


if __name__ == "__main__":
    in_flight, warmup, units = map(int, sys.argv[1:])
    command = [sys.executable, "-m", "celery", "-A", "handwritten", "worker"]
    # In a session of its own, as a worker in another terminal would be: where Linux groups
    # processes by session (sched_autogroup), one session shares one share of the cores.
    worker = subprocess.Popen(
        [*command, "--pool", "prefork", "--concurrency", "2"], start_new_session=True
    )
    with ThreadPoolExecutor(in_flight) as callers:
        list(callers.map(caller, [iter(range(warmup))] * in_flight))
        began = time.monotonic()
        list(callers.map(caller, [iter(range(units))] * in_flight))
        per_second = units / (time.monotonic() - began)
    worker.terminate()
    worker.wait()
    print(per_second)
