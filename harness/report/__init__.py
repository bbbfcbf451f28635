"""Reports: pure functions of a stored run. One module per format, found by `registry`."""
