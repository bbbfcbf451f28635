"""Names of the environment variables through which the harness speaks to its processes."""

SPEC_VARIABLE = "HARNESS_CELL_SPEC"
"""Path of the cell spec."""
ROLE_VARIABLE = "HARNESS_ROLE"
"""`worker`, `client` or `observer`."""
RECORDER_VARIABLE = "HARNESS_RECORDER"
"""`off` leaves tasks unrecorded: only to measure what the recorder itself costs."""
