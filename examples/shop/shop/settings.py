"""Celery settings of production."""

from __future__ import annotations

broker_url = "redis://broker.shop.example:6379/3"
broker_transport_options = {"visibility_timeout": 7200, "global_keyprefix": "shop:"}
result_backend = "redis://broker.shop.example:6379/4"
result_expires = 3600
task_acks_late = True
task_default_queue = "shop"
task_routes = {
    "shop.tasks.send_mail": {"queue": "mail"},
    "shop.tasks.resize": {"queue": "images"},
}
worker_prefetch_multiplier = 1
beat_schedule = {"nightly": {"task": "shop.tasks.close_day", "schedule": 86400.0}}
