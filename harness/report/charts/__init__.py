"""Charts of a run as Vega-Lite: pure functions of a RunView and its samples. See docs/decisions."""
