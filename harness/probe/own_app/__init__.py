"""The user's own application inside the measured processes."""
