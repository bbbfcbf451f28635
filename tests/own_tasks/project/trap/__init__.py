"""A project that does all it can to have its own broker, backend and queues used."""
