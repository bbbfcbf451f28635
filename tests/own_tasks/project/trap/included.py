"""Named by `include`."""

from trap.celery import app


@app.task
def double(value: int) -> int:
    return 2 * value
