"""The answer to a run's question: sentences made of its figures by rules, and one table."""
