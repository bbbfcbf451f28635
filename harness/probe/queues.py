"""The queues of a cell that has more than the default one, as kombu's."""

from __future__ import annotations

from collections.abc import Sequence

from celery import Celery

from harness.probe.spoken import QueueSpec


def declare(app: Celery, told: Sequence[QueueSpec]) -> None:
    """Make them the app's `task_queues`: the default queue, and any other, as Celery itself would
    make it by the settings, with what the file says of it laid above.

    A queue that is called otherwise than on the broker has its name as an alias, which routes,
    calls and `celery worker --queues` go by as well.
    """
    if not told:
        return
    made = app.amqp.Queues(())  # with the default one
    queues = []
    for one in told:
        name = one["name"]
        queue = made[name] if name in made else made.add(made.new_missing(name))
        if arguments := one["arguments"]:
            queue.queue_arguments = {**(queue.queue_arguments or {}), **arguments}
        if one["called"] != name:
            queue.alias = one["called"]
        queues.append(queue)
    app.conf.task_queues = queues
