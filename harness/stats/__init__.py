"""Percentiles, intervals, comparison, verdicts. No input or output."""
