"""`python -m harness.probe.cleanup`: what `celery beat` would have a worker do once a day.

Celery's task `celery.backend_cleanup` does just this. It runs in a process of its own, under the
Celery of its block, when the block's workers are gone.
"""

from __future__ import annotations

from harness.probe.app import app


def main() -> None:
    """Remove results that have expired."""
    app.backend.cleanup()


if __name__ == "__main__":
    main()
