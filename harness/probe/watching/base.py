"""What ways of watching results have in common."""

from __future__ import annotations

from typing import Protocol

_MOST_TOLD = 3


class Watcher(Protocol):
    """One way of watching results. It passes whatever it meets on to a Sightings."""

    method: str
    reply_to: str | None
    """The queue that clients must name for their results, where there is one."""
    caught_up: int
    """Results that were fetched afterwards because the watching had been interrupted: their
    time is the time of the fetching."""

    @property
    def resolution_s(self) -> float:
        """How late `seen` may be because nobody looked; 0 where the server says it by itself."""
        ...

    @property
    def moment_s(self) -> float:
        """When nothing new has come for so long, nothing is on its way."""
        ...

    def open(self) -> None:
        """Watch. Returns when no later result can be missed; raises what the server's client
        raises."""
        ...

    def watch(self, tags: frozenset[int]) -> None:
        """The tags that count, for those who look for them."""
        ...

    def step(self, wait_s: float) -> None:
        """Meet what has come; wait so long if nothing has. Troubles are noted, not raised."""
        ...

    def close(self) -> None:
        """Stop watching, and give up what it holds on the backend. Idempotent."""
        ...


class Troubles:
    """What went wrong while watching: different texts, the first few of them."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def note(self, what: str, error: BaseException | None = None) -> None:
        """Remember that something went wrong, with the exception if there was one."""
        text = what if error is None else f"{what}: {type(error).__name__}: {error}"
        self._counts[text] = self._counts.get(text, 0) + 1

    def text(self) -> str:
        """What went wrong, all in one line; empty if nothing did. May hold a URL."""
        told = [
            text if count == 1 else f"{text} ({count} times)"
            for text, count in list(self._counts.items())[:_MOST_TOLD]
        ]
        more = len(self._counts) - len(told)
        return "; ".join(told) + (f"; and {more} more" if more > 0 else "")
