"""What may be compared with what, comparisons, gates, and the figures that they look at."""
