"""Percentiles, intervals, comparison, looks, verdicts. No input or output."""
