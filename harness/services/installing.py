"""What `harness doctor --fix` installs: by apt-get, as root or by sudo, and by pip or uv."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import ServiceError

_INSTALL_S = 900.0


def pip_install(requirements: Sequence[str], environ: Mapping[str, str]) -> None:
    """Into the environment that the harness runs in: by its pip, or where it has none, as those of
    `uv tool`, by uv. ServiceError if neither is there or it fails."""
    argv = [*_installer(environ), "--quiet", *requirements]
    try:
        subprocess.run(
            argv, capture_output=True, text=True, timeout=_INSTALL_S, check=True, env=dict(environ)
        )
    except subprocess.CalledProcessError as error:
        tail = "\n".join((error.stdout + error.stderr).splitlines()[-8:])
        raise ServiceError(f"installing failed:\n{tail}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"installing failed: {error}") from error


def _installer(environ: Mapping[str, str]) -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--no-input"]
    if (uv := shutil.which("uv", path=environ.get("PATH"))) is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    raise ServiceError(
        f"the environment {sys.prefix} has no pip, and there is no uv on PATH to install into it: "
        f"{sys.executable} -m ensurepip"
    )


def apt_install(packages: Sequence[str], environ: Mapping[str, str]) -> None:
    """apt-get with a policy that forbids the packages' scripts to start services.

    Debian starts a server as soon as it is installed, on its well-known port and with its
    default user. The harness needs the programs only. `policy-rc.d` is Debian's own way to
    say so; one that is there already is left alone, and ours is removed afterwards. Boot:
    what systemd would start then is disabled, but only for packages that were not there.
    """
    if shutil.which("apt-get", path=environ.get("PATH")) is None:
        raise ServiceError(
            f"no apt-get here: install {' and '.join(packages)} by your system's own means, or "
            "use --provider compose"
        )
    units = (package.replace("mariadb-server", "mariadb") for package in packages)
    script = _INSTALL_SCRIPT.replace("PACKAGES", " ".join(packages))
    script = script.replace("UNITS", " ".join(units))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "install.sh"
        path.write_text(script)
        argv = ["sh", str(path)] if os.geteuid() == 0 else ["sudo", "-n", "sh", str(path)]
        try:
            subprocess.run(
                argv,
                capture_output=True,
                text=True,
                timeout=_INSTALL_S,
                check=True,
                env=dict(environ),
            )
        except subprocess.CalledProcessError as error:
            tail = "\n".join((error.stdout + error.stderr).splitlines()[-8:])
            raise ServiceError(
                f"installing failed:\n{tail}\nRun as root: apt-get install {' '.join(packages)}"
            ) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceError(
                f"installing failed: {error}. Run as root: apt-get install {' '.join(packages)}"
            ) from error


_INSTALL_SCRIPT = """
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends PACKAGES
if [ -d /run/systemd/system ]; then
  for unit in UNITS; do systemctl disable --quiet "$unit" || true; done
fi
"""
