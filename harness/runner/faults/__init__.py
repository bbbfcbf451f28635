"""Faults: what is broken while a block is measured, by whom, and when it really was.

`planned` says when, `engine` does it at that moment and writes down when it was done; how each
kind is done stands in `workers`, `servers` and `network`.
"""
