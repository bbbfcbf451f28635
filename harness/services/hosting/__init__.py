"""Who runs a server: the harness itself, compose, or somebody else."""
