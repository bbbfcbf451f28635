"""The event log: its format, its writer, and the hooks of Celery that it is written from."""
