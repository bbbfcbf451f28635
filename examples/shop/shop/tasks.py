"""The shop's tasks."""

from __future__ import annotations

import time
from typing import Any

from shop.celery import app

PRICES = {"apple": 30, "bread": 250, "milk": 120}
"""In cents."""


class OutOfStockError(Exception):
    """Nothing of it is left."""


class PaymentBusyError(Exception):
    """The bank asks to come again."""


@app.task
def resize(width: int, height: int, limit: int = 800) -> dict[str, int]:
    """Scale a picture down until it fits into a square; the new size."""
    time.sleep(0.002)
    largest = max(width, height, limit)
    return {"width": width * limit // largest, "height": height * limit // largest}


@app.task(bind=True, max_retries=3)
def checkout(self: Any, customer: int, article: str, count: int = 1) -> int:
    """Take an order: the sum in cents. The bank is busy at the first try; a mail goes out."""
    if article not in PRICES:
        raise OutOfStockError(f"no {article} left")
    if self.request.retries == 0:
        raise self.retry(exc=PaymentBusyError("come again"), countdown=0)
    send_mail.delay(f"customer-{customer}@example.org", f"{count} x {article}")
    return PRICES[article] * count


@app.task(ignore_result=True, rate_limit="1000/s")
def send_mail(to: str, text: str) -> str:
    """Send a mail. Nobody waits for it, so its result is not kept."""
    return f"{to}: {text}"


@app.task
def close_day() -> None:
    """Done each night by beat."""
