"""Celery worker processes: start, stop, what they use. Never imports the app under test."""
