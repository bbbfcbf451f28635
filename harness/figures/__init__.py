"""Every figure that is measured of a block: one row each, one name everywhere.

`table` has the rows, `figure` says what a row is and finds one by its name. Nothing here knows a
record: `results.record.figures` reads the values, so that gates can be checked without one.
"""
