"""One block from the inside: its processes, its readiness, its load, its drain."""
