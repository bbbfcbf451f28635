"""Which Python runs clients and workers, and what is in its reach."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Interpreter:
    """Which Python runs clients and workers, and where it finds the probe."""

    python: Path = Path(sys.executable)
    folder: Path | None = None
    """Holds the `harness` package and nothing else; None where it is installed already."""
    modules: Path | None = None
    """Folder in which modules that the user's settings import are looked for, after all else."""
    project: Path | None = None
    """Folder from which the user's own application is imported, if it is what runs."""
    queues: tuple[str, ...] = ()
    """The queues of that application, where they are kept."""
    consumed: tuple[str, ...] = ()
    """Those of them that its workers consume if nobody says otherwise."""
    commit: str | None = None
    """Commit of the user's project, if it is a revision that was installed and not the folder as it
    is."""
    revision: Path | None = None
    """That revision's copy of the folder that the harness was started in."""
    layer: Path | None = None
    """Folder in which the project of that revision is installed, without what it needs."""

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process: with a folder of its own, no other code is in reach, and a
        virtual environment is as active as its `activate` makes it."""
        return dict(environ) if self.folder is None else self.active(environ)

    def active(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The same where nothing but this Python is meant."""
        found = without_python(environ)
        if places := [str(place) for place in (self.folder, self.layer) if place is not None]:
            found["PYTHONPATH"] = os.pathsep.join(places)
        found.pop("VIRTUAL_ENV", None)
        home = self.python.parent.parent
        if (home / "pyvenv.cfg").is_file():
            path = os.pathsep.join(filter(None, (str(self.python.parent), found.get("PATH"))))
            found |= {"VIRTUAL_ENV": str(home), "PATH": path}
        return found


OWN = Interpreter()
"""The one that the harness itself runs under."""


def without_python(environ: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of the Python that the harness runs under."""
    return {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
