"""The shop's Celery application, as its own workers are started: `celery -A shop worker`."""

from __future__ import annotations

from celery import Celery

app = Celery("shop", broker="amqp://shop:secret@broker.shop.example:5672/shop")
app.config_from_object("shop.settings")
app.autodiscover_tasks(["shop"])
