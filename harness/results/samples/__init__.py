"""Raw samples on disk, and what is computed from them again: pooled figures, curves."""
