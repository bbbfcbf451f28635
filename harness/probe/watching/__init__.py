"""How a process learns that results are there: one module per way of the backends."""
