"""What loads share that publish on time, whether results are back or not."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.loads.base import LoadBase, Publish

Arrivals = Literal["constant", "poisson"]
Results = Literal["observe", "afterwards"]


class OpenLoad(LoadBase):
    """What loads share that publish on time, whether results are back or not."""

    gives_the_rate: ClassVar[bool] = True

    arrivals: Arrivals = "constant"
    """`poisson`: independent arrivals, drawn from the run's seed, the same for every block."""
    publish: Publish = "api"
    """`api` is what users do; the others are faster, see `harness docs measuring`."""
    results: Results = "observe"
    """Who sees results: a collector of their own while it is measured, or nobody until the end."""
    senders: Annotated[int, Field(ge=1, le=64)] = 4
    """Threads of each client that publish, so that one slow call does not delay the next unit."""

    @property
    def watched(self) -> bool:
        """Whether an observer looks for results: unless the load says `results: afterwards`."""
        return self.results == "observe"
