"""From arrays to the figures of one block's record."""
