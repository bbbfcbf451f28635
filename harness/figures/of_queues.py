"""Figures that only a single queue, or a single group of workers, has."""

from __future__ import annotations

from harness.figures.figure import Figure

OF_QUEUES = (
    Figure(
        "received", "units of a queue of which a worker received a message", "units", "more",
        summed=True, of_queue="received",
    ),
    Figure(
        "depth.max", "messages that waited in a queue at once, of all looks", "tasks", "less",
        of_queue="most_depth", heading="most",
    ),
    Figure(
        "depth.mean", "messages that waited in a queue, in the mean of all looks", "tasks", "less",
        of_queue="mean_depth", heading="mean",
    ),
    Figure(
        "depth.left", "messages that waited in a queue in the end", "tasks", "less",
        summed=True, of_queue="left", heading="left",
    ),
)  # fmt: skip
OF_GROUPS = (
    Figure(
        "executions", "executions of measured tasks that a group of workers began", "executions",
        "more", summed=True, of_group="tasks",
    ),
    Figure(
        "busy_share", "share of the time of a group's slots in which measured tasks ran", "share",
        "more", of_group="busy_share", heading="busy",
    ),
)  # fmt: skip
