"""Python environments of their own, for programs that must not share the harness' packages.

An SQS emulator that pins botocore exactly, or another version of Celery, gets a virtual
environment named by the hash of its pins and of the interpreter. It is built once per user and
machine, and used by every later run, also offline. One that is the user's own is only asked what
it has.
"""
