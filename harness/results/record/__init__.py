"""The schema of `run.json`, part by part."""
