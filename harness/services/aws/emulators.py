"""The emulators of AWS that the local provider starts, and how to tell which one answers.

One process plays SQS, DynamoDB and S3 for all configurations of a run.
"""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping

from harness.environments.building import ensure_environment, environment_folder, is_complete
from harness.errors import ServiceError
from harness.services.base import ComposePart, E, Launch, Service, Surroundings, Target
from harness.services.finding import PRIVATE, Finding
from harness.services.hosting.local import LocalLaunch, LocalServer, free_ports

EMULATOR_PINS: Mapping[str, tuple[str, ...]] = {
    "ministack": ("ministack==1.5.33",),
    "moto": ("moto[server]==5.2.5",),
}
"""What each emulator's environment of its own is made of."""

_DEFAULT = "ministack"

FAKE_KEY = "harness"
"""Key and secret that emulators take; they check neither."""


_READY_S = 60.0
_HEALTH: Mapping[str, str] = {"ministack": "/_ministack/health", "moto": "/moto-api/"}


def find_emulators(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Which emulators of Amazon's services are installed in environments of their own, for `harness
    doctor`."""
    what = "emulator of SQS, DynamoDB and S3"
    for name, pins in EMULATOR_PINS.items():
        folder, default = environment_folder(pins, environ), name == _DEFAULT
        version = pins[0].partition("==")[2]
        if is_complete(folder):
            yield Finding(name, True, default, version, f"{what} in {folder}: {PRIVATE}")
            continue
        note = f"{what}; built by itself when first needed, from the index"
        advice = "harness doctor --fix" if default else f"any run with `server: {name}`"
        yield Finding(name, False, default, "", note, advice, environment=pins if default else ())


class _Emulator:
    """A process that all services of a run share."""

    def __init__(self, name: str, surroundings: Surroundings) -> None:
        pins = EMULATOR_PINS[name]
        python = str(ensure_environment(pins, environ=surroundings.environ))
        self._health = _HEALTH[name]
        self._up: LocalServer | None = None
        self._launch = LocalLaunch(
            lambda: start_emulator(name, python, surroundings), self._answers, timeout_s=_READY_S
        )

    def server(self) -> LocalServer:
        """The emulator's process, once its page of health answers."""
        if self._up is None:
            self._up = self._launch.ready()
        return self._up

    def close(self) -> None:
        """Stop it for all services that share it. Idempotent."""
        self._launch.close()

    def _answers(self, server: LocalServer) -> LocalServer:
        if not _get(f"http://127.0.0.1:{server.port}{self._health}")[0]:
            raise ServiceError("its page of health is not there")
        return server


class _Role:
    """One of the services that an emulator plays, on its way up."""

    def __init__(self, emulator: _Emulator, connect: Callable[[LocalServer], Service]) -> None:
        self._emulator = emulator
        self._connect = connect

    def ready(self) -> Service:
        """The service, once the emulator answers and it can be reached there."""
        return self._connect(self._emulator.server())

    def close(self) -> None:
        """Stop the emulator: whoever shares it ends at the same time."""
        self._emulator.close()


def launch_emulator(
    name: str, surroundings: Surroundings, connect: Callable[[LocalServer], Service]
) -> Launch:
    """The run's emulator of that name, started if this is its first service."""
    emulator = surroundings.shared.get(name)
    if not isinstance(emulator, _Emulator):
        emulator = surroundings.shared[name] = _Emulator(name, surroundings)
    return _Role(emulator, connect)


def emulator_part(
    used_by: Callable[[Target, E], Target], service: str = "aws", variable: str = "HARNESS_AWS_PORT"
) -> ComposePart[E]:
    """A service of the compose file that plays Amazon's: by default DynamoDB and S3."""
    url = f"http://{FAKE_KEY}:{FAKE_KEY}@127.0.0.1:{{port}}"  # emulators check no password
    return ComposePart(service, {variable: "port"}, url, used_by=used_by)


def local_url(server: LocalServer) -> str:
    """How an emulator of ours is reached."""
    return f"http://{FAKE_KEY}:{FAKE_KEY}@127.0.0.1:{server.port}"


def start_emulator(emulator: str, python: str, surroundings: Surroundings) -> LocalServer:
    """Spawn `ministack` or `moto` under the interpreter of its environment."""
    (port,) = free_ports(1)
    folder = surroundings.workspace.folder("aws")
    argv = [python, "-m", "ministack"]
    if emulator == "moto":
        argv = [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = surroundings.workspace.spawn(
        argv,
        name=folder.name,
        log=surroundings.log_dir / f"{folder.name}.log",
        env=_environment(surroundings.environ, str(folder), port),
        cwd=folder,
        cores=surroundings.cores,
    )
    return LocalServer(emulator, (process,), port, grace_s=2.0)


def _environment(environ: Mapping[str, str], folder: str, port: int) -> dict[str, str]:
    """Loopback only, and neither the user's AWS account nor a docker engine in reach."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AWS_", "PYTHON", "DOCKER_"))
    }
    return kept | {
        "HOME": folder,
        "TMPDIR": folder,
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "sqs,dynamodb,s3",
        "IOT_MTLS_ENABLED": "0",  # else it opens 0.0.0.0:8883
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",  # else it removes containers
        "LOG_LEVEL": "WARNING",
    }


def ask_emulator(endpoint_url: str, what: str, *, ours: bool) -> tuple[str, str]:
    """Product and version of whatever is not Amazon's `what`, by the page only it has.

    moto does not tell its version: only that of `ours` is known.
    """
    text, _ = _get(f"{endpoint_url}/_ministack/health")
    with contextlib.suppress(ValueError, AttributeError):
        facts = json.loads(text)
        if "iot_mtls" in facts or "edition" in facts:
            return f"ministack ({what} emulator)", str(facts.get("version", "unknown"))
    text, _ = _get(f"{endpoint_url}/moto-api/")
    if "moto" in text.lower():
        pin = EMULATOR_PINS["moto"][0].partition("==")[2]
        return f"moto ({what} emulator)", pin if ours else "unknown"
    _, server = _get(f"{endpoint_url}/?Action=ListQueues")
    if "elasticmq" in server.lower() or "pekko" in server.lower() or "akka" in server.lower():
        return f"ElasticMQ ({what} emulator)", "unknown"
    return f"{what} emulator", "unknown"


def _get(url: str) -> tuple[str, str]:
    """Text and `Server` header, or nothing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5.0) as answer:
            return answer.read(65536).decode(errors="replace"), answer.headers.get("Server", "")
    except (OSError, ValueError):
        return "", ""
