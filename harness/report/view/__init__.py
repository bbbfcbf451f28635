"""What every report shows of a run: brought together once, nothing formatted."""
