"""The tutorial's tasks: its names, signatures and results."""

from __future__ import annotations

import time
from random import random
from typing import Any

from celery import Task, shared_task

HEAVY_STEP_S = 0.01
"""How long `heavy_task` sleeps per step. Set from the cell spec, once, before any task runs."""


@shared_task
def add(x: Any, y: Any) -> Any:
    """The sum; of two strings, the one after the other."""
    return x + y


@shared_task
def buy_milk(volume: Any) -> Any:
    """A group's member: gives back how much was bought."""
    return volume


@shared_task
def buy_bread(count: Any) -> Any:
    """The other kind of member of the tutorial's group: gives back what it was told."""
    return count


@shared_task
def fetch_user_name(id: Any) -> str:  # noqa: A002 - the tutorial's signature
    """First link of the tutorial's chain: the name that belongs to an id."""
    return f"Пётр {id}Первый"


@shared_task
def greeting_user(name: str) -> str:
    """Further links of the tutorial's chain: a greeting of the name that comes from the one
    before."""
    return f"Здравствуй, {name}!"


@shared_task
def heavy_task(n: int) -> int:
    """The product of 2..n-1, slowly. TypeError for a string."""
    result = 1
    for i in range(2, n):
        result *= i
        time.sleep(HEAVY_STEP_S)
    return result


CAT_SENTENCES = ("Кот ничего не сломал.", "Кот что-то сломал...")
"""What `check_cat` may say."""


@shared_task
def check_cat() -> str:
    """The periodic task: what the cat did. The tutorial prints it."""
    return CAT_SENTENCES[0] if random() < 0.5 else CAT_SENTENCES[1]  # noqa: S311 - no secret


@shared_task
def put_together(bought: list[Any]) -> list[Any]:
    """A chord's body: gives back what its header brought, all of it and in its order."""
    return list(bought)


@shared_task(base=Task)
def probe(hold_s: float) -> bool:
    """Shows that a pool process works; held a moment so that its neighbours get one too."""
    time.sleep(hold_s)
    return True
