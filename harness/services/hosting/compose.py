"""Servers of `docker-compose.yml`: a project of its own per run, removed with its volumes."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from harness.errors import ServiceError
from harness.processes import spawn
from harness.services.base import AnyEndpoint, ComposePart, ServerInfo, Surroundings, Target
from harness.services.hosting.local import free_ports
from harness.workspace import Promise

PROJECT_PROMISE = "compose-project"

_UP_S = 600.0
"""Includes pulling the images, once."""
_DOWN_S = 120.0
_SHORT_S = 30.0


@dataclass(frozen=True)
class _Docker:
    """One project: its name, its file, and the environment in which its ports are set."""

    file: Path
    project: str
    """Name under which compose keeps what it starts apart from other projects."""
    environ: Mapping[str, str]
    log: Path
    """Where docker's own messages go."""

    def run(self, *words: str, timeout_s: float, name: str = "docker compose") -> str:
        """Standard output of `docker compose`; ServiceError with the end of the log."""
        program = shutil.which("docker", path=self.environ.get("PATH"))
        if program is None:
            raise ServiceError(
                "the compose provider needs docker with its compose plugin, and there is no "
                "`docker` on PATH: install it, or use `--provider local`"
            )
        argv = [program, "compose", "-p", self.project, "-f", str(self.file), *words]
        process = spawn(argv, name=name, log=self.log, env=self.environ, stdout=subprocess.PIPE)
        try:
            output = _read(process.stdout, timeout_s) if process.stdout else b""
            if output is None or not process.wait(_SHORT_S):
                raise ServiceError(
                    f"`docker compose {words[0]}` did not end within {timeout_s:g} s. "
                    f"Its log ends:\n{process.log_tail(8)}"
                )
            if process.returncode != 0:
                raise ServiceError(
                    f"`docker compose {' '.join(words)}` failed with exit code "
                    f"{process.returncode}:\n{process.log_tail(12)}\n"
                    "Check that the docker engine runs: `docker version`"
                )
            return output.decode(errors="replace")
        finally:
            process.kill()


class ComposeProject:
    """The services of the file that one run needs, up and healthy. Close removes them."""

    def __init__(
        self, parts: Iterable[ComposePart[Any]], surroundings: Surroundings, project_dir: Path
    ) -> None:
        self._parts = {part.service: part for part in parts}
        self._workspace = surroundings.workspace
        self._password = secrets.token_urlsafe(24)
        file = project_dir / "docker-compose.yml"
        if not file.is_file():
            raise ServiceError(
                f"the compose provider needs {file}: run it from the project's folder, or use "
                "`--provider local`"
            )
        variables = [variable for part in self._parts.values() for variable in part.ports]
        self._ports = dict(zip(variables, free_ports(len(variables)), strict=True))
        environ = {
            **surroundings.workspace.marked(surroundings.environ),
            **{variable: str(port) for variable, port in self._ports.items()},
            **{
                part.password_variable: self._password
                for part in self._parts.values()
                if part.password_variable
            },
        }
        project = f"harness-{secrets.token_hex(6)}"
        log = surroundings.log_dir / "compose.log"
        self._docker = _Docker(file.resolve(), project, environ, log)
        self._promise: Promise | None = None

    def up(self) -> None:
        """Start the services and wait for their health checks."""
        self._promise = self._workspace.promise(
            PROJECT_PROMISE, {"project": self._docker.project, "file": str(self._docker.file)}
        )
        self._docker.run("up", "-d", "--wait", *sorted(self._parts), timeout_s=_UP_S)

    def target(self, part: ComposePart[Any], endpoint: AnyEndpoint) -> Target:
        """How to reach one of the services."""
        ports = {name: self._ports[variable] for variable, name in part.ports.items()}
        return part.target(ports, self._password, endpoint)

    def describe(self, part: ComposePart[Any], info: ServerInfo) -> ServerInfo:
        """`info` with the image, and its tag as version where the server does not tell."""
        text = self._docker.run("config", "--format", "json", timeout_s=_SHORT_S)
        try:
            image = str(json.loads(text)["services"][part.service]["image"])
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                f"`docker compose config` names no image of {part.service}: {error}"
            ) from error
        tag = image.rpartition(":")[2]
        version = tag if info.version == "unknown" else info.version
        detail = "; ".join(filter(None, (f"image {image}", info.detail)))
        return replace(info, version=version, detail=detail)

    def close(self) -> None:
        """Remove containers, networks and volumes of this project. Idempotent."""
        if self._promise is not None:
            _down(self._docker)
            self._workspace.fulfil(self._promise)
            self._promise = None


def undo_project(payload: Mapping[str, Any]) -> None:
    """Remove the project of a run that was killed."""
    project = str(payload["project"])
    if not project.startswith("harness-"):
        raise ServiceError(f"refusing to remove the compose project {project!r}")
    file = Path(str(payload["file"]))
    _down(_Docker(file, project, dict(os.environ), Path(os.devnull)))


def _down(docker: _Docker) -> None:
    docker.run("down", "-v", "--remove-orphans", "--timeout", "2", timeout_s=_DOWN_S)


def _read(stream: IO[bytes], timeout_s: float) -> bytes | None:
    """All of a pipe, or None if its writer keeps it open for longer."""
    chunks: list[bytes] = []
    deadline = time.monotonic() + timeout_s
    while True:
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        chunk = os.read(stream.fileno(), 65536)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
