"""The SQS emulators that the local provider starts, and how to tell which one answers."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Mapping

from harness.services.base import Surroundings
from harness.services.local import LocalServer, free_ports

EMULATOR_PINS: Mapping[str, tuple[str, ...]] = {
    "ministack": ("ministack==1.5.33",),
    "moto": ("moto[server]==5.2.5",),
}
"""What each emulator's environment of its own is made of."""

FAKE_KEY = "harness"
"""Key and secret that emulators take; they check neither."""


def start_emulator(emulator: str, python: str, surroundings: Surroundings) -> LocalServer:
    """Spawn `ministack` or `moto` under the interpreter of its environment."""
    (port,) = free_ports(1)
    folder = surroundings.workspace.folder("sqs")
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


def ask_emulator(endpoint_url: str) -> tuple[str, str]:
    """Product and version of whatever is not Amazon's, by the page only it has."""
    text, _ = _get(f"{endpoint_url}/_ministack/health")
    with contextlib.suppress(ValueError, AttributeError):
        facts = json.loads(text)
        if "iot_mtls" in facts or "edition" in facts:
            return "ministack (SQS emulator)", str(facts.get("version", "unknown"))
    text, server = _get(f"{endpoint_url}/moto-api/")
    if "moto" in text.lower():
        pin = EMULATOR_PINS["moto"][0].partition("==")[2]
        return "moto (SQS emulator)", pin if "Werkzeug" in server else "unknown"
    _, server = _get(f"{endpoint_url}/?Action=ListQueues")
    if "elasticmq" in server.lower() or "pekko" in server.lower() or "akka" in server.lower():
        return "ElasticMQ (SQS emulator)", "unknown"
    return "SQS emulator", "unknown"


def _get(url: str) -> tuple[str, str]:
    """Text and `Server` header, or nothing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5.0) as answer:
            return answer.read(65536).decode(errors="replace"), answer.headers.get("Server", "")
    except (OSError, ValueError):
        return "", ""
