"""What a unit does inside a client: publishing, waiting and checking, one class per workload."""
