"""An app that stands for a client's: everybody's in this process, for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from celery import Celery, _state


@contextlib.contextmanager
def everybodys(app: Celery) -> Iterator[Celery]:
    """Make it the default and the current app, finalized; closed at the end, when whatever was so
    before is again. A closed one would stay, and take no shared task that is imported later."""
    before = _state.default_app, _state._tls.current_app
    app.set_default()
    app.set_current()
    app.finalize()
    try:
        yield app
    finally:
        app.close()
        _state.set_default_app(before[0])
        _state._set_current_app(before[1])
