"""From the event logs of one block to arrays of units, tasks and executions.

A module for each thing that the logs tell of, more than a folder has elsewhere: each is read by
`merge` or by one figure alone.
"""
