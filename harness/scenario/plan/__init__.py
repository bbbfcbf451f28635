"""From a scenario's files to a plan: cells, their names, what is compared. `loader` is the door."""
