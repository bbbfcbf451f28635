"""What is read beside the event logs while a block is measured, and after it."""
