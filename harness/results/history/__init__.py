"""Runs over time: series, changes of level, baselines."""
