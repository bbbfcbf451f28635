"""Modules that workers of a selftest import, as they would a user's: they plant, and keep a
record of their own of what they did. Standard library and Celery only, like the probe."""
