"""From the event logs of one block to arrays of units, tasks and executions."""
