"""Truth checks: what is planted on real servers has to be found, and nothing else."""
