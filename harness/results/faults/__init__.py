"""What faults did to a block, who is to blame for which unit, and which promises were kept."""
