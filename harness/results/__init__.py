"""The run record: its schema, its place on disk, and how event logs become samples."""
