"""A broker-agnostic configuration benchmark harness for Celery.

This module stays empty of imports: `harness.probe` is loaded inside the measured
processes, and whatever stands here would be loaded there too.
"""

__version__ = "0.1.0"
