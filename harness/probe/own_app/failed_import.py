"""What the user reads of an app that could not be imported."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path

import celery
import kombu

from harness.probe.own_app.find_app import NoAppError
from harness.probe.spoken import OwnAppSpec

_MOST_FRAMES = 6


def import_failed(named: OwnAppSpec, error: BaseException) -> str:
    """Why, by the user's own frames alone, as they stand in a traceback."""
    lines = [f"the app {named['name']} could not be imported:"]
    if isinstance(error, NoAppError):
        return f"the app {named['name']} could not be imported: {error}"
    told = traceback.TracebackException.from_exception(error)
    _shorten(told, Path(named["project"]))
    framed = any(one.stack for one in (told, told.__cause__, told.__context__) if one is not None)
    lines.append("".join(told.format() if framed else told.format_exception_only()).rstrip())
    top = named["name"].partition(":")[0].partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and error.name == top and not _is_there(top):
        lines.append(f"It was looked for in {named['project']}: `project:` names another folder")
    return "\n".join(lines)


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True


def _shorten(told: traceback.TracebackException, project: Path) -> None:
    """Leave the user's own frames, of it and of what caused it; the last one in any case if it is
    of a library they call."""
    own = [frame for frame in told.stack if _is_theirs(frame.filename)]
    in_project = [frame for frame in own if Path(frame.filename).is_relative_to(project)]
    chosen = (in_project or own)[-_MOST_FRAMES:]
    told.stack = traceback.StackSummary.from_list(chosen)
    for other in (told.__cause__, told.__context__):
        if other is not None:
            _shorten(other, project)


_OURS = (
    *(str(Path(str(one.__file__)).parent) for one in (celery, kombu, importlib)),
    str(Path(__file__).parents[1]),
)


def _is_theirs(filename: str) -> bool:
    return not filename.startswith(("<frozen", *_OURS))
