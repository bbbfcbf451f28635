"""What a run tells its listeners, and how it is told to end."""
