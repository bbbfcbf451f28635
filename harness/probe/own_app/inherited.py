"""What tasks of a user's app have from settings, and what from their author.

Celery copies settings such as `task_acks_late` into a task when it binds it to its app, and others
into its own tasks when it makes them. From then on nobody can tell the two apart, and a setting
that is laid above the app's own changes nothing. So it is written down while tasks are bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from celery import Celery, Task

_NAME = "_harness_note"
_EITHER = "task_acks_on_failure_or_timeout"
_DERIVED = ("acks_on_failure", "acks_on_timeout")
"""Options that are made of `acks_on_failure_or_timeout` where their own settings say nothing."""
_DECIDED = ("ignore_result", "store_eager_result")
"""What the configuration decides in another way, or what no worker asks for."""
_MADE_WITH = {
    "celery.chord_unlock": {"default_retry_delay": "result_chord_retry_interval"},
}
"""Tasks of Celery's own -> options that it makes of settings (celery/app/builtins.py)."""


@dataclass(frozen=True)
class _Note:
    """Which options of a task's class are its own, and which were copied from the app's
    settings."""

    own: tuple[str, ...]
    """Options that it had before it was bound."""
    inherited: Mapping[str, str]
    """Option -> the setting it was copied from. Not what `task_annotations` replaced at once."""


def watch_binding() -> None:
    """From now on each task that is bound bears a note."""
    bind = Task.bind.__func__

    def noting(cls: Any, app: Celery) -> Any:
        absent = {
            option: name
            for option, name in cls.from_config
            if _NAME not in vars(cls) and getattr(cls, option, None) is None
        }
        bound = bind(cls, app)
        if _NAME not in vars(cls):  # a task may be bound twice
            own = tuple(option for option, _ in cls.from_config if option not in absent)
            copied = {**absent, **_MADE_WITH.get(cls.name, {})}
            same = {o: name for o, name in copied.items() if _is_copy(cls, o, app.conf.get(name))}
            setattr(cls, _NAME, _Note(own, same))
        return bound

    Task.bind = classmethod(noting)


def _is_copy(cls: Any, option: str, value: Any) -> bool:
    return (value is None and option in _DERIVED) or getattr(cls, option) == value


def pass_on(app: Celery, settings: Mapping[str, Any]) -> None:
    """Give the tasks what they would have been given, had `settings` been the app's."""
    vars(app).pop("annotations", None)  # made of task_annotations once, and kept
    for task in app.tasks.values():
        cls: Any = type(task)
        note = vars(cls).get(_NAME)
        for option, name in note.inherited.items() if note is not None else ():
            if name in settings or (option in _DERIVED and _EITHER in settings):
                setattr(cls, option, _value(app, cls, option, name))
        if "task_annotations" in settings:
            cls.annotate()


def _value(app: Celery, cls: Any, option: str, name: str) -> Any:
    value = app.conf[name]
    if value is None and option in _DERIVED:
        return cls.acks_on_failure_or_timeout is not False
    return value


def options_of_its_own(task: Any) -> Iterator[tuple[str, Any]]:
    """What its author gave a task in the place of settings: it holds whatever these say."""
    notes = [vars(cls)[_NAME] for cls in type(task).__mro__ if _NAME in vars(cls)]
    for option in notes[0].own if notes else ():
        copied = any(option in note.inherited for note in notes)  # by a class below it
        if option not in _DECIDED and not copied:
            yield option, getattr(task, option)
