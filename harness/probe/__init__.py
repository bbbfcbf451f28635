"""The code that runs inside clients and workers.

It imports the standard library and Celery, nothing else, and nothing of the rest of the
harness: the measured process stays clean, and can run under another interpreter with
another Celery version.
"""
