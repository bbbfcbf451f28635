"""What one unit of work is, as frozen values: the tutorial's workloads and the user's own tasks."""
