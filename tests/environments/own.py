"""An environment as a user has one beside a project: Celery and what it needs, nothing of the
harness'. Made of what is installed here, so that no index is asked."""

from __future__ import annotations

import re
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def make_venv(folder: Path, *packages: str) -> Path:
    """A virtual environment with links to packages of this Python and to what these need; its
    interpreter."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    left, done = list(packages), set[str]()
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in done:
            continue
        done.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for other Pythons
            continue
        for top in {Path(str(file)).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))
        needs = map(Requirement, found.requires or ())
        left += [
            one.name for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return folder / "bin" / "python"
