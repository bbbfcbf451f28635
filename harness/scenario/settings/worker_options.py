"""`worker.options`: the words for `celery worker`, read as that command would read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from harness.scenario.files.wording import did_you_mean, shown
from harness.scenario.settings.celery_since import minor_of, since

_OWNED_WORDS: Mapping[str, str] = {
    "-A": "--app",
    "--app": "--app",
    "-b": "--broker",
    "--broker": "--broker",
    "--result-backend": "--result-backend",
    "-c": "--concurrency",
    "--concurrency": "--concurrency",
    "-P": "--pool",
    "--pool": "--pool",
    "-Q": "--queues",
    "--queues": "--queues",
    "-n": "--hostname",
    "--hostname": "--hostname",
    "-f": "--logfile",
    "--logfile": "--logfile",
    "-D": "--detach",
    "--detach": "--detach",
    "--pidfile": "--pidfile",
    "-B": "--beat",
    "--beat": "--beat",
}
_AT_LEAST = {
    "max_tasks_per_child": 1,
    "max_memory_per_child": 1,
    "time_limit": 0,
    "soft_time_limit": 0,
    "prefetch_multiplier": 0,
    "heartbeat_interval": 0,
}
"""By click's names: what the command takes, and a worker then fails on or never begins with."""
_AUTOSCALE = re.compile(r"[0-9]+(,[0-9]+)?")


def worker_option_problems(
    words: Sequence[str], version: str | None, *, of_own_apps: bool
) -> Iterator[tuple[int, str]]:
    """Index of a word, and what is wrong with it. `version` is that of Celery, where it is not the
    one installed; `of_own_apps`: the app may have options of its own (`app.user_options`)."""
    index = 0
    while index < len(words):
        taken, message = _read(words, index, version, of_own_apps)
        if message:
            yield index, message
        index += taken


def _read(
    words: Sequence[str], index: int, version: str | None, of_own_apps: bool
) -> tuple[int, str]:
    """How many words belong to the one at `index`, and what is wrong with it."""
    word = words[index]
    name, value = _split(word)
    if owned := _OWNED_WORDS.get(name):
        shortened = name if name.startswith("--") else word
        with_value = value is None and index + 1 < len(words) and words[index + 1][:1] != "-"
        return 1 + with_value, f"the harness itself decides {owned}: remove {shown(shortened)}"
    option = _options().get(name)
    if option is None:
        return 1, _unknown(word, name, of_own_apps)
    taken = 1
    if value is None and not option.is_flag and index + 1 < len(words):
        value, taken = words[index + 1], 2
    return taken, _not_yet(name, version) or _value_problem(name, option, value)


def _split(word: str) -> tuple[str, str | None]:
    """`--a=b` and `-Ob` into name and value."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    return word[:2], word[2:] or None


def _unknown(word: str, name: str, of_own_apps: bool) -> str:
    if not word.startswith("-") or word in ("-", "--"):
        return f"celery worker has no use for {shown(word)}: options begin with - or --"
    first, space, rest = word.partition(" ")
    if space and (first in _options() or first in _OWNED_WORDS):
        return f'one word for each entry: write "{first}={rest.strip()}"'
    guess = did_you_mean(name, [one for one in _options() if one.startswith("--")])
    if of_own_apps and not guess:
        return ""
    return f"celery worker has no option {shown(name)}{guess}"


def _not_yet(name: str, version: str | None) -> str | None:
    first = since(name)
    if version is None or first is None or minor_of(version) >= first:
        return None
    return f"celery {version} has no option {name}: it came with {first[0]}.{first[1]}"


def _value_problem(name: str, option: Any, value: str | None) -> str:
    if option.is_flag:
        return f"{name} takes no value: leave {shown(value)} out" if value is not None else ""
    if value is None:
        return f"{name} needs a value"
    if option.name == "autoscale":
        good = _AUTOSCALE.fullmatch(value)
        return "" if good else f'{name}: expected "MOST,LEAST" processes, not {shown(value)}'
    return _conversion_problem(name, option, value)


def _conversion_problem(name: str, option: Any, value: str) -> str:
    """What click says of the value, and what a worker would then fail on."""
    import click  # noqa: PLC0415 - only where a configuration has options

    try:
        read = option.type.convert(value, option, None)
    except click.UsageError as error:
        return f"{name}: {error.message.rstrip('.')}"
    except AttributeError:  # a type of Celery's that asks the app: it will say so itself
        return ""
    least = _AT_LEAST.get(str(option.name))
    if least is not None and isinstance(read, int | float) and not read >= least:
        return f"{name}: must be at least {least}, not {value}"
    return ""


@cache
def _options() -> Mapping[str, Any]:
    """Each way to write an option of the installed `celery worker` -> click's option."""
    from celery.bin.worker import worker  # noqa: PLC0415 - imports all of Celery, so late

    return {word: option for option in worker.params for word in option.opts}
