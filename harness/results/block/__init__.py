"""From arrays to the figures of one block's record.

A module for each subject of the record (ledger, phases, canvas, parts, queues, groups, pool
processes ...), and `summary`, which brings them together: more than a folder has elsewhere, as each
is found by the name of what it computes.
"""
