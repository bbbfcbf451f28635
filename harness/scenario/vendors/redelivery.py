"""What a configuration's settings say about redelivery: read where Celery and kombu read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.scenario.models.configuration import Configuration
from harness.scenario.settings.planned import planned

# kombu/transport/redis.py, Channel: defaults.
_VISIBILITY_S = 3600.0
_RESTORE_INTERVAL_S = 10.0
_RESTORE_THROTTLE = 10
# kombu/transport/SQS.py: default of the queue's own timeout.
_SQS_VISIBILITY_S = 1800.0


def transport_options(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """`broker_transport_options`, empty where there are none."""
    options = settings.get("broker_transport_options")
    return options if isinstance(options, Mapping) else {}


def redelivery_time_s(configuration: Configuration) -> float | None:
    """How long a message that a dead worker held stays with the broker before it is delivered
    again, at most; None where the broker notices the death itself (AMQP)."""
    options = transport_options(planned(configuration).settings)
    service = configuration.broker.service
    if service == "redis":
        # The sweep that puts messages back runs each `interval` s, and does so every
        # `throttle`-th time.
        interval_s = float(options.get("unacked_restore_interval", _RESTORE_INTERVAL_S))
        throttle = int(options.get("unacked_restore_throttle", _RESTORE_THROTTLE))
        return float(options.get("visibility_timeout", _VISIBILITY_S)) + interval_s * throttle
    if service == "sqs":
        return float(options.get("visibility_timeout", _SQS_VISIBILITY_S))
    return None
