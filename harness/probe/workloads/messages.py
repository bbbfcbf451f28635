"""What the messages of a unit are published with beside their arguments."""

from __future__ import annotations

from harness.probe.spoken import MessageOptions, WorkloadSpec


class Options:
    """What a unit's messages are published with, from the cell spec's `options`."""

    def __init__(self, spec: WorkloadSpec) -> None:
        """Without options, `apply_async` gets none: the message is that of a plain call."""
        given = {name: value for name, value in (spec.get("options") or {}).items() if value}
        self._priorities: list[int] = given.pop("priority", [])
        self._groups: int = given.pop("message_groups", 0)
        self._alike = given

    def of(self, unit: int) -> MessageOptions:
        """Keyword arguments of `apply_async` for a task that the client publishes. Units bear
        priorities and groups in turn."""
        options = dict(self._alike)
        if self._priorities:
            options["priority"] = self._priorities[unit % len(self._priorities)]
        if self._groups:  # a property of the message, by the name that kombu's SQS knows
            options["MessageGroupId"] = f"group-{unit % self._groups}"
        return options

    def of_link(self, unit: int) -> MessageOptions:
        """Keyword arguments of `apply_async` for a task that follows another one: it is not asked
        to wait once more."""
        return {name: value for name, value in self.of(unit).items() if name != "countdown"}
