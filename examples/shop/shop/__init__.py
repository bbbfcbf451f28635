"""A small shop: an ordinary Celery project that knows nothing of the harness."""
