"""What is known of Celery without a worker: its settings, options, serializers and releases."""
