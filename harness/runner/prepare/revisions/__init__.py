"""Git revisions of the user's project: exported, installed and prepared once for each run."""
