"""What services have in common whose server is one of ours, or somebody else's."""

from __future__ import annotations

from harness.scenario.models.configuration import Configuration
from harness.services.base import Counters, Target
from harness.services.hosting.local import LocalServer
from harness.workspace import Promise, Workspace


class OneServer:
    """A server: `server` where the harness started it, else None. Drivers add how it is talked to.

    Unless they say otherwise, it counts nothing that says something of one block, and serves
    every configuration.
    """

    def __init__(self, target: Target, workspace: Workspace, server: LocalServer | None) -> None:
        self.target = target
        self._workspace = workspace
        self._server = server

    def pids(self) -> tuple[int, ...]:
        """Processes of a private server, with their children; empty of any other."""
        return self._server.pids() if self._server else ()

    def counters(self) -> Counters | None:
        """None: what the server counts, if anything, says nothing of one block."""
        return None

    def check(self, configuration: Configuration) -> None:
        """Every configuration can be served."""

    def close(self) -> None:
        """Stop a private server. Idempotent."""
        if self._server is not None:
            self._server.stop()

    def promise(self, kind: str, **payload: str) -> tuple[Workspace, Promise] | None:
        """What a run that is killed leaves on the server is written down before it is made. Not of
        a server of ours: that goes with all that is in it."""
        if self.target.provider != "external":
            return None
        return self._workspace, self._workspace.promise(kind, {"url": self.target.url, **payload})


class BreakableServer(OneServer):
    """A server that faults may stop and start again where it is the harness' own."""

    @property
    def local_server(self) -> LocalServer | None:
        """The private server; None of any other, which nobody breaks."""
        return self._server
