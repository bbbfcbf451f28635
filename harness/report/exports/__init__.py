"""Exports for tools that teams already have. One module per format, found by `registry`.

All of them read a `RunView` and share what `rounds` says of a cell: each measured block is one
data point, and what went wrong stands beside the figures in every format.
"""
