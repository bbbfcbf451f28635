"""Faults: what is broken while a block is measured, by whom, and when it really was.

`planned` says when, `engine` does it at that moment and writes down when it was done; how each
kind is done (`Breaker`) stands in `workers`, `servers` and `network`, each with its table BREAKERS.
What a kind is called, promised and blamed for stands in its row, beside its model in the scenario.
"""
