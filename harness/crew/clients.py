"""The client processes of one block, spoken to together, and the observer beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from harness.conversation import Answer, Client
from harness.probe.app_variables import CLIENT_VARIABLE
from harness.usage import Usage
from harness.working_place import WorkingPlace


class Clients:
    """Running clients. A context manager that leaves no process behind."""

    def __init__(self, clients: Sequence[Client], processes: ExitStack) -> None:
        self._clients = tuple(clients)
        self._processes = processes
        self.tags: tuple[str, ...] = ()
        """What the ids of their tasks begin with, 16 hex digits each; once they have started."""

    @classmethod
    def start(
        cls,
        count: int,
        place: WorkingPlace,
    ) -> Clients:
        """Start that many processes; they are not ready yet when this returns."""
        with ExitStack() as stack:
            clients = [
                stack.enter_context(
                    Client.start(
                        place.told({CLIENT_VARIABLE: f"{number}/{count}"}),
                        name=f"client{number + 1}" if count > 1 else "client",
                    )
                )
                for number in range(count)
            ]
            return cls(clients, stack.pop_all())
        raise AssertionError("unreachable")

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._processes.__exit__(*raised)

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the clients, in their order."""
        return tuple(client.pid for client in self._clients)

    def started(self, limit_s: float, watch: Callable[[], None]) -> list[Answer]:
        """Wait until all of them have built their apps."""
        answers = [client.answer(limit_s, watch) for client in self._clients]
        self.tags = tuple(answer["tag"] for answer in answers)
        return answers

    def tell(self, command: str, **arguments: Any) -> None:
        """Send all of them a command without waiting."""
        for client in self._clients:
            client.tell(command, **arguments)

    def ask(
        self,
        command: str,
        limit_s: float | None,
        watch: Callable[[], None],
        /,
        **arguments: Any,
    ) -> list[Answer]:
        """Send all of them a command, and wait for every answer."""
        self.tell(command, **arguments)
        return [client.answer(limit_s, watch) for client in self._clients]

    def ask_each(
        self,
        command: str,
        limit_s: float | None,
        watch: Callable[[], None],
        arguments: Iterable[Mapping[str, Any]],
    ) -> list[Answer]:
        """Send each client a command with arguments of its own, and wait for every answer, one
        client after another."""
        return [
            client.ask(command, limit_s, watch, **own)
            for client, own in zip(self._clients, arguments, strict=True)
        ]

    def usage(self) -> Usage:
        """CPU of all of them together; the sum of their peaks of memory."""
        each = [client.usage() for client in self._clients]
        return Usage(sum(one.cpu_ns for one in each), sum(one.peak_rss_bytes for one in each))
