"""What the drivers of Amazon's services have in common: an emulator of ours, or an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from harness.scenario.vendors.base import AwsEndpoint
from harness.services.aws.emulators import emulator_part, launch_emulator, local_url
from harness.services.base import Driver, Launch, Service, Surroundings, Target, Undo
from harness.services.hosting.local import LocalServer
from harness.workspace import Workspace

A = TypeVar("A", bound=AwsEndpoint)


class AwsDriver(Driver[A]):
    """Starts an emulator in an environment of its own, or reaches the service itself."""

    def __init__(self, undo: Mapping[str, Undo], *composed: str) -> None:
        """`composed`: service and port variable of `docker-compose.yml`, where they are not those
        that DynamoDB and S3 share."""
        self.undo = undo
        self.compose = emulator_part(self.used_by, *composed)

    def used_by(self, target: Target, endpoint: A) -> Target:
        """The target with what an endpoint says beside its URL: region, names, options."""
        raise NotImplementedError

    def connect(self, target: Target, workspace: Workspace, server: LocalServer | None) -> Service:
        """The service at a target, asked something that proves endpoint, region and credentials;
        `server` is the emulator if it is ours. ServiceError if it does not answer."""
        raise NotImplementedError

    def launch(self, endpoint: A, surroundings: Surroundings) -> Launch:
        """The run's emulator on loopback, started if this is its first service."""

        def connect(server: LocalServer) -> Service:
            target = self.used_by(Target("local", local_url(server)), endpoint)
            return self.connect(target, surroundings.workspace, server)

        return launch_emulator(endpoint.server, surroundings, connect)

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """Connect to somebody else's. ServiceError if it does not answer."""
        return self.connect(target, surroundings.workspace, None)
