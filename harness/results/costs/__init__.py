"""What a load needs, and what it spent beside its tasks: cores, slots, requests, idle traffic."""
