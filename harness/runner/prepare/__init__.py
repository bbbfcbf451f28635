"""What happens before a run measures: machine, disk, environments, the user's app, the plan."""
