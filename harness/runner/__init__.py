"""The phases of a run and of a block."""
