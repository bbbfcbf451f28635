"""What is installed, what would run, and the exact command that installs what is missing."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.environments.building import ensure_environment
from harness.environments.kept import kept_environments
from harness.errors import ServiceError
from harness.extras import requirements, there, to_install
from harness.scenario.vendors.registry import VENDORS
from harness.services.bad_network import wires
from harness.services.finding import Finding, ask, first_number, missing_package
from harness.services.installing import apt_install, pip_install
from harness.services.registry import drivers
from harness.services.sweep import leftovers, sweep


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything; starts no server and changes nothing."""
    found = [Finding("python", True, True, platform.python_version(), platform.platform())]
    found += [*_python_packages(), _extras()]
    for name in drivers():
        found += _of_driver(name, environ)
    found += [_chromium(environ), _compose(environ)]
    found += [_iproute2(environ), _netem(environ)]
    found.append(_environments(environ))
    found += [
        Finding("leftovers", False, False, note=sentence, fix="harness doctor --fix")
        for sentence in leftovers(environ)
    ]
    return found


def _of_driver(name: str, environ: Mapping[str, str]) -> Iterable[Finding]:
    """What a driver says of its servers; of one that cannot be loaded, a plug-in's, that it is."""
    try:
        driver = drivers()[name]
    except ServiceError as error:
        return [Finding(name, False, False, note=str(error))]
    return driver.findings(environ)


def fix(findings: Sequence[Finding], environ: Mapping[str, str]) -> Iterator[str]:
    """Install what can be installed; yields one sentence before and after each step.

    Debian packages go through apt-get, as root or by sudo. Their own servers are *not*
    started, neither now nor at boot: see `apt_install`. Raises ServiceError if a step fails
    without which something that ships with the harness cannot run.
    """
    # What is here but out of reach, no installing brings nearer: it has no command.
    missing = [finding for finding in findings if not finding.usable and finding.fix]
    missing.sort(key=lambda finding: not finding.required)
    packages = [finding.debian for finding in missing if finding.debian]
    if packages:
        yield f"installing {' '.join(packages)} with apt-get; their own servers stay off"
        try:
            apt_install(packages, environ)
        except ServiceError as error:
            if any(finding.required and finding.debian for finding in missing):
                raise
            yield f"left out, since nothing that ships needs it: {error}"
        else:
            yield f"installed {' '.join(packages)}"
    wanted = {word for finding in missing if finding.extra for word in requirements(finding.extra)}
    if wanted:
        libraries = sorted(wanted)
        yield f"installing {' '.join(libraries)} with pip"
        pip_install(libraries, environ)
        yield f"installed {' '.join(libraries)}"
    for finding in missing:
        if pins := finding.environment:
            yield f"building the environment of {finding.name} ({' '.join(pins)})"
            yield f"built {ensure_environment(pins, environ=environ)}"
    yield from sweep(environ)


def _python_packages() -> Iterator[Finding]:
    """Celery's own, and what clients and workers import for each service."""
    yield _python_package("celery", "tasks and workers")
    yield _python_package("kombu", "transports")
    modules = [one for vendor in VENDORS.values() for one in vendor.clients.modules]
    for name in dict.fromkeys(modules):
        users = [vendor for vendor in VENDORS.values() if name in vendor.clients.modules]
        extras = [vendor.clients.extra for vendor in users]
        if all(extras):
            use = f"only for {_all_of([vendor.service for vendor in users])}"
            yield _python_package(name, use, extras[0])
        else:
            yield _python_package(name, f"client of {_all_of([vendor.title for vendor in users])}")
    for name, use, extra in _FURTHER:
        yield _python_package(name, use, extra)


_FURTHER = (
    ("gevent", "only for `pool: gevent`", "gevent"),
    ("vl-convert-python", "only for pictures in report.md", "charts"),
    ("hdrhistogram", "only for the formats hgrm and hdrlog", "hdr"),
    ("msgpack", "only for the serializer msgpack", "msgpack"),
)
"""Packages of extras that no vendor asks for, and what they are for."""


def _all_of(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _python_package(name: str, use: str, extra: str = "") -> Finding:
    """`extra`: by which it is installed, where it does not come with the harness itself."""
    try:
        return Finding(name, True, not extra, importlib.metadata.version(name), use)
    except importlib.metadata.PackageNotFoundError:
        how = to_install(extra) if extra else f"pip install {name}"
        return Finding(name, False, not extra, "", use, how, extra=extra)


def _extras() -> Finding:
    """All of them in a line: which are here, and how to get the others."""
    known = there()
    here = [name for name, installed in known.items() if installed]
    left_out = [name for name, installed in known.items() if not installed]
    note = f"here: {', '.join(here) or 'none'}"
    if left_out:
        note += f"; left out: {', '.join(left_out)} (harness docs installing says what each is for)"
    return Finding("extras", True, False, note=note)


def _chromium(environ: Mapping[str, str]) -> Finding:
    use = "only for the tests of the HTML report"
    path = shutil.which("chromium", path=environ.get("PATH"))
    if path is None:
        return missing_package("chromium", use, "chromium", required=False)
    return Finding("chromium", True, False, first_number(ask([path, "--version"], environ)), use)


def _iproute2(environ: Mapping[str, str]) -> Finding:
    use = "only for `network: {by: netem}`"
    paths = [wires.find_tool(name, environ) for name in ("ip", "tc")]
    if paths[0] is None or paths[1] is None:
        note = f"{use}; no ip or no tc on PATH"
        return missing_package("iproute2", note, "iproute2", required=False)
    version = first_number(ask([paths[0], "-V"], environ))
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
    note = f"kept in {home}; `harness clean` shows and removes them"
    count = "1 environment" if len(kept) == 1 else f"{len(kept)} environments"
    return Finding("environments", True, False, note=f"{count} {note}" if kept else "none kept")


def _compose(environ: Mapping[str, str]) -> Finding:
    name, use = "docker compose", "only for --provider compose"
    path = shutil.which("docker", path=environ.get("PATH"))
    advice = "https://docs.docker.com/engine/install/"
    if path is None:
        return Finding(name, False, False, note=f"{use}; no docker on PATH", fix=f"see {advice}")
    version = first_number(ask([path, "compose", "version", "--short"], environ))
    if not version:
        return Finding(
            name,
            False,
            False,
            note=f"{use}; docker has no compose plugin",
            fix=f"see {advice}",
        )
    engine = ask([path, "version", "--format", "{{.Server.Version}}"], environ)
    if not first_number(engine):
        return Finding(
            name,
            False,
            False,
            version,
            f"{use}; the engine does not answer",
            "systemctl start docker",
        )
    return Finding(name, True, False, version, f"{use}; engine {engine.strip()}")
